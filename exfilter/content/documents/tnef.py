"""TNEF, the ``winmail.dat`` of Outlook ([MS-OXTNEF]): the texts of the message and what is attached to it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from typing import BinaryIO

from exfilter.content.charset import Decoder
from exfilter.content.documents import lzfu
from exfilter.content.documents.rows import Rows
from exfilter.content.sandbox.found import Found, Left, Member, Wishes
from exfilter.model import Reason

_FIRST = 6
_ATTRIBUTE = struct.Struct("<BII")
_CHECKSUM = 2
_TITLE, _DATA, _PROPERTIES, _ATTACHMENT = 0x18010, 0x6800F, 0x69003, 0x69005
_TEXTS = (0x1, 0x2, 0x4)
"""Types of attributes that are texts: the upper half of their numbers."""
_RTF, _HTML, _OBJECT = 0x1009, 0x1013, 0x3701
_SINGLE, _WIDE, _BINARY, _EMBEDDED = 0x1E, 0x1F, 0x102, 0x0D
_VARIABLE = frozenset({_SINGLE, _WIDE, _BINARY, _EMBEDDED})
_SIZES = {0x02: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x0B: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x14: 8, 0x40: 8, 0x48: 16}
_NAMED, _MANY = 0x8000, 0x1000
_IDENTIFIER = 16
_PIECE = 1 << 20


def parse(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Yield the texts of the message as one record, and its bodies and attachments."""
    data, rows = mmap(file.fileno(), 0, access=ACCESS_READ), Rows()
    rows.add("")
    at, title = _FIRST, "attachment"
    while at + _ATTRIBUTE.size <= len(data):
        _level, number, size = _ATTRIBUTE.unpack_from(data, at)
        start = at + _ATTRIBUTE.size
        at = start + size + _CHECKSUM
        end = min(start + size, len(data))
        if at > len(data) + _CHECKSUM:
            yield Left(Reason.MALFORMED, end - start)
        if number == _DATA:
            yield Member(title, _chunks(data, start, end))
        elif number in (_PROPERTIES, _ATTACHMENT):
            yield from _properties(data[start:end], rows)
        elif number >> 16 in _TEXTS:
            text = Decoder("").decode(data[start:end]).replace("\x00", " ")
            title = text.strip() if number == _TITLE else title
            rows.add(text + "\n", begins=False)
    yield from rows.pieces(last=True)


def _chunks(data: mmap, start: int, end: int) -> Iterator[bytes]:
    return (data[at : min(end, at + _PIECE)] for at in range(start, end, _PIECE))


def _properties(data: bytes, rows: Rows) -> Iterator[Found]:
    """Yield what the properties of a message or an attachment hold (section 2.1.3.4)."""
    for number, kind, value in Properties(data):
        if kind in (_SINGLE, _WIDE):
            text = value.decode("utf-16-le", "replace") if kind == _WIDE else Decoder("").decode(value)
            rows.add(text.replace("\x00", "") + "\n", begins=False)
        elif number == _RTF:
            yield Member("body.rtf", lzfu.expanded(value))
        elif number == _HTML:
            yield Member("body.html", (value,))
        elif number == _OBJECT:
            yield Member("message", (value[_IDENTIFIER:] if kind == _EMBEDDED else value,))


class Properties:
    """The numbers, types and values of properties that stand one after the other."""

    def __init__(self, data: bytes) -> None:
        """Read `data`, which begins with their number."""
        self._data = data
        self._at = 0

    def __iter__(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield them. Raises struct.error where they are cut."""
        for _ in range(self._long()):
            kind, number = self._take("<HH")
            if number >= _NAMED:
                self._at += _IDENTIFIER
                if self._long():
                    yield number, _WIDE, self._sized()
                else:
                    self._at += 4
            many, kind = bool(kind & _MANY), kind & ~_MANY
            for _ in range(self._long() if many or kind in _VARIABLE else 1):
                yield number, kind, self._sized() if kind in _VARIABLE else self._fixed(kind)

    def _take(self, form: str) -> tuple[int, ...]:
        found: tuple[int, ...] = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return found

    def _long(self) -> int:
        return self._take("<I")[0]

    def _sized(self) -> bytes:
        """Return a value with its length in front of it; the next one begins at a multiple of four."""
        size = self._long()
        value = self._data[self._at : self._at + size]
        self._at += size + -size % 4
        return value

    def _fixed(self, kind: int) -> bytes:
        size = _SIZES[kind]
        self._at += size
        if self._at > len(self._data):
            raise struct.error
        return self._data[self._at - size : self._at]
