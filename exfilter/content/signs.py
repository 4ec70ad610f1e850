"""Where escapes stand in a text: one pass for the characters that begin them, then only at those.

A pattern that is tried at every character costs 0.5 to 30 ns a character, and there are seven of them.
Here all signs are found together, and what cannot be an escape is left out with a look at the next
characters, many places at a time. `escapes` keeps the patterns: they say what an escape is, and the
tests compare.
"""

from __future__ import annotations

import functools
import re
import string

import numpy as np
import numpy.typing as npt

from exfilter.content.codes import WINDOW, Bytes, among, codes
from exfilter.model import Int64Array

Table = npt.NDArray[np.bool_]
Shape = tuple[Table, ...]
"""For each character behind the sign, which ones may stand there."""

_PAD = 16
"""Zeros behind the text: a look at the next characters needs no look at the end. No shape is longer."""
_NOWHERE: Int64Array = np.empty(0, dtype=np.int64)
NONE: Int64Array = np.empty((0, 2), dtype=np.int64)

_HEX = among(string.hexdigits)
_UPPER_HEX = among("0123456789ABCDEF")
_RUN = among(string.ascii_letters + string.digits + "/")
_RUN_OR_PLUS = _RUN | among("+")
_BLANK = among(" \t")
_BREAK = among("\r\n")


def _one(letter: str) -> Table:
    return among(letter)


PERCENT: tuple[Shape, ...] = ((_HEX, _HEX),)
BACKSLASH: tuple[Shape, ...] = (
    (among('nrt/"'),),
    (_one("x"), _HEX, _HEX),
    (_one("u"), _HEX, _HEX, _HEX, _HEX),
)
QUOTED: tuple[Shape, ...] = (
    (_one("4"), _one("0")),
    (_one("3"), _one("D")),
    (_one("2"), _one("E")),
    (among("CDEF"), _UPPER_HEX, _one("="), among("89AB"), _UPPER_HEX),
)
_ENTITY = (among(string.ascii_letters + "#"),)
_ENTITY_END = range(3, 10)
"""How far behind an ampersand the semicolon of an entity stands."""
_SHIFTED = (_RUN, _RUN, _RUN_OR_PLUS)
_CAPITAL_A = _one("A")
_CAPITAL = among(string.ascii_uppercase)
_SOFT = (_BLANK | _BREAK,)
_SOFT_BLANKS = 8


class Signs:
    """The places in one text where an escape may begin. Everything is worked out when it is asked for."""

    def __init__(self, text: str) -> None:
        """Look at `text`."""
        self.text = text

    @functools.cached_property
    def _codes(self) -> Bytes:
        return codes(self.text, _PAD)

    @functools.cached_property
    def _places(self) -> dict[str, Int64Array]:
        found = [_NOWHERE]
        for start in range(0, len(self.text), WINDOW):
            window = self._codes[start : min(start + WINDOW, len(self.text))]
            signs = window - np.uint8(ord("%")) < 2  # % and &
            for sign in "+=\\":
                signs |= window == ord(sign)
            found.append(np.flatnonzero(signs) + start)
        places = np.concatenate(found)
        which = self._codes[places]
        return {sign: places[which == ord(sign)] for sign in "%&+=\\"}

    @functools.cached_property
    def lines(self) -> Int64Array:
        """Where lines begin, the first one too."""
        found = [np.zeros(1, dtype=np.int64)]
        for start in range(0, len(self.text), WINDOW):
            window = self._codes[start : min(start + WINDOW, len(self.text))]
            found.append(np.flatnonzero(window == ord("\n")) + (start + 1))
        places = np.concatenate(found)
        return places[: np.searchsorted(places, max(1, len(self.text)))]

    def fitting(self, sign: str, shapes: tuple[Shape, ...]) -> Int64Array:
        """Return the spans, [n, 2] and ascending, of a sign followed by one of some shapes.

        No two shapes may fit at the same place.
        """
        found = []
        for shape in shapes:
            places = self._like(self._places[sign], shape)
            if len(places):
                found.append(np.stack([places, places + (1 + len(shape))], axis=1))
        return _sorted(found)

    def _like(self, places: Int64Array, shape: Shape) -> Int64Array:
        for step, table in enumerate(shape, 1):
            if not len(places):
                break
            places = places[table[self._codes[places + step]]]
        return places

    def soft_breaks(self) -> Int64Array:
        r"""Return the spans of ``=[ \t]{0,8}\r?\n(?=[^\r\n])``."""
        places = self._like(self._places["="], _SOFT)
        if not len(places):
            return NONE
        ends = places + 1
        for _ in range(_SOFT_BLANKS):
            ends = ends + _BLANK[self._codes[ends]]
        ends = ends + (self._codes[ends] == ord("\r"))
        after = ends + 1
        fits = (self._codes[ends] == ord("\n")) & (after < len(self.text)) & ~_BREAK[self._codes[after]]
        return np.stack([places[fits], after[fits]], axis=1)

    def quoted(self) -> Int64Array:
        """Return the spans of soft line breaks and of the bytes of quoted-printable."""
        return _sorted([self.soft_breaks(), self.fitting("=", QUOTED)])

    def entities(self, pattern: re.Pattern[str]) -> Int64Array:
        """Return the spans of `pattern`, which needs a semicolon soon."""
        places = self._like(self._places["&"], _ENTITY)
        if not len(places):
            return NONE
        ends = np.zeros(len(places), dtype=bool)
        for step in _ENTITY_END:
            ends |= self._codes[places + step] == ord(";")
        return self._matched(pattern, places[ends])

    def shifted(self, pattern: re.Pattern[str]) -> Int64Array:
        """Return the spans of `pattern`: ``+A``, a capital and one more, or a run that a hyphen ends."""
        places = self._like(self._places["+"], _SHIFTED)
        if not len(places):
            return NONE
        direct = _CAPITAL_A[self._codes[places + 1]] & _CAPITAL[self._codes[places + 2]]
        # No plus sign stands in a run, so only the last one before a hyphen can have one.
        hyphens = np.flatnonzero(self._codes == ord("-"))
        last = np.searchsorted(self._places["+"], hyphens) - 1
        ended = np.zeros(len(self._places["+"]) + 1, dtype=bool)
        ended[last] = True
        direct |= ended[np.searchsorted(self._places["+"], places)]
        return self._matched(pattern, places[direct])

    def _matched(self, pattern: re.Pattern[str], places: Int64Array) -> Int64Array:
        """Return what ``finditer`` finds, where a match can only begin at `places`."""
        spans: list[tuple[int, int]] = []
        end = 0
        for place in places.tolist():
            if place >= end and (found := pattern.match(self.text, place)):
                spans.append(found.span())
                end = found.end()
        return np.array(spans, dtype=np.int64) if spans else NONE


def _sorted(spans: list[Int64Array]) -> Int64Array:
    if len(spans) < 2:
        return spans[0] if spans else NONE
    joined = np.concatenate(spans)
    return joined[np.argsort(joined[:, 0], kind="stable")]
