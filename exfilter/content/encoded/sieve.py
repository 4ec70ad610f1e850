"""Where in a text runs of letters and digits may be that stand for something else.

First only words of eight characters are looked at, one of two or four: a run without a break fills one of
them. Then what stands around those that are like encoded ASCII.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from exfilter.content.codes import Words
from exfilter.content.encoded.runs import LETTERS
from exfilter.content.native import passes
from exfilter.model import Int64Array

Bools = npt.NDArray[np.bool_]

_BLOCK = 8
_OFTEN, _SELDOM = 2, 4
"""One word of so many is looked at: runs of 23 and of 39 letters are always seen."""
_MUCH = 1 << 14
"""Characters from which on a text is looked at seldom."""
_BEFORE, _BESIDE = 24, 8
"""Characters before and behind a place that are looked at."""
_ZEROS = np.uint64(0x3030303030303030)
_HIGHEST = np.uint64(0x8080808080808080)
_LITTLE = 1 << 9
"""Characters below which a text is searched with a pattern."""
_FEW, _SEVERAL = 8, 24
"""Places that are looked at one by one, and those where one look is enough for most."""

# What a character may be at some place of base64, base32 or hexadecimal that stands for ASCII.
_FIRST, _SECOND, _THIRD, _HEX, _HIGH, _ANY = 1, 2, 4, 8, 16, 32
_BASE64 = f"{string.ascii_uppercase}{string.ascii_lowercase}{string.digits}+/-_"
_VALUES = [*range(64), 62, 63]
# 0x20 to 0x7F: six bits of it are 8 to 31, four bits 2 to 7, two bits 0 or 1.
_MEANT = {
    _FIRST: "".join(letter for letter, value in zip(_BASE64, _VALUES, strict=True) if 8 <= value < 32),
    _SECOND: "".join(letter for letter, value in zip(_BASE64, _VALUES, strict=True) if 2 <= value % 16 < 8),
    _THIRD: "".join(letter for letter, value in zip(_BASE64, _VALUES, strict=True) if value % 4 < 2),
    _HEX: string.hexdigits,
    _HIGH: "234567",
    _ANY: _BASE64,
}
_CLASSES = np.zeros(256, dtype=np.uint8)
for _class, _letters in _MEANT.items():
    _CLASSES[[ord(_letter) for _letter in _letters]] |= _class


def _shapes(*cycle: int) -> list[np.uint64]:
    """Return the classes of the eight characters of a word, for each place where the cycle may begin."""
    size = len(cycle)
    words = (bytes(cycle[(at - phase) % size] for at in range(_BLOCK)) for phase in range(size))
    return [np.frombuffer(word, dtype=np.uint64)[0] for word in words]


_SHAPES = np.array(
    [
        *_shapes(_FIRST, _SECOND, _THIRD, _ANY),
        *_shapes(_HEX | _HIGH, _HEX),
    ]
)


def _group(*classes: int) -> str:
    return "".join(f"[{re.escape(_MEANT[class_])}]" for class_ in classes)


_GROUP = _group(_FIRST, _SECOND, _THIRD, _ANY)
_LETTER = _group(_ANY)
_LIKE = re.compile(f"(?:{_GROUP}){{3}}|(?:[2-7]{_group(_HEX)}){{9}}")
"""Letters that are like encoded ASCII."""
_RUN = re.compile(f"{_LETTER}{{16,}}")
_SOME = f"(?={_LETTER}{{40}})"
_LONG = re.compile(
    r"[0-9a-f]{132}|[0-9A-F]{132}|"
    f"{_SOME}(?=[A-Z2-7]{{40}}|[0-9A-V]{{40}}|[a-z2-7]{{40}}|[0-9a-v]{{40}})(?=.{{,39}}[G-Zg-z])"
    r"[A-Za-z]{,99}+[0-9]{1,99}+[A-Za-z]{1,99}+[0-9]"
    f"|{_SOME}(?={_LETTER}{{,39}}[g-z])(?={_LETTER}{{,39}}[A-Z])"
    f"(?:{_LETTER}{{,39}}[0-9]|(?:[B-Za-z0-9+/_-]{{,99}}+A){{10}})"
)
"""Hexadecimal digits, more than a digest has; letters of all kinds, more than a word has; or of one case and
figures among them, as in base32; or with many zeros: letters of 16 bits."""


def places(text: str) -> Iterator[tuple[int, bool]]:
    """Yield where a run of letters may stand for something: like ASCII (True), or at least a long one.

    A place is inside the run, not its beginning. Ascending.
    """
    if len(text) < _LITTLE:
        for run in _RUN.finditer(text):
            like = bool(_LIKE.search(text, *run.span()))
            if like or _LONG.match(text, run.start()):
                yield run.start(), like
        return
    for place in _likely(text):
        before = text[max(0, place - _BEFORE) : place]
        begin = place - len(before) + len(before.rstrip(LETTERS))
        found = _RUN.match(text, begin, place + _BEFORE)
        if found is None:
            continue
        like = bool(
            _LIKE.search(text, max(found.start(), place - _BESIDE), min(found.end(), place + _BEFORE))
        )
        if like or _LONG.match(text, place):
            yield place, like


def _likely(text: str) -> list[int]:
    """Return the places of words that are like encoded ASCII, or that go on in the next one."""
    step = _BLOCK * (_OFTEN if len(text) < _MUCH else _SELDOM)
    at, known = unbroken(text, step) if passes is None else passes.unbroken(text, step)
    if not len(at):
        return []
    fits = (_classes(known)[:, None] & _SHAPES) == _SHAPES
    like = fits.any(axis=1).nonzero()[0]
    if len(like) > _FEW:
        like = like[_beside(text, at[like] * step, fits[like])]
    follows = at[(at[1:] - at[:-1] == 1).nonzero()[0]] * step
    for away in range(_BLOCK, step, _BLOCK) if len(follows) > _SEVERAL else ():
        follows = follows[_whole(_words(text, follows + away))]
    return sorted({*(at[like] * step).tolist(), *follows.tolist()})


def unbroken(text: str, step: int) -> tuple[Int64Array, Words]:
    """Return which words have nothing below the digits, of one in each `step` characters, and the words."""
    found = words(text, np.arange(0, len(text) - _BLOCK + 1, step))
    numbers = _whole(found).nonzero()[0]
    return numbers, found[numbers]


def words(text: str, places: Int64Array) -> Words:
    """Return the words at some places: the lowest bytes of characters; beyond an end, of the last one."""
    units = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return units.take(places[:, None] + np.arange(_BLOCK), mode="clip").astype(np.uint8).view(np.uint64)[:, 0]


def _words(text: str, places: Int64Array) -> Words:
    return words(text, places) if passes is None else passes.words(text, places)


def _whole(words: Words) -> Bools:
    """Return which words have nothing below the digits: no blank, hardly a sign."""
    # Where a byte is smaller, the difference has its highest bit, or that of the next one.
    whole: Bools = ((words - _ZEROS) & _HIGHEST) == 0
    return whole


def _classes(words: Words) -> Words:
    """Return the classes of the characters of words."""
    return _CLASSES.take(words.view(np.uint8)).view(np.uint64)


def _beside(text: str, places: Int64Array, fits: Bools) -> Bools:
    """Return which places have a word before or behind that is like ASCII in the same way as they are."""
    found = np.zeros(len(places), dtype=bool)
    for away in (-_BLOCK, _BLOCK):
        beside = _classes(_words(text, places + away))[:, None]
        found |= (((beside & _SHAPES) == _SHAPES) & fits).any(axis=1)
    return found
