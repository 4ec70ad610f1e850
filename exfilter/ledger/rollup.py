"""What is counted from the exposures of a scope: made when it is read, kept so that it is made once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import sqlalchemy as sa

from exfilter.ledger.rows import excluded, put
from exfilter.ledger.sets import Customers, packed, packed_or_none, unpacked
from exfilter.ledger.tables import exposures, lifetimes, rollups, scopes, tail

AFTER = 64
"""Turns of a scope after which they are rolled up: a set of millions is not written for every transfer."""
SOON = 8
"""The same of an actor, whose sets are small: what is not rolled up of ten thousand makes a trace slow."""


def since(connection: sa.Connection, scope: int, turn: int) -> Iterator[tuple[int, int, Customers]]:
    """Yield turn, day and customers of each exposure after a turn that was sent, in order."""
    wanted = (
        sa.select(
            tail.c.turn, exposures.c.day, exposures.c.identified, exposures.c.behind, exposures.c.estimated
        )
        .join(exposures, exposures.c.id == tail.c.exposure)
        .where(tail.c.scope == scope, tail.c.turn > turn, exposures.c.sent)
        .order_by(tail.c.turn)
    )
    for number, day, identified, behind, estimated in connection.execute(wanted):
        yield number, day, customers(identified, behind, estimated).folded()


def customers(identified: bytes, behind: bytes | None, estimated: int) -> Customers:
    """Return the customers of one exposure, as its row has them."""
    return Customers(unpacked(identified), unpacked(behind), estimated)


def by_day(
    connection: sa.Connection, scope: int, *where: sa.ColumnElement[bool]
) -> Iterator[tuple[int, Customers]]:
    """Yield day and customers of what is rolled up."""
    wanted = sa.select(rollups.c.day, rollups.c.identified, rollups.c.behind, rollups.c.estimated).where(
        rollups.c.scope == scope, *where
    )
    for day, identified, behind, estimated in connection.execute(wanted):
        yield day, Customers(unpacked(identified), unpacked(behind), estimated)


def roll_up(connection: sa.Connection, scope: int, turn: int, through: int) -> None:
    """Take the turns of a scope up to ``turn`` into its days and its lifetime."""
    days: defaultdict[int, Customers] = defaultdict(Customers)
    for _, day, who in since(connection, scope, through):
        days[day].add(who)
    if days:
        add(connection, scope, days)
    connection.execute(sa.delete(tail).where(tail.c.scope == scope, tail.c.turn <= turn))
    connection.execute(sa.update(scopes).where(scopes.c.id == scope).values(through=turn))


def add(connection: sa.Connection, scope: int, days: dict[int, Customers]) -> None:
    """Take customers by day into what is rolled up."""
    lifetime, fresh = lifetime_of(connection, scope), dict[int, int]()
    for day in sorted(days):
        fresh[day] = days[day].count_new(lifetime)
        lifetime.add(days[day])
    for day, known in by_day(connection, scope, rollups.c.day.in_(days)):
        days[day].add(known)
    rows = [_row(scope, day, who) | {"fresh": fresh[day]} for day, who in days.items()]
    names = ("customers", "identified", "behind", "estimated")
    more = {"fresh": rollups.c.fresh + sa.literal_column("excluded.fresh")}
    put(connection, rollups, rows, **dict.fromkeys(names, excluded), **more)
    row = {
        "scope": scope,
        "identified": packed(lifetime.identified),
        "behind": packed_or_none(lifetime.behind),
    }
    put(connection, lifetimes, [row], identified=excluded, behind=excluded)


def lifetime_of(connection: sa.Connection, scope: int) -> Customers:
    """Return all that is rolled up of a scope."""
    row = connection.execute(sa.select(lifetimes).where(lifetimes.c.scope == scope)).one_or_none()
    return Customers(unpacked(row.identified), unpacked(row.behind)) if row else Customers()


def _row(scope: int, day: int, who: Customers) -> dict[str, object]:
    return {
        "scope": scope,
        "day": day,
        "customers": who.count(),
        "identified": packed(who.identified),
        "behind": packed_or_none(who.behind),
        "estimated": who.estimated,
    }
