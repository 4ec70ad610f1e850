"""A year into a ledger in minutes: the rows that ``Ledger.enter`` would have written, one after the other.

``tests/bench/test_ledger.py`` compares every table with one that was entered transfer by transfer. It writes
into a new ledger only, and knows nothing of estimates, retries, and what is held.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import batched, pairwise
from typing import Any

import numpy as np
import sqlalchemy as sa
from pyroaring import BitMap

from bench.senders import START, Year, actor_name, destination_name, group_name, transfer, verdict
from exfilter.ledger import Ledger, identity
from exfilter.ledger.rollup import AFTER, SOON
from exfilter.ledger.sets import packed, packed_fields
from exfilter.ledger.tables import exposures, lifetimes, meetings, members, rollups, scopes, tail
from exfilter.model import Int64Array

CHUNK = 10_000
"""Rows of one statement."""
NONE = -1
"""In the place of a scope."""

type Row = tuple[Any, ...]


def load(ledger: Ledger, year: Year) -> None:
    """Write all exposures of a year, and what is counted from them."""
    book = Book.open(ledger, year)
    with ledger.database.transaction(writes=True) as connection:
        put = _insert if connection.dialect.name == "sqlite" else _copy
        put(connection, scopes, book.scopes())
        put(connection, exposures, book.exposures())
        put(connection, tail, book.tail())
        put(connection, rollups, book.rollups())
        put(connection, lifetimes, book.lifetimes())
        put(connection, members, book.members())
        put(connection, meetings, book.meetings())


@dataclass(frozen=True, slots=True)
class Book:
    """A year by scope. Exposures are numbered by time from 0, scopes as in the ledger from 1."""

    ledger: Ledger
    year: Year
    day: Int64Array
    """Of each exposure, as the ledger counts days."""
    scope: Int64Array
    """Actor, destination and group of each exposure; ``NONE`` [exposures, 3]."""
    names: tuple[tuple[str, str], ...]
    """Kind and name of scopes 1, 2, ..."""
    order: Int64Array
    """Exposures by scope, then by time."""
    start: Int64Array
    """Where in ``order`` each scope begins, and the last one ends."""

    @classmethod
    def open(cls, ledger: Ledger, year: Year) -> Book:
        """Return a year with its scopes numbered in the order in which they come up."""
        codes = _codes(year)
        known, first, place = np.unique(codes.ravel(), return_index=True, return_inverse=True)
        met = np.flatnonzero(known != NONE)
        met = met[np.argsort(first[met])]
        numbers = np.full(len(known), NONE)
        numbers[met] = np.arange(1, len(met) + 1)
        scope = numbers[place.ravel()]
        order = np.argsort(scope, kind="stable")
        start = np.searchsorted(scope[order], np.arange(1, len(met) + 2))
        return cls(
            ledger,
            year,
            year.day() + ledger.calendar.day(START),
            scope.reshape(codes.shape),
            tuple(_name(code, year) for code in known[met].tolist()),
            order // codes.shape[1],
            start,
        )

    def of(self, scope: int) -> Int64Array:
        """Return the exposures of a scope, by time."""
        return self.order[self.start[scope - 1] : self.start[scope]]

    def rolled(self, scope: int) -> Int64Array:
        """Return those of them that are rolled up."""
        mine = self.of(scope)
        after = SOON if self.names[scope - 1][0] == "actor" else AFTER
        return mine[: len(mine) // after * after]

    def together(self, some: Int64Array) -> BitMap:
        """Return all customers of some exposures."""
        starts, ends = self.year.start[some], self.year.start[some + 1]
        if len(some) == 1:
            return BitMap(self.year.customers[starts[0] : ends[0]])
        lengths = ends - starts
        places = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        return BitMap(self.year.customers[places])

    def scopes(self) -> Iterator[Row]:
        """Yield id, kind, name, turn, through."""
        for scope, (kind, name) in enumerate(self.names, 1):
            yield scope, kind, name, len(self.of(scope)), len(self.rolled(scope))

    def exposures(self) -> Iterator[Row]:
        """Yield them as ``Ledger.enter`` describes them."""
        for number, (actor, destination) in enumerate(
            zip(self.year.actor.tolist(), self.year.destination.tolist(), strict=True)
        ):
            when, who = float(self.year.time[number]), BitMap(self.year.who(number))
            sent = transfer(actor, destination, number.to_bytes(8), when)
            yield (
                *(number + 1, identity.key(self.ledger.secret, sent, ""), int(self.day[number])),
                *(when, when, 1, int(self.scope[number, 0]), int(self.scope[number, 1])),
                *("proxy", 0, "default", True, "", VERSIONS.index, len(who), 0),
                *(packed(who), None, FIELDS),
            )

    def tail(self) -> Iterator[Row]:
        """Yield scope, turn, exposure."""
        for scope in range(1, len(self.names) + 1):
            mine, through = self.of(scope), len(self.rolled(scope))
            yield from ((scope, turn, at + 1) for turn, at in enumerate(mine[through:].tolist(), through + 1))

    def rollups(self) -> Iterator[Row]:
        """Yield scope, day and who was sent, by scope and day."""
        for scope in range(1, len(self.names) + 1):
            mine = self.rolled(scope)
            days = self.day[mine]
            ever = BitMap()
            starts = np.flatnonzero(np.diff(days, prepend=NONE)).tolist()
            for begin, end in pairwise((*starts, len(mine))):
                who = self.together(mine[begin:end])
                fresh = who.difference_cardinality(ever)
                ever |= who
                yield scope, int(days[begin]), len(who), fresh, packed(who), None, 0.0

    def lifetimes(self) -> Iterator[Row]:
        """Yield scope and who was ever sent."""
        for scope in range(1, len(self.names) + 1):
            mine = self.rolled(scope)
            if len(mine):
                yield scope, packed(self.together(mine)), None

    def members(self) -> Iterator[Row]:
        """Yield actor, group and the day of today."""
        today = self.ledger.calendar.day(self.ledger.clock())
        for actor, group in np.unique(self.scope[:, ::2], axis=0).tolist():
            if group != NONE:
                yield actor, group, today

    def meetings(self) -> Iterator[Row]:
        """Yield actor, destination, first day."""
        pairs, first = np.unique(self.scope[:, :2], axis=0, return_index=True)
        for (actor, destination), number in zip(pairs.tolist(), first.tolist(), strict=True):
            yield actor, destination, int(self.day[number])


def _codes(year: Year) -> Int64Array:
    """Return a number for each actor, destination and group of each exposure [exposures, 3]."""
    group = year.group[year.actor]
    places = len(year.group) + year.destination
    groups = np.where(group < 0, NONE, _first_group(year) + group)
    return np.stack((year.actor, places, groups), axis=1)


def _first_group(year: Year) -> int:
    return len(year.group) + year.scale.destinations + 3


def _name(code: int, year: Year) -> tuple[str, str]:
    if code < len(year.group):
        return "bulk" if year.group[code] < 0 else "actor", actor_name(code)
    if code < _first_group(year):
        return "destination", destination_name(code - len(year.group))
    return "group", group_name(code - _first_group(year))


_SOMEBODY = verdict(0, 0, np.array([1]))
VERSIONS = _SOMEBODY.versions
FIELDS = packed_fields(_SOMEBODY.findings.exposed, BitMap([1]))
"""Everybody in a transfer was exposed with the same fields."""


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterator[Row]) -> None:
    columns = [f'"{column.name}"' for column in table.columns]
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our names
    for some in batched(rows, CHUNK):
        connection.exec_driver_sql(statement, list(some))


def _copy(connection: sa.Connection, table: sa.Table, rows: Iterator[Row]) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    cursor = connection.connection.cursor()
    for some in batched(rows, CHUNK):
        lines = io.BytesIO("".join(map(_line, some)).encode())
        cursor.execute(f"COPY {table.name} ({names}) FROM STDIN", stream=lines)  # type: ignore[call-arg]
    if table in (scopes, exposures):
        last = sa.select(sa.func.max(table.c.id)).scalar_subquery()
        connection.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(table.name, "id"), last)))


def _line(row: Row) -> str:
    return "\t".join(map(_text, row)) + "\n"


def _text(value: object) -> str:
    if value is None:
        return "\\N"
    return f"\\\\x{value.hex()}" if isinstance(value, bytes) else str(value)
