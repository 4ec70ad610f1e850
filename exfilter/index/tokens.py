"""Tokens of names: how common each is in its place, and which are one customer's alone.

An entry has four words: hash of the token; count, whether several customers have it, and the place
(0: given name, 1: family name); who has it; the pair's tag. Entries of one token and place add up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from exfilter.index import native
from exfilter.index.records import changed
from exfilter.index.spill import Spill
from exfilter.kernel.tables import commonness
from exfilter.model import Int64Array, Uint64Array

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

SLOTS_A_TOKEN = 16
SMALLEST_BITMAP = 4096
STRETCH = 1 << 20
"""Entries that are added up, and slots that are filled, together."""
COUNTED = 1 << 20
"""Tokens that are counted in memory before they are spilled."""
_PLACE, _SEVERAL, _ONE = np.uint64(1), np.uint64(2), 2
"""Parts of an entry's second word; the count stands above two bits."""


class _Counts(NamedTuple):
    """Tokens in one place."""

    token: Uint64Array
    place: NDArray[np.uint8]
    total: Int64Array
    alone: Uint64Array
    """Tags of pairs of which a token here is one customer's alone."""


class Tokens:
    """Counts the tokens of all names of a table."""

    def __init__(self, folder: Path, memory: int) -> None:
        """``memory``: bytes that are kept before they go to disk."""
        self._spill = Spill(folder, 4, memory)
        self._native = native.tags.Tokens() if native.tags else None

    def add(self, names: Uint64Array, who: Uint64Array) -> None:
        """Take names, as ``gather.Records`` has them. ``who``: what tells the customer of each row."""
        if self._native is None:
            customer = who[(names[:, 3] >> np.uint64(1)).astype(np.int64)]
            for place in (0, 1):
                second = np.full(len(names), (1 << _ONE) + place, dtype=np.uint64)
                self._spill.add(np.stack((names[:, place], second, customer, names[:, 2]), axis=1))
            return
        self._native.add(np.ascontiguousarray(names), who)
        if len(self._native) > COUNTED:
            self._spill.add(self._native.entries())

    def alone(self) -> Uint64Array:
        """Return the tags of pairs of which a token is one customer's alone in its place, ascending."""
        if self._native is not None:
            self._spill.add(self._native.entries())
        self._distinct = 0
        found = [np.empty(0, dtype=np.uint64)]
        for counts in self._counts():
            self._distinct += int(changed(counts.token).sum())
            found.append(counts.alone)
        return np.unique(np.concatenate(found))

    def roles(self) -> NDArray[np.uint8]:
        """Return the bitmap of name tokens, as ``kernel.tables.Tables.roles`` has it. After ``alone``."""
        size = max(SMALLEST_BITMAP, 1 << (max(1, self._distinct * SLOTS_A_TOKEN) - 1).bit_length())
        roles = np.zeros(size, dtype=np.uint8)
        for place, shift in ((0, 0), (1, 4)):
            bearers = np.zeros(size, dtype=np.uint32)
            for counts in self._counts():
                here = counts.place == place
                slots = (counts.token[here] & np.uint64(size - 1)).astype(np.int64)
                np.add.at(bearers, slots, counts.total[here].astype(np.uint32))
            for start in range(0, size, STRETCH):
                some = bearers[start : start + STRETCH].astype(np.int64)
                roles[start : start + STRETCH] |= commonness(some) << np.uint8(shift)
        return roles

    def close(self) -> None:
        """Give everything up."""
        self._spill.close()

    def _counts(self) -> Iterator[_Counts]:
        for group in self._spill.groups(STRETCH):
            yield _added_up(group)


def _added_up(entries: Uint64Array) -> _Counts:
    token, second, who, pair = entries[np.lexsort((entries[:, 1] & _PLACE, entries[:, 0]))].T
    place = (second & _PLACE).astype(np.uint8)
    new = changed(token) | changed(place)
    begin = np.flatnonzero(new)
    if not len(begin):
        return _Counts(token, place, np.empty(0, dtype=np.int64), token)
    number = np.cumsum(new) - 1
    count = np.add.reduceat((second >> np.uint64(_ONE)).astype(np.int64), begin)
    several = np.zeros(len(begin), dtype=np.bool_)
    np.logical_or.at(several, number, ((second & _SEVERAL) != 0) | (who != who[begin][number]))
    alone = pair[~several[number] & (pair != 0)]
    return _Counts(token[begin], place[begin], count, alone)
