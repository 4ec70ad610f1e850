"""Where the entries of a HAR file stand, without reading them.

A JSON parser that meets a fault has no way to go on, and it holds whatever is between two quotes in memory.
Here only quotes, backslashes and brackets are looked at, a chunk at a time, with numpy: an entry that is not
JSON is between its brackets all the same, and those after it are found. Braces of strings do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from exfilter.model import Int64Array

CHUNK = 1 << 20
_QUOTE, _BACKSLASH = 0x22, 0x5C
_KEY = 64
"""Bytes before a bracket in which its key stands."""
_NAMED = re.compile(rb'"(\w+)"\s*:\s*\Z')
_ENTRY = 4
"""Depth of an entry: the root, ``log``, ``entries``, the entry."""
_STEP = np.zeros(256, dtype=np.int8)
_STEP[[ord("{"), ord("[")]] = 1
_STEP[[ord("}"), ord("]")]] = -1


@dataclass(slots=True)
class Splitter:
    """Finds the entries of one file."""

    file: BinaryIO
    whole: bool = False
    """Whether the list of entries was seen to end."""
    found: bool = False
    """Whether there is a list of entries."""
    begun: int = -1
    """Byte at which an entry begins that has not ended. -1: none."""
    _in_string: bool = False
    _odd: bool = False
    """Whether the chunk before ended in the first half of an escape."""
    _depth: int = 0
    _path: list[bytes] = field(default_factory=list)
    _before: bytes = b""

    def entries(self) -> Iterator[tuple[int, int]]:
        """Yield where each whole entry begins, and its length. Raises OSError."""
        at = self.file.tell()
        while chunk := self.file.read(CHUNK):
            for place, step in self._shallow(np.frombuffer(chunk, dtype=np.uint8)):
                if step > 0:
                    self._open(chunk, place, at)
                elif (start := self._close(at + place)) >= 0:
                    yield start, at + place + 1 - start
            self._before = (self._before + chunk[-_KEY:])[-_KEY:]
            at += len(chunk)

    def _shallow(self, data: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> list[tuple[int, int]]:
        """Return places and steps of the brackets that are no deeper than an entry's."""
        outside = ~self._strings(data)
        places = np.flatnonzero(outside & (_STEP[data] != 0))
        steps = _STEP[data[places]].astype(np.int64)
        after = self._depth + np.cumsum(steps)
        if len(after):
            self._depth = int(after[-1])
        level = np.maximum(after, after - steps)
        near = level <= _ENTRY
        return list(zip(places[near].tolist(), steps[near].tolist(), strict=True))

    def _strings(
        self, data: np.ndarray[tuple[int], np.dtype[np.uint8]]
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return which bytes are inside of strings; of the quotes, the first one."""
        quotes = data == _QUOTE
        quotes &= ~self._escaped(data)
        inside = np.logical_xor.accumulate(quotes) ^ self._in_string
        self._in_string = bool(inside[-1])
        return inside

    def _escaped(
        self, data: np.ndarray[tuple[int], np.dtype[np.uint8]]
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return which bytes stand after an odd number of backslashes."""
        slashes = data == _BACKSLASH
        escaped = np.zeros(len(data) + 1, dtype=np.bool_)
        escaped[0] = self._odd
        at = np.flatnonzero(slashes)
        if len(at):
            starts = np.flatnonzero(np.diff(at, prepend=-2) != 1)
            lengths = np.diff(starts, append=len(at))
            first: Int64Array = at[starts]
            odd = lengths % 2 == 1
            if self._odd and first[0] == 0:
                odd[0] = not odd[0]
            escaped[first + lengths] = odd
            if self._odd and first[0] == 0:
                escaped[0] = False
        self._odd = bool(escaped[-1])
        return escaped[:-1]

    def _open(self, chunk: bytes, place: int, at: int) -> None:
        before = chunk[max(0, place - _KEY) : place]
        if place < _KEY:
            before = (self._before + before)[-_KEY:]
        named = _NAMED.search(before)
        self._path.append((named[1] if named else b"") + chunk[place : place + 1])
        if self._path == [b"{", b"log{", b"entries["]:
            self.found = True
        elif self._is_entry():
            self.begun = at + place

    def _close(self, end: int) -> int:  # noqa: ARG002 - said by who asks
        """Return where the entry began that ends here; -1: none does."""
        start = self.begun if self._is_entry() else -1
        if start >= 0:
            self.begun = -1
        if self._path == [b"{", b"log{", b"entries["]:
            self.whole = True
        if self._path:
            self._path.pop()
        return start

    def _is_entry(self) -> bool:
        return len(self._path) == _ENTRY and self._path[:3] == [b"{", b"log{", b"entries["]
