"""Text in NFC (UAX #15), without a pass over text that is in it already: nearly all text is."""

from __future__ import annotations

import functools
import itertools
import unicodedata
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from exfilter.content.native import passes
from exfilter.model import Int64Array

_FIRST_MARK = 0x300
"""What is below is in NFC as it is."""
_LOOKED_AT = (
    range(_FIRST_MARK, 0x3400),
    range(0xA000, 0xAC00),
    range(0xD7B0, 0xD800),
    range(0xF900, 0x10000),
)
"""The first plane without ideographs and Hangul syllables: NFC leaves those alone."""
_JAMO = slice(0x1160, 0x1200)
"""Hangul is composed by a rule, not by the table (Unicode, section 3.12)."""
_PICTURES = slice(0x1F000, 0x1FB00)
"""Of the characters beyond the first plane, the frequent ones. NFC leaves them alone."""
_DENSE = 16
"""Fewer characters than that for each that NFC looks at: then the whole text is normalised."""
_RUN = 30
"""Combining marks in a row that are normalised together."""


def composed(text: str) -> str:
    """Return the text in NFC.

    A look at the characters costs a tenth of what normalising costs; only lines with a character that
    NFC looks at are normalised.
    """
    if text.isascii():
        return text
    places = unsettled(text)
    if not len(places):
        return text
    # Every mark is one of these characters: without a run of them there is none of marks.
    run = len(places) >= _RUN and (places[_RUN - 1 :] - places[: 1 - _RUN] == _RUN - 1).any()
    normalised = _in_runs if run else functools.partial(unicodedata.normalize, "NFC")
    return normalised(text) if len(places) * _DENSE > len(text) else _by_lines(text, places, normalised)


def unsettled(text: str) -> Int64Array:
    """Return where a character stands that NFC looks at, ascending."""
    if passes is not None:
        return passes.unsettled(text, _unsettled().view(np.uint8))
    return unsettled_slowly(text)


def unsettled_slowly(text: str) -> Int64Array:
    """Return the same by way of numpy."""
    return np.flatnonzero(_unsettled()[_points(text)])


def _by_lines(text: str, places: Int64Array, normalised: Callable[[str], str]) -> str:
    """Return the text with the lines around `places` in NFC.

    Such a piece begins with a line end and ends before one: nothing composes across it.
    """
    pieces = []
    taken = end = 0
    for place in places.tolist():
        if place < end:
            continue
        start = max(text.rfind("\n", end, place), end)
        end = text.find("\n", place)
        end = len(text) if end < 0 else end
        piece = text[start:end]
        if (settled := normalised(piece)) != piece:
            pieces += [text[taken:start], settled]
            taken = end
    return "".join([*pieces, text[taken:]]) if pieces else text


def _in_runs(text: str) -> str:
    """Return a text in NFC that may have long runs of marks.

    Sorting marks is quadratic in their number behind one letter (CPython's insertion sort), so
    longer runs than any language has are normalised piecewise (UAX #15, stream-safe format).
    """
    marks = np.flatnonzero(_combining()[_points(text)])
    if len(marks) < _RUN or not (marks[_RUN - 1 :] - marks[: 1 - _RUN] == _RUN - 1).any():
        return unicodedata.normalize("NFC", text)
    order = np.arange(len(marks))
    first = np.maximum.accumulate(np.where(np.diff(marks, prepend=-2) != 1, order, 0))
    cuts = marks[((order - first) % _RUN == 0) & (order > first)]
    pieces = (text[start:end] for start, end in itertools.pairwise([0, *cuts.tolist(), len(text)]))
    return "".join(unicodedata.normalize("NFC", piece) for piece in pieces)


def _points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)


@functools.cache
def _combining() -> npt.NDArray[np.bool_]:
    """Return for each character of the first two planes whether it is a combining mark, and no others."""
    table = np.zeros(0x110000, dtype=bool)
    table[:0x20000] = list(map(unicodedata.combining, map(chr, range(0x20000))))
    return table


@functools.cache
def _unsettled() -> npt.NDArray[np.bool_]:
    """Return for each character whether NFC might change, move or compose it.

    Those are the marks, the characters that are never in NFC, and those that compose with the one
    before them. Beyond the first plane only pictures are known not to be among them.
    """
    table = np.zeros(0x110000, dtype=bool)
    table[0x10000:] = True
    table[_PICTURES] = False
    for code in itertools.chain(*_LOOKED_AT):
        table[code] = unicodedata.combining(chr(code))
    table[_JAMO] = True
    for code in itertools.chain(range(_FIRST_MARK), *_LOOKED_AT):
        parts = unicodedata.decomposition(chr(code))
        if parts and not parts.startswith("<"):
            table[[int(part, 16) for part in parts.split()[1:]]] = True
            table[code] |= not unicodedata.is_normalized("NFC", chr(code))
    return table
