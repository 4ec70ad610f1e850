"""The contract of the kernel: the arrays it reads (from the index) and those it returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.tickets import Template
from exfilter.model import Int64Array, Kind, Uint64Array

SHARED = np.uint32(1 << 31)
"""Bit of a value that says: row of the postings, not an ordinal."""
FIRST, LAST = np.uint8(1), np.uint8(2)
"""Roles of a name token: somebody's given name, somebody's family name."""

EMAIL, NAME, NAME_LOWER, NAME_MONO, NAME_LOOSE = range(5)
"""Fixed shape numbers. The numbers of phones and tickets follow, from ``Tables.shapes``."""
FIXED_SHAPES = ("email", "name", "name, lower case", "name of one word", "name, loose")
"""A loose name supports another field of the same customer and is not judged by itself: two
tokens that do not stand as one name in the text, or a word that is part of a longer one."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A class of values that share their chance of being somebody's."""

    name: str
    kind: Kind
    space: float
    """How many values there are of this shape."""
    keys: int
    """Distinct values of this shape in the index."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Tables:
    """What the kernel looks up in. Flat, read-only arrays, usually memory-mapped.

    Equal only to itself, so that a kernel can keep what it derives from it.
    """

    kind_keys: tuple[bytes, ...] = field(repr=False)
    """SipHash keys by ``Kind``, 16 bytes each."""
    token_key: bytes = field(repr=False)
    """SipHash key of name tokens, 16 bytes."""
    tags: Uint64Array
    """Sorted, each once."""
    values: NDArray[np.uint32]
    """For each tag: the ordinal of its only bearer, or ``SHARED`` | row of ``postings_start``."""
    postings_start: Int64Array
    """Row r of the postings is ``postings[postings_start[r]:postings_start[r + 1]]``."""
    postings: NDArray[np.uint32]
    """Ordinals, ascending in each row."""
    roles: NDArray[np.uint8]
    """Bitmap of name tokens: two bits (FIRST, LAST) in slot ``hash & (4 * len(roles) - 1)``;
    slot s is in byte s >> 2, bits 2 * (s & 3) and up. The length is a power of two."""
    shapes: tuple[Shape, ...]
    """The fixed ones first, then phones and tickets. Only shapes with keys are looked for."""
    templates: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """What the kernel found in one text."""

    kind: NDArray[np.uint8]
    shape: NDArray[np.uint16]
    start: Int64Array
    """Offsets into the text, in characters."""
    end: Int64Array
    posting: NDArray[np.uint32]
    """As in ``Tables.values``."""
    tag: Uint64Array
    lead: NDArray[np.uint16]
    """``detectors.lead`` of numbers."""
    candidates: Candidates


@dataclass(frozen=True, slots=True)
class Candidates:
    """Distinct candidates of one text, hits or not, for the judgement of chance."""

    shape: NDArray[np.uint16]
    lead: NDArray[np.uint16]
    """``detectors.lead`` of numbers."""
    tag: Uint64Array
    strangers: int
    """Pairs of capitalised tokens that stand like a name but are not of tokens that the index
    knows. Not distinct: they are no names of customers, and too many of them only adds caution."""
