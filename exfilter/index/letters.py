"""How characters that are not ASCII fold, as a table for the native reader of rows.

Filled when a character is first met: a row that holds one that is not known goes the slow way, and
the next one does not.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import numpy as np

from detectors import names
from detectors.folding import fold

if TYPE_CHECKING:
    from exfilter.model import Uint64Array

NEVER, BREAK, CJK = 255, 254, 64
"""Highest byte of an entry: the character needs Python; it ends a word. Else the bytes of its fold and one
more, and ``CJK`` where it is of a script without spaces; the bytes stand below, the first one lowest.
0: not met yet."""
MAX_BYTES = 7

_LETTER = re.compile(names.LETTER)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class Letters:
    """The table: one entry for each code point."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.table: Uint64Array = np.zeros(sys.maxunicode + 1, dtype=np.uint64)

    def meet(self, text: str) -> None:
        """Make the entries of the characters in ``text``."""
        for character in set(_NOT_ASCII.findall(text)):
            if not self.table[ord(character)]:
                self.table[ord(character)] = _entry(character)


def _entry(character: str) -> int:
    folded = fold(character)
    data = folded.encode()
    # The Kelvin sign in lower case is a k, which a cell that says "unknown" might be written with.
    plain = not character.lower().isascii() and fold(folded) == folded and len(data) <= MAX_BYTES
    length = len(data) + 1
    if plain and (folded == "'" or all(map(_LETTER.fullmatch, folded))):
        return length << 56 | int.from_bytes(data, "little")
    if plain and all(map(names.is_cjk, folded)):
        return length + CJK << 56 | int.from_bytes(data, "little")
    mixed = any(each == "'" or _LETTER.fullmatch(each) or names.is_cjk(each) for each in folded)
    return NEVER << 56 if mixed else BREAK << 56
