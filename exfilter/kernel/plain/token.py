"""A word that may be part of a name."""

from __future__ import annotations

from dataclasses import dataclass

from detectors import names
from exfilter.kernel.tables import FIRST

PAIR_CHARACTERS = 96
"""Characters between the two tokens of a pair, at most."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, or a part of one."""

    form: str
    start: int
    end: int
    word: int
    line: int
    record: int
    capital: bool
    role: int = 0
    """How common it is as a given and as a family name: see ``Tables.roles``. 0: not known."""
    plain: bool = True
    """It is written as the index knows it."""

    @property
    def lean(self) -> int:
        """Above 0: rather a given name; below: rather a family name. Powers of two."""
        return int(self.role & FIRST) - (self.role >> 4)


def reaches(token: Token, other: Token) -> bool:
    """Whether two tokens may be one name. A new line counts as a word."""
    return (
        other.word - token.word <= names.REACH_WORDS
        and other.start - token.end <= PAIR_CHARACTERS
        and other.record == token.record
    )


def commonness(one: int, other: int) -> int:
    """Return how common a name of two roles is at the most; 0: they complement each other in no way."""
    ways = ((one & FIRST, other >> 4), (other & FIRST, one >> 4))
    return max(int(given + family) if given and family else 0 for given, family in ways)
