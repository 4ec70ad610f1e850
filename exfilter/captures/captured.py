"""What comes out of a capture: transfers, and places that could not be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from exfilter.limits import MIB
from exfilter.model import Headers, Reason, Transfer, Unscanned

DOOR = "replay"
LARGEST = 768 * MIB
"""Bytes of one flow, entry or record. One that says that it is larger is not read."""

HEADERS = 2000
"""Headers, and trailers, of one transfer that are read. A door takes far fewer."""
_LONE = re.compile("[\ud800-\udfff]")


class Refused(ValueError):  # noqa: N818 - what becomes of the capture
    """A capture, or a part of one, that is not read. Its text has no value of the capture."""


def why(error: Exception) -> str:
    """Say why reading ended. The text of an error that is not ours may quote what was being read."""
    if isinstance(error, Refused):
        return str(error)
    told = error.strerror if isinstance(error, OSError) else None
    return told or f"reading it failed ({type(error).__name__})"


@dataclass(frozen=True, slots=True)
class Captured:
    """A transfer out of a capture."""

    transfer: Transfer
    flow: str
    """The capture's own id of the flow. Empty: it has none."""
    place: str
    """Where in the capture: ``flow 3``, ``flow 3 message 2``; counted from 1."""
    missing: tuple[Unscanned, ...] = ()
    """What the capture did not keep (a streamed body). Empty: all of it is there."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A place of a capture of which nobody knows what was there."""

    place: str
    why: str
    """One sentence without any value."""


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes of a capture that hold one flow, entry or record."""

    name: str
    start: int
    length: int


def absent(size: int, what: str = "request.body") -> Unscanned:
    """Return what stands for bytes that the capture did not keep."""
    return Unscanned(f"{what} (not in the capture)", Reason.OPAQUE, max(0, size))


def clean(item: Captured) -> Captured:
    """Return a transfer as the rest of exfilter takes it, whatever its capture says.

    Names are text that can be written down, which a lone surrogate cannot. Headers beyond ``HEADERS`` are
    unscanned.
    """
    of = item.transfer
    transfer = replace(
        of,
        actor=_plain(of.actor),
        destination=_plain(of.destination),
        method=_plain(of.method),
        url=_plain(of.url),
        headers=of.headers[:HEADERS],
        trailers=of.trailers[:HEADERS],
    )
    beyond = (*_beyond("request.headers", of.headers), *_beyond("request.trailers", of.trailers))
    return replace(item, transfer=transfer, flow=_plain(item.flow), missing=(*item.missing, *beyond))


def _plain(name: str) -> str:
    return _LONE.sub("\ufffd", name)


def _beyond(what: str, pairs: Headers) -> tuple[Unscanned, ...]:
    size = sum(len(name) + len(value) for name, value in pairs[HEADERS:])
    if len(pairs) <= HEADERS:
        return ()
    return (Unscanned(f"{what} (beyond {HEADERS})", Reason.OVER_BUDGET, max(1, size)),)
