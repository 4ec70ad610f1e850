"""Rows that were deleted from an SQLite database and are still on its pages.

In the strings of the raw bytes their values stand without anything between them. A record says how long
each is (file format, section 2.1); freeing one overwrites its first four bytes with its size.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from mmap import mmap

_MOST = 2 << 20
"""Free bytes that are looked at."""
_LEAF = 0x0D
_HEADER = 100
_ENCODINGS = {1: "utf-8", 2: "utf-16-le", 3: "utf-16-be"}
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_FLOAT, _BLOB = 7, 12
_COLUMNS = 100
_FREED = 4
"""Bytes that are overwritten: where the next free block is, and the size of this one."""
_SKIPPED = range(4, 9)
"""Bytes that can stand in front of the types of a freed record: lengths and its number."""
_RUNS = {
    "utf-8": re.compile(rb"[ -~]{6,}"),
    "utf-16-le": re.compile(rb"(?:[ -~]\x00){6,}"),
    "utf-16-be": re.compile(rb"(?:\x00[ -~]){6,}"),
}
_PATIENCE = 5000
"""Texts in a row that belong to no record, after which there are none."""
_REACH = 40
"""Bytes of a record that may stand before its text."""
_TELLING = 4
"""Characters of text without which a record is chance."""


def rows(data: mmap) -> Iterator[list[object]]:
    """Yield the values of the records on the free parts of the pages. `data`: the database."""
    encoding = _ENCODINGS.get(int.from_bytes(data[56:60]), "utf-8")
    left, patience = _MOST, _PATIENCE
    for start, end in _free(data):
        area = data[start : min(end, start + left)]
        left -= len(area)
        for values in _records(area, encoding):
            patience = _PATIENCE if values else patience - 1
            if values:
                yield values
        if not left or patience < 0:
            return


def _free(data: mmap) -> Iterator[tuple[int, int]]:
    """Yield the stretches that no record lies on: pages of the free list, and gaps on leaves of tables."""
    size = int.from_bytes(data[16:18])
    size = 1 << 16 if size == 1 else size
    if size < 512 or size & (size - 1):
        return
    for start in range(0, len(data), size):
        yield from _gaps(data[start : start + size], start)
    trunk, seen = int.from_bytes(data[32:36]), set[int]()
    while 0 < trunk <= len(data) // size and trunk not in seen:
        seen.add(trunk)
        page = data[(trunk - 1) * size : trunk * size]
        count = min(int.from_bytes(page[4:8]), size // 4 - 2)
        yield (trunk - 1) * size + 8 + 4 * count, trunk * size
        for number in struct.unpack(f">{count}I", page[8 : 8 + 4 * count]):
            if 0 < number <= len(data) // size:
                yield (number - 1) * size, number * size
        trunk = int.from_bytes(page[:4])


def _gaps(page: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yield the gap between the pointers and the records of a leaf, and the blocks between the records."""
    at = _HEADER if start == 0 else 0
    if page[at : at + 1] != bytes([_LEAF]):
        return
    block, count, content = struct.unpack_from(">HHH", page, at + 1)
    yield start + at + 8 + 2 * count, start + (content or len(page))
    for _ in range(len(page) // _FREED):
        if not at < block <= len(page) - _FREED:
            return
        following, size = struct.unpack_from(">HH", page, block)
        yield start + block, start + min(block + size, len(page))
        if following <= block:
            return
        block = following


def _records(area: bytes, encoding: str) -> Iterator[list[object]]:
    """Yield the records that begin soon before some text, or nothing for a text that belongs to none."""
    at = 0
    run = _RUNS[encoding].search(area)
    while run:
        values, end = _before(area, range(max(at, run.start() - _REACH), run.start()), encoding)
        yield values
        at = end or at
        run = _RUNS[encoding].search(area, end or run.end())


def _before(area: bytes, places: range, encoding: str) -> tuple[list[object], int]:
    """Return the first record at one of some places, and where it ends."""
    ways = (way(area, place, encoding) for place in places for way in (_whole, _freed))
    return next((each for each in ways if each[0]), ([], 0))


def _whole(area: bytes, at: int, encoding: str) -> tuple[list[object], int]:
    """Return the values of a record that is as it was, and where it ends."""
    payload, at = _varint(area, at)
    _, at = _varint(area, at)
    size, place = _varint(area, at)
    types, end = at + size, at + payload
    if not 2 <= size <= 2 * _COLUMNS or types > end or end > len(area):
        return [], 0
    kinds: list[int] = []
    while place < types:
        kind, place = _varint(area, place)
        kinds.append(kind)
    if place != types or types + sum(map(_length, kinds)) != end:
        return [], 0
    return _values(area, types, kinds, encoding), end


def _freed(area: bytes, at: int, encoding: str) -> tuple[list[object], int]:
    """Return the values of a record whose first bytes say its size, and where it ends."""
    end = at + int.from_bytes(area[at + 2 : at + _FREED]) if at >= 0 else 0
    if end < at + 2 * _FREED or end > len(area):
        return [], 0
    for skipped in _SKIPPED:
        kinds: list[int] = []
        place, length = at + skipped, 0
        while place + length < end and len(kinds) < _COLUMNS:
            kind, place = _varint(area, place)
            kinds.append(kind)
            length += _length(kind)
            if place + length == end and (values := _values(area, place, kinds, encoding)):
                return values, end
    return [], 0


def _varint(area: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length, the highest seven bits first, and where it ends."""
    number = 0
    for place in range(at, min(at + 9, len(area))):
        number = number << 7 | area[place] & 0x7F
        if area[place] < 0x80:
            return number, place + 1
    return number, at + 9


def _length(kind: int) -> int:
    """Return how many bytes a value of a type has."""
    if kind >= _BLOB:
        return (kind - _BLOB) // 2
    return 8 if kind == _FLOAT else _INTEGERS.get(kind, 0)


def _values(area: bytes, at: int, kinds: list[int], encoding: str) -> list[object]:
    """Return the values of these types; none where their text is no text, or too little to tell."""
    values: list[object] = []
    letters = 0
    for kind in kinds:
        raw = area[at : at + _length(kind)]
        at += len(raw)
        if kind > _BLOB and kind % 2:
            try:
                text = raw.decode(encoding)
            except UnicodeDecodeError:
                return []
            if not text.replace("\n", " ").replace("\t", " ").replace("\r", " ").isprintable():
                return []
            letters += len(text)
            values.append(text)
        elif kind in _INTEGERS:
            values.append(int.from_bytes(raw, signed=True))
        elif kind == _FLOAT:
            values.append(struct.unpack(">d", raw)[0])
        elif kind >= _BLOB:
            values.append(raw)
    return values if letters >= _TELLING else []
