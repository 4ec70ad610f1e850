"""JSON as text: escapes undone, records where objects begin. Lexical, so that duplicate keys,
depth, truncation and mistakes lose nothing.
"""  # noqa: D205

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exfilter.content.block import Block
from exfilter.content.codes import Bytes, codes
from exfilter.content.native import passes
from exfilter.model import Int64Array

_OBJECT = r"""\{\s*(?:["'}]|\Z|[\w$]{1,80}\s*:)"""
_ARRAY = r"""\[\s*(?:[\[{"'\]]|\Z|(?:-?\d+(?:\.\d+)?|true|false|null)\s*[,\]])"""
_BEGIN = re.compile(
    r"\s*(?:/\*\*/|\)\]\}'?,?|while\s?\((?:1|true)\);|for\s?\(;;\);|throw [\w ]{1,20};|&&&START&&&)?\s*"
    r"(?:export default\s{1,8}|(?:(?:var|let|const) )?[\w$.]{1,80}\s{0,8}[(=]\s{0,80})?"
    rf"(?:{_OBJECT}|{_ARRAY})"
)
"""JSON, maybe with unquoted names (JSON5), behind what keeps it from being run as a script (``)]}'``), in the
call of a function (JSONP), or as the value of a variable."""
LEVELS = 64
"""Nesting below which no record begins."""
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.uint32]

_SIMPLE = np.zeros(256, dtype=np.uint8)
for _escape, _meaning in zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True):
    _SIMPLE[ord(_escape)] = ord(_meaning)
_HEX = np.full(256, 255, dtype=np.uint8)
for _digit in "0123456789abcdefABCDEF":
    _HEX[ord(_digit)] = int(_digit, 16)
_NOWHERE: Int64Array = np.empty(0, dtype=np.int64)
_QUOTE, _LINE = ord('"'), ord("\n")
_CURLY = 0x20
"""The bit that parts a curly bracket from a square one."""


def recognises(sample: str) -> bool:
    """Whether text begins like JSON, or like lines of JSON."""
    return bool(_BEGIN.match(sample))


def read(blocks: Iterator[str]) -> Iterator[Block]:
    """Yield the blocks with escapes inside strings undone and with their records."""
    lexer = Lexer()
    for text in blocks:
        yield lexer.block(text)


class Lexer:
    """What has to be known of a JSON text between two blocks."""

    def __init__(self) -> None:
        """Begin outside of everything."""
        self._inside = 0
        self._records = Records()

    def block(self, text: str) -> Block:
        """Return the text without escapes and the offsets of its records."""
        if passes is not None:
            brackets, kinds, escapes, self._inside = passes.marks(text, self._inside)
            text, starts = passes.unescape(text, escapes, self._records.found(brackets, kinds))
            return Block("", text, starts if self._records.any else None)
        return self.looked_up(text)

    def looked_up(self, text: str) -> Block:
        """Return the same by way of numpy."""
        numbers = codes(text)
        escapes = _escapes(numbers)
        marks = Marks(numbers, escapes, self._inside)
        self._inside = marks.inside
        brackets = marks.brackets()
        starts = self._records.find(brackets, numbers[brackets])
        text, removed = _undone(text, numbers, escapes[marks.within(escapes)])
        return Block("", text, starts - np.searchsorted(removed, starts) if self._records.any else None)


class Marks:
    """The quotes, line ends and brackets of a block, and which places are inside a string.

    Those are the places with an odd number of quotes before them in their line: no string goes over a
    line end.
    """

    def __init__(self, codes: Bytes, escapes: Int64Array, before: int) -> None:
        """Find them all at once. `before`: the block begins inside a string."""
        bent = codes | np.uint8(_CURLY)
        wanted = (bent == ord("{")) | (bent == ord("}")) | (codes == _LINE)
        quotes = codes == _QUOTE
        quotes[escapes + 1] = False
        self._places = np.flatnonzero(wanted | quotes)
        self._codes = codes[self._places]
        # Only the lowest bit counts, so that it may overflow.
        seen = np.cumsum(self._codes == _QUOTE, dtype=np.uint8)
        lines = np.flatnonzero(self._codes == _LINE)
        base = np.concatenate([np.array([before], dtype=np.uint8), seen[lines]])
        length = np.diff(lines, prepend=-1, append=len(seen) - 1)
        self._inside = (seen - np.repeat(base, length)) & 1
        self._before = before
        if len(lines) and lines[-1] == len(seen) - 1:
            self.inside = 0
        else:
            self.inside = int(self._inside[-1]) if len(seen) else before
            """1: the block ends inside a string."""

    def brackets(self) -> Int64Array:
        """Return the places of the brackets outside of strings."""
        bent = self._codes | np.uint8(_CURLY)
        found: Int64Array = self._places[((bent == ord("{")) | (bent == ord("}"))) & (self._inside == 0)]
        return found

    def within(self, places: Int64Array) -> Bools:
        """Return which places, none of them a mark, are inside a string."""
        after = np.searchsorted(self._places, places)
        # Behind a line end no string is open.
        state = np.where(self._codes == _LINE, np.uint8(0), self._inside)
        inside: Bools = np.concatenate([np.array([self._before], dtype=np.uint8), state])[after] == 1
        return inside


@dataclass(frozen=True, slots=True)
class Level:
    """The brackets of one depth that open in a block. Entry 0 is the one open when it began."""

    places: Int64Array
    array: Bools
    parents: Int64Array
    """For each, which entry of the level above holds it."""


class Records:
    """Finds the records: the objects (and the rows of plain values) in the outermost arrays, or
    the values of the top level where there are several (JSON lines).
    """  # noqa: D205

    def __init__(self) -> None:
        """Begin before the first value."""
        self.any = False
        self._depth = 0
        self._begun = False
        self._stack: list[tuple[bool, bool]] = []
        """The open levels: is it an array, does it lie in a record?"""

    def found(self, places: Int64Array, brackets: Bytes) -> Int64Array:
        """Return what ``find`` returns, by the compiled pass."""
        if not len(places):
            return places
        records, self._depth, self._stack = passes.records(
            places, brackets, self._depth, self._begun, self._stack
        )
        self._begun = True
        self.any = self.any or len(records) > 0
        return records

    def find(self, places: Int64Array, brackets: Bytes) -> Int64Array:
        """Return which of the brackets of a block, by their places, begin a record."""
        if not len(places):
            return places
        opens = (brackets == ord("{")) | (brackets == ord("["))
        running = self._depth + np.cumsum(np.where(opens, 1, -1))
        after = running - np.minimum(np.minimum.accumulate(running), 0)
        levels = self._levels(places[opens], brackets[opens] == ord("["), after[opens] - 1)
        self._depth = int(after[-1])
        return self._walk(levels)

    def _levels(self, places: Int64Array, array: Bools, depth: Int64Array) -> list[Level]:
        order = np.argsort(depth, kind="stable")
        bounds = np.searchsorted(depth[order], np.arange(LEVELS + 1))
        levels: list[Level] = []
        above = np.array([-1], dtype=np.int64)
        for number in range(LEVELS):
            mine = order[bounds[number] : bounds[number + 1]]
            if not len(mine) and number >= len(self._stack):
                break
            outer = self._stack[number][0] if number < len(self._stack) else False
            here = np.concatenate([[-1], places[mine]])
            parents = np.maximum(np.searchsorted(above, here) - 1, 0)
            levels.append(Level(here, np.concatenate([[outer], array[mine]]), parents))
            above = here
        return levels

    def _walk(self, levels: list[Level]) -> Int64Array:
        """Go down the levels: what lies in a record begins none."""
        found: list[Int64Array] = [np.empty(0, dtype=np.int64)]
        stack: list[tuple[bool, bool]] = []
        several = self._begun or (len(levels) > 0 and len(levels[0].places) > 2)
        above_array, above_covered = np.array([several]), np.array([False])
        for number, level in enumerate(levels):
            covered = above_covered[level.parents]
            holds = np.zeros(len(level.places), dtype=bool)
            if number + 1 < len(levels):
                holds[levels[number + 1].parents[1:]] = True
            record = above_array[level.parents] & ~covered & ~(level.array & holds)
            record[0] = False
            covered = covered | record
            covered[0] = number < len(self._stack) and self._stack[number][1]
            found.append(level.places[record])
            stack.append((bool(level.array[-1]), bool(covered[-1])))
            above_array, above_covered = level.array, covered
        self._stack = stack[: self._depth]
        self._begun = True
        records = np.sort(np.concatenate(found))
        self.any = self.any or len(records) > 0
        return records


def unescaped(text: str) -> str:
    """Undo the escapes of JSON anywhere in a text, once."""
    if passes is not None:
        return passes.unescape(text, passes.backslashes(text), _NOWHERE)[0]
    return unescaped_slowly(text)


def unescaped_slowly(text: str) -> str:
    """Return the same by way of numpy."""
    numbers = codes(text)
    return _undone(text, numbers, _escapes(numbers))[0]


def _escapes(codes: Bytes) -> Int64Array:
    """Return the places of the backslashes that begin an escape: every second one of a run."""
    slashes = np.flatnonzero(codes == ord("\\"))
    if not len(slashes):
        return slashes
    begins = np.concatenate([[True], np.diff(slashes) != 1])
    if begins.all():
        return slashes[slashes + 1 < len(codes)]
    first = np.maximum.accumulate(np.where(begins, np.arange(len(slashes)), 0))
    starts: Int64Array = slashes[(np.arange(len(slashes)) - first) % 2 == 0]
    return starts[starts + 1 < len(codes)]


def _undone(text: str, codes: Bytes, escapes: Int64Array) -> tuple[str, Int64Array]:
    """Return the text with these escapes undone, and the places that were taken out of it."""
    if not len(escapes):
        return text, escapes
    following = codes[escapes + 1]
    meaning = _SIMPLE[following]
    simple = escapes[meaning > 0]
    wide, values, low = _unicode(codes, escapes[following == ord("u")])
    changed = _characters(text, codes, values)
    changed[simple] = meaning[meaning > 0]
    changed[wide] = values
    keep = np.ones(len(codes), dtype=bool)
    keep[simple + 1] = False
    keep[low] = False
    for step in range(1, 6):
        keep[wide + step] = False
    coding = {1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}[changed.dtype.itemsize]
    return changed[keep].tobytes().decode(coding), np.flatnonzero(~keep)


def _characters(text: str, codes: Bytes, values: npt.NDArray[np.uint32]) -> Codes:
    """Return the text as numbers that are wide enough for it and for `values`."""
    highest = int(values.max()) if len(values) else 0
    if text.isascii():
        if highest < 1 << 8:
            return codes.copy()
        return codes.astype(np.uint16) if highest < 1 << 16 else codes.astype(np.uint32)
    return np.frombuffer(bytearray(text.encode("utf-32-le", "replace")), dtype=np.uint32)


def _unicode(codes: Bytes, places: Int64Array) -> tuple[Int64Array, npt.NDArray[np.uint32], Int64Array]:
    """Return the places of valid uXXXX escapes, their characters, and the second halves of pairs."""
    places = places[places + 5 < len(codes)]
    values = np.zeros(len(places), dtype=np.uint32)
    valid = np.ones(len(places), dtype=bool)
    for step in range(2, 6):
        digit = _HEX[codes[places + step]]
        valid &= digit < 16
        values = values * 16 + np.minimum(digit, 15)
    if not valid.all():
        places, values = places[valid], values[valid]
    half = (values & 0xF800) == 0xD800
    if not half.any():
        return places, values, places[:0]
    high = half & (values < 0xDC00)
    pair = np.flatnonzero(high[:-1] & (half & ~high)[1:] & (np.diff(places) == 6))
    values[pair] = 0x10000 + ((values[pair] - 0xD800) << 10) + (values[pair + 1] - 0xDC00)
    half[pair] = False
    values[half] = 0xFFFD
    return places, values, places[pair + 1]
