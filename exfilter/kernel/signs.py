"""What a sign of ASCII may do between and around values, as the native kernel asks for it."""

from __future__ import annotations

import enum

from detectors.tickets import SEPARATORS
from exfilter.kernel.plain import fields, numbers, people, references
from exfilter.kernel.plain.candidate import MARKS


class Sign(enum.IntFlag):
    """Roles of a byte."""

    MARK = 1
    """Parts fields."""
    OPENING = 2
    """A field may begin behind it."""
    CLOSING = 4
    """A field may end before it."""
    GAP = 8
    """Between the groups of a telephone number."""
    EVENLY = 16
    """Between the groups of a number that is written evenly."""
    SEPARATOR = 32
    """Between the runs of a ticket number."""
    WIDE = 64
    """Between a prefix of letters and what follows it."""
    WITHIN = 128
    """Between two digits behind such a prefix."""
    PARTING = 256
    """Stands not within one name."""


_SETS = {
    Sign.MARK: MARKS,
    Sign.OPENING: fields.OPENING,
    Sign.CLOSING: fields.CLOSING,
    Sign.GAP: numbers.GAP,
    Sign.EVENLY: numbers.EVEN,
    Sign.SEPARATOR: SEPARATORS,
    Sign.WIDE: references.WIDE,
    Sign.WITHIN: references.WITHIN,
}


def signs(character: str) -> Sign:
    """Return the roles of a character of ASCII."""
    found = Sign.PARTING if people.parts(character) else Sign(0)
    for sign, characters in _SETS.items():
        found |= sign if character in characters else Sign(0)
    return found


TABLE = tuple(int(signs(chr(byte))) if byte < 0x80 else 0 for byte in range(256))
"""Roles of each byte: none beyond ASCII."""
