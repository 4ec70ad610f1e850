"""What comes out of a capture: transfers, and places that could not be read."""

from __future__ import annotations

from dataclasses import dataclass

from exfilter.limits import MIB
from exfilter.model import Reason, Transfer, Unscanned

DOOR = "replay"
LARGEST = 768 * MIB
"""Bytes of one flow, entry or record. One that says that it is larger is not read."""


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
