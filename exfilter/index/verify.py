"""Checking an index in full: every byte, and that the arrays mean what they should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from exfilter.index import checked, origins, store
from exfilter.index.arrays import UPDATE
from exfilter.index.manifest import REBUILD, IndexRefused
from exfilter.index.overlay import borne
from exfilter.index.sealed import AlteredError
from exfilter.index.store import Index
from exfilter.kernel.layer import NOBODY, SHARED, Layer, filter_mask, filter_word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from exfilter.index.keys import IndexKey


def verify(path: Path, key: IndexKey) -> Index:
    """Return the index if all of it is as it was built. Raises IndexRefused that names the files."""
    checked.remove(store.version(path, key).directory)
    index = Index.open(path, key, anew=True)
    faults = list(_faults(index))
    if faults:
        msg = f"{path}: {'; '.join(faults)}: {REBUILD}"
        raise IndexRefused(msg)
    return index


def _faults(index: Index) -> Iterator[str]:
    yield from _customers(index)
    yield from _roles(index)
    faults = []
    for prefix, layer in zip(("", UPDATE), index.tables.layers, strict=False):
        faults += [
            f"{prefix}{fault}" for check in (_records, _postings) for fault in check(layer, index.ordinals)
        ]
    yield from faults
    if not faults:
        yield from _gone(index)


def _records(layer: Layer, ordinals: int) -> Iterator[str]:
    tags, values = layer.tags(), layer.records[:, 2]
    if not bool((tags[1:] > tags[:-1]).all()):
        yield "records.npy is not in order"
    single = values[(values < SHARED) & (values != NOBODY)]
    rows = values[values >= SHARED] ^ SHARED
    if not _below(single, ordinals) or not _below(rows, layer.rows):
        yield "records.npy points outside"
    if not bool(layer.look_up(tags)[0].all()):
        yield "buckets.npy does not lead to the records"
    masks = filter_mask(tags)
    if bool((layer.filter[filter_word(tags, len(layer.filter))] & masks != masks).any()):
        yield "filter.npy leaves records out"


def _gone(index: Index) -> Iterator[str]:
    """Say whether anybody who is gone is still found, and whether nobody stands where somebody was."""
    base, *above = index.tables.layers
    if bool((base.records[:, 2] == NOBODY).any()):
        yield "records.npy has keys of nobody"
    hidden = borne(base, ~index.live)
    for layer in above:
        nobody = layer.tags()[layer.records[:, 2] == NOBODY]
        if not bool(base.look_up(nobody)[0].all()):
            yield f"{UPDATE}records.npy removes keys that there are not"
        hidden = np.concatenate((hidden[~layer.look_up(hidden)[0]], borne(layer, ~index.live)))
    if len(hidden):
        yield "a customer who is gone would still be found"


def _postings(layer: Layer, ordinals: int) -> Iterator[str]:
    start, postings = layer.postings_start, layer.postings
    if not len(start) or start[0] != 0 or start[-1] != len(postings) or bool((np.diff(start) < 2).any()):
        yield "postings_start.npy does not divide postings.npy"
        return
    within = np.ones(max(0, len(postings) - 1), dtype=np.bool_)
    within[start[1:-1] - 1] = False
    if not bool((postings[1:] > postings[:-1])[within].all()):
        yield "postings.npy is not in order"
    if not _below(postings, ordinals):
        yield "postings.npy points outside"


def _customers(index: Index) -> Iterator[str]:
    if len(index.live) != index.ordinals or int(index.live.sum()) != index.customers:
        yield "customer_live.npy does not match the number of customers"
    if len(index.country) != index.ordinals or not origins.are_codes(index.country):
        yield "customer_country.npy does not hold the customers' countries"
    try:
        count = sum(1 for _ in index.all_ids())
    except AlteredError as error:
        yield f"customer_ids.npy: {error}"
        return
    if count != index.ordinals:
        yield "customer_ids.npy does not match the number of customers"


def _roles(index: Index) -> Iterator[str]:
    if len(index.tables.roles) & (len(index.tables.roles) - 1):
        yield "roles.npy has a length that is no power of two"


def _below(array: NDArray[np.uint32], bound: int) -> bool:
    return not len(array) or int(array.max()) < bound
