"""A customer table in stretches, each of which is read by itself, natively where it can be."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Protocol, cast

from exfilter.index.delimited import DelimitedTable
from exfilter.index.table import Broken, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exfilter.index.table import Progress, Table

ROWS = 8192
"""Rows of a stretch, where a table is not read by lines."""
BETWEEN = "\x1f"
"""What stands between two cells then."""
_UNFIT = "\x01"
"""A line that the native reader leaves to Python."""

Taken = tuple[Row | Broken | None, int, int, bool]
"""A row, its bytes and lines, and whether it could go on in the next stretch."""


class Stretch(Protocol):
    """Some rows of a table."""

    data: bytes
    """Lines in UTF-8."""
    lines_are_rows: bool
    """Each line is a row, and rows know their lines in the file."""
    headed: bool
    """The names of the columns come first: they are no row."""

    def take(self, at: int, line: int) -> Taken:
        """Return the row that begins at byte ``at``, in line ``line`` of the stretch from 1."""
        ...

    def after(self, rest: bytes) -> Stretch:
        """Return the stretch with what was left of the one before."""
        ...


class RowStretch:
    """Rows that have been read already."""

    lines_are_rows = True
    headed = False

    def __init__(self, rows: tuple[Row | Broken, ...]) -> None:
        """Write them as lines, as far as that is possible."""
        self._rows = rows
        self._lines = [_line(row).encode("utf-8", "surrogatepass") for row in rows]
        self.data = b"".join(self._lines)

    def take(self, at: int, line: int) -> Taken:  # noqa: ARG002 - the line tells
        """Return the row of a line."""
        return self._rows[line - 1], len(self._lines[line - 1]), 1, False

    def after(self, rest: bytes) -> RowStretch:
        """Return itself: nothing is ever left. Raises RuntimeError if something is."""
        if rest:
            msg = "a stretch of rows has left a part of one"
            raise RuntimeError(msg)
        return self


def _line(row: Row | Broken) -> str:
    if isinstance(row, Broken) or not all(isinstance(cell, str) for cell in row.cells):
        return f"{_UNFIT}\n"
    cells = cast("tuple[str, ...]", row.cells)
    line = BETWEEN.join(cells)
    plain = line.count(BETWEEN) == len(cells) - 1 and "\n" not in line and "\r" not in line
    return f"{line}\n" if plain and line.strip(BETWEEN) else f"{_UNFIT}\n"


def stretches(table: Table, wanted: Sequence[int], progress: Progress) -> Iterator[Stretch]:
    """Yield the whole table."""
    if isinstance(table, DelimitedTable):
        yield from table.stretches(wanted, progress)
        return
    for rows in batched(table.rows(wanted, progress), ROWS):
        yield RowStretch(rows)


def with_last(some: Iterator[Stretch]) -> Iterator[tuple[Stretch, bool]]:
    """Yield stretches, with whether it is the last one."""
    before = next(some, None)
    while before is not None:
        following = next(some, None)
        yield before, following is None
        before = following
