"""The distinct values in a transfer: how many were looked for, and which of them are hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors import LEADS
from exfilter.evidence.gather import Hits, Observed
from exfilter.evidence.sorting import by_tag, runs
from exfilter.kernel.tables import Shape
from exfilter.model import Int64Array, Kind

_APART = np.uint64(0x9E3779B97F4A7C15)
"""Any odd number keeps tags of different shapes apart from each other."""


@dataclass(frozen=True, slots=True)
class Looked:
    """How many distinct values were looked for."""

    counts: Int64Array
    """[shapes, leads]; of the shapes with hits."""
    anchors: int
    """That could have identified somebody. One that several parts hold counts in each: caution."""
    strangers: int
    """See ``kernel.tables.Candidates``."""


def looked_for(observed: Sequence[Observed], hits: Hits, shapes: Sequence[Shape]) -> Looked:
    """Count the distinct candidates of all parts."""
    found = [part.matches.candidates for part in observed]
    named = np.array([shape.kind == Kind.NAME for shape in shapes])
    hit = np.bincount(hits.shape, minlength=len(shapes)) > 0
    total = np.zeros(len(shapes), dtype=np.int64)
    keys, cells = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
    for each in found:
        total += np.bincount(each.shape, minlength=len(shapes))
        at = np.flatnonzero(hit[each.shape])
        shape = each.shape[at]
        keys.append(each.tag[at] + shape.astype(np.uint64) * _APART)
        cells.append(shape.astype(np.int64) * LEADS + each.lead[at])
    cell = np.concatenate(cells)
    if len(found) > 1:
        key = np.concatenate(keys)
        order = by_tag(key)
        cell = cell[order[runs(key[order])]]
    counts = np.bincount(cell, minlength=len(shapes) * LEADS).reshape(len(shapes), LEADS)
    return Looked(counts, int(total[~named].sum()), sum(each.strangers for each in found))


def distinct(hits: Hits, shape: int) -> Int64Array:
    """Return one hit of each distinct value of a shape."""
    rows = np.flatnonzero(hits.shape == shape)
    order = by_tag(hits.tag[rows])
    rows = rows[order]
    first: Int64Array = rows[runs(hits.tag[rows])]
    return first
