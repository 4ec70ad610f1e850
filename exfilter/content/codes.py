"""Text as numbers, one byte a character, for passes over it at the speed of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from exfilter.content.native import passes
from exfilter.model import Int64Array

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
"""Eight characters as one number, by their lowest bytes."""

BEYOND = 0xFF
"""Stands for every character beyond Latin-1: none of them plays a part in a grammar."""
WINDOW = 1 << 17
"""Characters that are looked at together, so that what is made of them stays in the cache."""


def codes(text: str, pad: int = 0) -> Bytes:
    """Return one byte a character, and `pad` zeros behind."""
    made = np.empty(len(text) + pad, dtype=np.uint8)
    made[len(text) :] = 0
    for start in range(0, len(text), WINDOW):
        piece = text[start : start + WINDOW]
        made[start : start + len(piece)] = _codes(piece)
    return made


def _codes(text: str) -> npt.NDArray[np.unsignedinteger[Any]]:
    if text.isascii():
        return np.frombuffer(text.encode(), dtype=np.uint8)
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype=np.uint16)
    if len(units) == len(text):
        return np.minimum(units, BEYOND)
    # A character of two units is among them.
    wide = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return np.minimum(wide, BEYOND)


def among(letters: str) -> npt.NDArray[np.bool_]:
    """Return a table of the bytes, true for these letters."""
    table = np.zeros(256, dtype=bool)
    table[[ord(letter) for letter in letters]] = True
    return table


def places(text: str, letter: str) -> Int64Array:
    """Return where an ASCII letter stands, ascending."""
    if passes is not None:
        return passes.places(text, ord(letter))
    return np.flatnonzero(codes(text) == ord(letter))
