"""Who handles the same customers as somebody, whether or not a group was declared.

A support team that nobody declared as one holds the same popular customers, and each of them would look
guilty beside the rest of the company. So of those who share *another* victim with him, it is counted how
many have this one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exfilter.ledger.holding import Flags, Floats, Int64Array

CIRCLE = 1000
"""So many are looked at: those with most victims."""
DOUBT = 10.0
"""So many more are thought to be in each circle who hold victims by chance only: two or three who share
victims are no circle, they may be thieves."""


@dataclass(frozen=True, slots=True)
class Circles:
    """How many victims each holder of any [rows] shares with those who hold most [most]."""

    held: Flags
    """[rows, victims]"""
    shares: Floats
    """Of all customers, what each row sent."""
    most: Int64Array
    """Rows of those who hold most, in the order of who does."""
    shared: NDArray[np.float32]
    """With himself: 0. [rows, most]"""

    @staticmethod
    def of(held: Flags, shares: Floats, peer: Flags, most: int = CIRCLE) -> Circles:
        """Return them. ``peer``: who can be a peer of others [rows]; ``most``: how many are looked at."""
        peers = np.flatnonzero(peer)
        sets = np.packbits(held[peers], axis=1)
        order = np.lexsort((*sets.T[::-1], shares[peers], -held[peers].sum(axis=1)))
        chosen = peers[order[:most]]
        shared = held.astype(np.float32) @ held[chosen].T.astype(np.float32)
        shared[chosen, np.arange(len(chosen))] = 0.0
        return Circles(held, shares, chosen, shared)

    def companions(self) -> tuple[Int64Array, Int64Array]:
        """Return rows, and for each the place in ``most`` of who shares most victims with him.

        For those who share none, whoever holds most.
        """
        if not len(self.most):
            return self.most, self.most
        scores = self.shared.copy()
        scores[self.most, np.arange(len(self.most))] = -1.0
        found = np.flatnonzero(scores.max(axis=1) >= 0.0)
        return found, scores[found].argmax(axis=1)

    def rates(self) -> Floats:
        """Return how many in the circle of each row have each victim; his companion is left out.

        Who sent so much that he shares victims by chance counts little.
        """
        shared = self.shared.copy()
        rows, companion = self.companions()
        shared[rows, companion] = 0.0
        misses = np.log1p(-self.shares[self.most]).astype(np.float32)
        known = np.exp(self.held.sum(axis=1)[:, None].astype(np.float32) * misses)
        theirs = self.held[self.most].astype(np.float32)
        any_one, two = known * (shared >= 1), known * (shared >= 2)
        with_one, with_two = any_one @ theirs, two @ theirs
        circle = any_one.sum(axis=1)[:, None] - np.where(self.held, with_one - with_two, 0.0)
        having = np.where(self.held, with_two, with_one)
        rates: Floats = (having + DOUBT * self.shares[:, None]) / (circle + DOUBT)
        return np.minimum(rates, 1.0)
