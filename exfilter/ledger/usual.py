"""How unusual a transfer makes the day of its actor: `baseline` on what is known of him and his peers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from exfilter.ledger import daily
from exfilter.ledger.baseline import Deviation, Measure, Own, Peers, deviation
from exfilter.ledger.tables import members, peers, scopes
from exfilter.policy import Unusual

MEASURES: Mapping[str, Measure] = {each.name.lower(): each for each in Measure}
"""By the word of a policy."""
KEPT = 8192
"""Histories and peers that a process keeps in mind, for a day."""


@dataclass(slots=True)
class Usual:
    """What is normal for actors. Summed up once a day for each, and kept for that day."""

    _day: int = 0
    _own: dict[tuple[int, Measure], Own] = field(default_factory=dict)
    _peers: dict[tuple[int, Measure], Peers] = field(default_factory=dict)

    def unusual(
        self,
        connection: sa.Connection,
        actor: tuple[int, int],
        groups: Sequence[int],
        today: int,
        counts: Mapping[Measure, int],
    ) -> dict[str, Unusual]:
        """Return how unusual each count of today is. ``actor``: scope, and up to where it is rolled up."""
        found = {}
        for measure, count in counts.items():
            seen = self.deviation(connection, actor, groups, today, measure, count)
            found[measure.name.lower()] = Unusual(seen.log10_p, seen.sentence(measure))
        return found

    def deviation(
        self,
        connection: sa.Connection,
        actor: tuple[int, int],
        groups: Sequence[int],
        today: int,
        measure: Measure,
        count: int,
    ) -> Deviation:
        """Return how unusual one count of today is."""
        if today != self._day or len(self._own) >= KEPT:
            self.forget()
            self._day = today
        own = self._own.get((actor[0], measure))
        if own is None:
            own = Own.of(daily.history(connection, *actor, today, measure))
            self._own[actor[0], measure] = own
        return deviation(own, self._of_peers(connection, groups, measure), count)

    def forget(self) -> None:
        """Know nothing any more."""
        self._own.clear()
        self._peers.clear()

    def _of_peers(self, connection: sa.Connection, groups: Sequence[int], measure: Measure) -> Peers:
        """Return those of the first group of which anything is known; else all actors."""
        for group in (*sorted(groups), 0):
            known = self._peers.get((group, measure)) or _summary(connection, group, measure)
            if known.spans:
                self._peers[group, measure] = known  # of nobody nothing is kept: they may be summed up soon
                return known
        return Peers()


def _summary(connection: sa.Connection, group: int, measure: Measure) -> Peers:
    same = sa.select(peers.c.summary).where(peers.c.group == group, peers.c.measure == measure.name)
    text = connection.execute(same).scalar_one_or_none()
    return Peers.from_json(text) if text else Peers()


def known(connection: sa.Connection, kind: str, name: str) -> tuple[int, int] | None:
    """Return a scope and up to where it is rolled up. None: nobody has that name."""
    wanted = sa.select(scopes.c.id, scopes.c.through).where(scopes.c.kind == kind, scopes.c.name == name)
    row = connection.execute(wanted).one_or_none()
    return (row.id, row.through) if row else None


def wanted(measures: Iterable[str]) -> list[Measure]:
    """Return the measures that a policy's words mean."""
    return [MEASURES[each] for each in sorted(measures)]


def whole_day(connection: sa.Connection, name: str, day: int) -> dict[Measure, Deviation]:
    """Return how unusual a day of an actor was, in each measure that anything is known in."""
    found = {}
    for measure in Measure:
        scope = known(connection, "reader" if measure is Measure.VIEWED else "actor", name)
        if scope is not None:
            groups = connection.execute(sa.select(members.c.group).where(members.c.actor == scope[0]))
            # The history up to the day after it: its last count is that of the day.
            counts = daily.history(connection, *scope, day + 1, measure).counts
            seen = int(counts[-1]) if len(counts) else 0
            found[measure] = Usual().deviation(connection, scope, list(groups.scalars()), day, measure, seen)
    return found
