"""Letters that were moved along the alphabet: rot13 and any other shift, the alphabet backwards, rot47."""

from __future__ import annotations

import functools
import string
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from exfilter.content.disguises.addresses import addresses, plain, shift
from exfilter.content.glimpse import Glimpse, Range, merged

Floats = npt.NDArray[np.float64]

USUAL = np.array(
    [
        *(8.7, 2.0, 6.4, 3.6, 10.1, 1.8, 2.7, 2.9, 7.0, 0.6, 1.3, 5.7, 4.6),
        *(6.7, 7.8, 2.0, 0.1, 6.6, 5.8, 6.1, 2.7, 1.0, 1.1, 0.5, 1.5, 0.4),
    ]
)
"""How often each letter stands in a table of names and addresses and in English prose, in percent, counted
in half a million characters of each."""
_LETTERS = string.ascii_lowercase
_NO_LETTERS = bytes(set(range(256)) - set(_LETTERS.encode()))
_CONSONANTS = bytes(set(range(256)) - set(b"aeiou"))
_FEW_VOWELS = 0.325
"""Share of vowels among the letters of a text below which its letters are counted."""
_LEAST = 60
"""Letters of a window that tell."""
_LONGEST = 20
"""One character in so many is no letter, where there are words."""
_MOVED, _PLAIN = 0.052, 0.047
"""How like the usual letters those of a window are at least when they are moved back, and at most as they
stand. Of windows of 256 characters, 99 in 100 are at least 0.052 as they stand, and at most that moved."""
BACKWARDS = 26
"""Stands for the alphabet backwards, behind the shifts."""
SIGNS = 27
"""Stands for rot47."""
_OFTEN = 40
"""One character in so many is an o, which is an at sign in rot47."""
_PRINTABLE = "".join(map(chr, range(33, 127)))
_TURNED = _PRINTABLE[47:] + _PRINTABLE[:47]
_TURNED_SIGNS = bytes.maketrans(_PRINTABLE.encode(), _TURNED.encode())


def suspects(glimpse: Glimpse) -> dict[int, list[Range]]:
    """Return the stretches whose letters may have been moved, by how."""
    found: dict[int, list[Range]] = {}
    windows = glimpse.windows(glimpse.small)
    for by in {_by_letters(window) for window in windows if _odd(window)} - {0}:
        found[by] = glimpse.where(glimpse.small, functools.partial(_moved, by))
    if b"@" in glimpse.some:
        found[SIGNS] = glimpse.where(glimpse.some, _signs)
        for by in {shift(address) for address in addresses(glimpse.small)} - {0}:
            found[by] = merged(
                found.get(by, []) + glimpse.where(glimpse.small, functools.partial(_shifted, by))
            )
    return found


def _odd(small: bytes) -> bool:
    """Whether there are fewer vowels than text has."""
    letters = small.translate(None, _NO_LETTERS)
    if not len(small) // _LONGEST < len(small) - len(letters) < len(small) // 2:
        return False
    return len(letters.translate(None, _CONSONANTS)) < _FEW_VOWELS * len(letters) > _FEW_VOWELS * _LEAST


def _moved(by: int, window: bytes) -> bool:
    return _odd(window) and _by_letters(window) == by


def _shifted(by: int, window: bytes) -> bool:
    return any(shift(address) == by for address in addresses(window))


def _by_letters(small: bytes) -> int:
    """Return by how much the letters of a window seem to be moved, 0 where they are not."""
    like = likeness(small)
    best = int(like.argmax())
    return best if like[best] >= _MOVED and like[0] <= _PLAIN else 0


def likeness(small: bytes) -> Floats:
    """Return how like the usual letters those of a window are, moved back in each way."""
    counts = np.bincount(np.frombuffer(small, dtype=np.uint8), minlength=256)[ord("a") : ord("z") + 1]
    likeness: Floats = _ways() @ counts / max(int(counts.sum()), _LEAST)
    return likeness


def _signs(some: bytes) -> bool:
    """Whether what are signs and figures would be text if they were turned."""
    if _OFTEN * some.count(b"@") < len(some) or any(map(plain, addresses(some.lower()))):
        return False
    return bool(likeness(some.translate(_TURNED_SIGNS).lower())[0] > _PLAIN)


@functools.cache
def _ways() -> Floats:
    """Return how often each letter stands in text whose letters were moved, for each way."""
    usual = USUAL / USUAL.sum()
    return np.array([*(np.roll(usual, -by) for by in range(26)), usual[::-1]])


def undoing(by: int) -> Callable[[str], str]:
    """Return what moves the letters of a text back."""
    return lambda text: text.translate(_table(by))


@functools.cache
def _table(by: int) -> dict[int, int]:
    if by == SIGNS:
        return str.maketrans(_PRINTABLE, _TURNED)
    moved = _LETTERS[::-1] if by == BACKWARDS else _LETTERS[by:] + _LETTERS[:by]
    return str.maketrans(_LETTERS + _LETTERS.upper(), moved + moved.upper())


def name(by: int) -> str:
    """Return what a way is called in provenance."""
    return {BACKWARDS: "alphabet backwards", SIGNS: "rot47"}.get(by, f"rot{by}")
