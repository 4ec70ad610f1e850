"""MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), also several values in a row."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.content.budget import Item
from exfilter.content.wire import objects, walk
from exfilter.content.wire.rows import Rows
from exfilter.content.wire.tokens import ARRAY, BYTES, FLOAT, MAP, NOTHING, SIGNED, TEXT, UNSIGNED, Grammar
from exfilter.content.wire.window import Window


def _one(first: int) -> range:
    return range(first, first + 1)


GRAMMAR = Grammar.of(
    (
        (range(0x80), UNSIGNED, 0, 0),
        (range(0x80, 0x90), MAP, 0, 0),
        (range(0x90, 0xA0), ARRAY, 0, 0),
        (range(0xA0, 0xC0), TEXT, 0, 0),
        *((_one(first), NOTHING, 0, 0) for first in (0xC0, 0xC2, 0xC3)),
        *((_one(0xC4 + step), BYTES, 1 << step, 0) for step in range(3)),
        *((_one(0xC7 + step), BYTES, 1 << step, 1) for step in range(3)),  # extensions have a type
        *((_one(0xCA + step), FLOAT, 4 << step, 0) for step in range(2)),
        *((_one(0xCC + step), UNSIGNED, 1 << step, 0) for step in range(4)),
        *((_one(0xD0 + step), SIGNED, 1 << step, 0) for step in range(4)),
        *((_one(0xD4 + step), NOTHING, 1 << step, 1) for step in range(3)),
        *((_one(0xD7 + step), NOTHING, 8, 1 + 8 * step) for step in range(2)),
        *((_one(0xD9 + step), TEXT, 1 << step, 0) for step in range(3)),
        *((_one(0xDC + step), ARRAY, 2 << step, 0) for step in range(2)),
        *((_one(0xDE + step), MAP, 2 << step, 0) for step in range(2)),
        (range(0xE0, 0x100), SIGNED, 0, 0),
    )
)


def begins(head: bytes) -> bool:
    """Whether a map or an array begins."""
    return bool(head) and GRAMMAR.kind[head[0]] <= ARRAY


def values(window: Window, rows: Rows) -> Iterator[Item]:
    """Walk through maps and arrays: a walk (see ``walk.Walk``)."""
    return objects.walk(window, rows, GRAMMAR)


READER = walk.reader("messagepack", begins, values)
