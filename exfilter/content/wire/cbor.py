"""CBOR (RFC 8949), also sequences of it (RFC 8742)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exfilter.content.budget import Item
from exfilter.content.wire import objects, walk
from exfilter.content.wire.rows import Rows
from exfilter.content.wire.tokens import (
    ARRAY,
    BREAK,
    BYTES,
    ENDLESS,
    FLOAT,
    MAP,
    NEGATIVE,
    NOTHING,
    PIECES,
    TAG,
    TEXT,
    UNSIGNED,
    Grammar,
)
from exfilter.content.wire.window import Window

_MAJOR = (UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, NOTHING)


def _rows() -> Iterable[tuple[range, int, int, int]]:
    for major, kind in enumerate(_MAJOR):
        first = major << 5
        yield range(first, first + 24), kind, 0, 0
        for step in range(4):
            yield range(first + 24 + step, first + 25 + step), kind, 1 << step, 0
    for first, kind in ((0x5F, PIECES), (0x7F, PIECES), (0x9F, ARRAY), (0xBF, MAP)):
        yield range(first, first + 1), kind, 0 if kind == PIECES else ENDLESS, 0
    for step in range(3):
        yield range(0xF9 + step, 0xFA + step), FLOAT, 2 << step, 0
    yield range(0xFF, 0x100), BREAK, 0, 0


GRAMMAR = Grammar.of(_rows())


def begins(head: bytes) -> bool:
    """Whether a map, an array or a tag begins."""
    return bool(head) and GRAMMAR.kind[head[0]] in (MAP, ARRAY, TAG)


def values(window: Window, rows: Rows) -> Iterator[Item]:
    """Walk through maps and arrays: a walk (see ``walk.Walk``)."""
    return objects.walk(window, rows, GRAMMAR)


READER = walk.reader("cbor", begins, values)
