"""Figures for the desk: what was held and what was sent, over time, by whom and where to."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass, field

import sqlalchemy as sa

from exfilter.ledger import Ledger
from exfilter.ledger.choosing import SENDERS
from exfilter.ledger.tables import exposures, scopes, unread
from exfilter.quarantine import Choice, Figures, Quarantine, State
from exfilter.quarantine.entries import utc
from exfilter.quarantine.figures import Share

TOP = 10
FRESH = 60.0
"""Seconds for which figures are not asked for again."""
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Day:
    """One day. Customers are counted in each transfer by itself."""

    day: str
    """As 2026-11-22. Of what was held in UTC, of what was sent in the settings' time zone."""
    held: int
    """Transfers that were held, whatever was decided later."""
    held_customers: int
    sent: int
    """Transfers with customers that passed."""
    sent_customers: int


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The figures of some days."""

    days: tuple[Day, ...]
    """Ascending, without gaps."""
    counts: dict[State, int]
    """In the whole quarantine."""
    held: Figures
    senders: tuple[Share, ...]
    """Who sent most customers that passed; as the ledger calls them."""
    receivers: tuple[Share, ...]
    unread_bytes: int
    """That passed and could not be read."""
    made: float


def dashboard(quarantine: Quarantine, ledger: Ledger, days: int) -> Dashboard:
    """Sum up the last days."""
    now = ledger.clock()
    today = ledger.calendar.day(now)
    first = today - days + 1
    figures = quarantine.figures(utc(now - days * DAY), TOP)
    with ledger.database.transaction() as connection:
        sent = {row.day: row for row in connection.execute(_by_day(first))}
        senders = _shares(connection, exposures.c.actor, first)
        receivers = _shares(connection, exposures.c.destination, first)
        missed = connection.scalar(sa.select(sa.func.sum(unread.c.bytes)).where(unread.c.day >= first))
    return Dashboard(
        days=tuple(_day(each, figures, sent) for each in range(first, today + 1)),
        counts=dict(quarantine.counts(Choice())),
        held=figures,
        senders=senders,
        receivers=receivers,
        unread_bytes=int(missed or 0),
        made=now,
    )


def _sent(first: int) -> tuple[sa.ColumnElement[bool], ...]:
    return exposures.c.sent, exposures.c.day >= first, scopes.c.kind.in_(SENDERS)


def _by_day(first: int) -> sa.Select[tuple[int, int, int]]:
    counted = sa.func.count().label("transfers"), sa.func.sum(exposures.c.customers).label("customers")
    joined = sa.select(exposures.c.day, *counted).join(scopes, scopes.c.id == exposures.c.actor)
    return joined.where(*_sent(first)).group_by(exposures.c.day)


def _shares(connection: sa.Connection, column: sa.Column[int], first: int) -> tuple[Share, ...]:
    customers = sa.func.sum(exposures.c.customers)
    most = (
        sa.select(column, sa.func.count(), customers)
        .join(scopes, scopes.c.id == exposures.c.actor)
        .where(*_sent(first))
        .group_by(column)
        .order_by(customers.desc(), column)
        .limit(TOP)
    )
    rows = connection.execute(most).all()
    named = sa.select(scopes.c.id, scopes.c.name).where(scopes.c.id.in_([row[0] for row in rows]))
    names = {row.id: row.name for row in connection.execute(named)}
    return tuple(Share(names.get(number, ""), int(count), int(total)) for number, count, total in rows)


def _day(day: int, held: Figures, sent: dict[int, sa.Row[tuple[int, int, int]]]) -> Day:
    date = dt.date.fromordinal(day).isoformat()
    of_day = [each for each in held.days if each.day == date]
    row = sent.get(day)
    return Day(
        date,
        sum(each.transfers for each in of_day),
        sum(each.customers for each in of_day),
        int(row.transfers) if row else 0,
        int(row.customers) if row else 0,
    )


@dataclass(slots=True)
class Kept:
    """The last figures: a page that is reloaded does not count everything anew."""

    _made: dict[int, Dashboard] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def dashboard(self, quarantine: Quarantine, ledger: Ledger, days: int) -> Dashboard:
        """Return them, made anew where they are older than a minute."""
        with self._lock:
            known = self._made.get(days)
            if known is None or abs(ledger.clock() - known.made) > FRESH:
                known = self._made[days] = dashboard(quarantine, ledger, days)
            return known
