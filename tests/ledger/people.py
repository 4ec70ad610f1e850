"""An invented company: who sends to whom, and who of them is a thief. Seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exfilter.ledger.holding import Crowd, Flags, Floats, Holding, Int32Array, Int64Array

CUSTOMERS = 12_000_000
ACTORS = 10_000
STOLEN = 68_000
GROUPS = 20
THIEF = 7


def holding(held: Flags) -> Holding:
    """Return the pairs of a table of who holds whom, at time 0."""
    actor, victim = np.nonzero(held)
    times = np.zeros(len(actor))
    return Holding(actor.astype(np.int32), victim.astype(np.int32), times, times)


def crowd(sizes: Int64Array, groups: Int32Array | None = None, population: int = CUSTOMERS) -> Crowd:
    """Return people of these sizes without bulk senders, all of one group unless given."""
    groups = np.zeros(len(sizes), dtype=np.int32) if groups is None else groups
    return Crowd(np.asarray(sizes, dtype=np.int64), groups, np.zeros(len(sizes), dtype=bool), population)


@dataclass(frozen=True, slots=True)
class Company:
    """Ten thousand people in twenty groups, each of which serves a region; a few managers send a lot."""

    rng: np.random.Generator
    crowd: Crowd

    @staticmethod
    def of(rng: np.random.Generator, groups: int = GROUPS) -> Company:
        """Return a company of a hundred customers a head in the median, 40,000 at a manager's."""
        sizes = np.maximum(3, rng.lognormal(4.6, 1.0, ACTORS)).astype(np.int64)
        managers = rng.choice(ACTORS, 40, replace=False)
        sizes[managers] = rng.integers(5_000, 40_000, len(managers))
        return Company(rng, crowd(sizes, rng.integers(0, groups, ACTORS).astype(np.int32)))

    def innocent(self, region: Int64Array, local: float, popularity: Floats) -> Flags:
        """Return who holds which victim when nobody of them is a thief. All [victims].

        ``region``: the victim's group; ``local``: how much likelier its members have him than others;
        ``popularity``: of each, a factor on what his region's people know of him.
        """
        shares = self.crowd.shares()[:, None]
        factor = np.where(self.crowd.groups[:, None] == region, local * popularity, 1.0)
        held: Flags = self.rng.random((ACTORS, len(region))) < -np.expm1(-shares * factor)
        return held
