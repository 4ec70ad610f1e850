"""Figures for the desk: what was held and what was sent, over time, by whom and where to."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from exfilter.ledger import Ledger
from exfilter.ledger.choosing import SENDERS
from exfilter.ledger.tables import exposures, scopes, unread
from exfilter.quarantine import Choice, Figures, Quarantine, State
from exfilter.quarantine.entries import utc
from exfilter.quarantine.figures import Share

TOP = 10
USUAL = 30
"""Days that are asked for mostly."""
SPANS = (7, USUAL, 90, 365)
"""Days that can be chosen on the page."""
FRESH = 60.0
"""Seconds for which figures are not asked for again."""
OLD = 900.0
"""Seconds after which they are shown to nobody any more."""
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
        sent = _sent(connection, first)
        missed = connection.scalar(sa.select(sa.func.sum(unread.c.bytes)).where(unread.c.day >= first))
    return Dashboard(
        days=tuple(_day(each, figures, sent.days) for each in range(first, today + 1)),
        counts=dict(quarantine.counts(Choice())),
        held=figures,
        senders=sent.senders,
        receivers=sent.receivers,
        unread_bytes=int(missed or 0),
        made=now,
    )


@dataclass(frozen=True, slots=True)
class _Sent:
    """What passed with customers."""

    days: dict[int, tuple[int, int]]
    """Transfers and customers by day."""
    senders: tuple[Share, ...]
    receivers: tuple[Share, ...]


def _sent(connection: sa.Connection, first: int) -> _Sent:
    """Read it from a day on."""
    found: dict[str, list[tuple[int, int, int]]] = {"day": [], "actor": [], "destination": []}
    for by, number, transfers, customers in connection.execute(_summed(first)):
        found[by].append((int(number), int(transfers), int(customers)))
    named = {number for by in ("actor", "destination") for number, *_ in found[by]}
    rows = connection.execute(sa.select(scopes.c.id, scopes.c.name).where(scopes.c.id.in_(named)))
    names = {row.id: row.name for row in rows}

    def shares(by: str) -> tuple[Share, ...]:
        return tuple(Share(names.get(number, ""), count, sum_) for number, count, sum_ in found[by])

    days = {day: (count, sum_) for day, count, sum_ in found["day"]}
    return _Sent(days, shares("actor"), shares("destination"))


def _summed(first: int) -> sa.CompoundSelect[Any]:
    """Return what sums it up by day, and by those who have most: in one pass over the wide rows.

    ``+ 0``: they are read in the order of their days. By the index of actors they lie all over the file.
    """
    narrow = (
        sa.select(exposures.c.day, exposures.c.actor, exposures.c.destination, exposures.c.customers)
        .join(scopes, scopes.c.id == exposures.c.actor + 0)
        .where(exposures.c.sent, exposures.c.day >= first, scopes.c.kind.in_(SENDERS))
        .cte("narrow")
        .prefix_with("MATERIALIZED")
    )
    customers = sa.func.sum(narrow.c.customers)

    def by(name: str) -> sa.Select[Any]:
        column = narrow.c[name]
        return sa.select(sa.literal(name), column, sa.func.count(), customers).group_by(column)

    most = (
        by(name).order_by(customers.desc(), narrow.c[name]).limit(TOP).subquery()
        for name in ("actor", "destination")
    )
    return sa.union_all(by("day"), *(sa.select(each) for each in most))


def _day(day: int, held: Figures, sent: dict[int, tuple[int, int]]) -> Day:
    date = dt.date.fromordinal(day).isoformat()
    of_day = [each for each in held.days if each.day == date]
    transfers, customers = sent.get(day, (0, 0))
    return Day(
        date,
        sum(each.transfers for each in of_day),
        sum(each.customers for each in of_day),
        transfers,
        customers,
    )


@dataclass(slots=True)
class Kept:
    """The last figures: shown at once; what is older than a minute is made anew behind them."""

    quarantine: Quarantine
    ledger: Ledger
    _made: dict[int, Dashboard] = field(default_factory=dict)
    _making: threading.Lock = field(default_factory=threading.Lock)
    """Held while figures are made: one after the other."""
    _thread: threading.Thread | None = None

    def dashboard(self, days: int) -> Dashboard:
        """Return them. Who asks for so many days first, or first in a while, waits for them."""
        known = self._young(days, OLD)
        if known is None:
            with self._making:
                return self._young(days, OLD) or self._make(days)
        if self._young(days, FRESH) is None:
            self.renew(days)
        return known

    def renew(self, *days: int) -> None:
        """Have those of so many days made by a thread, one after the other, unless it is at work already."""
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._make_behind, args=days)
            thread.start()
            self._thread = thread

    def wait(self) -> None:
        """Wait for the figures that are being made behind, if any are."""
        if self._thread is not None:
            self._thread.join()

    def _young(self, days: int, age: float) -> Dashboard | None:
        known = self._made.get(days)
        return known if known and abs(self.ledger.clock() - known.made) <= age else None

    def _make(self, days: int) -> Dashboard:
        made = self._made[days] = dashboard(self.quarantine, self.ledger, days)
        return made

    def _make_behind(self, *spans: int) -> None:
        for days in spans:
            with self._making:
                try:
                    if self._young(days, FRESH) is None:
                        self._make(days)
                except Exception:  # noqa: BLE001 - whoever asks next makes them himself, and is told
                    self._made.pop(days, None)
