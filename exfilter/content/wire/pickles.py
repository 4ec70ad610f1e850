"""Pickles of Python, never unpickled: the strings and numbers that their instructions hold."""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from typing import BinaryIO

from exfilter.content.content import Content
from exfilter.content.documents.rows import Rows
from exfilter.content.sandbox.found import Found, Member, Wishes
from exfilter.content.wire.rows import AFTER_VALUE, plain, shown

_PROTOCOLS = (2, 3, 4, 5)
"""Those before are text."""
_FIRST = frozenset(b"\x95]})(cNKXUCBGJM\x8a\x8c\x8d\x8e\x88\x89\x8f\x96")
"""What can stand behind the number of the protocol."""
_PLAIN = frozenset(b"IJKML\x8a\x8bFGSTUVX\x8c\x8dBC\x8e\x96")
"""Instructions with a value of their own."""
_KEPT = frozenset("PUT BINPUT LONG_BINPUT MEMOIZE".split())
_FETCHED = frozenset("GET BINGET LONG_BINGET".split())
_ROW = frozenset("TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_TUPLE".split())
_CALLS = frozenset("REDUCE NEWOBJ NEWOBJ_EX".split())
"""They take a row as arguments."""
_NAMELESS = 64
"""Bytes of an id or a hash, at most."""


def recognises(content: Content) -> bool:
    """Whether a protocol of bytes is named, and an instruction follows."""
    head = content.stream.head(3)
    return len(head) == 3 and head[0] == 0x80 and head[1] in _PROTOCOLS and head[2] in _FIRST


class Values:
    """What the instructions have put down so far."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.rows = Rows()
        self._memory: dict[int, str] = {}
        self._last = ""
        self._value = False
        """The last instruction put down a value."""
        self._begins = False

    def take(self, name: str, code: int, given: object) -> Iterator[Found]:
        """Carry out an instruction, as far as it is of values. A map, or a row, begins a record."""
        if name in _KEPT:
            self._memory[given if isinstance(given, int) else len(self._memory)] = self._last
            return
        before, self._value, self._last = self._value, False, ""
        if name == "EMPTY_DICT":
            self._begins = self._begins or not before
        elif name in _ROW or name in _CALLS:
            self._begins = name in _ROW
        elif name in _FETCHED and isinstance(given, int):
            self._put(self._memory.get(given, ""))
        elif code in _PLAIN and isinstance(given, (bytes, bytearray)) and not plain(bytes(given)):
            if len(given) > _NAMELESS:
                yield Member("bytes", [bytes(given)])
        elif code in _PLAIN:
            self._put(_text(given))

    def _put(self, text: str) -> None:
        self._value, self._last = True, text
        if text:
            self.rows.add(
                f"\n{text}{AFTER_VALUE}" if self._begins else f"{text}{AFTER_VALUE}", begins=self._begins
            )
            self._begins = False


def parse(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Yield the values. Raises ValueError where the instructions break off."""
    values = Values()
    try:
        for opcode, given, _place in pickletools.genops(file):
            yield from values.take(opcode.name, ord(opcode.code), given)
            yield from values.rows.pieces()
    except ValueError:
        yield from values.rows.pieces(last=True)
        raise
    yield from values.rows.pieces(last=True)


def _text(given: object) -> str:
    if isinstance(given, (bytes, bytearray)):
        return plain(bytes(given))
    return shown(given) if isinstance(given, float) else str(given)
