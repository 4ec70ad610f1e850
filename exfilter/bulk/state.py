"""A run: which files there are, which are finished, and with what result. One transaction for both.

A run survives the death of any process. Two drivers never work on one.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from exfilter import private
from exfilter.bulk.packed import pack, united, unpack
from exfilter.bulk.tables import SCHEMA, about, items, judges, metadata, parts
from exfilter.bulk.tasks import Answer, Task
from exfilter.database import Database
from exfilter.model import Reason, Versions
from exfilter.stores import Item

FILE = "run.sqlite"
LOCK = "lock"
PAGE = 1000
"""Rows that are read, or listed, at a time."""

AMBIGUOUS = "several objects have this name, or it changed while it was listed"
COLUMNS = "day", "judge", "digest", "held", "customers", "unread", "result"
"""Of a file that is finished."""

# Built once, and run for many rows at a time: to build one costs more than to run it.
_LIST = sa.insert(items).prefix_with("OR IGNORE")
_OTHERS = (
    sa.update(items)
    .where(
        items.c.root == sa.bindparam("in_root"),
        sa.func.instr(items.c.root, b"://") > 0,
        items.c.key == sa.bindparam("in_key"),
        items.c.version != sa.bindparam("other"),
        items.c.result.is_(None),
    )
    .values(problem=AMBIGUOUS, reason=Reason.UNSUPPORTED.value)
)
"""A store lists another object by a name that is known: one of them could be read, and hide the other.

In a folder there is one file of a name: it changed since an earlier listing broke off.
"""
_FINISH = (
    sa.update(items)
    .where(items.c.id == sa.bindparam("number"))
    .values({name: sa.bindparam(name) for name in COLUMNS})
)
_FORGET = sa.delete(parts).where(parts.c.item == sa.bindparam("number"))


@dataclass(frozen=True, slots=True)
class Settled:
    """The result of one file, as it is kept."""

    result: str
    """JSON."""
    day: str
    held: bool
    customers: int
    unread: str
    """Reasons of what was not read, sorted, with commas. Empty: all was read."""
    decision: bytes = b""
    """Its line of the decision log: not kept here, but recorded before."""


@dataclass(frozen=True, slots=True)
class Totals:
    """How far a run is."""

    files: int
    bytes: int
    done_files: int
    done_bytes: int


class State:
    """The opened state of a run."""

    def __init__(self, folder: Path) -> None:
        """Open a run's folder, or make it.

        Raises BlockingIOError where another driver works on it, PermissionError where others may change it.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        private.check_folder(folder)
        self._judge: int | None = None
        self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._database = Database(folder / FILE, metadata, SCHEMA)
        except BlockingIOError:
            os.close(self._lock)
            msg = f"{folder}: another scan works on this run; wait for it or stop it"
            raise BlockingIOError(msg) from None
        except BaseException:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Close it; the next driver may come."""
        self._database.close()
        os.close(self._lock)

    def about(self) -> dict[str, str]:
        """Return what is known of the run as a whole. Empty: it has not begun."""
        with self._database.transaction() as connection:
            return {row.name: row.value for row in connection.execute(sa.select(about))}

    def tell(self, facts: Mapping[str, str]) -> None:
        """Keep facts of the run as a whole."""
        with self._database.transaction(writes=True) as connection:
            _tell(connection, facts)

    def judged_by(self, versions: Versions) -> None:
        """Keep who judges from now on.

        Ranges that were read for another are read again: customers may have other numbers.
        """
        known = {"exfilter": versions.exfilter, "index": versions.index, "policy": versions.policy}
        same = sa.and_(*(judges.c[name] == value for name, value in known.items()))
        with self._database.transaction(writes=True) as connection:
            connection.execute(sa.insert(judges).prefix_with("OR IGNORE").values(**known))
            self._judge = connection.execute(sa.select(judges.c.id).where(same)).scalar_one()
            last = connection.execute(sa.select(about.c.value).where(about.c.name == "judge")).scalar()
            if last != str(self._judge):
                connection.execute(sa.update(parts).values(answer=None))
                _tell(connection, {"judge": str(self._judge)})

    def list(self, found: Iterable[tuple[Item, Iterable[tuple[int, int]]]]) -> Iterator[int]:
        """Keep what was listed, with the ranges of each; one that is known stays. Yield how many came in."""
        for some in itertools.batched(found, PAGE):
            with self._database.transaction(writes=True) as connection:
                _insert(connection, [(item, tuple(ranges)) for item, ranges in some])
            yield len(some)

    def totals(self) -> Totals:
        """Return how many files and bytes there are and are done."""
        done = items.c.result.is_not(None)
        size = sa.func.sum(items.c.size)
        wanted = sa.select(
            sa.func.count(),
            sa.func.coalesce(size, 0),
            sa.func.count().filter(done),
            sa.func.coalesce(size.filter(done), 0),
        ).select_from(items)
        with self._database.transaction() as connection:
            return Totals(*connection.execute(wanted).one())

    def todo(self, turn: int) -> Iterator[Task]:
        """Yield what is not finished and has this turn. Safe while answers are kept."""
        yield from self._whole(turn)
        yield from self._ranges(turn)

    def _whole(self, turn: int) -> Iterator[Task]:
        last = 0
        wanted = sa.select(items).where(items.c.result.is_(None), items.c.turn == turn, items.c.ranges == 0)
        while True:
            with self._database.transaction() as connection:
                page = wanted.where(items.c.id > last).order_by(items.c.id).limit(PAGE)
                rows = connection.execute(page).all()
            for row in rows:
                yield Task(row.id, _item(row))
                last = row.id
            if not rows:
                return

    def _ranges(self, turn: int) -> Iterator[Task]:
        last = (0, -1)
        place = sa.tuple_(parts.c.item, parts.c.start)
        wanted = sa.select(items, parts.c.start, parts.c.end).join(parts, parts.c.item == items.c.id)
        wanted = wanted.where(parts.c.answer.is_(None), parts.c.turn == turn)
        while True:
            with self._database.transaction() as connection:
                page = wanted.where(place > last).order_by(parts.c.item, parts.c.start).limit(PAGE)
                rows = connection.execute(page).all()
            for row in rows:
                yield Task(row.id, _item(row), row.start, row.end)
                last = (row.id, row.start)
            if not rows:
                return

    def put_off(self, task: Task, turn: int) -> None:
        """Give a task another turn."""
        change = sa.update(parts if task.ranged else items).values(turn=turn).where(_is(task))
        with self._database.transaction(writes=True) as connection:
            connection.execute(change)

    def read(self, task: Task, answer: Answer) -> Answer | None:
        """Keep the answer on a range. Return that on the whole file where it was the last one."""
        with self._database.transaction(writes=True) as connection:
            connection.execute(sa.update(parts).values(answer=pack(answer)).where(_is(task)))
            mine = parts.c.item == task.number
            missing = sa.select(sa.exists().where(mine, parts.c.answer.is_(None)))
            if connection.execute(missing).scalar():
                return None
            rows = connection.execute(sa.select(parts).where(mine).order_by(parts.c.start)).all()
        return united(
            [(Task(task.number, task.item, row.start, row.end), unpack(row.answer)) for row in rows]
        )

    def unread(self) -> Iterator[tuple[int, Item]]:
        """Yield, with its number, what is finished but was not read for want of its store or of time."""
        wanted = sa.select(items).where(items.c.result.is_not(None), items.c.digest.is_(None))
        wanted = wanted.where(items.c.unread != "", items.c.unread != Reason.UNSUPPORTED.value)
        with self._database.transaction() as connection:
            last = connection.execute(sa.select(sa.func.coalesce(sa.func.max(items.c.id), 0))).scalar_one()
        number = 0
        while True:
            here = items.c.id > number, items.c.id <= last
            with self._database.transaction() as connection:
                rows = connection.execute(wanted.where(*here).order_by(items.c.id).limit(PAGE)).all()
            for row in rows:
                number = row.id
                yield number, _item(row)
            if not rows:
                return

    def replace(self, number: int, found: Iterable[tuple[Item, Iterable[tuple[int, int]]]]) -> None:
        """Put what was listed now in the place of a file, as if it had not been scanned."""
        with self._database.transaction(writes=True) as connection:
            connection.execute(sa.delete(items).where(items.c.id == number))
            _insert(connection, [(item, tuple(ranges)) for item, ranges in found])

    def unjudged(self) -> Iterator[tuple[Task, Answer]]:
        """Yield files whose ranges are all read and that have no result: the driver died in between."""
        missing = sa.select(parts.c.item).where(parts.c.answer.is_(None))
        wanted = sa.select(items).where(
            items.c.result.is_(None), items.c.ranges > 0, items.c.id.not_in(missing)
        )
        with self._database.transaction() as connection:
            found = connection.execute(wanted).all()
        for row in found:
            where = sa.select(parts).where(parts.c.item == row.id).order_by(parts.c.start)
            with self._database.transaction() as connection:
                ranges = connection.execute(where).all()
            item = _item(row)
            answers = [(Task(row.id, item, each.start, each.end), unpack(each.answer)) for each in ranges]
            yield Task(row.id, item), united(answers)

    def finish(self, some: Iterable[tuple[Task, bytes, Settled]]) -> None:
        """Keep results, each with the digest of its content (empty: none)."""
        rows = [{**_finished(*each), "judge": self._judge} for each in some]
        with self._database.transaction(writes=True) as connection:
            connection.execute(_FINISH, rows)
            connection.execute(_FORGET, [{"number": row["number"]} for row in rows])

    def rows(self, statement: sa.Select[Any], together: int = PAGE) -> Iterator[sa.Row[Any]]:
        """Yield the rows of a question, so many at a time."""
        with self._database.transaction() as connection:
            yield from connection.execution_options(yield_per=together).execute(statement)


def _tell(connection: sa.Connection, facts: Mapping[str, str]) -> None:
    rows = [{"name": name, "value": value} for name, value in facts.items()]
    connection.execute(sa.insert(about).prefix_with("OR REPLACE"), rows)


def _insert(connection: sa.Connection, some: Iterable[tuple[Item, tuple[tuple[int, int], ...]]]) -> None:
    """Insert what is not known, in its order: what is read as a whole in one go, which costs a tenth."""
    for is_ranged, group in itertools.groupby(some, key=lambda found: bool(found[1])):
        if is_ranged:
            for found in group:
                _insert_ranged(connection, *found)
        else:
            rows = [_row(*found) for found in group]
            if connection.execute(_LIST, rows).rowcount < len(rows):
                connection.execute(_OTHERS, [_other(row) for row in rows])


def _insert_ranged(connection: sa.Connection, item: Item, ranges: Sequence[tuple[int, int]]) -> None:
    done = connection.execute(_LIST, _row(item, ranges))
    if done.rowcount:
        rows = [{"item": done.lastrowid, "start": start, "end": end} for start, end in ranges]
        connection.execute(sa.insert(parts), rows)
    else:
        connection.execute(_OTHERS, _other(_row(item, ranges)))


def _other(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"in_root": row["root"], "in_key": row["key"], "other": row["version"]}


def _row(item: Item, ranges: Sequence[tuple[int, int]]) -> dict[str, Any]:
    return {
        "root": as_bytes(item.root), "key": as_bytes(item.key), "version": item.version, "size": item.size,
        "owner": as_bytes(item.owner), "folder": as_bytes(item.folder), "type": as_bytes(item.type),
        "problem": item.problem, "reason": item.reason.value, "ranges": len(ranges),
    }  # fmt: skip


def _finished(task: Task, digest: bytes, settled: Settled) -> dict[str, Any]:
    return {
        "number": task.number, "day": settled.day, "digest": digest or None, "held": settled.held,
        "customers": settled.customers, "unread": settled.unread, "result": settled.result,
    }  # fmt: skip


def as_bytes(name: str) -> bytes:
    """Return a name as bytes, whatever it was made of."""
    return name.encode("utf-8", "surrogateescape")


def as_name(data: bytes) -> str:
    """Return the name that ``as_bytes`` was given."""
    return data.decode("utf-8", "surrogateescape")


def _item(row: sa.Row[Any]) -> Item:
    names = as_name(row.root), as_name(row.key)
    return Item(*names, row.size, row.version, as_name(row.owner), row.problem, Reason(row.reason))


def _is(task: Task) -> sa.ColumnElement[bool]:
    if task.ranged:
        return sa.and_(parts.c.item == task.number, parts.c.start == task.start)
    return items.c.id == task.number


def urls_as_text(urls: Iterable[str]) -> str:
    """Return what a run was asked to scan, to compare it when it is resumed."""
    return json.dumps(list(urls))
