"""Customers of the last days, with those of a transfer that is being decided.

A state is what a scope sent, cut where the windows that are asked for begin, with how many each window has:
what a transfer adds is counted by who is in it, not by all who were sent before. A process keeps the states
that it used last: the next transfer of the same actor reads what came since, not a year.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from pyroaring import BitMap

from exfilter.ledger import rollup
from exfilter.ledger.sets import Customers
from exfilter.policy import Counted

ROOM = 64 * 1024 * 1024
"""Bytes, about, of the states that a process keeps."""
_CONTAINER = 8192
"""Bytes of a container of a bitmap at most. It holds 65,536 ordinals."""


@dataclass(slots=True)
class State:
    """What a scope sent up to a turn."""

    today: int
    turn: int
    ends: tuple[int, ...]
    """Days of the windows, ascending."""
    parts: list[Customers]
    """Those of the shortest window, those of the next one before that, ..., those before all windows."""
    identified: dict[int, Counted] = field(default_factory=dict)
    """By days of the window: how many were identified."""

    def __post_init__(self) -> None:
        for days in self.ends:
            sent, before = self.halves(days)
            new = sent.identified.difference_cardinality(before.identified)
            self.identified[days] = Counted(len(sent.identified), new)

    def halves(self, days: int) -> tuple[Customers, Customers]:
        """Return who was sent in a window, and who before it."""
        cut = self.ends.index(days) + 1
        return _union(self.parts[:cut]), _union(self.parts[cut:])

    def add(self, day: int, who: Customers) -> None:
        """Take in what was sent on a day."""
        part = self.part(day)
        for number, days in enumerate(self.ends):
            known = self.identified[days]
            if part <= number:
                self.identified[days] = self._with(number, known, who)
            else:
                # They are not new any more.
                rest = _without(who.identified, self.parts[number + 1 :])
                renewed = len(rest) - len(_without(rest, self.parts[: number + 1]))
                self.identified[days] = Counted(known.sent, known.new - renewed)
        self.parts[part].add(who)

    def part(self, day: int) -> int:
        """Return the number of the part that a day is in."""
        return sum(day <= self.today - days for days in self.ends)

    def counted(self, days: int, who: Customers) -> Counted:
        """Return the customers of a window together with some more."""
        number = self.ends.index(days)
        if not who.behind and not any(part.behind for part in self.parts[: number + 1]):
            return self._with(number, self.identified[days], who)
        sent, before = self.halves(days)
        together = sent.with_(who)
        return Counted(together.count(), together.count_new(before))

    def _with(self, number: int, known: Counted, who: Customers) -> Counted:
        more = _without(who.identified, self.parts[: number + 1])
        new = _without(more, self.parts[number + 1 :])
        return Counted(known.sent + len(more), known.new + len(new))

    @property
    def size(self) -> int:
        """Bytes, about."""
        return sum(1024 + _bytes(each.identified) + _bytes(each.behind) for each in self.parts)


def _without(who: BitMap, parts: Sequence[Customers]) -> BitMap:
    for part in parts:
        who = who - part.identified
    return who


def _bytes(of: BitMap) -> int:
    """Return the bytes of a bitmap at most: two for each, and no more than its containers have."""
    return min(2 * len(of), _CONTAINER * ((of.max() >> 16) + 1)) if of else 0


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
            asked = {*windows, *(known.ends if known else ())}
            state = _loaded(connection, scope, through, today, asked)
        _read(connection, scope, state)
        self._keep(scope, state)
        return state

    def catch_up(self, connection: sa.Connection, scope: int, turn: int) -> None:
        """Read what came up to a turn, before it is rolled up: after that it is not to be told any more."""
        known = self._states.get(scope)
        if known is not None:
            before = known.size
            _read(connection, scope, known)
            known.turn = max(known.turn, turn)
            self._size += known.size - before

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
    return known.today == today and known.turn >= through and set(windows) <= set(known.ends)


def _read(connection: sa.Connection, scope: int, state: State) -> None:
    """Take in what came after a state."""
    for turn, day, who in rollup.since(connection, scope, state.turn):
        state.add(day, who)
        state.turn = turn


def _loaded(connection: sa.Connection, scope: int, through: int, today: int, windows: Iterable[int]) -> State:
    """Read what is rolled up: each day once."""
    ends = tuple(sorted(set(windows)))
    days: list[list[Customers]] = [[] for _ in range(len(ends) + 1)]
    for day, who in rollup.by_day(connection, scope):
        days[sum(day <= today - length for length in ends)].append(who)
    return State(today, through, ends, [_union(some) for some in days])


def _union(parts: Sequence[Customers]) -> Customers:
    """Return all together: many sets at once, which takes half as long as one after the other."""
    together = Customers(BitMap.union(BitMap(), *(part.identified for part in parts)))
    for part in parts:
        together.add(Customers(behind=part.behind, estimated=part.estimated))
    return together
