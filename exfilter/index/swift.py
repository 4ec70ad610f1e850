"""The native reader of rows, where it is built, and what it learns from the rows that it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exfilter.index import native
from exfilter.index.codes import PURPOSES, Shapes
from exfilter.index.delimited import DelimitedTable
from exfilter.index.dialling import Plan
from exfilter.index.letters import Letters
from exfilter.index.stretches import BETWEEN
from exfilter.kernel.siphash import siphash24
from exfilter.model import Int64Array, Kind, Uint64Array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from detectors import Key
    from detectors.tickets import Template
    from exfilter.index.cells import Reader
    from exfilter.index.columns import Columns, Use
    from exfilter.index.rows import Reader as NativeReader
    from exfilter.index.table import Cell, Table

NO_REGION, STRANGE_REGION = -1, -3
"""Numbers of what is no region: none; one that only Python knows."""
MOST_COLUMNS, MOST_USED = 4096, 64
"""Columns of a table, and columns in use, that the native reader takes."""


class Swift:
    """The native reader with its tables."""

    def __init__(
        self, reader: NativeReader, plan: Plan, letters: Letters, cells: Reader, region: int
    ) -> None:
        """``cells``: reads the rows that are left. ``region``: number of the one of phones without any."""
        self.reader = reader
        self._plan, self._letters, self._cells, self._region = plan, letters, cells, region

    def meet(self, cells: tuple[Cell, ...], keys: Sequence[Key]) -> None:
        """Learn from a row that was left, so that the next one like it is not."""
        for cell in cells:
            if isinstance(cell, str) and not cell.isascii():
                self._letters.meet(cell)
        phones = [key.canonical for key in keys if key.kind is Kind.PHONE]
        for phone in phones:
            if phone.startswith(b"+"):
                self._plan.meet(phone[1:].decode())
        said = self._cells.country(cells)
        if said:
            country, region = self._cells.region(cells)
            number = self._plan.meet_region(region) if country and region else STRANGE_REGION
            self.reader.know(said.encode(), number if country else self._region, self._cells.origin(cells))


def swift(
    table: Table,
    used: Columns,
    keys: Mapping[str, bytes],
    shapes: Shapes,
    templates: tuple[Template, ...],
    cells: Reader,
) -> Swift | None:
    """Return the native reader of a table. None: there is none, or the table has too many columns."""
    if (
        native.rows is None
        or max(len(table.columns), len(used.all)) > MOST_COLUMNS
        or len(used.all) > MOST_USED
    ):
        return None
    uses: list[Use | None] = [None] * len(table.columns)
    for use, numbers in used.numbers.items():
        for number in numbers:
            uses[number] = use
    is_text = isinstance(table, DelimitedTable)
    separator = table.separator if isinstance(table, DelimitedTable) else BETWEEN
    plan, letters = Plan(), Letters()
    region = cells.default_region
    number = NO_REGION
    if region is not None:
        number = plan.meet_region(region) if region in plan.regions else STRANGE_REGION
    reader = native.rows.Reader(
        uses if is_text else [use for use in uses if use is not None],
        ord(separator),
        is_text,
        keys,
        shapes,
        templates,
        plan,
        letters.table,
        number,
    )
    return Swift(reader, plan, letters, cells, number)


def ticket_reader(table: Table, used: Columns, cells: Reader) -> NativeReader | None:
    """Return a native reader that only reads ticket numbers, or None."""
    found = swift(table, used, dict.fromkeys(PURPOSES, bytes(16)), Shapes(()), (), cells)
    return found.reader if found else None


def row_tags(key: bytes, numbers: Int64Array) -> Uint64Array:
    """Return the tags of customers without id, by the numbers of their rows."""
    if native.rows is not None:
        return native.rows.row_tags(key, numbers)
    # No id in a table begins with a zero byte: the number of a row is never taken for one.
    return siphash24(key, [b"\0%d" % number for number in numbers.tolist()])
