"""Maps and arrays of values, in formats in which the first byte of a value says what it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from exfilter.content.budget import Item
from exfilter.content.wire.levels import LEVELS
from exfilter.content.wire.rows import AFTER_KEY, AFTER_VALUE, SHORT, Rows, plain
from exfilter.content.wire.tokens import (
    ARRAY,
    BREAK,
    BYTES,
    MAP,
    NEVER,
    NOTHING,
    PIECES,
    TAG,
    Grammar,
    Tokens,
)
from exfilter.content.wire.window import BrokenError, Window
from exfilter.model import Int64Array

_PIECE = 1 << 17
"""Bytes that are looked at together."""
_SEPARATORS = np.array([AFTER_VALUE, AFTER_KEY, "", "\n"], dtype=object)
_VALUE, _KEY, _NONE, _LINE = range(4)
_ENDLESS = -2
"""Values left in what says its end by a sign. Even: a key comes next."""


def walk(window: Window, rows: Rows, grammar: Grammar) -> Iterator[Item]:
    """Walk through the values of a stream: maps and arrays, one or several. Raises BrokenError."""
    shape = Shape(rows)
    window.slide(0, _PIECE)
    while window.data and not rows.overdue():
        yield from _piece(window, rows, shape, grammar)
        yield from rows.parts(last=False)
        window.slide(window.at, _PIECE)
    if shape.open and not window.data:
        raise BrokenError(0, short=True)


def _piece(window: Window, rows: Rows, shape: Shape, grammar: Grammar) -> Iterator[Item]:
    whole, data = window.data, window.data[:_PIECE]
    tokens = Tokens(data, window.chars, grammar)
    at = 0
    while at < len(data):
        places = tokens.chain(at)
        if places:
            at = int(tokens.after[places[-1]])
            yield from shape.add(tokens, np.array(places, dtype=np.int64))
            continue
        if tokens.kind[at] == NEVER or not shape.open:
            raise BrokenError(at, short=tokens.kind[at] != NEVER and len(data) == len(whole))
        number, start = tokens.number(at)
        if start > len(data) or number <= SHORT:  # it goes on behind the piece
            break
        end = window.start + start + number
        yield from rows.large(window.run(start, number))
        window.reached(end)
        shape.long()
        at = window.at
        if window.data is not whole:
            return
    window.at = at
    if not at and len(data) == len(whole):
        raise BrokenError(0, short=True)


def _alike(places: Int64Array, maps: npt.NDArray[np.bool_], sizes: Int64Array) -> Int64Array:
    """Return for each map how many follow on each other from it on: of one size, with plain values only."""
    after = np.append(places[1:] - places[:-1], 0) == 2 * sizes + 1
    same = np.append((sizes[1:] == sizes[:-1]) & maps[1:], False) & maps & after & (sizes > 0)
    ends = np.flatnonzero(~same)
    return ends[np.searchsorted(ends, np.arange(len(same)))] - np.arange(len(same))


class Shape:
    """What is open: how many values are left in it, and how they are parted."""

    def __init__(self, rows: Rows) -> None:
        """Begin in front of the first value."""
        self._rows = rows
        self.open: list[tuple[int, int]] = []
        self._left, self._mode = -1, NEVER
        self._signs: npt.NDArray[np.int8] = np.zeros(0, dtype=np.int8)
        self._here = 0

    def add(self, tokens: Tokens, places: Int64Array) -> Iterator[Item]:
        """Append values to the rows."""
        kinds = tokens.kind[places]
        if (kinds == TAG).any():
            places = places[kinds != TAG]
            kinds = tokens.kind[places]
        self._signs = np.zeros(len(places), dtype=np.int8)
        stop = self._sound(kinds, tokens.counts(places[kinds <= ARRAY]))
        yield from self._append(tokens, places[:stop], kinds[:stop])
        if stop < len(places):
            raise BrokenError(int(places[stop]))

    def _append(self, tokens: Tokens, places: Int64Array, kinds: npt.NDArray[np.uint8]) -> Iterator[Item]:
        self._signs = self._signs[: len(places)]
        self._signs[(kinds == NOTHING) & (self._signs == _VALUE)] = _NONE
        texts = tokens.texts(places, self._rows.string)
        for index in np.flatnonzero(kinds == BYTES).tolist():
            value = tokens.value(places[index])
            texts[index] = plain(value)
            if not texts[index]:
                yield from self._rows.blob(value)
        pieces = np.empty(2 * len(texts), dtype=object)
        pieces[::2], pieces[1::2] = texts, _SEPARATORS[self._signs]
        self._rows.pieces += pieces.tolist()

    def _sound(self, kinds: npt.NDArray[np.uint8], counts: Int64Array) -> int:
        """Return how many of the values stand where values may stand."""
        try:
            self._parted(kinds, counts)
        except BrokenError:
            return self._here
        return len(kinds)

    def _parted(self, kinds: npt.NDArray[np.uint8], counts: Int64Array) -> None:
        """Work out what stands behind each value, and where records begin."""
        inner = np.flatnonzero(kinds <= BREAK)
        if not len(inner):
            self._plain(0, len(kinds))
            return
        sizes = np.zeros(len(inner), dtype=np.int64)
        sizes[kinds[inner] <= ARRAY] = counts
        alike = _alike(inner, kinds[inner] == MAP, sizes)
        holds = np.append(kinds[1:] <= ARRAY, False)
        self._plain(0, int(inner[0]))
        number = 0
        while number < len(inner):
            index = int(inner[number])
            run = min(int(alike[number]), self._left if self._mode == ARRAY and self._left > 0 else 0)
            if run > 1:
                self._maps(index, run, int(sizes[number]))
                number += run
                index = int(inner[number - 1]) + 2 * int(sizes[number - 1])
            else:
                self._one(index, int(kinds[index]), int(sizes[number]), holds=bool(holds[index]))
                number += 1
            self._plain(index + 1, int(inner[number]) if number < len(inner) else len(kinds))

    def _one(self, index: int, kind: int, size: int, *, holds: bool) -> None:
        """Begin or end a map or an array."""
        self._here = index
        self._signs[index] = _NONE
        if kind == BREAK:
            self._signs[index] = self._broken()
        elif kind == PIECES:
            self._push(kind, -1)
        else:
            self._push(kind, size)
            if self._rows.levels.begin(array=kind == ARRAY, holds=holds):
                self._rows.records.append(len(self._rows.pieces) + 2 * index)
        if not self._left:
            self._close(index)

    def _maps(self, index: int, run: int, size: int) -> None:
        """Take maps in an array that follow on each other, with as many plain values in each."""
        width = 2 * size + 1
        signs = self._signs[index : index + run * width].reshape(run, width)
        signs[:, 0], signs[:, 1::2] = _NONE, _KEY
        if self._rows.levels.begin(array=False):
            base = len(self._rows.pieces) + 2 * index
            self._rows.records += range(base, base + 2 * run * width, 2 * width)
        if self._rows.levels.end():
            signs[:, -1] = _LINE
        self._taken(run)
        if not self._left:
            self._close(index + run * width - 1)

    def long(self) -> None:
        """Count a value that was read by itself."""
        self._taken(1)
        if self._ended():
            self._rows.pieces.append("\n")

    def _plain(self, index: int, stop: int) -> None:
        """Count the values from one structure to the next."""
        while index < stop:
            self._here = index
            count = stop - index if self._left < 0 else min(self._left, stop - index)
            if self._mode == MAP:
                self._signs[index + (self._left & 1) : index + count : 2] = _KEY
            elif self._mode == PIECES:
                self._signs[index : index + count] = _NONE
            self._taken(count)
            index += count
            if not self._left:
                self._close(index - 1)

    def _taken(self, count: int) -> None:
        if not self.open:
            raise BrokenError(0)
        self._left -= count

    def _push(self, kind: int, count: int) -> None:
        if (not self.open and kind == PIECES) or len(self.open) >= LEVELS:
            raise BrokenError(0)
        self.open.append((self._left - 1, self._mode))
        self._left, self._mode = _ENDLESS if count < 0 else count * 2 if kind == MAP else count, kind

    def _broken(self) -> int:
        """Close what says its end by a sign. Returns what stands behind it."""
        if not self.open or self._left >= 0:
            raise BrokenError(0)
        mode = self._mode
        self._left, self._mode = self.open.pop()
        if mode == PIECES:
            return _KEY if self._mode == MAP and self._left & 1 else _VALUE
        return _LINE if self._rows.levels.end() else _NONE

    def _close(self, index: int) -> None:
        """Close what has no values left behind a value."""
        if self._ended():
            self._signs[index] = _LINE

    def _ended(self) -> bool:
        line = False
        while not self._left:
            line = self._rows.levels.end() or line
            self._left, self._mode = self.open.pop()
        return line
