"""What the past says of a transfer, in the transaction that will write it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from exfilter.ledger.deviation import Measure
from exfilter.ledger.sets import Customers
from exfilter.ledger.tables import meetings, unread
from exfilter.ledger.usual import Usual, known, wanted
from exfilter.ledger.windows import States
from exfilter.policy import By, Counted, Past, Question, Unusual, Window

Scope = tuple[str, str]
"""Kind and name."""
_OF_SETS = frozenset({Measure.CUSTOMERS, Measure.NEW, Measure.VIEWED})


@dataclass(frozen=True, slots=True)
class Turn:
    """A scope in a transaction that no other one disturbs."""

    id: int
    turn: int
    through: int


@dataclass(frozen=True, slots=True)
class About:
    """What of a transfer counts for the past."""

    who: Customers
    unread: int
    """Bytes."""


@dataclass(slots=True)
class Asking:
    """Answers a question, and keeps in mind what the next one will need again."""

    _states: States = field(default_factory=States)
    _usual: Usual = field(default_factory=Usual)

    def past(
        self,
        connection: sa.Connection,
        names: Sequence[Scope],
        turns: Sequence[Turn],
        question: Question,
        about: About,
        today: int,
    ) -> Past:
        """Return what is asked. ``names``: actor or reader, destination or source, groups."""
        counted: dict[tuple[Window, str], Counted] = {}
        for (kind, name), turn in zip(names, turns, strict=True):
            days = {window.days for window in question.windows if window.by == kind}
            counted |= (
                self._counted(connection, (By(kind), name), turn, today, days, about.who) if days else {}
            )
        if names[0][0] == "actor":
            counted |= self._viewed(connection, names[0][1], question, today)
        unusual = self._unusual(connection, names, turns, question, about, today)
        return Past(counted, unusual)

    def catch_up(self, connection: sa.Connection, scope: int, turn: int) -> None:
        """Take in what of a scope is about to be rolled up."""
        self._states.catch_up(connection, scope, turn)

    def forget(self) -> None:
        """Know nothing any more: a transaction was undone."""
        self._states.forget()
        self._usual.forget()

    def _counted(
        self,
        connection: sa.Connection,
        of: tuple[By, str],
        turn: Turn,
        today: int,
        days: set[int],
        who: Customers,
    ) -> dict[tuple[Window, str], Counted]:
        state = self._states.state(connection, turn.id, turn.through, today, days)
        return {(Window(of[0], each), of[1]): state.counted(each, who) for each in days}

    def _viewed(
        self, connection: sa.Connection, name: str, question: Question, today: int
    ) -> dict[tuple[Window, str], Counted]:
        """Return whom the sender of a transfer was shown before."""
        days = {window.days for window in question.windows if window.by is By.READER}
        found = known(connection, "reader", name) if days else None
        if found is None:
            return {}
        turn = Turn(found[0], 0, found[1])
        return self._counted(connection, (By.READER, name), turn, today, days, Customers())

    def _unusual(
        self,
        connection: sa.Connection,
        names: Sequence[Scope],
        turns: Sequence[Turn],
        question: Question,
        about: About,
        today: int,
    ) -> dict[str, Unusual]:
        """Return how unusual the day is in each measure that is asked for."""
        found: dict[str, Unusual] = {}
        groups = [turn.id for (kind, _), turn in zip(names, turns, strict=True) if kind == "group"]
        for measure in wanted(question.measures):
            scope = self._scope(connection, names[0], turns[0], measure)
            if scope is not None:
                count = self._today(connection, scope, turns, about, today, measure)
                found |= self._usual.unusual(
                    connection, (scope.id, scope.through), groups, today, {measure: count}
                )
        return found

    @staticmethod
    def _scope(connection: sa.Connection, name: Scope, turn: Turn, measure: Measure) -> Turn | None:
        if (measure is Measure.VIEWED) == (name[0] == "reader"):
            return turn
        reader = known(connection, "reader", name[1]) if name[0] == "actor" else None
        return Turn(reader[0], 0, reader[1]) if reader else None

    def _today(
        self,
        connection: sa.Connection,
        scope: Turn,
        turns: Sequence[Turn],
        about: About,
        today: int,
        measure: Measure,
    ) -> int:
        """Return the count of today, with the transfer that is being decided."""
        if measure in _OF_SETS:
            who = about.who if scope is turns[0] else Customers()
            state = self._states.state(connection, scope.id, scope.through, today, {1})
            counted = state.counted(1, who)
            return counted.new if measure is Measure.NEW else counted.sent
        if measure is Measure.UNSCANNED:
            same = sa.select(unread.c.bytes).where(unread.c.actor == scope.id, unread.c.day == today)
            return (connection.execute(same).scalar_one_or_none() or 0) + about.unread
        mine = meetings.c.actor == scope.id
        met = connection.execute(sa.select(sa.func.count()).where(mine, meetings.c.day == today)).scalar_one()
        before = sa.select(meetings.c.day).where(mine, meetings.c.destination == turns[1].id)
        return int(met) + (connection.execute(before).scalar_one_or_none() is None)
