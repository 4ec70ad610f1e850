"""How full the blocks of a hundred numbers are: what counts where numbers are handed out in blocks.

Of many numbers a sample will do. It is one of blocks, by their hash, so that all numbers of a block are
in it or none: the same for the same table, in whatever order it is read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors import LEADS
from exfilter.index.codes import LEAD_BITS
from exfilter.model import Uint64Array

BLOCK = 100
"""Numbers that differ in their last two digits only."""
SAMPLED = 1 << 20
"""Distinct numbers in the sample, at most; below that it is all of them."""

_ODD = np.uint64(0x9E3779B97F4A7C15)
_ALL_BITS = 64


class Crowds:
    """Collects numbers with their blocks."""

    def __init__(self, most: int = SAMPLED) -> None:
        """``most``: distinct numbers that are kept."""
        self._most = most
        self._waiting: list[Uint64Array] = []
        self._held, self._thin = 0, False
        self.bits = 0
        """First bits of a block's hash that are zero in the sample."""

    def add(self, samples: Uint64Array) -> None:
        """Take numbers, as ``gather.Records`` has them."""
        self._waiting.append(self._sampled(samples))
        self._thin = False
        self._held += len(self._waiting[-1])
        if self._held > 2 * self._most:
            self._thin_out()

    def beside(self, shape: int) -> NDArray[np.float64]:
        """Return, by lead, the chance that a number beside one of a shape is one, too. Shape: [LEADS]."""
        self._thin_out()
        hashes, _, code = self._waiting[0][self._waiting[0][:, 2] >> np.uint64(LEAD_BITS) == shape].T
        lead = (code & np.uint64((1 << LEAD_BITS) - 1)).astype(np.int64)
        _, place, full = np.unique(hashes, return_inverse=True, return_counts=True)
        counts = np.bincount(lead, minlength=LEADS)
        together = np.bincount(lead, weights=(full[place] - 1) / BLOCK, minlength=LEADS)
        beside: NDArray[np.float64] = together / np.maximum(counts, 1)
        return beside

    def _sampled(self, samples: Uint64Array) -> Uint64Array:
        if not self.bits:
            return samples
        chosen: Uint64Array = samples[samples[:, 0] >> np.uint64(_ALL_BITS - self.bits) == 0]
        return chosen

    def _thin_out(self) -> None:
        """Drop what came twice, then half of the blocks as long as there are too many numbers."""
        if self._thin:
            return
        found = np.concatenate([np.empty((0, 3), dtype=np.uint64), *self._waiting])
        _, first = np.unique(found[:, 1] ^ found[:, 2] * _ODD, return_index=True)
        found = found[first]
        while len(found) > self._most:
            self.bits += 1
            found = self._sampled(found)
        self._waiting, self._held, self._thin = [found], len(found), True
