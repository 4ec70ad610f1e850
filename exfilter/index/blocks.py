"""One stretch of a table to records: natively what is plain, the rest as cells for ``cells.Reader``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from exfilter.index import native, origins
from exfilter.index.codes import ALL_KINDS, NO_ID, ROW_BITS
from exfilter.index.gather import Records
from exfilter.index.table import Broken, Cell, Row
from exfilter.kernel.siphash import siphash24
from exfilter.model import Uint64Array

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from exfilter.index.origins import Codes
    from exfilter.index.rows import Block
    from exfilter.index.rows import Reader as NativeReader
    from exfilter.index.stretches import Stretch


class Left(NamedTuple):
    """A row for Python to read."""

    row: int
    """Its number; of a broken one, that of the next row."""
    entry: Row | Broken
    kinds: int
    """Bits of the kinds of keys that are not among the records: see ``codes``."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a stretch holds. Rows that can be used are numbered from 0."""

    records: Records
    who: Uint64Array
    """By row: tag of the customer's id; 0 where there is none."""
    content: Uint64Array
    """By row: a hash of the cells in use."""
    flags: NDArray[np.uint8]
    """By row: see ``codes``."""
    countries: Codes
    """By row: what the column says; 0: nothing, or it is left."""
    phones: Codes
    """By row: what its phones say; as before."""
    ids: bytes
    """Each with a zero byte behind it."""
    left: list[Left]
    """Rows that are not among the records in full, in order."""
    without_region: int
    lines: int
    """Of the file. Rows in ``left`` count them from 1."""
    rest: bytes
    """A row that goes on in the next stretch."""


class PlainBlock:
    """What ``rows.Block`` is, for a stretch that Python reads alone."""

    def __init__(self, data: bytes, keys: Mapping[str, bytes]) -> None:
        """Nothing is read yet."""
        self.data, self.at, self.line, self.rows, self.without_region = data, 0, 0, 0, 0
        self._keys = keys
        self._ids: list[bytes] = []
        self._contents: list[bytes] = []

    def add(self, identity: bytes, content: bytes) -> int:
        """Append a row, and return its number."""
        self._ids.append(identity)
        self._contents.append(content)
        self.rows += 1
        return self.rows - 1

    def skip(self, size: int, lines: int) -> None:
        """Go on behind what has been read."""
        self.at += size
        self.line += lines

    def arrays(
        self,
    ) -> tuple[
        Uint64Array,
        Uint64Array,
        Uint64Array,
        Uint64Array,
        Uint64Array,
        NDArray[np.uint8],
        Uint64Array,
        NDArray[np.uint16],
    ]:
        """Return as ``rows.Block`` does."""
        without = np.array([not identity for identity in self._ids], dtype=np.bool_)
        who = siphash24(self._keys["customer"], self._ids)
        who[without] = 0
        keys, names, samples = (np.empty((0, width), dtype=np.uint64) for width in (2, 4, 3))
        flags = (without * np.uint8(NO_ID)).astype(np.uint8)
        contents = siphash24(self._keys["content"], self._contents)
        nowhere = np.zeros(len(without), dtype=np.uint16)
        return (keys, names, samples, who, contents, flags, np.empty(0, dtype=np.uint64), nowhere)

    def identities(self) -> bytes:
        """Return the ids of the rows, each with a zero byte behind it."""
        return b"".join(identity + b"\0" for identity in self._ids)

    def left(self) -> NDArray[np.int64]:
        """Return nothing: each row is taken at once."""
        return np.empty((0, 4), dtype=np.int64)


class BlockReader:
    """Reads stretches. Used by several threads at a time."""

    def __init__(
        self,
        native: NativeReader | None,
        keys: Mapping[str, bytes],
        customer_id: Callable[[tuple[Cell, ...]], str],
    ) -> None:
        """``keys``: as ``codes.tag_keys`` gives them. ``customer_id``: of the cells of a row."""
        self._native, self._keys, self._customer_id = native, keys, customer_id

    def read(self, stretch: Stretch, *, last: bool) -> Found:
        """Read a stretch. ``last``: no other one follows."""
        block = self._block(stretch)
        left: list[Left] = []
        begin = len(stretch.data)
        headed = stretch.headed
        while headed or not self._is_read(block):
            headed = False
            entry, size, lines, goes_on = stretch.take(block.at, block.line + 1)
            if goes_on and not last:
                begin = block.at
                break
            if isinstance(entry, Row):
                left.append(Left(self._add(block, entry), entry, ALL_KINDS))
            elif entry is not None:
                left.append(Left(block.rows, entry, 0))
            block.skip(size, lines)
        for row, line, at, kinds in block.left().tolist():
            entry = stretch.take(at, line + 1)[0]
            if not isinstance(entry, Row):
                msg = "a row of the native reader is none to Python"
                raise TypeError(msg)
            left.append(Left(row, entry, kinds))
        left.sort(key=lambda item: item.entry.line)
        return found(block, left, 0 if stretch.lines_are_rows else block.line, stretch.data[begin:])

    def _is_read(self, block: Block | PlainBlock) -> bool:
        """Read natively what can be. Whether that is all."""
        if self._native is None or isinstance(block, PlainBlock):
            return block.at >= len(block.data)
        return self._native.read(block)

    def _block(self, stretch: Stretch) -> Block | PlainBlock:
        if self._native is None:
            return PlainBlock(stretch.data, self._keys)
        return native.rows.Block(stretch.data, self._native.keys_a_row, self._native.names_a_row)

    def _add(self, block: Block | PlainBlock, row: Row) -> int:
        """Append a row, but for its keys."""
        identity, cells = self._customer_id(row.cells).encode(), content(row.cells)
        if isinstance(block, PlainBlock):
            return block.add(identity, cells)
        who = native.rows.tag(self._keys["customer"], identity) if identity else 0
        return block.add(
            identity, who, native.rows.tag(self._keys["content"], cells), 0 if identity else NO_ID
        )


def found(block: Block | PlainBlock, left: list[Left], lines: int = 0, rest: bytes = b"") -> Found:
    """Return what a block holds."""
    keys, names, samples, who, contents, flags, heads, countries = block.arrays()
    said = origins.of_heads(heads.astype(np.uint32))
    return Found(
        Records(keys, names, samples),
        who,
        contents,
        flags,
        countries,
        origins.agreed(len(who), (heads >> np.uint64(ROW_BITS)).astype(np.int64), said),
        block.identities(),
        left,
        block.without_region,
        lines,
        rest,
    )


def content(cells: tuple[Cell, ...]) -> bytes:
    """Return cells as bytes that tell them from any others of as many columns."""
    if all(isinstance(cell, str) for cell in cells):
        return "\0".join(map(str, cells)).encode()
    # More zero bytes than texts alone ever have between them.
    return b"\0" * len(cells) + msgspec.json.encode(cells)
