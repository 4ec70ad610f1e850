"""What of an index changes with some of its customers: the layer above the base. Pure numpy.

The layer holds, complete, who bears each tag now whose bearers are others than in the base. It
follows from the base and from who bears what now alone: the way there does not show in it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from exfilter.kernel.layer import NOBODY, SHARED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from exfilter.kernel.layer import Layer
    from exfilter.kernel.tables import Tables
    from exfilter.model import Int64Array, Uint64Array

STRETCH = 1 << 20
"""Records or postings that are looked at together."""
_ROW = np.int64(32)
_ORDINAL = np.int64((1 << 32) - 1)


def overlay(
    tables: Tables, affected: NDArray[np.bool_], tags: Uint64Array, ordinals: Int64Array
) -> tuple[Uint64Array, NDArray[np.uint32]]:
    """Return the layer above the base of ``tables``, as ``LayerWriter.add`` takes it.

    ``affected``: by ordinal, new ones included, whose keys are not those any more that the tables
    say. ``tags``, ``ordinals``: the keys that they have instead, in any order, also twice.
    """
    base = replace(tables, layers=tables.layers[:1])
    newer = [layer.tags() for layer in tables.layers[1:]]
    touched = np.unique(np.concatenate([tags, *newer, *(borne(each, affected) for each in tables.layers)]))
    row, bearer = tables.expand(tables.look_up(touched))
    stays = ~affected[bearer]
    kept = _pairs(row[stays], bearer[stays])
    come = _pairs(np.searchsorted(touched, tags).astype(np.int64), ordinals)
    now = _sorted(kept, come)
    now = now[np.diff(now, prepend=-1) != 0]
    differs = np.zeros(len(touched), dtype=np.bool_)
    differs[_once(_sorted(_pairs(*base.expand(base.look_up(touched))), now)) >> _ROW] = True
    now = now[differs[now >> _ROW]]
    gone = differs.copy()
    gone[now >> _ROW] = False
    nobody = np.flatnonzero(gone).astype(np.int64)
    both = _sorted(now, _pairs(nobody, np.full(len(nobody), int(NOBODY), dtype=np.int64)))
    return touched[both >> _ROW], (both & _ORDINAL).astype(np.uint32)


def _sorted(*runs: Int64Array) -> Int64Array:
    """Return all in order. A stable sort only merges what is in order already."""
    return np.sort(np.concatenate(runs), kind="stable")


def _once(ascending: Int64Array) -> Int64Array:
    """Return those that have no equal. None is negative."""
    alone = (np.diff(ascending, prepend=-1) != 0) & (np.diff(ascending, append=-1) != 0)
    once: Int64Array = ascending[alone]
    return once


def _pairs(row: Int64Array, ordinal: Int64Array) -> Int64Array:
    return row << _ROW | ordinal


def borne(layer: Layer, affected: NDArray[np.bool_]) -> Uint64Array:
    """Return the tags of a layer that any of the affected bears: one pass over it."""
    if not affected.any():
        return np.empty(0, dtype=np.uint64)
    alone = np.append(affected, False)
    rows = _rows(layer, affected)
    places = []
    for start in range(0, len(layer.records), STRETCH):
        values = layer.records[start : start + STRETCH, 2]
        found = alone[np.minimum(values, len(affected))]
        shared = np.flatnonzero(values >= SHARED)
        found[shared] = rows[values[shared] ^ SHARED]
        places.append(start + np.flatnonzero(found))
    chosen = np.concatenate([np.empty(0, dtype=np.int64), *places])
    tags: Uint64Array = np.ascontiguousarray(layer.records[chosen, :2]).view("<u8")[:, 0]
    return tags


def _rows(layer: Layer, affected: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows of the postings hold any of the affected."""
    rows = np.zeros(layer.rows, dtype=np.bool_)
    for start in range(0, len(layer.postings), STRETCH):
        found = start + np.flatnonzero(affected[layer.postings[start : start + STRETCH]])
        rows[np.searchsorted(layer.postings_start, found, side="right") - 1] = True
    return rows
