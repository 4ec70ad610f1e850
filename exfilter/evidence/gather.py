"""The hits of all parts of a transfer, by part and start. A pass or two over each array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exfilter.evidence.sorting import runs
from exfilter.kernel.tables import Matches, Tables
from exfilter.model import Int64Array, Kind, Uint64Array

REACH = 300
"""Characters within which fields belong together, where the content has no records."""
CROWD = 64
"""A record with more hits than this does not say which belong together: characters count in it."""
HOUSEHOLD = 8
"""A value that more customers share is a placeholder or a switchboard: it identifies nobody."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Observed:
    """What the kernel found in one part."""

    matches: Matches
    records: Int64Array | None


@dataclass(frozen=True, slots=True)
class Hits:
    """The hits of all parts. Arrays of one length, but for ``wide``."""

    group: Int64Array
    """Number of the record in the transfer, or of the part where it has no records. Ascending."""
    wide: Bools
    """By group: whether nearness is counted in characters there."""
    place: Int64Array
    """Start, counted on through the parts, which are further than ``REACH`` from each other."""
    kind: NDArray[np.uint8]
    shape: NDArray[np.uint16]
    posting: NDArray[np.uint32]
    tag: Uint64Array
    lead: NDArray[np.uint16]
    column: NDArray[np.uint8]
    """See ``kernel.tables.Candidates``."""
    bearers: Int64Array

    @property
    def anchors(self) -> Bools:
        """Whether each hit may identify its customers."""
        found: Bools = (self.kind != Kind.NAME) & (self.bearers <= HOUSEHOLD)
        return found


def gather(observed: Sequence[Observed], tables: Tables) -> Hits:
    """Return the hits of all parts."""
    parts = [part for part in observed if len(part.matches.start)]
    found = [part.matches for part in parts]
    places = _after([int(each.start[-1]) + REACH for each in found])
    numbers = [_records(part) for part in parts]
    record = _joined(
        [a + b for a, b in zip(numbers, _after([int(n[-1]) for n in numbers]), strict=True)], np.int64
    )
    begin = runs(record)
    size = np.diff(begin, append=len(record))
    in_part = np.repeat([part.records is None for part in parts], [len(each.start) for each in found])
    posting = _joined([each.posting for each in found], np.uint32)
    return Hits(
        group=np.repeat(np.arange(len(begin), dtype=np.int64), size),
        wide=(in_part.astype(np.bool_)[begin]) | (size > CROWD),
        place=_joined([each.start + place for each, place in zip(found, places, strict=True)], np.int64),
        kind=_joined([each.kind for each in found], np.uint8),
        shape=_joined([each.shape for each in found], np.uint16),
        posting=posting,
        tag=_joined([each.tag for each in found], np.uint64),
        lead=_joined([each.lead for each in found], np.uint16),
        column=_joined([each.column for each in found], np.uint8),
        bearers=tables.bearers(posting),
    )


def _after(last: list[int]) -> list[int]:
    """Return where the numbers of each part begin, if they go on from the last ones of the part before."""
    firsts = [0]
    for number in last:
        firsts.append(firsts[-1] + number + 1)
    return firsts[: len(last)]


def _records(part: Observed) -> Int64Array:
    """Return the number of the record that each hit stands in; 0 where the part has none."""
    start, records = part.matches.start, part.records
    if records is None:
        return np.zeros(len(start), dtype=np.int64)
    if len(records) > len(start):
        return np.searchsorted(records, start, side="right")
    before = np.searchsorted(start, records, side="left")
    return np.repeat(np.arange(len(records) + 1), np.diff(before, prepend=0, append=len(start)))


def _joined[Scalar: np.generic](arrays: list[NDArray[Scalar]], kind: type[Scalar]) -> NDArray[Scalar]:
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=kind)
