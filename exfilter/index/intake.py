"""All rows of a customer table to records: in threads what is native, in order what Python has to read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import compress
from typing import TYPE_CHECKING, Self

import numpy as np

from exfilter.index import blocks, origins, swift
from exfilter.index.blocks import BlockReader, PlainBlock, content
from exfilter.index.cells import LeftOut, Reader
from exfilter.index.codes import (
    ALL_KINDS,
    COUNTRY,
    EMAILS,
    NAMES,
    NO_ID,
    PHONES,
    ROW_BITS,
    TICKETS,
    Shapes,
    tag_keys,
)
from exfilter.index.columns import Columns, Use
from exfilter.index.crowds import Crowds
from exfilter.index.customers import Identities, Numbered
from exfilter.index.gather import Gatherer
from exfilter.index.origins import Origins
from exfilter.index.parallel import in_order
from exfilter.index.records import changed
from exfilter.index.spill import Spill
from exfilter.index.stretches import stretches, with_last
from exfilter.index.table import Broken
from exfilter.index.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from detectors import Key
    from detectors.tickets import Template
    from exfilter.index.blocks import Found
    from exfilter.index.canaries import Anchors, Sheet
    from exfilter.index.gather import Records
    from exfilter.index.keys import IndexKey
    from exfilter.index.origins import Codes
    from exfilter.index.stretches import Stretch
    from exfilter.index.table import Cell, Progress, Table
    from exfilter.model import Int64Array, Uint64Array

_KINDS = {Use.EMAIL: EMAILS, Use.PHONE: PHONES, Use.TICKET: TICKETS}
STRETCH = 1 << 20
MOST_ROWS = 1 << ROW_BITS


class Intake:
    """What the rows of a table hold. A context: at its end what waits on disk is given up."""

    def __init__(
        self,
        table: Table,
        used: Columns,
        templates: tuple[Template, ...],
        region: str,
        key: IndexKey,
        folder: Path,
        memory: int,
    ) -> None:
        """``region``: of phones without country code; empty: none.

        ``folder``: for temporary files. ``memory``: bytes of keys that are kept before they go there.
        """
        self.reader = Reader(used, templates, region)
        self.shapes, self.crowds = Shapes(templates), Crowds()
        self._templates = templates
        self._table, self._used, self._key = table, used, tag_keys(key)
        self._folder, self._memory = folder, memory
        self._swift = swift.swift(table, used, self._key, self.shapes, templates, self.reader)
        self._gatherer = Gatherer(self._key, self.shapes)
        self.keys = Spill(folder, 2, memory)
        self.identities = Identities(folder, memory // 4)
        self._contents = Spill(folder, 1, memory // 8)
        self.tokens = Tokens(folder, memory // 2)
        self._ids: list[bytes] = []
        self._flags: list[NDArray[np.uint8]] = []
        self._countries: list[Codes] = []
        self._origins = Origins()
        self._broken: list[int] = []
        """For each broken row, how many rows came before it that could be used."""
        self.planted = 0
        """Rows of canaries."""
        self.rows = self.slow = self._lines = 0
        """Rows that can be used; of these, those whose cells Python has read."""
        self.left_out = LeftOut()

    def read(self, workers: int, progress: Progress) -> None:
        """Read all rows."""
        reader = BlockReader(self._swift.reader if self._swift else None, self._key, self.reader.customer_id)
        if workers == 1:
            self._take_all(reader, None, 0, progress)
            return
        with ThreadPoolExecutor(workers) as pool:
            self._take_all(reader, pool, workers, progress)

    def _take_all(
        self, reader: BlockReader, pool: ThreadPoolExecutor | None, ahead: int, progress: Progress
    ) -> None:
        def work(item: tuple[Stretch, bool]) -> tuple[Stretch, bool, Found]:
            return *item, reader.read(item[0], last=item[1])

        rest = b""
        items = with_last(stretches(self._table, self._used.all, progress))
        for stretch, last, found in in_order(pool, work, items, ahead):
            # What goes on behind its stretch is read with the next one, once more.
            whole = reader.read(stretch.after(rest), last=last) if rest else found
            rest = whole.rest
            self._take(whole)

    def _take(self, found: Found) -> None:
        """Take a stretch's rows: each one's number grows by those before."""
        rows = len(found.who)
        if self.rows + rows > MOST_ROWS:
            msg = f"a table has at most {MOST_ROWS:,} rows"
            raise ValueError(msg)
        flags = found.flags
        left = self._gather(found)
        for row, flag in self._gatherer.flags.items():
            flags[row] |= flag
        more = self._gatherer.take()
        who = self._who(found, flags)
        self._flags.append(flags)
        self._countries.append(self._origins.take(found.countries, found.phones))
        self.reader.without_region += found.without_region
        for part in (found.records, more):
            self._take_records(part, who)
        self.identities.add(self.rows, who)
        self._contents.add(found.content[:, np.newaxis])
        self._ids.append(found.ids)
        self.rows += rows
        self.slow += left
        self._lines += found.lines

    def _take_records(self, part: Records, who: Uint64Array) -> None:
        part.keys[:, 1] += np.uint64(self.rows << ROW_BITS)
        self.keys.add(part.keys)
        self.tokens.add(part.names, who)
        self.crowds.add(part.samples)
        self._gatherer.sampled = self.crowds.bits
        if self._swift:
            self._swift.reader.sample(self.crowds.bits)

    def _gather(self, found: Found) -> int:
        """Read the rows that are left, and return how many are not broken."""
        count = 0
        for row, entry, kinds in found.left:
            line = entry.line + self._lines
            if isinstance(entry, Broken):
                self.left_out.add(entry.reason, line)
                self._broken.append(self.rows + row)
                continue
            count += 1
            self._gather_row(row, entry.cells, line, kinds)
        return count

    def plant(self, sheet: Sheet, anchors: Anchors) -> slice:
        """Take the canaries of a file, and return their rows: behind those of the table."""
        reader = Reader(sheet.used, self._templates, self.reader.default_region or "")
        block, first = PlainBlock(b"", self._key), self.rows
        for row in sheet.rows:
            number = block.add(row.id.encode(), content(row.cells))
            anchors.add(number, self._put(reader, number, row.cells, row.line, ALL_KINDS))
        self._take(blocks.found(block, []))
        self.planted += self.rows - first
        return slice(first, self.rows)

    def _gather_row(self, row: int, cells: tuple[Cell, ...], line: int, kinds: int) -> None:
        keys = self._put(self.reader, row, cells, line, kinds)
        if self._swift:
            self._swift.meet(cells, keys)

    def _put(self, reader: Reader, row: int, cells: tuple[Cell, ...], line: int, kinds: int) -> list[Key]:
        keys = list(reader.keys(cells, line, {use for use, kind in _KINDS.items() if kinds & kind}))
        self._gatherer.add(row, keys)
        self._origins.add(row, reader.origin(cells) if kinds & COUNTRY else 0, keys)
        for name in reader.names(cells, line) if kinds & NAMES else ():
            if name.has_tokens:
                self._gatherer.add_name(row, name)
            else:
                self._gatherer.add(row, name.keys)
        return keys

    def _who(self, found: Found, flags: NDArray[np.uint8]) -> Uint64Array:
        """Return what tells the customer of each row. Without ids a customer is what a row says."""
        if Use.ID not in self._used.numbers:
            return found.content
        without = np.flatnonzero(flags & NO_ID)
        if len(without):
            found.who[without] = self.row_tags(without + self.rows)
        return found.who

    def row_numbers(self, rows: Int64Array) -> Int64Array:
        """Return the numbers of rows in the table, from 1: with broken ones between them."""
        return rows + 1 + np.searchsorted(self._broken, rows, side="right")

    def row_tags(self, rows: Int64Array) -> Uint64Array:
        """Return the tags of customers whose rows have no id."""
        return swift.row_tags(self._key["customer"], self.row_numbers(rows))

    def flags(self) -> NDArray[np.uint8]:
        """Return the flags of all rows: see ``codes``."""
        return np.concatenate([np.empty(0, dtype=np.uint8), *self._flags])

    def countries(self) -> Codes:
        """Return the country of each row, as ``origins`` has it."""
        return np.concatenate([origins.NOWHERE, *self._countries])

    @property
    def without_id(self) -> int:
        """Rows without a customer's id, where there is a column of ids."""
        return int((self.flags() & NO_ID != 0).sum()) if Use.ID in self._used.numbers else 0

    def number(self, previous: Uint64Array) -> Numbered:
        """Return the ordinals. ``previous``: the tag of each ordinal in the index before."""
        if Use.ID in self._used.numbers:
            return self.identities.number(previous)
        # Rows are told apart by what they say, but known again by their numbers.
        same = self.identities.number(np.empty(0, dtype=np.uint64))
        first = np.flatnonzero(same.new)
        again = Identities(self._folder, self._memory // 4)
        again.add(0, self.row_tags(first))
        known = again.number(previous)
        again.close()
        new = np.zeros(self.rows, dtype=np.bool_)
        new[first[known.new]] = True
        return Numbered(known.ordinal[same.ordinal], new, known.tags, known.live)

    def identical(self) -> int:
        """Return how many rows repeat another one in every column in use."""
        distinct = 0
        for group in self._contents.groups(STRETCH):
            distinct += int(changed(np.sort(group[:, 0])).sum())
        return self.rows - distinct

    def ids(self, chosen: NDArray[np.bool_]) -> Iterator[str]:
        """Yield the ids of the rows that are chosen."""
        first = 0
        for chunk, flags in zip(self._ids, self._flags, strict=True):
            mask = chosen[first : first + len(flags)]
            ids = chunk.decode().split("\0")[:-1]
            without = np.flatnonzero(flags & NO_ID)
            for row, number in zip(without.tolist(), self.row_numbers(without + first).tolist(), strict=True):
                ids[row] = f"row-{number}"
            yield from ids if mask.all() else compress(ids, mask.tolist())
            first += len(flags)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        with ExitStack() as closing:
            for store in (self.keys, self.identities, self._contents, self.tokens):
                closing.callback(store.close)
