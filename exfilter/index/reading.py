"""All rows of a customer table, as tags and numbers: nothing of it stays in clear but the ids."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from detectors import names, tickets
from exfilter.index.cells import LeftOut, Name, Reader
from exfilter.index.columns import Columns, Use
from exfilter.index.table import Broken, Progress, Table

if TYPE_CHECKING:
    from detectors.tickets import Template
    from exfilter.index.collect import Collector


@dataclass(slots=True)
class Ids:
    """Customer ids of all rows in one piece of memory."""

    blob: bytearray = field(default_factory=bytearray)
    ends: array[int] = field(default_factory=lambda: array("q", (0,)))

    def add(self, value: str) -> None:
        """Take the id of the next row."""
        self.blob += value.encode()
        self.ends.append(len(self.blob))

    def __getitem__(self, row: int) -> str:
        return self.blob[self.ends[row] : self.ends[row + 1]].decode()


@dataclass(slots=True)
class Rows:
    """What was read. Rows that can be used are numbered from 0."""

    collector: Collector
    ids: Ids = field(default_factory=Ids)
    contents: array[int] = field(default_factory=lambda: array("q"))
    """A hash of each row, to find those that repeat another one."""
    seen: int = 0
    """Rows in all, also broken ones."""
    without_id: int = 0
    left_out: LeftOut = field(default_factory=LeftOut)

    def __len__(self) -> int:
        return len(self.contents)


def learn(table: Table, use: Columns, progress: Progress) -> tuple[Template, ...]:
    """Return the shapes of the table's ticket numbers. What never varies is no number."""
    if Use.TICKET not in use.numbers:
        return ()
    reader = Reader(use, (), "")
    found = tickets.learn(
        value
        for row in table.rows(use.all, progress)
        if not isinstance(row, Broken)
        for value in reader.tickets(row.cells)
    )
    return tuple(template for template in found if template.space > 1.0)


def read(table: Table, use: Columns, reader: Reader, collector: Collector, progress: Progress) -> Rows:
    """Read all rows. ``reader`` counts the cells that it leaves out."""
    rows = Rows(collector)
    has_ids = Use.ID in use.numbers
    for entry in table.rows(use.all, progress):
        rows.seen += 1
        if isinstance(entry, Broken):
            rows.left_out.add(entry.reason, entry.line)
            continue
        number, cells = len(rows), entry.cells
        identity = reader.customer_id(cells)
        rows.without_id += has_ids and not identity
        rows.ids.add(identity or f"row-{rows.seen}")
        # No id in the table begins with a zero byte: the number of a row is never taken for one.
        collector.add_customer(identity.encode() if identity else b"\0%d" % rows.seen)
        rows.contents.append(hash(cells))
        collector.add(number, reader.keys(cells, entry.line))
        for name in reader.names(cells, entry.line):
            _add_name(collector, number, name)
    return rows


def _add_name(collector: Collector, row: int, name: Name) -> None:
    """Take a name. One without spaces in Han, Kana or Hangul is found without the bitmap of tokens."""
    single = not (name.first and name.last)
    if not name.keys or (single and names.is_cjk(name.first or name.last)):
        collector.add(row, name.keys)
    else:
        collector.add_name(row, name, single=single)
