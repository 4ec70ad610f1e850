"""Parts of binary workbooks, ``.xlsb`` ([MS-XLSB]): cells, shared strings, texts of other records."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator

from exfilter.content.documents.office.lines import Lines
from exfilter.content.documents.office.strings import Strings
from exfilter.content.sandbox.found import Found

SHARED = 159
"""The record that the table of shared strings begins with."""
_STYLES = 278
_ROW, _ITEM = 0, 19
_FIRST, _LAST = 128, 6000
"""Types of records that parts begin with are beyond those of cells; there are not so many."""
_LARGEST, _STEP, _MOST = 1 << 24, 1 << 16, 20_000
"""Bytes of a record, bytes that are read at once, cells of a row (a sheet has 16,384 columns)."""
_CELL = 8
"""Bytes of a cell in front of its value: its column, and how it looks (2.5.9)."""
_LETTERS = re.compile(rb"(?:[\t\n\r -~\xa0-\xff]\x00|[^\x00][\x01-\x06]){3,}+")
_IDEOGRAPHS = re.compile(rb"(?:.[\x30\x4e-\x9f\xac-\xd7]){3,}+", re.DOTALL)
_ANCHOR = re.compile(r"@|\d(?:[ ()./+-]{0,3}\d){6}")


class BrokenError(Exception):
    """A record is cut, or is none."""


class Records:
    """Splits bytes that come in pieces."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._data = b""

    def add(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield type and data of each record that is whole now. Raises BrokenError."""
        data, at = self._data + data, 0
        while (header := _header(data, at)) is not None:
            kind, start, end = header
            if kind > _LAST or end - start > _LARGEST:
                raise BrokenError
            if end > len(data):
                break
            yield kind, data[start:end]
            at = end
        self._data = data[at:]

    def close(self) -> None:
        """Say that nothing follows. Raises BrokenError where a record is not whole."""
        if self._data:
            raise BrokenError


def _header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Return the type of a record, and where its data begins and ends (2.1.4)."""
    kind, at = _number(data, at, 2)
    size, at = _number(data, at, 4)
    return (kind, at, at + size) if at <= len(data) else None


def _number(data: bytes, at: int, most: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and where it ends: beyond the data, if it is cut."""
    value = 0
    for place in range(most):
        if at + place >= len(data):
            return value, len(data) + 1
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    return value, at + most


def begins(first: bytes, *, whole: bool) -> int:
    """Return the type of the first record; 0: they are no records. `whole`: they are all there are."""
    header = _header(first, 0)
    if header is None or not _FIRST <= header[0] <= _LAST:
        return 0
    records = Records()
    try:
        for _ in records.add(first):
            pass
        if whole:
            records.close()
    except BrokenError:
        return 0
    return header[0]


def read(chunks: Iterable[bytes], channel: str, strings: Strings, table: Strings | None) -> Iterator[Found]:
    """Yield the rows and the texts of a part. `table`: to be filled with the strings in it.

    Raises BrokenError behind what is whole.
    """
    part = _Part(channel, strings, table)
    records = Records()
    try:
        for chunk in chunks:
            for start in range(0, len(chunk), _STEP):
                for kind, data in records.add(chunk[start : start + _STEP]):
                    part.record(kind, data)
                yield from part.pieces()
        records.close()
    except Exception:
        yield from part.pieces(last=True)
        raise
    yield from part.pieces(last=True)


class _Part:
    def __init__(self, channel: str, strings: Strings, table: Strings | None) -> None:
        self._rows, self._prose = Lines(f"{channel} rows"), Lines(channel)
        self._strings, self._table = strings, table
        self._cells: list[tuple[int, str]] = []
        self._tail: list[str] = []
        self._first = 0

    def record(self, kind: int, data: bytes) -> None:
        """Read one record."""
        self._first = self._first or kind
        read = _CELLS.get(kind)
        if read is not None and len(data) >= _CELL:
            text, rest = read(data[_CELL:], self._strings)
            self._cells.append((int.from_bytes(data[:4], "little"), text))
            self._tail += _runs(rest)
            if len(self._cells) > _MOST:
                self.end_row()
        elif kind == _ROW:
            self.end_row()
        elif kind == _ITEM:
            text, rest = _wide(data[1:])
            if self._table is None or not self._table.add(text):
                self._prose.add(text, "\n")
        else:
            for text in _runs(data):
                if self._first != _STYLES or _ANCHOR.search(text):
                    self._prose.add(text, "\n")

    def end_row(self) -> None:
        """Put what was collected together to a record."""
        texts = [text for _, text in sorted(self._cells, key=lambda cell: cell[0]) if text]
        if texts or self._tail:
            self._rows.row("\t".join([*texts, *self._tail]))
        self._cells, self._tail = [], []

    def pieces(self, *, last: bool = False) -> Iterator[Found]:
        """Yield what was collected."""
        if last:
            self.end_row()
        yield from self._rows.pieces(last=last)
        yield from self._prose.pieces(last=last)


def _wide(data: bytes) -> tuple[str, bytes]:
    """Return a string whose length stands in front of it (2.5.168), and what is behind."""
    end = 4 + 2 * int.from_bytes(data[:4], "little")
    return data[4:end].decode("utf-16-le", "replace"), data[end:]


def _runs(data: bytes) -> list[str]:
    """Return what looks like text."""
    found = [*_LETTERS.findall(data), *_IDEOGRAPHS.findall(_LETTERS.sub(bytes(2), data))]
    texts = (run.decode("utf-16-le", "replace") for run in found)
    return [text for text in texts if sum(map(str.isalnum, text)) > 1]


def _shown(value: float) -> str:
    return str(int(value)) if abs(value) < 1e17 and value.is_integer() else repr(value)


def _small(data: bytes, _: Strings) -> tuple[str, bytes]:
    """Read an RkNumber (2.5.122): 30 bits of a whole number or of a float, perhaps of a hundredth."""
    raw = int.from_bytes(data[:4], "little")
    if raw & 2:
        value = float(int.from_bytes(data[:4], "little", signed=True) >> 2)
    else:
        value = struct.unpack("<d", bytes(4) + struct.pack("<L", raw & ~3))[0]
    return _shown(value / 100 if raw & 1 else value), b""


def _real(data: bytes, _: Strings) -> tuple[str, bytes]:
    return _shown(struct.unpack("<d", data[:8].ljust(8, b"\x00"))[0]), data[8:]


_CELLS: dict[int, Callable[[bytes, Strings], tuple[str, bytes]]] = {
    2: _small,
    5: _real,
    6: lambda data, _: _wide(data),
    7: lambda data, strings: (strings.text(str(int.from_bytes(data[:4], "little"))), b""),
    8: lambda data, _: _wide(data),
    9: _real,
    62: lambda data, _: _wide(data[1:]),
}
"""What cells of each type hold (2.4): their value, and what is behind it (a formula)."""
