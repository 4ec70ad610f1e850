"""Customers who are to be in no set of the ledger any more.

The numbers that were written with a transfer stay: they are what was decided on, and name nobody. What is
counted from the sets counts one less. Every set of every table is read: nothing is left out on the word of
another table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pyroaring import BitMap

from exfilter.database import Database
from exfilter.ledger.rollup import roll_up
from exfilter.ledger.sets import (
    Blob,
    Customers,
    packed,
    packed_or_none,
    repacked_fields,
    unpacked,
    unpacked_fields,
)
from exfilter.ledger.store import Ledger
from exfilter.ledger.tables import exposures, lifetimes, rollups, tail
from exfilter.ledger.writing import taken

PAGE = 64
"""Rows that are read at a time."""

type Place = tuple[int, ...]
"""Primary key of a row."""


@dataclass(frozen=True, slots=True)
class Erased:
    """Where they were."""

    exposures: int
    overwritten: bool
    """Whether they are out of the files too. False: somebody was reading; `exfilter ledger tidy` does it."""


def erase(ledger: Ledger, gone: BitMap) -> Erased:
    """Take customers out of all sets. Raises OSError.

    A transfer that is being decided meanwhile may still bring them in; the same again takes them out.
    """
    database = ledger.database
    touched, found = set[int](), 0
    for place, row in _rows(database, exposures, ("id",), ("actor", "identified", "behind", "fields")):
        if _holds(row, gone):
            touched |= _from_exposure(database, place[0], row["actor"], gone)
            found += 1
    days: defaultdict[int, list[int]] = defaultdict(list)
    for (scope, day), row in _rows(database, rollups, ("scope", "day"), ("identified", "behind")):
        if _holds(row, gone):
            days[scope].append(day)
    lives = _rows(database, lifetimes, ("scope",), ("identified", "behind"))
    touched |= {place[0] for place, row in lives if _holds(row, gone)}
    for scope in sorted(touched | days.keys()):
        _from_scope(database, scope, days[scope], gone)
    return Erased(found, database.reclaim())


def _rows(
    database: Database, table: sa.Table, key: tuple[str, ...], names: tuple[str, ...]
) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Yield all rows by their primary key, a page a transaction: nobody waits for a long one."""
    columns = [table.c[name] for name in key]
    after = [-1] * len(key)
    wanted = sa.select(*columns, *(table.c[name] for name in names)).order_by(*columns).limit(PAGE)
    while True:
        with database.transaction() as connection:
            page = connection.execute(wanted.where(sa.tuple_(*columns) > after)).mappings().all()
        for row in page:
            yield tuple(row[name] for name in key), {name: row[name] for name in names}
        if len(page) < PAGE:
            return
        after = [page[-1][name] for name in key]


def _holds(row: Mapping[str, Any], gone: BitMap) -> bool:
    if gone.intersect(unpacked(row["identified"])) or gone.intersect(unpacked(row["behind"])):
        return True
    fields = unpacked_fields(row["fields"], BitMap()) if "fields" in row else {}
    return any(gone.intersect(who) for who in fields.values())


def _from_exposure(database: Database, number: int, actor: int, gone: BitMap) -> set[int]:
    """Take them out of an exposure, and return the scopes that have not rolled it up."""
    this = exposures.c.id == number
    with database.step() as connection:
        taken(connection, [actor])  # whoever adds to it takes a turn of its actor too
        sets = sa.select(exposures.c.identified, exposures.c.behind, exposures.c.fields).where(this)
        row = connection.execute(sets).one_or_none()
        if row is None:
            return set()
        identified = unpacked(row.identified)
        fields = {name: who - gone for name, who in unpacked_fields(row.fields, identified).items()}
        identified -= gone
        values = _packed(identified, unpacked(row.behind) - gone)
        values["fields"] = repacked_fields(fields, identified)
        connection.execute(sa.update(exposures).where(this).values(**values))
        return set(connection.execute(sa.select(tail.c.scope).where(tail.c.exposure == number)).scalars())


def _from_scope(database: Database, scope: int, days: list[int], gone: BitMap) -> None:
    for day in days:
        with database.step() as connection:
            taken(connection, [scope])
            _from_day(connection, scope, day, gone)
    with database.step() as connection:
        (turn,) = taken(connection, [scope])
        row = connection.execute(sa.select(lifetimes).where(lifetimes.c.scope == scope)).one_or_none()
        if row is not None:
            values = _packed(unpacked(row.identified) - gone, unpacked(row.behind) - gone)
            connection.execute(sa.update(lifetimes).where(lifetimes.c.scope == scope).values(**values))
        # All is rolled up to a new turn: no process goes on with what it has kept in mind (see windows.py).
        roll_up(connection, scope, turn.turn, turn.through)


def _from_day(connection: sa.Connection, scope: int, day: int, gone: BitMap) -> None:
    this = (rollups.c.scope == scope, rollups.c.day == day)
    row = connection.execute(sa.select(rollups).where(*this)).one_or_none()
    if row is None:
        return
    left = Customers(unpacked(row.identified) - gone, unpacked(row.behind) - gone, row.estimated)
    values: dict[str, object] = {**_packed(left.identified, left.behind), "customers": left.count()}
    connection.execute(sa.update(rollups).where(*this).values(**values))


def _packed(identified: BitMap, behind: BitMap) -> dict[str, Blob | None]:
    return {"identified": packed(identified), "behind": packed_or_none(behind)}
