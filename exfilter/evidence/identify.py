"""How many bits are enough, and who has them."""

from __future__ import annotations

import math

import numpy as np

from exfilter.evidence.cases import Cases
from exfilter.evidence.sorting import by_ordinal, runs
from exfilter.model import Ordinals

BY_CHANCE = 0.01
"""Customers that may count as identified by chance in one transfer ..."""
SHARE_BY_CHANCE = 0.001
"""... or this share of all that are identified in it, if that is more."""


def identify(cases: Cases, anchors: int) -> tuple[Ordinals, float]:
    """Return who is identified, and the bits that it takes: the step-up rule over all customers.

    ``anchors``: distinct candidates that could have identified somebody.
    """
    anchors = max(1, anchors)
    order = by_ordinal(cases.ordinal)
    ordinals = cases.ordinal[order]
    begin = runs(ordinals)
    bits = np.maximum.reduceat(cases.bits[order], begin) if len(begin) else np.empty(0)
    best = np.sort(bits)[::-1]
    allowed = np.maximum(BY_CHANCE, SHARE_BY_CHANCE * np.arange(1, len(best) + 1))
    steps = np.log2(anchors / allowed)
    passing = np.flatnonzero(best > steps)
    needed = float(steps[passing[-1]]) if len(passing) else math.log2(anchors / BY_CHANCE)
    return ordinals[begin[bits > needed]], needed
