"""Letters of other scripts that look like Latin ones, and letters that nobody sees.

What folds to Latin by Unicode (full width, mathematical, circled, with marks) and what folds to nothing
(zero width, bidirectional marks, soft hyphens, variation selectors) is the kernel's.
"""

from __future__ import annotations

import functools
import re
import unicodedata

import numpy as np
import numpy.typing as npt

from exfilter.content.native import passes
from exfilter.content.signs import NONE
from exfilter.model import Int64Array

_LIKE = {
    "A": "0410 0391 13aa",
    "B": "0412 0392 13f4 a4d0",
    "C": "0421 03f9 13df",
    "D": "13a0 15de a4d3 0500",
    "E": "0415 0395 13ac",
    "F": "03dc 15b4",
    "G": "050c 13c0",
    "H": "041d 0397 13bb",
    "I": "0406 0399 04c0",
    "J": "0408 13ab 037f",
    "K": "041a 039a 13e6",
    "L": "053c 13de",
    "M": "041c 039c 13b7",
    "N": "039d",
    "O": "041e 039f 0555",
    "P": "0420 03a1 13e2",
    "Q": "051a",
    "R": "13a1 13d2",
    "S": "0405 054f 13da",
    "T": "0422 03a4 13a2",
    "U": "054d 144c",
    "V": "0474 13d9",
    "W": "051c 13b3",
    "X": "0425 03a7",
    "Y": "0423 03a5 04ae 13bd",
    "Z": "0396 13c3",
    "a": "0430 03b1 a4ee",
    "b": "042c 044c 13cf 15af",
    "c": "0441 03f2 a4da",
    "d": "0501 056a 13e7 a4d2",
    "e": "0435 03b5 04bd a4f0",
    "f": "03dd 0584 a4dd",
    "g": "0581 a4d6",
    "h": "04bb 0570 13c2 a4e7",
    "i": "0456 03b9 13a5 a4f2",
    "j": "0458 03f3 0575 a4d9",
    "k": "043a 03ba 049d a4d7",
    "l": "04cf 05df a4e1",
    "m": "043c a4df",
    "n": "0578 03b7 043f 057c a4e0",
    "o": "043e 03bf 0585 03c3 05e1 a4f3",
    "p": "0440 03c1 a4d1",
    "q": "051b 0566 0563",
    "r": "0433 a4e3",
    "s": "0455 abaa a4e2",
    "t": "0442 03c4 a4d4",
    "u": "03c5 057d 0446 a4f4",
    "v": "03bd 0475 a4e6",
    "w": "051d 03c9 0448 0561 a4ea",
    "x": "0445 03c7 a4eb",
    "y": "0443 03b3 04af 10e7 a4ec",
    "z": "a4dc",
}
"""By how they look in usual type: letters of Cyrillic, Greek, Armenian, Cherokee, Lisu, Hebrew and others."""
SIMILAR = {int(code, 16): letter for letter, codes in _LIKE.items() for code in codes.split()}
_UNSEEN = (0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800)
"""Letters without a shape: fillers of Hangul, the blank of Braille."""
_TAGS = range(0xE0020, 0xE007F)
"""ASCII that is not shown (Unicode, section 23.9)."""
_SELECTORS = (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
"""Variation selectors: there are 256 of them, so that a row of them can hold bytes."""
_INITIALS = (range(0x1F1E6, 0x1F200), range(0x1F150, 0x1F16A), range(0x1F170, 0x1F18A))
"""A to Z: those that flags are made of, in black circles, in black squares."""
_ODD = {
    **dict.fromkeys(_UNSEEN, ""),
    **{code: chr(code - 0xE0000) for code in _TAGS},
    **{code: chr(ord("A") + code - letters[0]) for letters in _INITIALS for code in letters},
}
_BACKWARDS = 0x202E
"""What is behind it is shown from right to left, until something ends it or the line ends."""
_MANY = 1 << 14
"""Look-alikes of a text from which on they are letters of its language."""
_SAMPLE = 256

_BYTES = re.compile(f"[{''.join(map(chr, _SELECTORS))}]{{4,}}")
_TURNED = re.compile(f"{chr(_BACKWARDS)}([^\n\u202c\u2069]*)")
_TOKEN = re.compile(r"[\w.+@-]+")
_LETTERS = "".join(map(chr, SIMILAR))
_BESIDE = re.compile(f"[A-Za-z][{_LETTERS}]|[{_LETTERS}][A-Za-z]")
_LATIN = re.compile("[A-Za-z]")


def places(text: str) -> Int64Array:
    """Return the spans, [n, 2] and ascending, of characters that are not what they look like."""
    if text.isascii():
        return NONE
    odd, similar = _found(text, (*_ODD, _BACKWARDS, *_SELECTORS[16:])), _found(text, tuple(SIMILAR))
    at = np.union1d(odd, _among_latin(text, similar))
    return np.stack([at, at + 1], axis=1)


def _found(text: str, codes: tuple[int, ...]) -> Int64Array:
    """Return where one of these characters stands, ascending."""
    if passes is not None:
        return passes.unsettled(text, _table(codes))
    found = re.finditer(f"[{''.join(map(chr, codes))}]", text)
    return np.array([match.start() for match in found], dtype=np.int64)


@functools.cache
def _table(codes: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    table = np.zeros(0x110000, dtype=np.uint8)
    table[list(codes)] = 1
    return table


def _among_latin(text: str, similar: Int64Array) -> Int64Array:
    """Return which look-alikes stand beside a Latin letter. In a text of their own language none does."""
    if len(similar) <= _MANY:
        return np.array([at for at in similar.tolist() if _beside(text, at)], dtype=np.int64)
    if not any(_beside(text, at) for at in similar[:: len(similar) // _SAMPLE].tolist()):
        return similar[:0]
    return np.array([match.start() for match in _BESIDE.finditer(text)], dtype=np.int64)


def _beside(text: str, at: int) -> bool:
    return bool(_LATIN.search(text, max(0, at - 1), at + 2))


def undo(text: str) -> str:
    """Write letters as what they look like, turn what is shown from right to left, show what is hidden."""
    text = _BYTES.sub(_said, text)
    text = _TURNED.sub(lambda turned: turned[1][::-1], text).translate(_ODD)
    return _TOKEN.sub(_latin, text)


def _said(selectors: re.Match[str]) -> str:
    data = bytes(_SELECTORS.index(ord(selector)) for selector in selectors[0])
    return data.decode("utf-8", "replace")


def _latin(token: re.Match[str]) -> str:
    """Return a word of Latin letters and others with what the others look like."""
    if token[0].isascii() or not _LATIN.search(token[0]):
        return token[0]
    return unicodedata.normalize("NFKD", token[0]).translate(SIMILAR)
