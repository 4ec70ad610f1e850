"""Sets of customers, as a mark for each ordinal: adding and asking cost the same however many there are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from exfilter.kernel.tables import Tables
from exfilter.model import Int64Array, Ordinals

_BATCH = 1 << 20
"""Bearers that are expanded at a time, unless one value has more."""


class Counted:
    """A set of customers. Grows to the highest ordinal in it, a byte for each."""

    def __init__(self, tables: Tables, ordinals: Ordinals | None = None) -> None:
        """``ordinals``: who is in it from the start."""
        self._tables = tables
        self._marks = np.zeros(1, dtype=np.bool_)
        if ordinals is not None:
            self.add(ordinals)

    def add(self, ordinals: Int64Array) -> None:
        """Add customers, in any order, also repeatedly."""
        if not len(ordinals):
            return  # the marks stay the one that says that nobody is in it
        size = int(ordinals.max(initial=0)) + 2  # the last mark is never set: see ``hold``
        if size > len(self._marks):
            grown = np.zeros(max(size, 2 * len(self._marks)), dtype=np.bool_)
            grown[np.flatnonzero(self._marks)] = True
            self._marks = grown
        self._marks[ordinals] = True

    def add_bearers(self, postings: NDArray[np.uint32]) -> None:
        """Add everyone who bears one of the values."""
        for _, _, ordinals in self._bearers(postings):
            self.add(ordinals)

    def hold(self, ordinals: Int64Array) -> NDArray[np.bool_]:
        """Return whether each customer is in the set."""
        return self._marks[np.minimum(ordinals, len(self._marks) - 1)]

    def hold_bearer(self, postings: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Return whether a bearer of each value is in the set."""
        result = np.zeros(len(postings), dtype=np.bool_)
        if len(self._marks) == 1:
            return result  # nobody is in it
        for first, row, ordinals in self._bearers(postings):
            result[first + row[self.hold(ordinals)]] = True
        return result

    def ordinals(self) -> Ordinals:
        """Return who is in the set."""
        return np.flatnonzero(self._marks)

    def _bearers(self, postings: NDArray[np.uint32]) -> Iterator[tuple[int, Int64Array, Int64Array]]:
        """Yield batches: number of the first value, and row from there on and ordinal of each bearer."""
        total = np.cumsum(self._tables.bearers(postings))
        first = 0
        while first < len(postings):
            before = int(total[first - 1]) if first else 0
            end = max(first + 1, int(np.searchsorted(total, before + _BATCH, "right")))
            yield first, *self._tables.expand(postings[first:end])
            first = end
