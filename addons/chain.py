"""The order of the addons: the guard, and the gate last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from addons.gate import Clearances, Gate
from addons.guard import Guard
from addons.handshake import Handshake
from addons.pins import Pins
from addons.private.http1 import Trailers
from addons.private.known import check
from addons.private.stream import Bounds
from addons.private.websocket import Frames
from exfilter.door.desk import Desk
from exfilter.journal import Journal
from exfilter.quarantine import Quarantine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exfilter.door.desk import Scanner
    from exfilter.settings import Settings


def chain(settings: Settings, scanner: Scanner, *, audit_only: bool) -> Sequence[object]:
    """Return the addons of the door; they belong behind all others.

    Raises ValueError when mitmproxy is not one of those that the door was made for.
    """
    check()
    desk = Desk(
        scanner,
        Quarantine.open(settings.quarantine, settings.reviewers),
        Journal(settings.decisions),
        deadline=settings.deadline,
        workers=settings.workers,
        audit_only=audit_only,
    )
    clearances = Clearances()
    limit = None if audit_only else settings.max_body
    guard = Guard(desk, clearances, settings.max_body, settings.contact)
    return Pins(), Bounds(limit), Frames(), Trailers(), Handshake(desk), guard, Gate(clearances)
