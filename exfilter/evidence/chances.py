"""The chances that follow from the index, in bits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors import LEADS
from exfilter.evidence.gather import Hits
from exfilter.index.statistics import Statistics
from exfilter.kernel.tables import EMAIL, Tables
from exfilter.model import Int64Array, Kind

REACH_BITS = 5.0
"""Two fields meet by chance more easily when some 32 values stand within reach."""
EMAIL_BITS = 40.0
"""The most that an e-mail address adds as a second field."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chances:
    """What a hit is worth. ``at``: numbers of hits; the answers are as long."""

    tables: Tables = field(repr=False)
    statistics: Statistics

    def anchor_bits(self, hits: Hits, at: Int64Array) -> Floats:
        """Return -log2 of the chance that a random value of the hit's shape is any customer's."""
        shape = hits.shape[at]
        density = self.statistics.density[shape, hits.lead[at]]
        bits: Floats = -np.log2(np.clip(density, 2.0**-60, 1.0))
        bits[shape == EMAIL] = 60.0 - math.log2(max(1, self.tables.shapes[EMAIL].keys))
        return bits

    def support_bits(self, hits: Hits, at: Int64Array) -> Floats:
        """Return -log2 of the chance that a random value equals this customer's, within reach."""
        worth = np.array([self._worth(number) for number in range(len(self.tables.shapes))])
        bits = worth[hits.shape[at]]
        named = np.flatnonzero(hits.kind[at] == Kind.NAME)
        bits[named] = np.maximum(self._name_bits(hits.bearers[at[named]]) - REACH_BITS, 0.0)
        return bits

    def _worth(self, number: int) -> float:
        shape = self.tables.shapes[number]
        space = max(1.0, shape.space / (LEADS if shape.name.startswith("digits") else 1))
        return max(0.0, min(math.log2(space), EMAIL_BITS) - REACH_BITS)

    def _name_bits(self, bearers: Int64Array) -> Floats:
        """Return them for names: c bearers make c/N; one makes what Good and Turing expect."""
        known = self.statistics
        everybody = max(1, known.name_bearers + known.mono_bearers)
        once = 2.0 * (known.names_twice + 1) / ((known.names_once + 1) * everybody)
        chance = np.where(bearers == 1, min(once, 1.0 / everybody), bearers / everybody)
        bits: Floats = -np.log2(np.clip(chance, 2.0**-60, 1.0))
        return bits
