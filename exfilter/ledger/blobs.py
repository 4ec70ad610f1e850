"""Many small bitmaps at once: to open each takes longer than what is in them is worth.

The portable format (RoaringFormatSpec, "standard 32-bit Roaring bitmap"): a cookie, the number of
containers, for each its 16 high bits and its cardinality less one, then offsets, then the containers. Where
no container is a run and none holds more than 4,096, these are the 16 low bits of each member, in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from exfilter.ledger.sets import Blob, unpacked
from exfilter.model import Int64Array

_NO_RUNS = 12346
"""Cookie of a bitmap without run containers."""
_HEAD = 8
_OF_CONTAINER = 8
"""Bytes of a container's key, cardinality and offset."""
_ARRAY = 4096
"""Members of a container from which on it is an array no more."""
SMALL = 8 * _ARRAY
"""Bytes of a blob that is worth opening by itself."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is in some blobs."""

    row: Int64Array
    """Of the small ones: place of the blob [members]."""
    ordinal: Int64Array
    large: tuple[tuple[int, BitMap], ...]
    """Place and content of the others."""

    def meeting(self, wanted: BitMap) -> list[int]:
        """Return the places of the blobs that hold any of those who are wanted."""
        small = self.row[np.isin(self.ordinal, np.array(wanted.to_array(), dtype=np.int64))]
        return [*np.unique(small).tolist(), *(place for place, one in self.large if one.intersect(wanted))]

    def by(self, owner: Int64Array) -> Iterator[tuple[int, BitMap]]:
        """Yield owner and members. ``owner``: of each blob; one may come several times."""
        whose = owner[self.row]
        order = np.argsort(whose, kind="stable")
        members = self.ordinal[order].astype(np.uint32)
        names, starts = np.unique(whose[order], return_index=True)
        for name, some in zip(names.tolist(), np.split(members, starts[1:]), strict=bool(len(names))):
            yield name, BitMap(some)
        for place, one in self.large:
            yield int(owner[place]), one


def opened(blobs: Sequence[Blob]) -> Opened:
    """Open them. Where a blob is of another kind than most, it is opened by itself."""
    sizes = np.array([len(blob) for blob in blobs], dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    bytes_ = np.frombuffer(b"".join(blobs), dtype=np.uint8)
    plain = np.flatnonzero((sizes >= _HEAD) & (sizes < SMALL))
    plain = plain[_words(bytes_, starts[plain], 4) == _NO_RUNS]
    containers = _words(bytes_, starts[plain] + 4, 4)
    of, within = _numbered(containers)
    heads = starts[plain][of] + _HEAD + 4 * within
    many = _words(bytes_, heads + 2, 2) + 1
    dense = np.zeros(len(plain), dtype=bool)
    dense[of[many > _ARRAY]] = True
    keys = _words(bytes_, heads, 2)
    keys, many, of = keys[~dense[of]], many[~dense[of]], of[~dense[of]]
    total = np.bincount(of, weights=many, minlength=len(plain)).astype(np.int64)
    row, place = _numbered(total)
    values = starts[plain][row] + _HEAD + _OF_CONTAINER * containers[row] + 2 * place
    ordinal = np.repeat(keys, many) << 16 | _words(bytes_, values, 2)
    alone = np.ones(len(blobs), dtype=bool)
    alone[plain[~dense]] = False
    large = tuple((place, unpacked(blobs[place])) for place in np.flatnonzero(alone).tolist())
    return Opened(plain[row], ordinal, large)


def _words(bytes_: NDArray[np.uint8], places: Int64Array, width: int) -> Int64Array:
    """Return the unsigned little-endian numbers at some places."""
    parts = (bytes_[places + at].astype(np.int64) << 8 * at for at in range(width))
    return sum(parts, np.zeros(len(places), dtype=np.int64))


def _numbered(counts: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return for each of so many things of each row: the row, and its number within the row."""
    row = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    first = np.cumsum(counts) - counts
    return row, np.arange(len(row), dtype=np.int64) - first[row]
