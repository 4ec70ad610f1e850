"""Sets of customers as the ledger keeps them: roaring bitmaps of ordinals (RoaringFormatSpec)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import msgspec
import numpy as np
from pyroaring import BitMap

from exfilter.model import Findings, Ordinals

Blob = bytes


@dataclass(slots=True)
class Customers:
    """Who was identified in transfers, and who may be behind what was estimated in them."""

    identified: BitMap = field(default_factory=BitMap)
    behind: BitMap = field(default_factory=BitMap)
    estimated: float = 0.0
    """How many of those behind count: a transfer adds its share for whom it brings."""

    @classmethod
    def of(cls, found: Findings) -> Self:
        """Return those of one transfer."""
        behind = bitmap(found.estimated_ordinals) if found.estimated else BitMap()
        return cls(bitmap(found.identified), behind, min(int(found.estimated), len(behind)))

    def folded(self) -> Customers:
        """Return them as they are counted together with others: whom an estimate all but names is identified.

        Of numbers and rare names nearly all suspects count. As a set of their own nobody can dilute them by
        sending a crowd of other suspects before.
        """
        if 2 * self.estimated < len(self.behind) or not self.behind:
            return self
        return Customers(self.identified | self.behind)

    def add(self, other: Customers) -> None:
        """Take in others; the same ones do not make it more."""
        self.identified |= other.identified
        if other.behind:
            fresh = len(other.behind - self.behind)
            self.estimated += other.estimated * fresh / len(other.behind)
            self.behind |= other.behind

    def with_(self, other: Customers) -> Customers:
        """Return both together."""
        both = Customers(self.identified.copy(), self.behind.copy(), self.estimated)
        both.add(other)
        return both

    def count(self) -> int:
        """Return how many distinct customers: the identified, and of the suspects the share that counts."""
        return len(self.identified) + self._share(self.behind - self.identified)

    def count_new(self, before: Customers) -> int:
        """Return how many of them were not sent before."""
        known = before.identified | before.behind
        identified = len(self.identified - before.identified)
        return identified + self._share(self.behind - self.identified - known)

    def _share(self, suspects: BitMap) -> int:
        return round(len(suspects) * self.estimated / len(self.behind)) if self.behind else 0


def bitmap(ordinals: Ordinals) -> BitMap:
    """Return ordinals as a bitmap."""
    return BitMap(np.ascontiguousarray(ordinals, dtype=np.uint32))


def ordinals(of: BitMap) -> Ordinals:
    """Return a bitmap as ordinals."""
    return np.array(of.to_array(), dtype=np.int64)


def packed(of: BitMap) -> Blob:
    """Return a bitmap in the portable format."""
    of.run_optimize()
    return bytes(of.serialize())


def packed_or_none(of: BitMap) -> Blob | None:
    """Return a bitmap in the portable format; None for an empty one."""
    return packed(of) if of else None


def unpacked(blob: Blob | None) -> BitMap:
    """Read a bitmap. None is the empty one."""
    return BitMap.deserialize(bytes(blob)) if blob is not None else BitMap()


def packed_fields(exposed: Mapping[str, Ordinals], identified: BitMap) -> Blob:
    """Return who was exposed with which field."""
    return repacked_fields({name: bitmap(of) for name, of in exposed.items()}, identified)


def repacked_fields(fields: Mapping[str, BitMap], identified: BitMap) -> Blob:
    """Return who was exposed with which field. A field that just the identified have is named only."""
    found = {name: None if who == identified else packed(who) for name, who in fields.items() if who}
    return msgspec.msgpack.encode(found)


def unpacked_fields(blob: Blob, identified: BitMap) -> dict[str, BitMap]:
    """Read who was exposed with which field."""
    found = msgspec.msgpack.decode(bytes(blob))
    return {name: identified.copy() if who is None else unpacked(who) for name, who in found.items()}
