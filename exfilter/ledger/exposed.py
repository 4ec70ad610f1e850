"""Who was exposed: the customers of some transfers, each once, with what is known of his exposure.

Sets first: the union of the bitmaps says who it is about, and how many. Then one more pass over the
transfers fills flat arrays with a place for each of them. Memory grows with the customers, not with the
transfers; ids are asked for last, a stretch of customers at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from pyroaring import BitMap

from exfilter.database import Database
from exfilter.ledger import rollup
from exfilter.ledger.choosing import Chosen, pages
from exfilter.ledger.sets import Customers, ordinals, unpacked_fields
from exfilter.ledger.tables import exposures
from exfilter.model import Ordinals

STRETCH = 4096
"""Customers that are told at a time."""
_SETS = (exposures.c.identified, exposures.c.behind, exposures.c.estimated)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some customers by ascending ordinal. Arrays of one length."""

    ordinals: Ordinals
    identified: NDArray[np.bool_]
    """False: only behind an estimate."""
    first: NDArray[np.float64]
    """Seconds since the epoch, UTC."""
    last: NDArray[np.float64]
    transfers: NDArray[np.int32]
    fields: tuple[tuple[str, ...], ...]
    destinations: tuple[tuple[int, ...], ...]
    """Numbers of scopes."""


@dataclass(frozen=True, slots=True)
class Daily:
    """What went to one destination on one day."""

    day: int
    destination: int
    transfers: int
    identified: int
    possible: int


@dataclass(slots=True)
class Exposed:
    """The customers of some transfers."""

    who: Customers = field(default_factory=Customers)
    fields: dict[str, BitMap] = field(default_factory=dict)
    """Who with which field."""
    actors: set[int] = field(default_factory=set)
    destinations: dict[int, BitMap] = field(default_factory=dict)
    indexes: set[str] = field(default_factory=set)
    """Ids of the indexes that found them."""
    daily: list[Daily] = field(default_factory=list)
    transfers: int = 0
    first: float = np.inf
    last: float = -np.inf

    @property
    def possible(self) -> BitMap:
        """Who is only behind an estimate."""
        return self.who.behind - self.who.identified

    @property
    def everybody(self) -> BitMap:
        """Return both."""
        return self.who.identified | self.who.behind

    @property
    def likely(self) -> int:
        """How many of the possible ones the estimates speak of."""
        return self.who.count() - len(self.who.identified)


def exposed(database: Database, of: Chosen, *, sent: bool = True, but: BitMap | None = None) -> Exposed:
    """Return who was in the transfers that were sent, or held and not sent; not those in ``but``."""
    found, left_out = Exposed(), but or BitMap()
    columns = (
        *_SETS, exposures.c.fields, exposures.c.actor, exposures.c.destination, exposures.c.index_id,
        exposures.c.first, exposures.c.last,
    )  # fmt: skip
    day, today = 0, _Today()
    for row in pages(database, of, columns, _is(sent=sent)):
        who = rollup.customers(row["identified"], row["behind"], row["estimated"])
        fields = unpacked_fields(row["fields"], who.identified)
        who.identified -= left_out
        who.behind -= left_out
        if row["day"] != day:
            found.daily += today.told(day)
            day, today = row["day"], _Today()
        today.add(row["destination"], who)
        _add(found, row, who, {name: each - left_out for name, each in fields.items()})
    found.daily += today.told(day)
    return found


def _is(*, sent: bool) -> sa.ColumnElement[bool]:
    return exposures.c.sent.is_(sent)


def _add(found: Exposed, row: sa.RowMapping, who: Customers, fields: Mapping[str, BitMap]) -> None:
    found.who.add(who)
    for name, each in fields.items():
        with_it = found.fields.setdefault(name, BitMap())
        with_it |= each
    found.actors.add(row["actor"])
    there = found.destinations.setdefault(row["destination"], BitMap())
    there |= who.identified
    there |= who.behind
    found.indexes.add(row["index_id"])
    found.transfers += 1
    found.first, found.last = min(found.first, row["first"]), max(found.last, row["last"])


@dataclass(slots=True)
class _Today:
    """By destination: transfers, customers."""

    sets: dict[int, tuple[int, Customers]] = field(default_factory=dict)

    def add(self, destination: int, who: Customers) -> None:
        count, known = self.sets.get(destination, (0, Customers()))
        known.add(who)
        self.sets[destination] = count + 1, known

    def told(self, day: int) -> Iterator[Daily]:
        for destination, (count, who) in sorted(self.sets.items()):
            yield Daily(day, destination, count, len(who.identified), len(who.behind - who.identified))


def customers(database: Database, of: Chosen, found: Exposed, *, sent: bool = True) -> Iterator[Stretch]:
    """Yield the customers of ``found``, which ``exposed`` has returned for the same transfers."""
    details = _Details(found)
    columns = (*_SETS, exposures.c.fields, exposures.c.destination, exposures.c.first, exposures.c.last)
    for row in pages(database, of, columns, _is(sent=sent)):
        who = rollup.customers(row["identified"], row["behind"], row["estimated"])
        details.add(row, who, unpacked_fields(row["fields"], who.identified))
    for start in range(0, len(details.ordinals), STRETCH):
        yield details.stretch(slice(start, start + STRETCH))


class _Details:
    """Arrays with a place for each customer."""

    def __init__(self, found: Exposed) -> None:
        self._all = found.everybody
        self.ordinals = ordinals(self._all)
        count = len(self.ordinals)
        self._identified = np.isin(self.ordinals, ordinals(found.who.identified), assume_unique=True)
        self._first = np.full(count, np.inf)
        self._last = np.full(count, -np.inf)
        self._transfers = np.zeros(count, dtype=np.int32)
        self._names = tuple(sorted(found.fields))
        self._fields = np.zeros(count, dtype=np.uint32)
        self._destinations = np.zeros(count, dtype=np.int32)
        self._groups = _Groups()

    def add(self, row: sa.RowMapping, who: Customers, fields: Mapping[str, BitMap]) -> None:
        at = self._places(who.identified | who.behind)
        # A customer is in a transfer once: no place comes twice.
        self._first[at] = np.minimum(self._first[at], row["first"])
        self._last[at] = np.maximum(self._last[at], row["last"])
        self._transfers[at] += 1
        for bit, name in enumerate(self._names):
            if name in fields:
                self._fields[self._places(fields[name])] |= np.uint32(1 << bit)
        self._destinations[at] = self._groups.grown(self._destinations[at], row["destination"])

    def _places(self, of: BitMap) -> NDArray[np.intp]:
        return np.searchsorted(self.ordinals, ordinals(of & self._all))

    def stretch(self, part: slice) -> Stretch:
        bits = self._fields[part].tolist()
        return Stretch(
            self.ordinals[part],
            self._identified[part],
            self._first[part],
            self._last[part],
            self._transfers[part],
            tuple(tuple(n for bit, n in enumerate(self._names) if each >> bit & 1) for each in bits),
            tuple(self._groups.members[number] for number in self._destinations[part].tolist()),
        )


class _Groups:
    """Sets of destinations by number, each kept once: few customers were sent to a set of their own."""

    def __init__(self) -> None:
        self.members: list[tuple[int, ...]] = [()]
        self._number: dict[tuple[int, ...], int] = {(): 0}
        self._next: defaultdict[int, dict[int, int]] = defaultdict(dict)

    def grown(self, groups: NDArray[np.int32], member: int) -> NDArray[np.int32]:
        """Return the numbers of the same sets with one more member."""
        distinct, place = np.unique(groups, return_inverse=True)
        more = np.array([self._with(number, member) for number in distinct.tolist()], dtype=np.int32)
        grown: NDArray[np.int32] = more[place] if len(more) else groups
        return grown

    def _with(self, number: int, member: int) -> int:
        known = self._next[member]
        if number not in known:
            members = tuple(sorted({*self.members[number], member}))
            if members not in self._number:
                self._number[members] = len(self.members)
                self.members.append(members)
            known[number] = self._number[members]
        return known[number]
