"""The contract of the kernel: the arrays it reads (from the index) and those it returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors import LEAD_DIGITS, LEADS
from detectors.tickets import MIN_BARE_DIGITS, Template
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

LAST_COLUMN = 250
"""Fields of a record are numbered from 1; those behind this one have its number."""
APART = 251
"""Columns from here on are of names whose tokens stand in two fields of a record: four ways to pair them."""


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
    fewest: tuple[int, ...] = ()
    """By shape: of bare digits, how many the shortest number has without its leading zeros.
    Empty: no number begins with a zero."""

    @property
    def fewest_digits(self) -> tuple[int, ...]:
        """Return ``fewest`` with an entry a shape."""
        return self.fewest or tuple(_digits_of(shape) for shape in self.shapes)

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
        count: Int64Array = (postings != NOBODY).astype(np.int64)
        for each, at, row in self._shared(postings):
            count[at] = each.postings_start[row + 1] - each.postings_start[row]
        return count

    def expand(self, postings: NDArray[np.uint32]) -> tuple[Int64Array, Int64Array]:
        """Return (row, ordinal) for each bearer of each posting. Shapes: both [total bearers].

        Rows ascend, and so do the ordinals of each.
        """
        bearers = self.bearers(postings)
        row = np.repeat(np.arange(len(postings), dtype=np.int64), bearers)
        ordinal = postings[row].astype(np.int64)
        end = np.cumsum(bearers)
        for each, at, shared in self._shared(postings):
            length = bearers[at]
            within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
            source = np.repeat(each.postings_start[shared], length) + within
            ordinal[np.repeat(end[at] - length, length) + within] = each.postings[source]
        return row, ordinal

    def bears(self, postings: NDArray[np.uint32], ordinals: Int64Array) -> NDArray[np.bool_]:
        """Return whether each customer is among the bearers of the posting beside it: bisection."""
        result: NDArray[np.bool_] = postings == ordinals
        for each, at, row in self._shared(postings):
            result[at] = _among(each, each.postings_start[row], each.postings_start[row + 1], ordinals[at])
        return result

    def _shared(self, postings: NDArray[np.uint32]) -> Iterator[tuple[Layer, Int64Array, Int64Array]]:
        """Yield each layer, which of the postings are rows in it, and the rows."""
        shared = np.flatnonzero(postings & SHARED)
        row = (postings[shared] ^ SHARED).astype(np.int64)
        for each in self.layers:
            if not len(shared):
                return
            mine = row < each.rows
            yield each, shared[mine], row[mine]
            shared, row = shared[~mine], row[~mine] - each.rows


def _digits_of(shape: Shape) -> int:
    """Return how many digits a number of nothing but digits has; 0 for other shapes."""
    return int(shape.name.removeprefix("digits ")) if shape.name.startswith("digits ") else 0


def fewest_digits(shapes: Sequence[Shape], density: NDArray[np.float64]) -> tuple[int, ...]:
    """Return ``Tables.fewest`` as the density by lead tells it. ``density``: see ``Statistics``."""
    found = []
    for number, shape in enumerate(shapes):
        digits = _digits_of(shape)
        lead = next(iter(np.flatnonzero(density[number]).tolist()), LEADS) if digits > LEAD_DIGITS else LEADS
        zeros = max(0, LEAD_DIGITS - len(str(lead))) if lead else digits
        found.append(max(MIN_BARE_DIGITS, digits - zeros) if zeros else digits)
    return tuple(found)


def _among(layer: Layer, low: Int64Array, end: Int64Array, ordinals: Int64Array) -> NDArray[np.bool_]:
    """Return whether each ordinal is in its stretch of the layer's postings, which is not empty."""
    length = end - low
    step = 1 << max(0, int(length.max(initial=1)) - 1).bit_length()
    first, last = low.copy(), end - 1
    while step > 1:  # first place that is not below, or the last one: all halve together
        step >>= 1
        middle = np.minimum(first + step, last + 1) - 1
        first += np.where(layer.postings[middle] < ordinals, middle + 1 - first, 0)
        np.minimum(first, last, out=first)
    found: NDArray[np.bool_] = layer.postings[first] == ordinals
    return found


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
    column: NDArray[np.uint8]
    """As in ``Candidates``; of loose names 0."""
    candidates: Candidates


@dataclass(frozen=True, slots=True)
class Candidates:
    """Distinct candidates of each column of one text, hits or not, for the judgement of chance.

    In no order. Without loose names, which are not judged.
    """

    shape: NDArray[np.uint16]
    lead: NDArray[np.uint16]
    """As in ``Matches``."""
    tag: Uint64Array
    column: NDArray[np.uint8]
    """Number of the field in its record, from 1; 0: the text has no records, or an address stands there."""
    strangers: int
    """Pairs of capitalised tokens that stand like a name but are not of tokens that the index
    knows. Not distinct: they are no names of customers, and too many of them only adds caution."""
