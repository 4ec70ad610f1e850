"""Formats in which the first byte of a value says what it is: all values of a piece at once.

For every byte it is worked out where a value that began there would end; then one goes from value to
value. That is three times as fast as to look at the values one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exfilter.content.binary import RUN
from exfilter.content.wire.rows import SHORT, shown
from exfilter.model import Int64Array, Uint64Array

Bytes = npt.NDArray[np.uint8]
MAP, ARRAY, PIECES, BREAK, TAG, NOTHING, UNSIGNED, NEGATIVE, SIGNED, FLOAT, TEXT, BYTES, NEVER = range(13)
"""What a value can be. ``PIECES``: a text in several ones. ``BREAK``: the end of what has no number of
values. ``TAG``: goes with the value behind it. ``NEGATIVE``: -1 less the number. ``NEVER``: nothing."""
ENDLESS = 0xFF
"""Instead of a width: the number of values is not said."""
_NOWHERE = 1 << 60
_FLOATS = {2: ">f2", 4: ">f4", 8: ">f8"}
_PADDING = 16


@dataclass(frozen=True, slots=True)
class Grammar:
    """What each first byte begins. Arrays of 256."""

    kind: Bytes
    width: Bytes
    """Bytes of the number behind it: a value, a size, a number of values."""
    inline: Bytes
    """The number itself, where it is in the first byte."""
    behind: Bytes
    """Bytes between the number and the bytes of the value."""

    @classmethod
    def of(cls, rows: Iterable[tuple[range, int, int, int]]) -> Grammar:
        """Make one of rows: first bytes, kind, width, behind. Without width, numbers count from the first."""
        tables = [np.full(256, NEVER, dtype=np.uint8), *(np.zeros(256, dtype=np.uint8) for _ in range(3))]
        for firsts, kind, width, behind in rows:
            for first in firsts:
                for table, value in zip(tables, (kind, width, first - firsts.start, behind), strict=True):
                    table[first] = value
        return cls(*tables)


class Tokens:
    """The values that could begin at each byte of a piece."""

    def __init__(self, data: bytes, chars: str, grammar: Grammar) -> None:
        """Look at a piece; `chars`: the same as Latin-1."""
        self._data = data
        self._chars = chars
        self._grammar = grammar
        self._codes = np.frombuffer(data + bytes(_PADDING), dtype=np.uint8)
        first = self._codes[: len(data)]
        self.kind = grammar.kind[first]
        self.after = self._ends(first)
        """Where the value that begins at each byte ends; far away for long ones and for none."""
        self._step = memoryview(self.after)

    def _ends(self, first: Bytes) -> Int64Array:
        grammar = self._grammar
        width = np.where(grammar.width == ENDLESS, 0, grammar.width)
        sized = (grammar.kind == TEXT) | (grammar.kind == BYTES)
        fixed = 1 + width + grammar.behind.astype(np.int64)
        fixed[sized & (width == 0)] += grammar.inline[sized & (width == 0)]
        fixed[grammar.kind == NEVER] = _NOWHERE
        size = np.append(fixed[first], _NOWHERE)
        measured = np.where(sized, width, 0)[first]
        for number in np.unique(width[sized & (width > 0)]).tolist():
            places = np.flatnonzero(measured == number)
            length = self.numbers(places, number)
            size[places] += np.where(length > SHORT, _NOWHERE, length).astype(np.int64)
        size += np.arange(len(size))
        return size

    def numbers(self, places: Int64Array, width: int) -> Uint64Array:
        """Return the numbers of some width behind the first bytes at some places."""
        wide = np.zeros((len(places), 8), dtype=np.uint8)
        for step in range(width):
            wide[:, 8 - width + step] = self._codes[places + 1 + step]
        return wide.view(">u8")[:, 0].astype(np.uint64)

    def chain(self, at: int) -> list[int]:
        """Return where the values begin from a place on, up to one that is long, broken off or none."""
        places: list[int] = []
        step, size = self._step, len(self._data)
        while (after := step[at]) <= size:
            places.append(at)
            at = after
        return places

    def number(self, place: int) -> tuple[int, int]:
        """Return the number at a place, and where the bytes behind it begin."""
        first = self._data[place]
        width = int(self._grammar.width[first])
        behind = place + 1 + width + int(self._grammar.behind[first])
        if not width:
            return int(self._grammar.inline[first]), behind
        return int.from_bytes(self._data[place + 1 : place + 1 + width]), behind

    def counts(self, places: Int64Array) -> Int64Array:
        """Return how many values are in maps and arrays, -1 where that is not said."""
        first = self._codes[places]
        width = self._grammar.width[first]
        found = self._grammar.inline[first].astype(np.int64)
        for number in (1, 2, 4, 8):
            mine = np.flatnonzero(width == number)
            found[mine] = self.numbers(places[mine], number).astype(np.int64)
        found[width == ENDLESS] = -1
        return found

    def value(self, place: int) -> bytes:
        """Return the bytes of a short value."""
        return self._data[self.number(place)[1] : self.after[place]]

    def texts(self, places: Int64Array, decode: Callable[[bytes], str]) -> npt.NDArray[np.object_]:
        """Return values as texts; empty for what has none. `decode`: for what is not ASCII."""
        found = np.full(len(places), "", dtype=object)
        kind, first = self.kind[places], self._codes[places]
        width = self._grammar.width[first]
        texts = np.flatnonzero(kind == TEXT)
        starts = places[texts] + 1 + width[texts]
        found[texts] = self._strings(starts, self.after[places[texts]], decode)
        inline = np.flatnonzero((kind >= UNSIGNED) & (kind <= SIGNED) & (width == 0))
        found[inline] = [str(number) for number in self._small(first[inline], kind[inline])]
        self._spelt(places, inline, found)
        for bits in (1, 2, 4, 8):
            mine = np.flatnonzero((width == bits) & (kind >= UNSIGNED) & (kind <= FLOAT))
            found[mine] = self._wide(places[mine], kind[mine], bits)
        return found

    def _strings(self, starts: Int64Array, ends: Int64Array, decode: Callable[[bytes], str]) -> list[str]:
        chars, spans = self._chars, zip(starts.tolist(), ends.tolist(), strict=True)
        strings = [chars[start:end] for start, end in spans]
        beyond = np.append(0, np.cumsum(self._codes >= 0x80))
        for index in np.flatnonzero(beyond[ends] > beyond[starts]).tolist():
            strings[index] = decode(strings[index].encode("latin-1"))
        return strings

    def _small(self, first: Bytes, kind: Bytes) -> list[int]:
        number = self._grammar.inline[first].astype(np.int64)
        number[kind == NEGATIVE] = -1 - number[kind == NEGATIVE]
        number[kind == SIGNED] -= 0x20  # the last 32 first bytes are the numbers below zero
        small: list[int] = number.tolist()
        return small

    def _spelt(self, places: Int64Array, inline: Int64Array, found: npt.NDArray[np.object_]) -> None:
        """Put the letters behind small numbers in a row that are printable: a text may pass for them."""
        here = places[inline]
        letters = (here < np.append(here[1:], 0)) & (self._codes[here] >= 0x20) & (self._codes[here] < 0x7F)
        letters &= np.append(np.diff(here) == 1, False)
        edges = np.flatnonzero(np.diff(letters.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        for start, end in edges[edges[:, 1] - edges[:, 0] >= RUN].tolist():
            text = self._chars[here[start] : here[end] + 1]
            found[inline[end]] += f" {text}"

    def _wide(self, places: Int64Array, kind: Bytes, width: int) -> list[str]:
        number = self.numbers(places, width)
        texts = list(map(str, number.tolist()))
        for index in np.flatnonzero(kind != UNSIGNED).tolist():
            value = int(number[index]).to_bytes(width)
            if kind[index] == FLOAT:
                texts[index] = shown(float(np.frombuffer(value, dtype=_FLOATS[width])[0]))
            elif kind[index] == SIGNED:
                texts[index] = str(int.from_bytes(value, signed=True))
            else:
                texts[index] = str(-1 - int(number[index]))
        return texts
