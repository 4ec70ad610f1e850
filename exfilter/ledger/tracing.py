"""What a trace needs, out of the ledger: only exposures that may have carried a victim are read.

Who ever sent a victim is known by the lifetimes and the tail, on which days by the days that are rolled up,
and then the exposures of these days are opened. What was held is in none of these: it is read by itself.

Of a declared bulk sender, who carries everybody every day and is never named, the first and the last day
with each victim are enough, and the last one before the misuse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from pyroaring import BitMap

from exfilter.ledger import blobs
from exfilter.ledger.choosing import SENDERS
from exfilter.ledger.holding import Carried, Crowd, Int32Array, Int64Array, Victims
from exfilter.ledger.rollup import by_day
from exfilter.ledger.senders import Scopes, Sent, sent, spread
from exfilter.ledger.sets import Blob, unpacked
from exfilter.ledger.store import Ledger
from exfilter.ledger.tables import exposures, members, rollups, scopes

PEOPLE, PLACES = SENDERS, ("destination",)
MANY = 500
"""Values in one statement."""
_NEVER = 10**7
"""A day that does not come."""

type Grouped = Callable[[Sequence[str], Sequence[AbstractSet[str]]], Int32Array]
"""Gives the peer group of each actor, by what the ledger calls him and the groups it saw him in."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for."""

    victims: Victims
    ordinals: Int64Array
    """Of each victim, ascending [victims]."""
    since: float = -math.inf
    """Transfers before are left out, seconds since the epoch."""
    until: float = math.inf
    """And those from then on."""
    estimated: bool = False
    """Whether those behind an estimate count as sent, of whom only some were."""

    def days(self, ledger: Ledger) -> tuple[int, int]:
        """Return the first and the last day that may count."""
        first = 0 if math.isinf(self.since) else ledger.calendar.day(self.since)
        return first, _NEVER if math.isinf(self.until) else ledger.calendar.day(self.until)

    def members(self, blobs_: Sequence[Blob | None]) -> BitMap:
        """Return who of the victims is in an exposure."""
        return BitMap.union(*map(unpacked, blobs_)) & self.wanted()

    def wanted(self) -> BitMap:
        """Return the victims."""
        return BitMap(self.ordinals.astype(np.uint32))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What ``trace.trace`` takes, and what its numbers are called."""

    carried: Carried
    actors: Crowd
    destinations: Crowd
    actor_names: tuple[str, ...]
    destination_names: tuple[str, ...]
    transfers: tuple[str, ...]
    """Id in the quarantine; the number in the ledger for what never was there."""
    outside: int
    """Victims who were sent, but not in the time that was asked for."""


def evidence(ledger: Ledger, asked: Asked, population: int, grouped: Grouped) -> Evidence:
    """Read what the ledger knows of some victims. ``population``: customers in the index.

    Raises LookupError where nothing was ever sent or held, OSError where the ledger cannot be read.
    """
    with ledger.database.transaction() as connection:
        people, places = (Scopes.of(connection, *kinds) for kinds in (PEOPLE, PLACES))
        everything = connection.execute(sa.select(sa.func.max(exposures.c.id))).scalar_one()
        if everything is None:
            msg = "no exposure is in the ledger"
            raise LookupError(msg)
        by = sent(connection, people, asked.wanted(), estimated=asked.estimated)
        to = sent(connection, places, asked.wanted(), estimated=asked.estimated)
        teams = _teams(connection, people)
        found = _carrying(connection, ledger, people, places, by, asked)
    carried = _carried(found, people, places, everything)
    groups = grouped(people.names, teams).astype(np.int32)
    none = np.zeros(len(places.ids), dtype=np.int32)
    return Evidence(
        carried,
        Crowd(_at_least(by.sizes, carried.actor, carried), groups, people.bulk, population),
        Crowd(_at_least(to.sizes, carried.destination, carried), none, places.bulk, population),
        people.names,
        places.names,
        tuple(each.transfer_id or str(each.id) for each in found),
        _outside(by.whom, found, asked),
    )


def _outside(ever: BitMap, found: Sequence[_Exposure], asked: Asked) -> int:
    in_it = {victim for each in found for victim in each.victims}
    return len(ever - BitMap(int(asked.ordinals[victim]) for victim in in_it))


def _teams(connection: sa.Connection, people: Scopes) -> list[set[str]]:
    """Return the groups of the policy that each actor sent as a member of, without case."""
    teams = [set[str]() for _ in people.ids]
    place = {number: place for place, number in enumerate(people.ids.tolist())}
    query = sa.select(members.c.actor, scopes.c.name).join(scopes, scopes.c.id == members.c.group)
    for actor, group in connection.execute(query):
        if actor in place:
            teams[place[actor]].add(group.casefold())
    return teams


@dataclass(frozen=True, slots=True)
class _Exposure:
    """One that carried victims."""

    id: int
    actor: int
    destination: int
    first: float
    customers: int
    sent: bool
    transfer_id: str
    victims: tuple[int, ...]
    """Places among the victims."""


_COLUMNS = tuple(exposures.c[each] for each in _Exposure.__slots__[:-1])


def _carrying(
    connection: sa.Connection, ledger: Ledger, people: Scopes, places: Scopes, by: Sent, asked: Asked
) -> list[_Exposure]:
    """Return the exposures with a victim, by time."""
    numbers = {*by.waiting, *_meeting(connection, asked, ~exposures.c.sent)}
    for place in np.flatnonzero(by.holds).tolist():
        scope = int(people.ids[place])
        days = _days(connection, scope, ledger, asked, is_bulk=bool(people.bulk[place]))
        for some in _portions(days):
            numbers.update(_meeting(connection, asked, exposures.c.actor == scope, exposures.c.day.in_(some)))
    known, reached = set(people.ids.tolist()), set(places.ids.tolist())
    read = _read(connection, sorted(numbers), asked)
    # Not what somebody was shown, nor who came to the ledger since it is looked into.
    found = (each for each in read if each.actor in known and each.destination in reached)
    in_time = (each for each in found if asked.since <= each.first < asked.until)
    return sorted(in_time, key=lambda each: (each.first, each.id))


def _meeting(connection: sa.Connection, asked: Asked, *where: sa.ColumnElement[bool]) -> Iterator[int]:
    """Yield which of some exposures hold a victim."""
    query = sa.select(exposures.c.id, exposures.c.day, *_sets(asked)).where(*where)
    number, _, content = spread([tuple(row) for row in connection.execute(query)])
    yield from number[blobs.opened(content).meeting(asked.wanted())].tolist()


def _sets(asked: Asked) -> list[sa.Column[bytes]]:
    return [exposures.c.identified, exposures.c.behind] if asked.estimated else [exposures.c.identified]


def _days(connection: sa.Connection, scope: int, ledger: Ledger, asked: Asked, *, is_bulk: bool) -> list[int]:
    """Return the days on which an actor sent a victim, as far as they are rolled up and may count."""
    wanted, hits = asked.wanted(), dict[int, BitMap]()
    for day, who in by_day(connection, scope, rollups.c.day.between(*asked.days(ledger))):
        hits[day] = ((who.identified | who.behind) if asked.estimated else who.identified) & wanted
    days = sorted(day for day, found in hits.items() if found)
    if not is_bulk:
        return days
    called = zip(asked.ordinals.tolist(), asked.victims.called.tolist(), strict=True)
    ends = (_ends([day for day in days if who in hits[day]], ledger, time) for who, time in called)
    return sorted({day for some in ends for day in some})


def _ends(days: Sequence[int], ledger: Ledger, called: float) -> Iterator[int]:
    """Yield the first day, the last one, and the last one before a victim was misused."""
    misused = _NEVER if math.isinf(called) else ledger.calendar.day(called)
    yield from days[:1]
    yield from days[-1:]
    yield from [day for day in days if day < misused][-1:]
    yield from [day for day in days if day == misused]


def _read(connection: sa.Connection, numbers: Sequence[int], asked: Asked) -> Iterator[_Exposure]:
    place = {ordinal: number for number, ordinal in enumerate(asked.ordinals.tolist())}
    for some in _portions(numbers):
        query = sa.select(*_COLUMNS, *_sets(asked)).where(exposures.c.id.in_(some))
        for row in connection.execute(query):
            whom = asked.members(row[len(_COLUMNS) :])
            values = (*row[: len(_COLUMNS)], tuple(place[who] for who in whom))
            yield _Exposure(*values)


def _portions(numbers: Sequence[int]) -> Iterator[list[int]]:
    return (list(numbers[start : start + MANY]) for start in range(0, len(numbers), MANY))


def _carried(found: Sequence[_Exposure], people: Scopes, places: Scopes, everything: int) -> Carried:
    pairs = [(number, victim) for number, each in enumerate(found) for victim in each.victims]
    transfer, victim = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    actor, destination = (
        np.array([getattr(each, name) for each in found], dtype=np.int64) for name in ("actor", "destination")
    )
    return Carried(
        actor=people.places(actor).astype(np.int32),
        destination=places.places(destination).astype(np.int32),
        time=np.array([each.first for each in found], dtype=np.float64),
        size=np.array([each.customers for each in found], dtype=np.int64),
        left=np.array([each.sent for each in found], dtype=bool),
        transfer=transfer,
        victim=victim,
        everything=everything,
    )


def _at_least(sizes: Int64Array, holder: Int32Array, carried: Carried) -> Int64Array:
    """Return sizes that are no smaller than how many victims each sent: one may have been erased since."""
    pairs = np.unique(np.stack((holder[carried.transfer], carried.victim)), axis=1)
    held = np.bincount(pairs[0], minlength=len(sizes))
    return np.maximum(sizes, held)
