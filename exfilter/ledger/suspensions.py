"""Actors of whom everything is held until a reviewer lifts it.

**How soon.** A transfer that carries customers is decided in the transaction that looks here: a suspension
holds from its commit on. For all others a process looks once a second at most, so that it costs nothing: what
the process itself suspends holds at once, what another one does within a second. Where it cannot look, it
raises, and the door does not forward.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.ledger.noted import note
from exfilter.ledger.rows import put
from exfilter.ledger.tables import suspensions


@dataclass(frozen=True, slots=True)
class Suspension:
    """An actor of whom everything is held."""

    actor: str
    """As the ledger calls him."""
    since: float
    """Seconds since the epoch, UTC."""
    who: str
    """The reviewer. Empty: a rule."""
    rule: str
    """Empty: a reviewer."""
    reason: str
    tell: tuple[str, ...] = ()
    """Receivers that hear when he is lifted."""


@dataclass(slots=True)
class Look:
    """Who is suspended, as a process last saw it."""

    EVERY = 1.0

    database: Database
    clock: Callable[[], float] = time.monotonic
    _actors: frozenset[str] = frozenset()
    _until: float = field(default=float("-inf"))

    def has(self, names: Iterable[str]) -> bool:
        """Whether somebody who has one of these names is suspended. Raises OSError: it is not known."""
        if self.clock() >= self._until:
            begin = self.clock()
            with self.database.transaction() as connection:
                self._actors = frozenset(connection.execute(sa.select(suspensions.c.actor)).scalars())
            self._until = begin + self.EVERY
        return not self._actors.isdisjoint(names)

    def add(self, actor: str) -> None:
        """Know at once what this process did."""
        self._actors |= {actor}


def is_suspended(connection: sa.Connection, names: Sequence[str]) -> bool:
    """Whether somebody who has one of these names is suspended."""
    mine = sa.select(suspensions.c.actor).where(suspensions.c.actor.in_(names)).limit(1)
    return connection.execute(mine).first() is not None


def suspend(connection: sa.Connection, of: Suspension) -> bool:
    """Suspend an actor. False: he is so already, and nothing is changed."""
    if is_suspended(connection, [of.actor]):
        return False
    row = {
        "actor": of.actor,
        "since": of.since,
        "who": of.who,
        "rule": of.rule,
        "reason": of.reason,
        "tell": json.dumps(of.tell),
    }
    put(connection, suspensions, [row])
    why = of.reason if of.who else f"rule {of.rule}: {of.reason}"
    note(connection, of.since, of.who or "exfilter", "suspend", [of.actor], why)
    return True


def lift(
    connection: sa.Connection, names: Sequence[str], when: float, who: str, why: str
) -> list[Suspension]:
    """End the suspensions of an actor, and return them."""
    mine = suspensions.c.actor.in_(names)
    ended = [_read(row) for row in connection.execute(sa.select(suspensions).where(mine)).mappings()]
    connection.execute(sa.delete(suspensions).where(mine))
    for each in ended:
        note(connection, when, who, "lift", [each.actor], why)
    return ended


def listed(connection: sa.Connection) -> list[Suspension]:
    """Return all, newest first."""
    order = sa.select(suspensions).order_by(suspensions.c.since.desc(), suspensions.c.actor)
    return [_read(row) for row in connection.execute(order).mappings()]


def _read(row: Any) -> Suspension:  # noqa: ANN401 - a row of SQLAlchemy
    return Suspension(**{**row, "tell": tuple(json.loads(row["tell"]))})
