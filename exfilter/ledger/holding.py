"""What a trace starts from: the transfers that carried victims, and how much everybody sent in all.

Victims are numbered from 0; so are actors, destinations and transfers. Names come in when it is printed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Victims:
    """Customers known to be in criminal hands."""

    called: Floats
    """When each was first misused, seconds since the epoch; infinity: not known [victims]."""
    unknown: int = 0
    """Rows of the list that are no customer of the index."""
    repeated: int = 0
    """Rows that name a customer again."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.called)


@dataclass(frozen=True, slots=True)
class Holding:
    """Who sent which victim: one pair each, in any order. All arrays are as long."""

    holder: Int32Array
    """An actor, or a destination."""
    victim: Int32Array
    first: Floats
    """When he first sent that victim, seconds since the epoch."""
    last: Floats


@dataclass(frozen=True, slots=True)
class Crowd:
    """All who may have leaked: actors, or destinations. Also those who hold no victim."""

    sizes: Int64Array
    """Distinct customers that each ever sent [holders]."""
    groups: Int32Array
    """The peer group of each; zeros where there are no groups [holders]."""
    bulk: Flags
    """Declared bulk senders: ranked after the others, nobody's peers [holders]."""
    population: int
    """Customers in the index."""

    def shares(self) -> Floats:
        """Return the share of all customers that each sent: the chance that he holds a random one."""
        return np.clip(self.sizes / max(1, self.population), 0.0, 1.0)

    def tried(self) -> int:
        """Return how many of them could be named at all."""
        return int(((self.sizes > 0) & ~self.bulk).sum())


@dataclass(frozen=True, slots=True)
class Carried:
    """The transfers that carried victims, and which. What was held is among them."""

    actor: Int32Array
    """[transfers]"""
    destination: Int32Array
    time: Floats
    """Seconds since the epoch."""
    size: Int64Array
    """Distinct customers in the transfer."""
    left: Flags
    """Whether it reached its destination: what was held cannot be a source."""
    transfer: Int32Array
    """With ``victim``: one pair for each victim in each transfer [pairs]."""
    victim: Int32Array
    everything: int
    """Transfers in the ledger, also those that carried no victim."""

    def counts(self, victims: Victims) -> Flags:
        """Return the pairs that can be a source: it left, and before the victim was misused [pairs]."""
        in_time = self.time[self.transfer] <= victims.called[self.victim]
        return in_time & self.left[self.transfer]

    def by(self, holder: Int32Array, victims: Victims) -> Holding:
        """Return who sent which victim in time. ``holder``: ``actor`` or ``destination``."""
        pairs = self.counts(victims)
        who, whom = holder[self.transfer[pairs]], self.victim[pairs]
        keys, place = np.unique(who.astype(np.int64) * len(victims) + whom, return_inverse=True)
        first, last = np.full(len(keys), np.inf), np.full(len(keys), -np.inf)
        np.minimum.at(first, place, self.time[self.transfer[pairs]])
        np.maximum.at(last, place, self.time[self.transfer[pairs]])
        width = max(1, len(victims))
        return Holding((keys // width).astype(np.int32), (keys % width).astype(np.int32), first, last)
