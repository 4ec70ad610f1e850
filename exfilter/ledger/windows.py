"""Customers of the last days, with those of a transfer that is being decided.

A state is what a scope sent, split where the windows that are asked for begin. A process keeps the states
that it used last: the next transfer of the same actor reads what came since, not a year.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa

from exfilter.ledger import rollup
from exfilter.ledger.sets import Customers
from exfilter.policy import Counted

ROOM = 64 * 1024 * 1024
"""Bytes, about, of the states that a process keeps."""


@dataclass(slots=True)
class State:
    """What a scope sent up to a turn."""

    today: int
    turn: int
    sent: dict[int, Customers]
    """By days of the window: those in it."""
    before: dict[int, Customers]
    """And those before it."""

    def add(self, day: int, who: Customers) -> None:
        """Take in what was sent on a day."""
        for days, sent in self.sent.items():
            (sent if day > self.today - days else self.before[days]).add(who)

    def counted(self, days: int, who: Customers) -> Counted:
        """Return the customers of a window together with some more."""
        together = self.sent[days].with_(who)
        return Counted(together.count(), together.count_new(self.before[days]))

    @property
    def size(self) -> int:
        """Bytes, about."""
        sets = [each for half in (self.sent, self.before) for each in half.values()]
        return sum(1024 + 4 * (len(each.identified) + len(each.behind)) for each in sets)


@dataclass(slots=True)
class States:
    """Those that were used last."""

    _states: OrderedDict[int, State] = field(default_factory=OrderedDict)
    _size: int = 0

    def state(
        self, connection: sa.Connection, scope: int, through: int, today: int, windows: Iterable[int]
    ) -> State:
        """Return what a scope sent, up to now. ``through``: up to where its turns are rolled up."""
        known = self._states.pop(scope, None)
        if known is not None:
            self._size -= known.size
        state = known if known and _is_good(known, through, today, windows) else None
        if state is None:
            state = _loaded(connection, scope, through, today, windows)
        for turn, day, who in rollup.since(connection, scope, state.turn):
            state.add(day, who)
            state.turn = turn
        self._keep(scope, state)
        return state

    def forget(self) -> None:
        """Know nothing any more: a transaction was undone."""
        self._states.clear()
        self._size = 0

    def _keep(self, scope: int, state: State) -> None:
        self._states[scope] = state
        self._size += state.size
        while self._size > ROOM and len(self._states) > 1:
            self._size -= self._states.popitem(last=False)[1].size


def _is_good(known: State, through: int, today: int, windows: Iterable[int]) -> bool:
    # What was rolled up after the state's turn is not in the tail any more.
    return known.today == today and known.turn >= through and set(windows) <= known.sent.keys()


def _loaded(connection: sa.Connection, scope: int, through: int, today: int, windows: Iterable[int]) -> State:
    """Read what is rolled up: each day once, then joined from the newest on."""
    ends = sorted(set(windows))
    parts = [Customers() for _ in range(len(ends) + 1)]
    for day, who in rollup.by_day(connection, scope):
        parts[sum(day <= today - days for days in ends)].add(who)
    sent = {days: _union(parts[: number + 1]) for number, days in enumerate(ends)}
    before = {days: _union(parts[number + 1 :]) for number, days in enumerate(ends)}
    return State(today, through, sent, before)


def _union(parts: Iterable[Customers]) -> Customers:
    union = Customers()
    for part in parts:
        union.add(part)
    return union
