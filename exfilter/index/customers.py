"""Who is in a table: the ordinal of each row's customer, whatever the size of the table.

Known customers keep their ordinal; new ones follow in the order of the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from exfilter.index import records
from exfilter.index.records import changed
from exfilter.index.spill import Spill
from exfilter.model import Uint64Array

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

STRETCH = 1 << 20
"""Rows that are looked at together."""
_ROW = np.uint64(32)
"""Bits that a record of a row is shifted by: the place of the row in a key's record."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Ordinals of the customers of a table."""

    ordinal: NDArray[np.uint32]
    """Of each row."""
    new: NDArray[np.bool_]
    """By row: whether it is the first one of a new customer."""
    tags: Uint64Array
    """Identity of every ordinal, also of customers who are gone."""
    live: NDArray[np.bool_]
    """By ordinal: who is in the table."""

    @property
    def count(self) -> int:
        """Customers in the table."""
        return int(self.live.sum())


class Identities:
    """What tells the customer of each row: rows with the same are one customer."""

    def __init__(self, folder: Path, memory: int) -> None:
        """``memory``: bytes that are kept before they go to disk."""
        self._rows, self._before = Spill(folder, 2, memory), Spill(folder, 2, memory)

    def add(self, first_row: int, identity: Uint64Array) -> None:
        """Take the identities of rows from ``first_row`` on: hashes."""
        self._rows.add(_numbered(first_row, identity))

    def number(self, previous: Uint64Array) -> Numbered:
        """Return the ordinals. ``previous``: the identity of each ordinal in the index before."""
        rows = len(self._rows)
        for start in range(0, len(previous), STRETCH):
            self._before.add(_numbered(start, previous[start : start + STRETCH]))
        first = np.zeros(rows, dtype=np.uint32)
        known = np.zeros(rows, dtype=np.uint32)
        tags = np.zeros(rows, dtype=np.uint64)
        for now, before in self._groups():
            row = (now[:, 1] >> _ROW).astype(np.int64)
            begin = np.flatnonzero(changed(now[:, 0]))
            first[row] = np.repeat(row[begin], np.diff(begin, append=len(now)))
            tags[row[begin]] = now[begin, 0]
            known[row[begin]] = _looked_up(now[begin, 0], before)
        is_first = first == np.arange(rows, dtype=np.uint32)
        new = is_first & (known == 0)
        own = np.where(new, np.cumsum(new, dtype=np.uint32) + np.uint32(len(previous)), known) - np.uint32(1)
        ordinal = own[first]
        live = np.zeros(len(previous) + int(new.sum()), dtype=np.bool_)
        live[ordinal] = True
        return Numbered(ordinal, new, np.concatenate((previous, tags[new])), live)

    def close(self) -> None:
        """Give everything up."""
        self._rows.close()
        self._before.close()

    def _groups(self) -> Iterator[tuple[Uint64Array, Uint64Array]]:
        """Yield rows and customers of the index before with the same hashes, both sorted."""
        rest = np.empty((0, 2), dtype=np.uint64)
        before = self._before.groups(STRETCH)
        for now in self._rows.groups(STRETCH):
            records.sort(now)
            last = now[-1, 0] if len(now) else np.uint64(0)
            while not len(rest) or rest[-1, 0] < last:
                more = next(before, None)
                if more is None:
                    break
                records.sort(more)
                rest = np.concatenate((rest, more))
            yield now, rest
            rest = rest[rest[:, 0] > last]


def _numbered(first: int, values: Uint64Array) -> Uint64Array:
    numbers = np.arange(first, first + len(values), dtype=np.uint64)
    return np.stack((values, numbers << _ROW), axis=1)


def _looked_up(tags: Uint64Array, before: Uint64Array) -> NDArray[np.uint32]:
    """Return one more than the ordinal of each tag in the index before; 0: it is not there."""
    found = np.zeros(len(tags), dtype=np.uint32)
    if len(before):
        at = np.minimum(np.searchsorted(before[:, 0], tags), len(before) - 1)
        known = before[at, 0] == tags
        found[known] = (before[at[known], 1] >> _ROW).astype(np.uint32) + np.uint32(1)
    return found
