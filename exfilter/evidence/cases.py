"""Which fields of one customer stand together.

Hits are grouped by record and customer, or by customer and place where characters count. A value
with many bearers is never expanded to them: it is asked about each customer near it. Linear: in a
record at most ``CROWD`` hits meet, elsewhere those within ``REACH`` characters of each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exfilter.evidence.chances import Chances, Floats
from exfilter.evidence.gather import HOUSEHOLD, REACH, Hits
from exfilter.evidence.sorting import by_ordinal, runs
from exfilter.kernel.tables import Tables
from exfilter.model import Int64Array, Kind

_KINDS = len(Kind)


@dataclass(frozen=True, slots=True)
class Cases:
    """An anchor of a customer, and what speaks for it. Arrays of one length, in no order."""

    ordinal: Int64Array
    anchor: Int64Array
    """Number of the hit."""
    bits: Floats
    """Of the anchor and of its support together."""
    support: Floats
    """[cases, kinds]: what the best other field of a kind adds."""


def find(hits: Hits, chances: Chances, tables: Tables) -> Cases:
    """Return the cases of one transfer: in records one a customer, elsewhere one an anchor."""
    anchors = np.flatnonzero(hits.anchors)
    wide = hits.wide[hits.group[anchors]]
    rooms = ((_in_records, anchors[~wide]), (_in_reach, anchors[wide]))
    found = [room(hits, those, chances, tables) for room, those in rooms if len(those)]
    if len(found) == 1:
        return found[0]
    return Cases(
        np.concatenate([each.ordinal for each in found] or [np.empty(0, dtype=np.int64)]),
        np.concatenate([each.anchor for each in found] or [np.empty(0, dtype=np.int64)]),
        np.concatenate([each.bits for each in found] or [np.empty(0)]),
        np.concatenate([each.support for each in found] or [np.empty((0, _KINDS))]),
    )


def _in_records(hits: Hits, anchors: Int64Array, chances: Chances, tables: Tables) -> Cases:
    """Return the best case of each customer in each record."""
    held = np.zeros(len(hits.wide), dtype=np.bool_)
    held[hits.group[anchors]] = True
    near = held[hits.group]
    ordinal, hit = _expanded(hits, np.flatnonzero(near & (hits.bearers <= HOUSEHOLD)), tables)
    key = hits.group[hit] << 34 | ordinal << 2 | hits.kind[hit]
    order = np.argsort(key, kind="stable")  # the records ascend already: few steps
    key, hit = key[order], hit[order]
    begin = runs(key)
    kind, customer = key[begin] & 3, runs(key[begin] >> 2)
    case = np.repeat(np.arange(len(customer)), np.diff(customer, append=len(begin)))
    support = np.zeros((len(customer), _KINDS))
    support[case, kind] = np.maximum.reduceat(chances.support_bits(hits, hit), begin)
    weight, anchor = np.full_like(support, -np.inf), np.zeros(support.shape, dtype=np.int64)
    weight[case, kind], heaviest = _heaviest(chances.anchor_bits(hits, hit), begin)
    anchor[case, kind] = hit[heaviest]
    weight[:, Kind.NAME] = -np.inf
    kept = np.flatnonzero((weight > -np.inf).any(axis=1))
    weight, anchor, support, key = weight[kept], anchor[kept], support[kept], key[begin[customer[kept]]]
    group, ordinal = key >> 34, key >> 2 & 0xFFFFFFFF
    crowd = np.flatnonzero(near & (hits.bearers > HOUSEHOLD))
    first, end = (np.searchsorted(group, hits.group[crowd], side) for side in ("left", "right"))
    _ask(hits, crowd, first, end, group, ordinal, support, chances, tables)
    bits = weight + support.sum(axis=1, keepdims=True) - support
    best = (np.arange(len(bits)), bits.argmax(axis=1))
    support[best] = 0.0
    return Cases(ordinal, anchor[best], bits[best], support)


def _in_reach(hits: Hits, anchors: Int64Array, chances: Chances, tables: Tables) -> Cases:
    """Return a case for each customer of each anchor."""
    near = _near(hits, anchors)
    few = np.flatnonzero(near & (hits.bearers <= HOUSEHOLD))
    ordinal, hit = _expanded(hits, few, tables)
    support = np.zeros((len(hit), _KINDS))
    order = by_ordinal(ordinal)
    worth, kind = chances.support_bits(hits, hit), hits.kind[hit]
    for one, other in _pairs(ordinal[order], hits.place[hit[order]]):
        a, b = order[one], order[other]
        same = hits.group[hit[a]] == hits.group[hit[b]]
        a, b = a[same], b[same]
        support[a, kind[b]] = np.maximum(support[a, kind[b]], worth[b])
        support[b, kind[a]] = np.maximum(support[b, kind[a]], worth[a])
    kept = np.flatnonzero(kind != Kind.NAME)
    hit, ordinal, support = hit[kept], ordinal[kept], support[kept]
    place = hits.place[hit]
    crowd = np.flatnonzero(near & (hits.bearers > HOUSEHOLD))
    first = np.searchsorted(place, hits.place[crowd] - REACH, "left")
    end = np.searchsorted(place, hits.place[crowd] + REACH, "right")
    _ask(hits, crowd, first, end, hits.group[hit], ordinal, support, chances, tables)
    support[np.arange(len(hit)), hits.kind[hit]] = 0.0
    return Cases(ordinal, hit, chances.anchor_bits(hits, hit) + support.sum(axis=1), support)


def _expanded(hits: Hits, at: Int64Array, tables: Tables) -> tuple[Int64Array, Int64Array]:
    """Return each bearer of the hits ``at``, and the hit."""
    row, ordinal = tables.expand(hits.posting[at])
    return ordinal, at[row]


def _heaviest(bits: Floats, begin: Int64Array) -> tuple[Floats, Int64Array]:
    """Return the highest of each run, and where it is."""
    highest = np.maximum.reduceat(bits, begin)
    length = np.diff(begin, append=len(bits))
    at = np.flatnonzero(bits == np.repeat(highest, length))
    where = np.empty(len(begin), dtype=np.int64)
    where[np.repeat(np.arange(len(begin)), length)[at]] = at
    return highest, where


def _near(hits: Hits, anchors: Int64Array) -> NDArray[np.bool_]:
    """Return whether each hit is within reach of an anchor or is one, where characters count."""
    first = np.searchsorted(hits.place, hits.place[anchors] - REACH, "left")
    end = np.searchsorted(hits.place, hits.place[anchors] + REACH, "right")
    inside = np.bincount(first, minlength=len(hits.place) + 1)
    inside -= np.bincount(end, minlength=len(hits.place) + 1)
    result: NDArray[np.bool_] = (np.cumsum(inside)[:-1] > 0) & hits.wide[hits.group]
    return result


def _pairs(ordinal: Int64Array, place: Int64Array) -> Iterator[tuple[Int64Array, Int64Array]]:
    """Yield the pairs within reach of each other that are of one customer: each place once a time."""
    one = np.arange(len(ordinal))
    for distance in range(1, len(ordinal)):
        one = one[: np.searchsorted(one, len(ordinal) - distance)]
        other = one + distance
        one = one[(ordinal[other] == ordinal[one]) & (place[other] - place[one] <= REACH)]
        if not len(one):
            return
        yield one, one + distance


def _ask(
    hits: Hits,
    crowd: Int64Array,
    first: Int64Array,
    end: Int64Array,
    group: Int64Array,
    ordinal: Int64Array,
    support: Floats,
    chances: Chances,
    tables: Tables,
) -> None:
    """Credit the cases from ``first`` to ``end`` whose customer bears the value that many bear."""
    if not len(crowd):
        return
    worth = chances.support_bits(hits, crowd)
    of, case = np.arange(len(crowd)), first
    while True:
        open_ = np.flatnonzero(case < end)
        if not len(open_):
            return
        of, case, end = of[open_], case[open_], end[open_]
        hit = crowd[of]
        same = tables.bears(hits.posting[hit], ordinal[case]) & (hits.group[hit] == group[case])
        np.maximum.at(support, (case[same], hits.kind[hit[same]]), worth[of[same]])
        case = case + 1
