"""Decisions in one transaction: of several reviewers at once one decides, and the others are told who did."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.quarantine import requests
from exfilter.quarantine.entries import printable, utc
from exfilter.quarantine.requests import What
from exfilter.quarantine.states import State, Unknown, check_move
from exfilter.quarantine.tables import moves, transfers


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer wants."""

    id: str
    to: State
    reviewer: str
    reason: str
    lasts: float = 0.0
    """Seconds, of a release."""


def decide(
    connection: sa.Connection, wanted: Decision, now: float, second: requests.Weighed | None = None
) -> State:
    """Decide, and return the state that it is in now: a release may have to wait for a second reviewer.

    ``second``: who counts as the first of two. None: one is enough.
    Raises IllegalMove for what is decided already, ValueError for an unknown id.
    """
    state = state_of(connection, wanted.id)
    check_move(wanted.id, state, wanted.to, "" if state is State.HELD else _decided(connection, wanted.id))
    lasts = wanted.lasts
    if wanted.to is State.RELEASED and second is not None:
        first = agree(connection, wanted, What.RELEASE, now, second)
        if first is None:
            return State.HELD
        lasts = min(lasts, first.lasts)
    requests.end(connection, wanted.id, What.RELEASE, utc(now))
    changes = {"expires": utc(now + lasts)} if wanted.to is State.RELEASED else {}
    this = sa.update(transfers).where(transfers.c.id == wanted.id)
    connection.execute(this.values(state=wanted.to, **changes))
    connection.execute(sa.insert(moves).values(step(wanted, now)))
    return wanted.to


def agree(
    connection: sa.Connection, wanted: Decision, what: What, now: float, weighed: requests.Weighed
) -> requests.Request | None:
    """Return what another reviewer asked for and is used up now. None: this one is the first, and waits."""
    if not wanted.reviewer.strip():
        msg = "it takes two reviewers: say who you are"
        raise ValueError(msg)
    wish = step(wanted, now) | {"what": what, "lasts": wanted.lasts}
    del wish["state"]
    return requests.agreed(connection, wish, utc(now - requests.WAITS), weighed)


def step(wanted: Decision, now: float) -> dict[str, object]:
    """Return the row of a move."""
    return {
        "id": wanted.id,
        "time": utc(now),
        "state": wanted.to,
        "reviewer": printable(wanted.reviewer),
        "reason": printable(wanted.reason),
    }


def state_of(connection: sa.Connection, transfer_id: str) -> State:
    """Return what a transfer is. Raises ValueError for an unknown id."""
    found = connection.execute(sa.select(transfers.c.state).where(transfers.c.id == transfer_id))
    state = found.scalar_one_or_none()
    if state is None:
        raise unknown(transfer_id)
    return State(state)


def unknown(transfer_id: str) -> ValueError:
    """Return what to raise where no transfer has that id."""
    return Unknown(f"there is no transfer {printable(transfer_id)}; see 'exfilter quarantine list'")


def _decided(connection: sa.Connection, transfer_id: str) -> str:
    last = sa.select(moves.c.reviewer, moves.c.time).where(moves.c.id == transfer_id)
    row = connection.execute(last.order_by(moves.c.number.desc()).limit(1)).one()
    return f" (decided by {row.reviewer or 'somebody unnamed'} at {row.time[:19]} UTC)"
