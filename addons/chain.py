"""The order of the addons: who sends comes first, then the guard, and the gate last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from addons.gate import Clearances, Gate
from addons.guard import Guard
from addons.handshake import Handshake
from addons.patience import Patience
from addons.pins import Pins
from addons.private.calls import Calls
from addons.private.connections import Pressure
from addons.private.hooks import Hooks
from addons.private.http1 import Servers
from addons.private.known import check
from addons.private.sessions import Sessions
from addons.private.stream import Streams
from addons.private.websocket import Frames
from addons.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from addons.identity import Identity
    from exfilter.door.desk import Desk
    from exfilter.door.plan import Plan


READ_LIMIT = 16 << 20
"""Bytes of a response that are read."""


def chain(plan: Plan, desk: Desk, identity: Identity) -> Sequence[object]:
    """Return the addons of the door; they belong behind all others.

    Raises ValueError when mitmproxy is not one of those that the door was made for.
    """
    check()
    clearances = Clearances()
    guard = Guard(desk, clearances, plan.max_body, plan.contact)
    streams = Streams(None if plan.audit_only else plan.max_body, guard.early)
    private = (streams, Calls(), Pressure(), Frames(guard.flooded), Hooks(), Servers(), Sessions())
    handshake = Handshake(desk, identity.name)
    scanning = (handshake, guard, Gate(clearances))
    reading = (Reading(desk, plan.read_hosts, READ_LIMIT),) if plan.read_hosts else ()
    return Pins(), identity, *private, Patience(plan.patience), *scanning, *reading
