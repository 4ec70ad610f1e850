"""Rows of legacy workbooks (MS-XLS: BIFF8, and BIFF5 before it), with the numbers as they are.

office-oxide shows a cell as it is formatted: 48123456789 becomes ``48,123,456,789``, a date or ``48%``.
Comments, headers and the values of pivot tables it leaves out.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterable, Iterator

import numpy as np

from exfilter.content.sandbox.found import Text

_FILEPASS, _CODEPAGE, _CONTINUE, _TXO = 0x2F, 0x42, 0x3C, 0x1B6
_SST, _LABELSST, _STRING, _LABELS = 0xFC, 0xFD, 0x207, (0x204, 0xD6)
_NUMBER, _RK, _MULRK, _FORMULAS = 0x203, 0x27E, 0xBD, (0x06, 0x206, 0x406)
_BOFS, _HEADERS = (0x809, 0x409, 0x209), (0x14, 0x15)
_TITLES = {0x85: (6, 1), 0x1C: (8, 2), 0x100D: (2, 1), 0xCD: (0, 2)}
"""Sheet, author of a comment, series of a chart, value of a pivot table: where the text begins, and how
many bytes its length takes."""
_CACHED_NUMBER = 0xC9
_BIFF8, _UNICODE = 0x0600, 1200
_WIDE, _FAR_EAST, _RICH = 1, 4, 8
_BATCH = 1 << 18
_EXACT = 1e15


def records(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a stream: kind and data."""
    held, at = b"", 0
    for chunk in chunks:
        held, at = held[at:] + chunk, 0
        while len(held) - at >= 4:
            kind, size = struct.unpack_from("<HH", held, at)
            if len(held) - at - 4 < size:
                break
            yield kind, held[at + 4 : at + 4 + size]
            at += 4 + size


def encrypted(chunks: Iterable[bytes]) -> bool:
    """Whether a workbook asks for a password: it says so at its beginning."""
    return any(kind == _FILEPASS for (kind, _), _ in zip(records(chunks), range(64), strict=False))


def rows(chunks: Iterable[bytes]) -> Iterator[Text]:
    """Yield the sheets, each row a record, and what else is written in a workbook."""
    book = _Book()
    for kind, data in records(chunks):
        try:
            book.add(kind, data)
        except (struct.error, IndexError):  # a record that is too short
            continue
        if book.size > _BATCH:
            yield from book.texts()
    book.end()
    yield from book.texts()


class _Book:
    """Puts the cells of a workbook together to rows."""

    def __init__(self) -> None:
        self.size = 0
        self._wide = True
        self._codec = "cp1252"
        self._shared: list[str] = []
        self._pending: list[bytes] = []
        """The table of strings, as long as records continue it."""
        self._before = 0
        self._row = -1
        self._cells: list[str] = []
        self._lines: list[str] = []
        self._notes: list[str] = []

    def add(self, kind: int, data: bytes) -> None:
        """Take a record."""
        if kind == _CONTINUE:
            self._continued(data)
            return
        self._flush()
        self._before = kind
        if kind == _SST:
            self._pending = [data]
        elif kind in _BOFS:
            self.end()
            self._wide = struct.unpack_from("<H", data)[0] >= _BIFF8
        elif kind == _CODEPAGE:
            self._codec = _codec(struct.unpack_from("<H", data)[0])
        elif kind == _STRING:
            self._cells.append(self._text(data, 2))
        elif kind in _TITLES:
            start, width = _TITLES[kind]
            self._notes.append(self._text(data[start:], width))
        elif kind in _HEADERS and data:
            self._notes.append(self._text(data, 2 if self._wide else 1))
        elif kind == _CACHED_NUMBER:
            self._notes.append(_shown(struct.unpack_from("<d", data)[0]))
        else:
            self._cell(kind, data)

    def _cell(self, kind: int, data: bytes) -> None:
        if kind == _LABELSST:
            values = [self._shared[struct.unpack_from("<I", data, 6)[0]]]
        elif kind in _LABELS:
            values = [self._text(data[6:], 2)]
        elif kind == _NUMBER or (kind in _FORMULAS and data[12:14] != b"\xff\xff"):
            values = [_shown(struct.unpack_from("<d", data, 6)[0])]
        elif kind == _RK:
            values = [_shown(_rk(struct.unpack_from("<I", data, 6)[0]))]
        elif kind == _MULRK:
            values = [_shown(_rk(value)) for _, value in struct.iter_unpack("<HI", data[4:-2])]
        elif kind in _FORMULAS:
            values = []  # its text comes in a record of its own
        else:
            return
        row = struct.unpack_from("<H", data)[0]
        if row != self._row:
            self.end()
            self._row = row
        self._cells += values
        self.size += sum(map(len, values))

    def _continued(self, data: bytes) -> None:
        if self._pending:
            self._pending.append(data)
        elif self._before == _TXO and data:
            self._notes.append(_decoded(data[1:], data[0]))
            self._before = _CONTINUE  # what follows is no text

    def _flush(self) -> None:
        if self._pending:
            self._shared = list(_strings(self._pending))
            self._pending = []

    def end(self) -> None:
        """End the row."""
        if self._cells:
            self._lines.append("\t".join(self._cells) + "\n")
            self.size += 1
        self._row, self._cells = -1, []

    def texts(self) -> Iterator[Text]:
        """Yield what was put together."""
        if self._lines:
            starts = np.cumsum([0, *map(len, self._lines[:-1])], dtype=np.int64)
            yield Text("".join(self._lines), "rows", starts)
        if self._notes:
            yield Text("\n".join(self._notes) + "\n", "notes")
        self._lines, self._notes, self.size = [], [], 0

    def _text(self, data: bytes, width: int) -> str:
        """Return a string behind its length of one byte or two."""
        length = int.from_bytes(data[:width], "little")
        if not self._wide:
            return data[width : width + length].decode(self._codec, "replace")
        return _decoded(data[width + 1 :][: length * (1 + (data[width] & _WIDE))], data[width])


def _decoded(data: bytes, flags: int) -> str:
    return data.decode("utf-16-le" if flags & _WIDE else "latin-1", "replace")


def _codec(number: int) -> str:
    try:
        return codecs.lookup(f"cp{number}").name
    except LookupError:
        return "cp1252"


def _rk(value: int) -> float:
    """Return the number that is packed in 32 bits (MS-XLS, section 2.5.217)."""
    if value & 2:
        number = float((value >> 2) - (1 << 30 if value & 0x80000000 else 0))
    else:
        number = struct.unpack("<d", struct.pack("<Q", (value & 0xFFFFFFFC) << 32))[0]
    return number / 100 if value & 1 else number


def _shown(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < _EXACT else repr(number)


def _strings(pieces: list[bytes]) -> Iterator[str]:
    """Yield the shared strings: they go over the borders of records (MS-XLS, section 2.5.293)."""
    number, at = 0, 8
    while number < len(pieces):
        if at >= len(pieces[number]):
            number, at = number + 1, max(0, at - len(pieces[number]))
            continue
        piece = pieces[number]
        if len(piece) - at < 3:
            return
        left, flags = struct.unpack_from("<HB", piece, at)
        at += 3
        behind = 0
        if flags & _RICH and len(piece) - at >= 2:
            behind += 4 * struct.unpack_from("<H", piece, at)[0]
            at += 2
        if flags & _FAR_EAST and len(piece) - at >= 4:
            behind += struct.unpack_from("<I", piece, at)[0]
            at += 4
        text = ""
        while left:
            if at >= len(piece):
                number += 1
                if number == len(pieces) or not pieces[number]:
                    break
                piece, at = pieces[number], 1
                flags = piece[0]
            width = 1 + (flags & _WIDE)
            data = piece[at : at + left * width]
            data = data[: max(width, len(data) // width * width)]
            text += _decoded(data, flags)
            left -= max(1, len(data) // width)
            at += len(data)
        yield text
        at += behind
