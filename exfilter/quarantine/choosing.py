"""Which held transfers are meant, and a page of them: newest first, from wherever the last page ended.

A list is chosen by an index that holds all that it can be chosen by. So the wide rows are read of one page
only, and the last of 2,000 pages takes no longer than the first: it begins after an entry, not after a count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from exfilter.quarantine.entries import COLUMNS, Entry
from exfilter.quarantine.states import State
from exfilter.quarantine.tables import transfers

PAGE = 50
MOST = 1000
"""Entries of a page."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked for. All of it has to hold; empty or None: all."""

    state: State | None = None
    actor: str = ""
    """As shown. Here and below ``*`` is anything, and case does not matter."""
    destination: str = ""
    rule: str = ""
    since: str = ""
    """Sent then or later, UTC, ISO 8601 as in ``Entry.time``."""
    until: str = ""
    """Sent before then."""

    def where(self, *, state: bool = True) -> list[sa.ColumnElement[bool]]:
        """Return the conditions. ``state``: whether that of the state is one of them."""
        found = list[sa.ColumnElement[bool]]()
        if state and self.state is not None:
            found.append(transfers.c.state == self.state)
        for name in ("actor", "destination", "rule"):
            if text := getattr(self, name):
                found.append(_alike(transfers.c[name], text))
        if self.since:
            found.append(transfers.c.time >= self.since)
        if self.until:
            found.append(transfers.c.time < self.until)
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, without their moves."""

    entries: tuple[Entry, ...]
    next: str
    """Id of the entry after which the next page begins. Empty: this is the last one."""


def page(connection: sa.Connection, choice: Choice, after: str, most: int) -> Page:
    """Return the entries after one of them; ``after`` empty: the first ones.

    Raises ValueError where no transfer has that id. ``most``: so many at most, 1 to ``MOST``.
    """
    most = min(max(most, 1), MOST)
    wanted = ids_after(connection, choice, after).limit(most + 1)
    ids = [row.id for row in connection.execute(wanted)]
    wide = sa.select(*(transfers.c[name] for name in COLUMNS)).where(transfers.c.id.in_(ids[:most]))
    found = {row["id"]: Entry.of(row) for row in connection.execute(wide).mappings()}
    entries = tuple(found[each] for each in ids[:most])
    return Page(entries, ids[most - 1] if len(ids) > most else "")


def ids_after(connection: sa.Connection, choice: Choice, after: str) -> sa.Select[Any]:
    """Return what selects the ids, in order. Raises ValueError where ``after`` is no entry."""
    place = sa.tuple_(transfers.c.time, transfers.c.id)
    wanted = sa.select(transfers.c.id).where(*choice.where())
    if after:
        time = connection.execute(sa.select(transfers.c.time).where(transfers.c.id == after)).scalar()
        if time is None:
            msg = "the page begins after a transfer that is not there; begin with the first page"
            raise ValueError(msg)
        wanted = wanted.where(place < (time, after))
    return wanted.order_by(transfers.c.time.desc(), transfers.c.id.desc())


def counts(connection: sa.Connection, choice: Choice) -> Mapping[State, int]:
    """Return how many are in each state, whichever state was asked for."""
    wanted = sa.select(transfers.c.state, sa.func.count()).where(*choice.where(state=False))
    found = connection.execute(wanted.group_by(transfers.c.state)).all()
    return dict.fromkeys(State, 0) | {State(state): number for state, number in found}


def knows(connection: sa.Connection, actor: str) -> bool:
    """Whether anything of an actor was held, spelt exactly so. Reads an index, and no wide row."""
    of = sa.select(sa.literal(1)).where(transfers.c.actor == actor).limit(1)
    return connection.execute(of).first() is not None


def _alike(column: sa.Column[str], text: str) -> sa.ColumnElement[bool]:
    escaped = text.replace("!", "!!").replace("%", "!%").replace("_", "!_").replace("*", "%")
    return column.like(escaped, escape="!")
