"""BSON (https://bsonspec.org/spec.html), also several documents in a row."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from exfilter.content.budget import Item
from exfilter.content.wire import walk
from exfilter.content.wire.levels import LEVELS
from exfilter.content.wire.rows import AFTER_KEY, AFTER_VALUE, SHORT, Rows, plain, shown
from exfilter.content.wire.window import BrokenError, Window

_NAME = 1 << 12
"""Bytes of a name, or of a pattern, at most."""
_AHEAD = _NAME + 32
_DOUBLE, _STRING, _DOCUMENT, _ARRAY, _BINARY = 1, 2, 3, 4, 5
_DATE, _PATTERN, _POINTER, _CODE, _SYMBOL, _SCOPED = 9, 11, 12, 13, 14, 15
_INT32, _STAMP, _INT64, _DECIMAL = 16, 17, 18, 19
_WIDTHS = {_DOUBLE: 8, 6: 0, 7: 12, 8: 1, _DATE: 8, 10: 0, _INT32: 4, _STAMP: 8, _INT64: 8, _DECIMAL: 16}
"""Bytes of the values that have always the same size."""
_EXTRA = {_STRING: 0, _CODE: 0, _SYMBOL: 0, _BINARY: 1, _POINTER: 12, _SCOPED: -4}
"""Bytes of the others beside their length and as many as it says."""
_TEXTS = (_STRING, _CODE, _SYMBOL)
"""Those that end with a zero."""
_LENGTH = struct.Struct("<i")
_FLOAT = struct.Struct("<d")


def _begins(head: bytes) -> bool:
    """Whether a length, a type and a name stand there."""
    kinds = (*_WIDTHS, *_EXTRA, _DOCUMENT, _ARRAY, _PATTERN)
    return len(head) > 7 and head[4] in kinds and head[5] >= 0x20 and _LENGTH.unpack_from(head)[0] > 7


class Documents:
    """Goes through the documents of a window."""

    def __init__(self, window: Window, rows: Rows) -> None:
        """Begin at the first one."""
        self._window = window
        self._rows = rows
        self._open: list[tuple[int, bool]] = []
        """Where the open ones end in the stream, and whether each is an array."""

    def walk(self) -> Iterator[Item]:
        """Walk through all of them: a walk (see ``walk.Walk``)."""
        window, rows = self._window, self._rows
        while not rows.overdue():
            if window.at + _AHEAD > len(window.data) and not window.whole:
                yield from rows.parts(last=False)
                window.slide(window.at)
            if self._open:
                yield from self._element()
            elif window.at < len(window.data):
                self._begin(array=False)
            else:
                return

    def _begin(self, *, array: bool) -> None:
        window = self._window
        end = window.start + window.at + self._length()
        outside = self._open and end >= self._open[-1][0]
        if end < window.start + window.at + 5 or outside or len(self._open) >= LEVELS:
            raise BrokenError(window.at)
        window.at += 4
        self._open.append((end, array))
        first = window.data[window.at : window.at + 1]
        self._rows.begin(array=array, holds=first in (b"\x03", b"\x04"))

    def _length(self) -> int:
        if self._window.at + 5 > len(self._window.data):
            raise BrokenError(self._window.at, short=True)
        return int(_LENGTH.unpack_from(self._window.data, self._window.at)[0])

    def _element(self) -> Iterator[Item]:
        """Take the next element of the innermost document, or its end."""
        window, rows = self._window, self._rows
        here = window.at
        kind = int.from_bytes(window.data[here : here + 1]) if here < len(window.data) else -1
        window.at += 1
        if kind == 0:
            end, _ = self._open.pop()
            if window.start + window.at != end:
                raise BrokenError(here)
            rows.end()
            return
        name = self._cut(here)
        if not self._open[-1][1]:
            rows.pieces += (rows.string(name), AFTER_KEY)
        if kind in (_DOCUMENT, _ARRAY):
            self._begin(array=kind == _ARRAY)
        elif kind in _EXTRA:
            yield from self._sized(kind, here)
        else:
            rows.pieces += (self._fixed(kind, here), AFTER_VALUE)

    def _cut(self, here: int) -> bytes:
        """Take the bytes up to a zero."""
        window = self._window
        stop = window.data.find(0, window.at, window.at + _NAME)
        if stop < 0:
            raise BrokenError(min(here, len(window.data)), short=window.whole)
        value = window.data[window.at : stop]
        window.at = stop + 1
        return value

    def _fixed(self, kind: int, here: int) -> str:
        """Take a value whose size goes without saying."""
        if kind == _PATTERN:
            return f"{self._rows.string(self._cut(here))} {self._rows.string(self._cut(here))}"
        window, width = self._window, _WIDTHS.get(kind, 0)
        if kind not in _WIDTHS and kind not in (0x7F, 0xFF):
            raise BrokenError(here)
        value = window.data[window.at : window.at + width]
        window.at += width
        if len(value) < width:
            raise BrokenError(here, short=True)
        if kind in (_INT32, _INT64):
            return str(int.from_bytes(value, "little", signed=True))
        return shown(_FLOAT.unpack(value)[0]) if kind == _DOUBLE else ""

    def _sized(self, kind: int, here: int) -> Iterator[Item]:
        """Take a value that says its size: a text, bytes, or a text with more behind it."""
        window, rows = self._window, self._rows
        length = self._length() + (_EXTRA[kind] if kind == _SCOPED else 0)
        window.at += 5 if kind == _BINARY else 4
        if length < 0 or window.start + window.at + length > self._open[-1][0]:
            raise BrokenError(here)
        ended = kind in _TEXTS
        if length > SHORT:
            end = window.start + window.at + length - ended
            yield from rows.large(window.run(window.at, length - ended))
            window.reached(end)
            window.need(window.at, ended)
            window.at += ended
        else:
            window.need(window.at, length)
            value = window.data[window.at : window.at + length]
            window.at += length
            text = rows.string(value[:-1]) if ended else plain(value)
            if value and not text and not ended:
                yield from rows.blob(value)
            rows.pieces += (text, AFTER_VALUE)
        window.at += _EXTRA[kind] if kind == _POINTER else 0


def documents(window: Window, rows: Rows) -> Iterator[Item]:
    """Walk through documents: a walk (see ``walk.Walk``)."""
    return Documents(window, rows).walk()


READER = walk.reader("bson", _begins, documents, sure=True)
