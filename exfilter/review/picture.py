"""What an actor sent all in all: windows, days, what is unusual, and his last transfers."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.ledger import Ledger, daily, transfers, usual
from exfilter.ledger.choosing import Choice
from exfilter.ledger.days import Calendar
from exfilter.ledger.deviation import Deviation, Measure
from exfilter.ledger.sets import Customers
from exfilter.ledger.transfers import Row
from exfilter.ledger.windows import States
from exfilter.quarantine import Entry

WINDOWS = (1, 7, 30)
"""Days."""
DAYS = 30
LAST = 10


@dataclass(frozen=True, slots=True)
class Window:
    """Customers of the last days."""

    days: int
    sent: int
    """Distinct ones."""
    new: int
    """Those of them whom he had not sent before."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One actor as the ledger knows him."""

    actor: str
    """As the ledger calls him."""
    kind: str
    """actor; bulk: declared to send many; exempt: by a rule; reader: what he was shown."""
    windows: tuple[Window, ...] = ()
    """Empty: the ledger does not know him."""
    days: tuple[tuple[str, int], ...] = ()
    """Date and distinct customers, ascending, without gaps."""
    unusual: tuple[str, ...] = ()
    """What the day of the transfer was by his own past and his peers, in sentences."""
    last: tuple[Row, ...] = ()
    """His last transfers with customers."""


def of_entry(ledger: Ledger, entry: Entry) -> Picture:
    """Return the picture of who sent a held transfer, on the day when he did."""
    try:
        row = transfers.listed(ledger, Choice(transfer=entry.id, viewed=None), 1)[0]
    except (ValueError, IndexError):  # held for what could not be read: nobody is known to be in it
        return of_actor(ledger, ledger.called(entry.actor), "actor", ledger.calendar.day(ledger.clock()))
    return of_actor(ledger, row.actor, row.kind, ledger.calendar.day(row.time))


def of_actor(ledger: Ledger, name: str, kind: str, day: int) -> Picture:
    """Return the picture of an actor up to today. ``name``: as the ledger calls him."""
    today = ledger.calendar.day(ledger.clock())
    with ledger.database.transaction() as connection:
        scope = usual.known(connection, kind, name)
        if scope is None:
            return Picture(name, kind)
        state = States().state(connection, *scope, today, WINDOWS)
        seen = usual.whole_day(connection, name, day) if kind in {"actor", "reader"} else {}
        days = _days(connection, scope, today)
    counted = ((each, state.counted(each, Customers())) for each in WINDOWS)
    return Picture(
        name,
        kind,
        tuple(Window(each, found.sent, found.new) for each, found in counted),
        days,
        tuple(_said(each, measure, past=day < today) for measure, each in seen.items() if each.seen),
        tuple(transfers.listed(ledger, _choice(name, kind), LAST)),
    )


def _said(seen: Deviation, measure: Measure, *, past: bool) -> str:
    text = seen.sentence(measure, past=past)
    return f"{text[0].upper()}{text[1:]}."


def _days(connection: sa.Connection, scope: tuple[int, int], today: int) -> tuple[tuple[str, int], ...]:
    # Up to the day after today: the last count is today's.
    counts = daily.history(connection, *scope, today + 1, Measure.CUSTOMERS).counts[-DAYS:].tolist()
    counts = [0] * (DAYS - len(counts)) + counts
    return tuple((Calendar.date(today - DAYS + 1 + place), count) for place, count in enumerate(counts))


def _choice(name: str, kind: str) -> Choice:
    return Choice(actor=name, viewed=kind == "reader")
