"""A list of customers who are looked up exactly: by their ids, or by e-mail, phone and ticket number.

A name alone says who it may be, not who it is: it only decides between customers who share another value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.folding import fold
from exfilter.index import affected, columns, store
from exfilter.index.cells import LeftOut, Reader
from exfilter.index.changed_keys import Gatherer
from exfilter.index.columns import Columns, Use
from exfilter.index.opening import open_table
from exfilter.index.table import Broken
from exfilter.model import Int64Array, Kind

if TYPE_CHECKING:
    from pathlib import Path

    from exfilter.index.keys import IndexKey
    from exfilter.index.store import Index
    from exfilter.index.table import Cell, Row, Table

DATE = "date"
"""What ``--map`` calls the column of dates."""
DATES = frozenset(
    """
    date day datum fecha data when time called call firstcall firstcalldate calldate scamcall firstscamcall
    dateofcall dateoffirstcall misused misusedat firstmisuse since incidentdate incidentat reported reportedat
    """.split()
)
"""Names of such a column, without case and signs."""
WANTED = (
    "needs a column customer_id, or columns with e-mail addresses, phones or ticket numbers as the customer "
    "table has them (--map KIND=COLUMN says which is which)"
)

type Read = Callable[[str], float]
"""Makes a date seconds since the epoch. Raises ValueError."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Who is in a list. Rows that could be read, in order. Shapes: [rows]."""

    ordinal: Int64Array
    """-1: no customer of the index, or it is not clear which."""
    date: tuple[float | None, ...]
    """Seconds since the epoch. None: the row has none."""
    left_out: LeftOut
    """Rows that could not be used and why, and dates that could not."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which column holds what. Cells come in the order of ``wanted``."""

    used: Columns
    date: int | None

    @property
    def wanted(self) -> tuple[int, ...]:
        return self.used.all if self.date is None else (*self.used.all, self.date)


@dataclass(frozen=True, slots=True)
class Request:
    """What is looked up."""

    source: Path
    mapping: tuple[str, ...]
    """As in ``build.Options``, and ``date=COLUMN``."""
    region: str
    read: Read


def look_up(path: Path, key: IndexKey, index: Index, request: Request) -> Listed:
    """Return who is in a table. ``path``: of the opened index.

    Raises ValueError or OSError where there is no table with such columns.
    """
    table, read = open_table(request.source), request.read
    plan = _plan(request.source, table, request.mapping)
    reader, gatherer = Reader(plan.used, index.tables.templates, request.region), Gatherer(key)
    left_out = reader.left_out
    ids, dates, lines = list[str](), list[float | None](), list[int]()
    for row in _rows(table, plan, left_out):
        cells = row.cells[: len(plan.used.all)]
        number = len(ids)
        gatherer.add(number, reader.keys(cells, row.line))
        for name in reader.names(cells, row.line):
            gatherer.add(number, name.keys)
        ids.append(reader.customer_id(cells))
        dates.append(None if plan.date is None else _date(row, read, left_out))
        lines.append(row.line)
    found = _by_id(ids, gatherer, path, key)
    _by_values(found, gatherer, index, left_out, lines)
    return Listed(found, tuple(dates), left_out)


def _plan(source: Path, table: Table, mapping: Sequence[str]) -> _Plan:
    given = [entry for entry in mapping if entry.partition("=")[0].strip() != DATE]
    dated = [entry.partition("=")[2] for entry in mapping if entry not in given]
    try:
        # The name of a column that a list of ids lacks and a customer table must have.
        used = columns.recognise((*table.columns, "email"), given)
    except ValueError as error:
        msg = f"{source}: {error}"
        raise ValueError(msg) from None
    last = len(table.columns)
    numbers = {use: tuple(n for n in some if n != last) for use, some in used.numbers.items()}
    numbers = {use: some for use, some in numbers.items() if some}
    date = _date_column(source, table, dated, numbers)
    if not numbers.keys() & {Use.ID, Use.EMAIL, Use.PHONE, Use.TICKET}:
        msg = f"{source} {WANTED}; it has {columns.shown(table.columns)}"
        raise ValueError(msg)
    return _Plan(Columns(numbers, ()), date)


def _date_column(
    source: Path, table: Table, given: Sequence[str], used: dict[Use, tuple[int, ...]]
) -> int | None:
    if given:
        found = [n for n, name in enumerate(table.columns) if fold(name.strip()) == fold(given[0].strip())]
        if len(given) > 1 or not found:
            msg = f"{source}: --map {DATE}=COLUMN names one column of {columns.shown(table.columns)}"
            raise ValueError(msg)
        return found[0]
    taken = {number for some in used.values() for number in some}
    return next((n for n, name in enumerate(table.columns) if n not in taken and _bare(name) in DATES), None)


def _bare(name: str) -> str:
    return "".join(char for char in fold(name) if char.isalnum())


def _rows(table: Table, plan: _Plan, left_out: LeftOut) -> Iterator[Row]:
    for row in table.rows(plan.wanted, lambda _: None):
        if isinstance(row, Broken):
            left_out.add(row.reason, row.line)
        elif any(_text(cell).strip() for cell in row.cells):
            yield row


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else next(iter(cell), "")


def _date(row: Row, read: Read, left_out: LeftOut) -> float | None:
    text = _text(row.cells[-1]).strip()
    try:
        return read(text) if text else None
    except ValueError:
        left_out.add(
            "date: write it as 2026-08-31 or 2026-08-31T14:05; the row counts as one without", row.line
        )
        return None


def _by_id(ids: Sequence[str], gatherer: Gatherer, path: Path, key: IndexKey) -> Int64Array:
    """Return the ordinal of each row's id; -1: it has none, or none that the index ever had."""
    found = np.full(len(ids), -1, dtype=np.int64)
    rows = np.flatnonzero(np.array([bool(identity) for identity in ids], dtype=np.bool_))
    before = store.previous(path, key) if len(rows) else None
    if before is not None:
        tags = gatherer.customers([ids[row] for row in rows.tolist()])
        distinct, place = np.unique(tags, return_inverse=True)
        found[rows] = affected.ordinals(before.tags, distinct)[place]
    return found


def _by_values(
    found: Int64Array, gatherer: Gatherer, index: Index, left_out: LeftOut, lines: Sequence[int]
) -> None:
    """Fill in who is found by the values of a row alone."""
    keys, _ = gatherer.take()
    place, ordinal = index.tables.expand(index.tables.look_up(keys.tag))
    kinds = np.array([kind for kind, _ in keys.shapes] or [Kind.EMAIL], dtype=np.int64)[keys.shape[place]]
    rows: defaultdict[int, defaultdict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for row, who, kind in zip(keys.row[place].tolist(), ordinal.tolist(), kinds.tolist(), strict=True):
        rows[row][who].add(kind)
    for row in np.flatnonzero(found < 0).tolist():
        best = _best(rows[row]) if row in rows else []
        if len(best) == 1:
            found[row] = best[0]
        elif best:
            left_out.add("several customers have these values", lines[row])


def _best(bearers: dict[int, set[int]]) -> list[int]:
    """Return those who bear values of the most kinds, one of which is more than a name."""
    known = {who: len(kinds) for who, kinds in bearers.items() if kinds != {int(Kind.NAME)}}
    most = max(known.values(), default=0)
    return [who for who, kinds in known.items() if kinds == most]
