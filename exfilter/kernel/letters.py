"""What a character is to the native kernel: its fold in UTF-8, and the class of each byte."""

from __future__ import annotations

import enum
import re

from detectors import names
from detectors.folding import fold
from exfilter.kernel.plain.addresses import LOCAL_PLAIN, LOCAL_RARE


class Class(enum.IntFlag):
    """Classes of a byte. All bytes of one character share theirs."""

    CAPITAL = 1
    """``str.isupper`` of the source character."""
    ALNUM = 2
    LETTER = 4
    r"""``\w``, but no digit, no underscore, and none of a script without spaces."""
    CJK = 8
    DIGIT = 16
    """``str.isdigit``."""
    LOCAL = 32
    """Plain character of an e-mail's local part."""
    RARE = 64
    """Legal in a local part, but more often in front of one."""


_LETTER = re.compile(names.LETTER)
_CJK = re.compile(f"[{names.CJK}]")


def class_of(character: str) -> Class:
    """Return the class of a character as it stands."""
    known = {
        Class.CAPITAL: character.isupper(),
        Class.ALNUM: character.isalnum(),
        Class.LETTER: _LETTER.match(character),
        Class.CJK: _CJK.match(character),
        Class.DIGIT: character.isdigit(),
        Class.LOCAL: character.lower() in LOCAL_PLAIN or (character >= "\x80" and character.isalnum()),
        Class.RARE: character in LOCAL_RARE,
    }
    found = Class(0)
    for class_, has in known.items():
        found |= class_ if has else Class(0)
    return found


def folded(character: str) -> tuple[bytes, bytes]:
    """Return the fold of a character that is not ASCII, and the class of each byte of it.

    A capital letter that folds to ASCII stays a capital: the class of ASCII is read off the byte.
    """
    pieces, classes = b"", b""
    capital = character.isupper()
    for piece in fold(character):
        encoded = (piece.upper() if capital and piece.isascii() else piece).encode("utf-8", "surrogatepass")
        pieces += encoded
        classes += bytes([class_of(piece) | (Class.CAPITAL if capital else Class(0))]) * len(encoded)
    return pieces, classes


ASCII = bytes(class_of(chr(byte)) if byte < 0x80 else 0 for byte in range(256))
"""Class of each byte of ASCII."""
