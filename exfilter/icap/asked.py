"""What the head of an ICAP request says: who sends what, and where to; or why that cannot be judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from exfilter.door import page
from exfilter.door.metrics import Refusal
from exfilter.door.problems import Problem
from exfilter.icap import message
from exfilter.icap.events import End, Head
from exfilter.icap.identity import Sender, Unnamed
from exfilter.model import Headers, Transfer
from exfilter.who.networks import network

DOOR = "icap"
CREDENTIALS = "proxy-authorization"
"""Header with a password for the proxy: it is not for the destination, and stands in no quarantine.

As a trailer it is for nobody: proxies look for it in the head, and may hand trailers on unseen.
"""


Asked = tuple[Transfer, Problem | None]


def unknown(peer: str) -> Transfer:
    """Return a transfer of which nothing is known but whose connection it came by."""
    return Transfer(DOOR, b"", actor=network(peer), time=time.time())


def asked(head: Head, peer: str, sender: Callable[[], Sender]) -> Asked:
    """Return a transfer without its body, as far as it is known, and what is wrong with it.

    ``sender`` says who sends it; raises Unnamed where that cannot be said.
    """
    sent = unknown(peer)
    try:
        who = sender()
    except Unnamed as error:
        return sent, Problem(f"the proxy does not say who sends: {error}", Refusal.OTHER, page.REFUSED)
    sent = replace(sent, actor=who.name, groups=who.groups)
    if head.too_large:
        return sent, Problem("the head of the request is too large", Refusal.OTHER, page.HEAD_TOO_LARGE)
    try:
        found = message.request(dict(head.sections).get("req-hdr", b""))
    except message.BadHttp as error:
        return sent, Problem(f"not a valid request: {error}", Refusal.OTHER, page.MALFORMED)
    headers = tuple(field for field in found.headers if field[0].lower() != CREDENTIALS)
    return replace(sent, destination=found.host, method=found.method, url=found.url, headers=headers), None


def trailers(end: End) -> tuple[Headers, Problem | None]:
    """Return the fields behind the body, and what is wrong with them."""
    if end.too_large:
        return (), Problem("the trailers are too large", Refusal.OTHER, page.TRAILERS)
    return message.fields(end.trailers), None
