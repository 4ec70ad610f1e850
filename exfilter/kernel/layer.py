"""One layer of the index: sorted records behind a Bloom filter and a bucket index, and postings.

An index is its base, and above it the layer of what has changed since. A tag in a newer layer hides
the same tag below it, also where it says that nobody bears it any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from exfilter.model import Int64Array, Uint64Array

RECORD_WORDS = 3
"""A record is 12 bytes: the low and the high half of the tag, then the value."""
SHARED = np.uint32(1 << 31)
"""Bit of a value that says: row of the postings, not an ordinal."""
NOBODY = np.uint32((1 << 31) - 1)
"""Value of a tag that nobody bears any more. No customer has this ordinal."""
FILTER_BITS = 16
"""Bits of the filter for each record."""
RECORDS_A_BUCKET = 4
"""On average, at least; at most twice as many."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Flat, read-only arrays, usually memory-mapped. Tags are uniform: they are SipHash's."""

    records: NDArray[np.uint32] = field(repr=False)
    """[records, 3], by ascending tag, each tag once."""
    buckets: NDArray[np.uint32] = field(repr=False)
    """[2**b + 1]: how many records have a tag whose first b bits are below the place in this array."""
    filter: Uint64Array = field(repr=False)
    """Register-blocked Bloom filter (Putze et al., 2007): see ``filter_word`` and ``filter_mask``."""
    postings_start: Int64Array = field(repr=False)
    """Row r of the postings is ``postings[postings_start[r]:postings_start[r + 1]]``."""
    postings: NDArray[np.uint32] = field(repr=False)
    """Ordinals, ascending in each row."""

    @property
    def rows(self) -> int:
        """Rows of the postings."""
        return len(self.postings_start) - 1

    @property
    def bucket_shift(self) -> int:
        """Bits of a tag below those that choose its bucket."""
        return 64 - (len(self.buckets) - 1).bit_length() + 1

    def tags(self, start: int = 0, end: int | None = None) -> Uint64Array:
        """Return the tags of a stretch of records."""
        return np.ascontiguousarray(self.records[start:end, :2]).view("<u8")[:, 0]

    def look_up(self, tags: Uint64Array) -> tuple[NDArray[np.bool_], NDArray[np.uint32]]:
        """Return whether each tag is in the layer, and its value: bisection within its bucket."""
        bucket = shifted(tags, self.bucket_shift).astype(np.int64)
        low = self.buckets[bucket].astype(np.int64)
        high = self.buckets[bucket + 1].astype(np.int64)
        end = high.copy()
        while True:
            open_ = np.flatnonzero(low < high)
            if not len(open_):
                break
            middle = (low[open_] + high[open_]) // 2
            below = self._tags_at(middle) < tags[open_]
            low[open_[below]] = middle[below] + 1
            high[open_[~below]] = middle[~below]
        found = low < end
        found[found] = self._tags_at(low[found]) == tags[found]
        values = np.full(len(tags), NOBODY, dtype=np.uint32)
        values[found] = self.records[low[found], 2]
        return found, values

    def _tags_at(self, places: Int64Array) -> Uint64Array:
        tags: Uint64Array = np.ascontiguousarray(self.records[places, :2]).view("<u8")[:, 0]
        return tags


def shifted(tags: Uint64Array, bits: int) -> Uint64Array:
    """Return the tags without their last ``bits`` bits, 0 to 64."""
    return np.zeros_like(tags) if bits == 64 else tags >> np.uint64(bits)


def filter_word(tags: Uint64Array, words: int) -> Int64Array:
    """Return in which word of the filter each tag has its bits: ascending with the tags."""
    return ((tags >> np.uint64(32)) * np.uint64(words) >> np.uint64(32)).astype(np.int64)


def filter_mask(tags: Uint64Array) -> Uint64Array:
    """Return the bits of each tag in its word: four, chosen by the last 24 bits of the tag."""
    one, six_bits = np.uint64(1), np.uint64(63)
    mask = one << (tags & six_bits)
    for bits in (6, 12, 18):
        mask |= one << (tags >> np.uint64(bits) & six_bits)
    return mask
