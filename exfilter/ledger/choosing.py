"""Which transfers of the ledger are meant: by actor, destination, number or id, and days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.ledger.noted import NAME_LIMIT
from exfilter.ledger.store import Ledger
from exfilter.ledger.tables import exposures, other_ids, scopes

SENDERS = ("actor", "bulk", "exempt")
READERS = ("reader",)
NO_SUCH = "the ledger has no such transfer: see `exfilter ledger list`"
PAGE = 64
"""Rows that are read at a time: memory does not grow with the number of transfers."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for. All of it has to hold; empty or None: all."""

    actor: str = ""
    """His name, or what the ledger calls him."""
    destination: str = ""
    transfer: str = ""
    """The ledger's number, or the quarantine's id."""
    since: int | None = None
    until: int | None = None
    """Days, both included."""
    viewed: bool | None = False
    """Only what was shown inside, instead of what was sent. None: both."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The same with the ledger's own numbers."""

    actors: tuple[int, ...] | None = None
    """None: all."""
    destinations: tuple[int, ...] | None = None
    kinds: tuple[str, ...] = SENDERS
    transfer: str = ""
    since: int | None = None
    until: int | None = None

    def where(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions on ``exposures``."""
        found = list[sa.ColumnElement[bool]]()
        if self.actors is not None:
            found.append(exposures.c.actor.in_(self.actors))
        if self.destinations is not None:
            found.append(exposures.c.destination.in_(self.destinations))
        if self.since is not None:
            found.append(exposures.c.day >= self.since)
        if self.until is not None:
            found.append(exposures.c.day <= self.until)
        if self.transfer:
            found.append(self._is_transfer())
        return found

    def _is_transfer(self) -> sa.ColumnElement[bool]:
        if self.transfer.isascii() and self.transfer.isdigit() and len(self.transfer) < 19:
            return exposures.c.id == int(self.transfer)
        before = sa.select(other_ids.c.exposure).where(other_ids.c.transfer_id == self.transfer)
        return sa.or_(exposures.c.transfer_id == self.transfer, exposures.c.id.in_(before))


def chosen(ledger: Ledger, choice: Choice) -> Chosen:
    """Look the names up. Raises ValueError for what the ledger does not know, and for days in wrong order."""
    _check_days(choice)
    kinds = {None: SENDERS + READERS, True: READERS, False: SENDERS}[choice.viewed]
    actors = destinations = None
    with ledger.database.transaction() as connection:
        if choice.transfer:
            _check_transfer(connection, choice, kinds)
        if choice.actor:
            actors = _numbers(connection, kinds, (choice.actor, ledger.called(choice.actor)))
        if choice.destination:
            destinations = _numbers(connection, ("destination",), (choice.destination,))
    for numbers, what in ((actors, "actor"), (destinations, "destination")):
        if numbers == ():
            msg = f"the ledger knows no such {what}: see `exfilter ledger list` for those it knows"
            raise ValueError(msg)
    return Chosen(actors, destinations, kinds, choice.transfer, choice.since, choice.until)


def _check_days(choice: Choice) -> None:
    if choice.since is not None and choice.until is not None and choice.since > choice.until:
        since, until = (dt.date.fromordinal(day).isoformat() for day in (choice.since, choice.until))
        msg = f"--since {since} is after --until {until}: no day is between them; give the earlier one first"
        raise ValueError(msg)


def _check_transfer(connection: sa.Connection, choice: Choice, kinds: Sequence[str]) -> None:
    same = sa.select(scopes.c.kind).join(exposures, exposures.c.actor == scopes.c.id)
    known = set(connection.execute(same.where(*Chosen(transfer=choice.transfer).where())).scalars())
    if not known:
        raise ValueError(NO_SUCH)
    if known.isdisjoint(kinds):
        wanted = "leave out --viewed" if choice.viewed else "add --viewed"
        msg = f"this transfer was {'sent, not shown' if choice.viewed else 'shown, not sent'}: {wanted}"
        raise ValueError(msg)


def _numbers(connection: sa.Connection, kinds: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    short = [name[:NAME_LIMIT] for name in names]
    same = sa.select(scopes.c.id).where(scopes.c.kind.in_(kinds), scopes.c.name.in_(short))
    return tuple(connection.execute(same).scalars())


def pages(
    database: Database, of: Chosen, columns: Sequence[sa.Column[Any]], *where: sa.ColumnElement[bool]
) -> Iterator[sa.RowMapping]:
    """Yield the rows in the order of their days, a page a transaction, so that nobody waits for it."""
    place = (exposures.c.day, exposures.c.id)
    wanted = (
        sa.select(*place, *columns)
        .join(scopes, scopes.c.id == exposures.c.actor)
        .where(scopes.c.kind.in_(of.kinds), *of.where(), *where)
        .order_by(*place)
        .limit(PAGE)
    )
    after = (0, 0)
    while True:
        next_ = wanted.where(exposures.c.day >= after[0], sa.tuple_(*place) > after)
        with database.transaction() as connection:
            page = connection.execute(next_).mappings().all()
        yield from page
        if len(page) < PAGE:
            return
        after = (page[-1]["day"], page[-1]["id"])


def names(database: Database, numbers: Sequence[int]) -> dict[int, str]:
    """Return the names of scopes."""
    found = dict[int, str]()
    with database.transaction() as connection:
        for start in range(0, len(numbers), 500):
            some = sa.select(scopes.c.id, scopes.c.name).where(scopes.c.id.in_(numbers[start : start + 500]))
            found |= {row.id: row.name for row in connection.execute(some)}
    return found
