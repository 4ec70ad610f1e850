"""The contract of the kernel: the arrays it reads (from the index) and those it returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.tickets import Template
from exfilter.model import Int64Array, Kind, Uint64Array

SHARED = np.uint32(1 << 31)
"""Bit of a value that says: row of the postings, not an ordinal."""
FIRST, LAST = np.uint8(0x0F), np.uint8(0xF0)
"""Roles of a name token, somebody's given name or family name: bits of its byte in ``roles``."""


def commonness(bearers: Int64Array) -> NDArray[np.uint8]:
    """Return 0 for nobody, else 1 + log2 of the bearers, at most 15: half a byte of ``roles``."""
    return np.where(bearers > 0, np.minimum(1 + np.log2(np.maximum(bearers, 1)), 15), 0).astype(np.uint8)


WITHIN_LANGUAGE = 4.0


def bearers_by_chance(lead: NDArray[np.uint16], everybody: int) -> NDArray[np.float64]:
    """Return how many of ``everybody`` bear a name by chance: its tokens paired within a language.

    ``lead``: of a name, the sum of the commonness of its tokens in their roles. A class of
    commonness spans a factor of two, so that each token counts 1.5 times its lower end. Given and
    family names of one language go together: that makes a pair some ``WITHIN_LANGUAGE`` times as
    frequent as if all were paired at random.
    """
    return WITHIN_LANGUAGE * 2.25 * np.exp2(lead.astype(np.float64) - 2.0) / max(1, everybody)


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
    """How common a name token is, in slot ``hash & (len(roles) - 1)``; the length is a power of two.
    Low half of the byte: commonness as a given name, high half: as a family name; 0: not known."""
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
    """``detectors.lead`` of numbers; of names see ``bearers_by_chance``."""
    candidates: Candidates


@dataclass(frozen=True, slots=True)
class Candidates:
    """Distinct candidates of one text, hits or not, for the judgement of chance."""

    shape: NDArray[np.uint16]
    lead: NDArray[np.uint16]
    """As in ``Matches``."""
    tag: Uint64Array
    strangers: int
    """Pairs of capitalised tokens that stand like a name but are not of tokens that the index
    knows. Not distinct: they are no names of customers, and too many of them only adds caution."""
