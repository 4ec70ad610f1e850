"""Which upload in pieces a request belongs to. A new protocol is a new file and a row in ``PROTOCOLS``."""

from __future__ import annotations

from collections.abc import Callable

from exfilter.model import Transfer
from exfilter.uploads import azure, dropbox, google, graph, ietf, ranges, s3, slack, tus
from exfilter.uploads.head import Head, read
from exfilter.uploads.request import Request

PROTOCOLS: tuple[Callable[[Head], Request | None], ...] = (
    tus.recognise,
    ietf.recognise,
    dropbox.recognise,
    google.recognise,
    s3.recognise,
    azure.recognise,
    graph.recognise,
    slack.recognise,
    ranges.recognise,  # the last: others use its header too
)


def recognise(transfer: Transfer) -> Request | None:
    """Return what a request does to an upload in pieces, or None for one that does nothing of the kind.

    Never raises, whatever method, address, headers and body are.
    """
    if not transfer.url or not transfer.method:
        return None
    head = read(transfer)
    found = next((request for each in PROTOCOLS if (request := each(head))), None)
    return None if found and found.is_all(head.size) else found
