"""The contract of the kernel: the arrays it reads (from the index) and those it returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.tickets import Template
from exfilter.kernel.layer import NOBODY, SHARED, Layer
from exfilter.model import Int64Array, Kind, Uint64Array

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
    layers: tuple[Layer, ...]
    """The base, then what has changed since. What is found in a later one counts."""
    roles: NDArray[np.uint8]
    """How common a name token is, in slot ``hash & (len(roles) - 1)``; the length is a power of two.
    Low half of the byte: commonness as a given name, high half: as a family name; 0: not known."""
    shapes: tuple[Shape, ...]
    """The fixed ones first, then phones and tickets. Only shapes with keys are looked for."""
    templates: tuple[Template, ...]

    @property
    def records(self) -> int:
        """Records of all layers."""
        return sum(len(layer.records) for layer in self.layers)

    def look_up(self, tags: Uint64Array) -> NDArray[np.uint32]:
        """Return the posting of each tag: an ordinal, ``SHARED`` | row, or ``NOBODY``.

        Rows are numbered through the layers.
        """
        postings = np.full(len(tags), NOBODY, dtype=np.uint32)
        first_row = 0
        for layer in self.layers:
            found, values = layer.look_up(tags)
            values = np.where(values & SHARED, values + np.uint32(first_row), values)
            postings[found] = values[found]
            first_row += layer.rows
        return postings

    def bearers(self, postings: NDArray[np.uint32]) -> Int64Array:
        """Return how many customers each posting stands for."""
        begin, end, _ = self._stretches(postings)
        return end - begin

    def expand(self, postings: NDArray[np.uint32]) -> tuple[Int64Array, Int64Array]:
        """Return (row, ordinal) for each bearer of each posting. Shapes: both [total bearers]."""
        begin, end, layer = self._stretches(postings)
        bearers = end - begin
        row = np.repeat(np.arange(len(postings), dtype=np.int64), bearers)
        within = np.arange(len(row), dtype=np.int64) - np.repeat(np.cumsum(bearers) - bearers, bearers)
        ordinal = postings[row].astype(np.int64)
        for number, each in enumerate(self.layers):
            mine = np.flatnonzero(layer[row] == number)
            ordinal[mine] = each.postings[begin[row[mine]] + within[mine]]
        return row, ordinal

    def bears(self, postings: NDArray[np.uint32], ordinals: Int64Array) -> NDArray[np.bool_]:
        """Return whether each customer is among the bearers of the posting beside it: bisection."""
        low, end, layer = self._stretches(postings)
        result: NDArray[np.bool_] = (layer < 0) & (postings == ordinals)
        for number, each in enumerate(self.layers):
            rows = np.flatnonzero(layer == number)
            wanted, first, last = ordinals[rows], low[rows], end[rows]
            while True:
                open_ = np.flatnonzero(first < last)
                if not len(open_):
                    break
                middle = (first[open_] + last[open_]) // 2
                below = each.postings[middle] < wanted[open_]
                first[open_[below]] = middle[below] + 1
                last[open_[~below]] = middle[~below]
            inside = first < end[rows]
            inside[inside] = each.postings[first[inside]] == wanted[inside]
            result[rows] = inside
        return result

    def _stretches(self, postings: NDArray[np.uint32]) -> tuple[Int64Array, Int64Array, NDArray[np.int8]]:
        """Return where in a layer's postings the bearers of each are, and the layer; -1: there is one."""
        begin = np.zeros(len(postings), dtype=np.int64)
        end = (postings != NOBODY).astype(np.int64)
        layer = np.full(len(postings), -1, dtype=np.int8)
        shared = np.flatnonzero(postings & SHARED)
        row = (postings[shared] ^ SHARED).astype(np.int64)
        for number, each in enumerate(self.layers):
            mine = (row >= 0) & (row < each.rows)
            begin[shared[mine]] = each.postings_start[row[mine]]
            end[shared[mine]] = each.postings_start[row[mine] + 1]
            layer[shared[mine]] = number
            row -= each.rows
        return begin, end, layer


@dataclass(frozen=True, slots=True)
class Matches:
    """What the kernel found in one text."""

    kind: NDArray[np.uint8]
    shape: NDArray[np.uint16]
    start: Int64Array
    """Offsets into the text, in characters."""
    end: Int64Array
    posting: NDArray[np.uint32]
    """As ``Tables.look_up`` returns it."""
    tag: Uint64Array
    lead: NDArray[np.uint16]
    """``detectors.lead`` of numbers; of names see ``bearers_by_chance``."""
    candidates: Candidates


@dataclass(frozen=True, slots=True)
class Candidates:
    """Distinct candidates of one text, hits or not, for the judgement of chance. In no order.

    Without loose names, which are not judged.
    """

    shape: NDArray[np.uint16]
    lead: NDArray[np.uint16]
    """As in ``Matches``."""
    tag: Uint64Array
    strangers: int
    """Pairs of capitalised tokens that stand like a name but are not of tokens that the index
    knows. Not distinct: they are no names of customers, and too many of them only adds caution."""
