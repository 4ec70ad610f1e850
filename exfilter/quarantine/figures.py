"""Figures over many held transfers, from indexes: nothing wide is read."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.quarantine.states import State
from exfilter.quarantine.tables import transfers, unread


@dataclass(frozen=True, slots=True)
class Day:
    """What was held of one day."""

    day: str
    """UTC, as 2026-11-22."""
    state: State
    transfers: int
    customers: int
    """Counted in each transfer by itself."""


@dataclass(frozen=True, slots=True)
class Share:
    """What was held of one actor, destination or rule."""

    name: str
    transfers: int
    customers: int
    """Counted in each transfer by itself."""


@dataclass(frozen=True, slots=True)
class Unread:
    """What could not be read, of one reason."""

    reason: str
    transfers: int
    parts: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What was held since some time."""

    days: tuple[Day, ...]
    """Ascending; days without any are left out."""
    actors: tuple[Share, ...]
    """Most customers first; so are the next two."""
    destinations: tuple[Share, ...]
    rules: tuple[Share, ...]
    unread: tuple[Unread, ...]
    """Most transfers first."""


def figures(connection: sa.Connection, since: str, most: int) -> Figures:
    """Sum up what was sent since then. ``most``: shares of a kind."""
    return Figures(
        days=_days(connection, since),
        actors=_shares(connection, "actor", since, most),
        destinations=_shares(connection, "destination", since, most),
        rules=_shares(connection, "rule", since, most),
        unread=_unread(connection, since),
    )


def _days(connection: sa.Connection, since: str) -> tuple[Day, ...]:
    day = sa.func.substr(transfers.c.time, 1, 10)
    wanted = (
        sa.select(day, transfers.c.state, sa.func.count(), sa.func.sum(transfers.c.customers))
        .where(transfers.c.time >= since)
        .group_by(day, transfers.c.state)
        .order_by(day, transfers.c.state)
    )
    rows = connection.execute(wanted).all()
    return tuple(Day(at, State(state), count, customers) for at, state, count, customers in rows)


def _shares(connection: sa.Connection, name: str, since: str, most: int) -> tuple[Share, ...]:
    column, customers = transfers.c[name], sa.func.sum(transfers.c.customers)
    wanted = (
        sa.select(column, sa.func.count(), customers)
        .where(transfers.c.time >= since)
        .group_by(column)
        .order_by(customers.desc(), column)
        .limit(most)
    )
    return tuple(Share(*row) for row in connection.execute(wanted))


def _unread(connection: sa.Connection, since: str) -> tuple[Unread, ...]:
    count = sa.func.count()
    wanted = (
        sa.select(unread.c.reason, count, sa.func.sum(unread.c.parts), sa.func.sum(unread.c.bytes))
        .where(unread.c.time >= since)
        .group_by(unread.c.reason)
        .order_by(count.desc(), unread.c.reason)
    )
    return tuple(Unread(*row) for row in connection.execute(wanted))
