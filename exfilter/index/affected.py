"""Which customers an update is about: those of its rows, known or new, and those to be removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from exfilter.kernel.layer import NOBODY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from exfilter.index.changes import Changes
    from exfilter.index.removals import Removals
    from exfilter.model import Int64Array, Uint64Array

STRETCH = 1 << 20
"""Customers that are looked through together."""


@dataclass(frozen=True, slots=True)
class Affected:
    """Which customers the request is about."""

    ordinal: Int64Array
    """Of each row of the changes."""
    new: tuple[int, ...]
    """Row of each new ordinal."""
    new_tags: Uint64Array
    """Of the customers with new ordinals."""
    listed: Int64Array
    """Ordinal of each id to remove; -1: the index never had it."""
    was: NDArray[np.bool_]
    """Who was in the index, by ordinal, the new ones included."""
    live: NDArray[np.bool_]
    """Who is in it now."""

    @property
    def changed(self) -> Int64Array:
        """Ordinals of the customers in the table of changes."""
        return np.unique(self.ordinal)

    @property
    def removed(self) -> Int64Array:
        """Ordinals of those who are to be removed."""
        return np.unique(self.listed[self.listed >= 0])

    @property
    def counts(self) -> dict[str, int]:
        """How many were added, changed and removed."""
        return {
            "added": int((self.live & ~self.was).sum()),
            "changed": int(self.was[self.changed].sum()),
            "removed": int((self.was & ~self.live).sum()),
        }


def find(
    tags: Uint64Array, live: NDArray[np.bool_], changes: Changes | None, listed: Removals | None
) -> Affected:
    """Return who is affected. ``tags``, ``live``: of the customers of the index, by ordinal.

    Raises ValueError where they would be more than an index holds.
    """
    none = np.empty(0, dtype=np.uint64)
    rows = none if changes is None else changes.customers
    wanted = none if listed is None else listed.tags
    # The customers that are known, by ordinal within these few: a search for all 12 million is saved.
    distinct = np.unique(np.concatenate((rows, wanted)))
    known = ordinals(tags, distinct)
    by_row = known[np.searchsorted(distinct, rows)]
    strange = np.flatnonzero(by_row < 0)
    new_tags, first, among = np.unique(rows[strange], return_index=True, return_inverse=True)
    order = np.argsort(first)
    by_row[strange] = len(tags) + np.argsort(order)[among]
    new = strange[first[order]]
    if len(tags) + len(new) > int(NOBODY):
        msg = f"an index holds at most {int(NOBODY)} customers"
        raise ValueError(msg)
    was = np.append(live, np.zeros(len(new), dtype=np.bool_))
    found = known[np.searchsorted(distinct, wanted)]
    is_ = was.copy()
    is_[found[found >= 0]] = False
    is_[by_row] = True
    return Affected(by_row, tuple(new.tolist()), new_tags[order], found, was, is_)


def ordinals(tags: Uint64Array, distinct: Uint64Array) -> Int64Array:
    """Return the ordinal of each of a few sorted tags; -1: it has none. One pass over all tags."""
    found = np.full(len(distinct), -1, dtype=np.int64)
    if not len(distinct):
        return found
    for start in range(0, len(tags), STRETCH):
        some = tags[start : start + STRETCH]
        at = np.minimum(np.searchsorted(distinct, some), len(distinct) - 1)
        here = np.flatnonzero(distinct[at] == some)
        found[at[here]] = start + here
    return found
