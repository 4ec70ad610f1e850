"""Who else sent some customers, and where else they went: from what is rolled up, one scope at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import sqlalchemy as sa
from pyroaring import BitMap

from exfilter.database import Database
from exfilter.ledger import rollup
from exfilter.ledger.choosing import READERS, SENDERS
from exfilter.ledger.sets import Customers, unpacked
from exfilter.ledger.tables import lifetimes, scopes

KINDS = (*SENDERS, *READERS, "destination")
PAGE = 16
"""Scopes that are read at a time."""


@dataclass(frozen=True, slots=True)
class Other:
    """An actor or destination of some of the same customers."""

    kind: str
    """actor; bulk: declared to send many; exempt: by a rule; reader: who was shown them; destination."""
    name: str
    customers: int
    """Of those asked for, identified."""
    possible: int
    """And behind estimates only."""
    first: int
    """Day."""
    last: int


def others(database: Database, whom: BitMap, but: set[int], most: int) -> list[Other]:
    """Return who else sent any of them, most customers first. ``but``: scopes that are left out."""
    found = list[tuple[int, int, int, str, str]]()
    for number, kind, name, who in _lives(database, whom):
        counts = len(who.identified), len(who.behind - who.identified)
        if number not in but and any(counts):
            found.append((*counts, number, kind, name))
    found.sort(key=lambda each: (-each[0], -each[1], each[3], each[4]))
    return [
        Other(kind, name, identified, possible, *_ends(database, number, whom))
        for identified, possible, number, kind, name in found[:most]
    ]


def _lives(database: Database, whom: BitMap) -> Iterator[tuple[int, str, str, Customers]]:
    """Yield each scope with those of them that it ever sent."""
    names = (scopes.c.id, scopes.c.kind, scopes.c.name, scopes.c.through)
    wanted = (
        sa.select(*names, lifetimes.c.identified, lifetimes.c.behind)
        .join(lifetimes, lifetimes.c.scope == scopes.c.id, isouter=True)
        .where(scopes.c.kind.in_(KINDS))
        .order_by(scopes.c.id)
        .limit(PAGE)
    )
    after = 0
    while True:
        with database.transaction() as connection:
            page = connection.execute(wanted.where(scopes.c.id > after)).all()
            for row in page:
                life = _only(unpacked(row.identified), unpacked(row.behind), whom)
                for _, _, who in rollup.since(connection, row.id, row.through):
                    life.add(_only(who.identified, who.behind, whom))
                yield row.id, row.kind, row.name, life
        if len(page) < PAGE:
            return
        after = page[-1].id


def _only(identified: BitMap, behind: BitMap, whom: BitMap) -> Customers:
    return Customers(identified & whom, behind & whom)


def _ends(database: Database, scope: int, whom: BitMap) -> tuple[int, int]:
    """Return the first and the last day on which it sent any of them."""
    days = set[int]()
    with database.transaction() as connection:
        through = connection.execute(sa.select(scopes.c.through).where(scopes.c.id == scope)).scalar_one()
        loose = ((day, who) for _, day, who in rollup.since(connection, scope, through))
        for day, who in chain(loose, rollup.by_day(connection, scope)):
            if whom.intersect(who.identified) or whom.intersect(who.behind):
                days.add(day)
    return (min(days), max(days)) if days else (0, 0)
