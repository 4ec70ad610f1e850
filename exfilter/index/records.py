"""Records of a build: arrays of words, the first of which is a tag. Natively where that is built.

A key's record has two words, its tag; and its row, later its ordinal, above its code (``codes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from exfilter.index import native
from exfilter.index.codes import CODE_MASK, LEAD_BITS, ROW_BITS
from exfilter.model import Int64Array, Uint64Array

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Digest(NamedTuple):
    """What the records of some tags say."""

    tags: Uint64Array
    """Sorted, once for each bearer."""
    ordinals: NDArray[np.uint32]
    """Of the bearers: ascending for each tag."""
    codes: NDArray[np.uint32]
    """Of each distinct key, in no order."""
    once: Uint64Array
    """Tags of the shape that was asked for with one bearer, ascending."""
    bearers: Int64Array
    """[shapes, 2]: distinct keys with one bearer, with two."""


def scatter(records: Uint64Array, bits: int) -> tuple[Uint64Array, Int64Array]:
    """Return the records by the first ``bits`` of their tags, with where each begins and the last ends."""
    if native.tags is not None:
        return native.tags.scatter(records, bits)
    part = (records[:, 0] >> np.uint64(64 - bits)).astype(np.int64)
    starts = np.concatenate(([0], np.cumsum(np.bincount(part, minlength=1 << bits))))
    return records[np.argsort(part, kind="stable")], starts


def put_ordinals(records: Uint64Array, ordinals: NDArray[np.uint32]) -> None:
    """Put the ordinal of each row in the place of its number."""
    if native.tags is not None:
        native.tags.put_ordinals(records, ordinals)
        return
    rows = (records[:, 1] >> np.uint64(ROW_BITS)).astype(np.int64)
    codes = records[:, 1] & np.uint64(CODE_MASK)
    records[:, 1] = ordinals[rows].astype(np.uint64) << np.uint64(ROW_BITS) | codes


def sort(records: Uint64Array) -> None:
    """Sort records of two words in place, by both."""
    if native.tags is not None:
        native.tags.sort(records)
    else:
        records[:] = records[np.lexsort((records[:, 1], records[:, 0]))]


def digest(records: Uint64Array, shape: int, shapes: int) -> Digest:
    """Return what sorted records with ordinals say.

    ``shape``: of the keys that are asked for. ``shapes``: how many there are.
    """
    if native.tags is not None:
        return Digest(*native.tags.digest(records, shape, shapes))
    tags, ordinals = records[:, 0], (records[:, 1] >> np.uint64(ROW_BITS)).astype(np.uint32)
    kept = changed(tags) | changed(ordinals)
    begin = np.flatnonzero(changed(tags[kept]))
    bearers = np.diff(begin, append=int(kept.sum()))
    code = (records[:, 1] & np.uint64(CODE_MASK)).astype(np.uint32)
    order = np.lexsort((code, tags))
    new = changed(tags[order]) | changed(code[order])
    codes, known = code[order][new], tags[order][new]
    count = bearers[np.searchsorted(tags[kept][begin], known)] if len(known) else bearers
    numbers = (codes >> np.uint32(LEAD_BITS)).astype(np.int64)
    few = [np.bincount(numbers[count == each], minlength=shapes) for each in (1, 2)]
    once = known[(count == 1) & (numbers == shape)]
    return Digest(tags[kept], ordinals[kept], codes, once, np.stack(few, axis=1))


def add_counts(counts: Int64Array, found: NDArray[np.uint32]) -> None:
    """Count values: ``counts[value]`` grows by how often it is in ``found``."""
    if native.tags is not None:
        native.tags.add_counts(counts, found)
    else:
        np.add.at(counts, found, 1)


def changed(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return where a value is another one than that before it."""
    new = np.ones(len(values), dtype=np.bool_)
    new[1:] = values[1:] != values[:-1]
    return new
