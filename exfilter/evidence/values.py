"""The distinct values in a transfer: how many were looked for, and which of them are hits.

A value that stands in several fields of the records is one of the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors import LEADS
from exfilter.evidence.gather import Hits, Observed
from exfilter.evidence.sorting import by_tag, runs
from exfilter.kernel.tables import Shape
from exfilter.model import Int64Array, Kind, Uint64Array

COLUMNS = 256
"""See ``kernel.tables.Candidates``."""
_APART = np.uint64(0x9E3779B97F4A7C15)
"""Any odd number keeps tags of different shapes apart from each other."""


@dataclass(frozen=True, slots=True)
class Looked:
    """How many distinct values were looked for."""

    counts: Mapping[int, Int64Array]
    """By lead; of the shapes with hits."""
    fields: Int64Array
    """``shape * COLUMNS + column`` of each value, ascending. Empty: no part has records."""
    leads: Int64Array
    """Beside ``fields``."""
    anchors: int
    """That could have identified somebody. One that several parts hold counts in each: caution."""
    strangers: int
    """See ``kernel.tables.Candidates``."""

    def columns(self, shape: int) -> int:
        """Return in how many fields values of a shape stand."""
        first, end = np.searchsorted(self.fields, (shape * COLUMNS, (shape + 1) * COLUMNS))
        return len(runs(self.fields[first:end]))

    def of_field(self, shape: int, column: int) -> Int64Array:
        """Return how many values of a shape stand in a field, by lead."""
        first, end = np.searchsorted(self.fields, (shape * COLUMNS + column, shape * COLUMNS + column + 1))
        return np.bincount(self.leads[first:end], minlength=LEADS)


def looked_for(observed: Sequence[Observed], hits: Hits, shapes: Sequence[Shape]) -> Looked:
    """Count the distinct candidates of all parts."""
    strangers = sum(part.matches.candidates.strangers for part in observed)
    found = [part.matches.candidates for part in observed if len(part.matches.candidates.tag)]
    named = np.array([shape.kind == Kind.NAME for shape in shapes])
    hit = np.bincount(hits.shape, minlength=len(shapes)) > 0
    total = np.zeros(len(shapes), dtype=np.int64)
    row = np.cumsum(hit) - 1  # only those that are hit have one: a row takes 80 KB
    keys, cells = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
    columns, rows = [np.empty(0, dtype=np.uint8)], np.flatnonzero(hit)
    for each in found:
        total += np.bincount(each.shape, minlength=len(shapes))
        at = np.flatnonzero(hit[each.shape])
        shape = each.shape[at]
        keys.append(each.tag[at] + shape.astype(np.uint64) * _APART)
        cells.append(row[shape] * LEADS + each.lead[at])
        columns.append(each.column[at])
    cell, column = np.concatenate(cells), np.concatenate(columns)
    fielded = bool(column.any())
    if len(found) > 1 or fielded:
        first = _first(np.concatenate(keys), column)
        cell, column = cell[first], column[first]
    counts = np.bincount(cell, minlength=len(rows) * LEADS).reshape(len(rows), LEADS)
    field = rows[cell // LEADS] * COLUMNS + column if fielded else cell[:0]
    order = np.argsort(field, kind="stable")
    by_shape = dict(zip(rows.tolist(), counts, strict=True))
    return Looked(by_shape, field[order], cell[order] % LEADS, int(total[~named].sum()), strangers)


def distinct(hits: Hits, shape: int) -> Int64Array:
    """Return one hit of each distinct value of a shape."""
    rows = np.flatnonzero(hits.shape == shape)
    first: Int64Array = rows[_first(hits.tag[rows], hits.column[rows])]
    return first


def _first(tags: Uint64Array, column: NDArray[np.uint8]) -> Int64Array:
    """Return where each distinct tag is, in its first column."""
    ordered = np.argsort(column, kind="stable") if column.any() else np.arange(len(column))
    order = ordered[by_tag(tags[ordered])]
    first: Int64Array = order[runs(tags[order])]
    return first
