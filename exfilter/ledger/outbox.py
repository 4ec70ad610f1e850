"""Notices on their way: claimed by one courier at a time, tried again later, given up after a week.

A claim is a lease. A courier that dies leaves what it had claimed to be claimed again when the lease is over:
then a receiver that had it already gets it twice, with the same id.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.ledger.notices import URGENT_ID
from exfilter.ledger.tables import outbox

DAY = 86_400.0
FIRST, LAST = 2.0, 3_600.0
"""Seconds before the second attempt, and between attempts at most."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that is claimed for one receiver."""

    number: int
    receiver: str
    notice: dict[str, Any]
    attempts: int
    """Those that failed."""
    lease: float


@dataclass(frozen=True, slots=True)
class Listed:
    """What became of a notice for one receiver."""

    id: str
    receiver: str
    state: str
    made: float
    attempts: int
    due: float
    ended: float | None
    error: str
    notice: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outbox:
    """The notices of one ledger. Safe to use from several threads and processes."""

    database: Database
    clock: Callable[[], float] = time.time
    lease: float = 120.0
    """Seconds in which a courier has to end what it claimed."""
    patience: float = 7 * DAY
    """Seconds after which a notice is given up."""
    memory: float = 30 * DAY
    """Seconds for which those that are sent or given up stay listed."""
    room: int = 100_000
    """Notices for one receiver. Beyond that the oldest go: what ended first, what is urgent last."""

    def claim(self, receiver: str, most: int = 20) -> list[Waiting]:
        """Return notices that are due, urgent ones first, then the oldest.

        For the time of the lease nobody else has them.
        """
        now = self.clock()
        due = (outbox.c.receiver == receiver) & (outbox.c.state == "waiting") & (outbox.c.due <= now)
        if not self._is_any(due & (outbox.c.lease <= now)):
            return []  # Looked at without keeping the doors from writing.
        with self.database.transaction(writes=True) as connection:
            free = sa.select(outbox.c.id).where(due, outbox.c.lease <= now).order_by(*_in_turn())
            mine = connection.execute(free.limit(most).with_for_update(skip_locked=True)).scalars().all()
            rows = connection.execute(
                sa.select(outbox).where(outbox.c.id.in_(mine)).order_by(*_in_turn())
            ).mappings()
            until = now + self.lease
            claimed = [
                Waiting(row["id"], receiver, json.loads(row["body"]), row["attempts"], until) for row in rows
            ]
            connection.execute(sa.update(outbox).where(outbox.c.id.in_(mine)).values(lease=until))
        return claimed

    def sent(self, those: Iterable[Waiting]) -> None:
        """Mark notices as delivered."""
        self._mark(those, lambda _: {"state": "sent", "ended": self.clock(), "error": "", "lease": 0.0})

    def failed(self, those: Iterable[Waiting], error: str) -> None:
        """Have notices tried again later, each time after twice as long, and never all at once."""

        def later(of: Waiting) -> dict[str, object]:
            due = self.clock() + pause(of.attempts)
            return {"attempts": outbox.c.attempts + 1, "due": due, "error": error, "lease": 0.0}

        self._mark(those, later)

    def back(self, those: Iterable[Waiting]) -> None:
        """Return notices that were not tried."""
        self._mark(those, lambda _: {"lease": 0.0})

    def tidy(self) -> int:
        """Give up what is too old, forget what ended long ago; return how many were given up."""
        now = self.clock()
        old = (outbox.c.state == "waiting") & (outbox.c.made <= now - self.patience)
        with self.database.transaction(writes=True) as connection:
            given_up = connection.execute(sa.update(outbox).where(old).values(state="failed", ended=now))
            connection.execute(sa.delete(outbox).where(outbox.c.ended <= now - self.memory))
            return given_up.rowcount + self._make_room(connection)

    def listed(self, state: str | None = None, most: int = 1000) -> list[Listed]:
        """Return notices, newest first."""
        wanted = sa.select(outbox).order_by(outbox.c.id.desc()).limit(most)
        wanted = wanted.where(outbox.c.state == state) if state else wanted
        with self.database.transaction() as connection:
            return [_listed(row) for row in connection.execute(wanted).mappings()]

    def retry(self, names: Iterable[str]) -> int:
        """Have notices sent now, also given up ones; without names all of these. Return how many."""
        wanted = list(names)
        open_ = outbox.c.state != "sent" if wanted else outbox.c.state == "failed"
        mine = open_ & outbox.c.notice.in_(wanted) if wanted else open_
        now = self.clock()
        # Made anew, or it would be given up again at once.
        change = {"state": "waiting", "due": now, "made": now, "ended": None, "attempts": 0, "lease": 0.0}
        with self.database.transaction(writes=True) as connection:
            return connection.execute(sa.update(outbox).where(mine).values(change)).rowcount

    def _is_any(self, which: sa.ColumnElement[bool]) -> bool:
        with self.database.transaction() as connection:
            return connection.execute(sa.select(outbox.c.id).where(which).limit(1)).first() is not None

    def _mark(self, those: Iterable[Waiting], change: Callable[[Waiting], dict[str, Any]]) -> None:
        """Change notices, unless their lease was over and somebody else has them."""
        some = list(those)
        if not some:
            return
        with self.database.transaction(writes=True) as connection:
            for each in some:
                mine = (outbox.c.id == each.number) & (outbox.c.lease == each.lease)
                connection.execute(sa.update(outbox).where(mine).values(change(each)))

    def _make_room(self, connection: sa.Connection) -> int:
        lost = 0
        receivers = connection.execute(sa.select(outbox.c.receiver).distinct()).scalars().all()
        for receiver in receivers:
            mine = outbox.c.receiver == receiver
            count = connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one()
            if count > self.room:
                order = (_one_if(_WAITS), _one_if(_URGENT), outbox.c.id)
                gone = sa.select(outbox.c.id).where(mine).order_by(*order).limit(count - self.room)
                beyond = outbox.c.id.in_(gone)
                waiting = sa.select(sa.func.count()).where(beyond, _WAITS)
                lost += connection.execute(waiting).scalar_one()
                connection.execute(sa.delete(outbox).where(beyond))
        return lost


_WAITS = outbox.c.state == "waiting"
_URGENT = outbox.c.notice.startswith(URGENT_ID)


def _in_turn() -> tuple[sa.ColumnElement[Any], ...]:
    return _one_if(_URGENT).desc(), outbox.c.id


def _one_if(which: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((which, 1), else_=0)


def pause(attempts: int) -> float:
    """Return the seconds to wait after so many failures: exponential, with full jitter above a half."""
    longest = min(LAST, FIRST * 2.0 ** min(attempts, 30))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _listed(row: Any) -> Listed:  # noqa: ANN401 - a row of SQLAlchemy
    return Listed(
        row["notice"],
        row["receiver"],
        row["state"],
        row["made"],
        row["attempts"],
        row["due"],
        row["ended"],
        row["error"],
        json.loads(row["body"]),
    )
