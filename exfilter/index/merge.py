"""The layer of what has changed, folded into a new base: no customer table is needed for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from exfilter.index import publish, store
from exfilter.index.arrays import ARRAYS, COUNTRIES, UPDATE
from exfilter.index.layers import ArrayWriter, LayerWriter
from exfilter.index.sealed import BLOCK, seal
from exfilter.kernel.layer import NOBODY, SHARED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from exfilter.index.keys import IndexKey
    from exfilter.index.store import Arrays, Index, Version
    from exfilter.index.table import Progress
    from exfilter.kernel.tables import Tables
    from exfilter.model import Uint64Array

STRETCH = 1 << 20
"""Records of the base that are merged together."""
UNCHANGED = ("roles", "density", "customer_live")
"""Arrays that an update has written whole."""


@dataclass(frozen=True, slots=True)
class MergeReport:
    """Numbers of one merge."""

    index: str
    """Id of the index in use."""
    merged: bool
    """False: there was nothing to merge, the index is as it was."""
    keys_before: int
    """Of the base."""
    keys_changed: int
    """Of the layer above it."""
    keys: int


def merge(path: Path, key: IndexKey, progress: Progress = lambda _: None) -> MergeReport:
    """Publish a version in which everything is in the base. Look-ups find in it what they found before.

    Raises ValueError or OSError, with the next step, where the index cannot be opened; it then
    stays as it is.
    """
    with publish.building(path) as work:
        index, of = store.Index.open(path, key), store.version(path, key)
        if not of.about.updated:
            return MergeReport(of.id, merged=False, keys_before=_count(of), keys_changed=0, keys=_count(of))
        unchanged = [name for name in (*UNCHANGED, COUNTRIES) if name in of.about.arrays]
        publish.link(of.directory, work, unchanged)
        with LayerWriter(work) as writer:
            for tags, ordinals in _merged(index.tables, progress):
                writer.add(tags, ordinals)
        _customers(work, index, store.load(of, (n for n in of.about.arrays if "customer_" in n)), key)
        written = publish.describe(work, [name for name in ARRAYS if name not in UNCHANGED])
        kept = {name: of.about.arrays[name] for name in unchanged}
        about = msgspec.structs.replace(of.about, arrays={**kept, **written}, updated={})
        identity = publish.publish(path, work, about, key)
    progress(1.0)
    changed = of.about.arrays[f"{UPDATE}records"].shape[0]
    count = about.arrays["records"].shape[0]
    return MergeReport(identity, merged=True, keys_before=_count(of), keys_changed=changed, keys=count)


def _count(of: Version) -> int:
    return of.about.arrays["records"].shape[0]


def _merged(tables: Tables, progress: Progress) -> Iterator[tuple[Uint64Array, NDArray[np.uint32]]]:
    """Yield tags and bearers of both layers, as ``LayerWriter.add`` takes them, a stretch at a time."""
    base, above = tables.layers
    newer = above.tags()
    newer_values = above.records[:, 2] + np.where(
        above.records[:, 2] >= SHARED, np.uint32(base.rows), np.uint32(0)
    )
    begin = 0
    for start in range(0, max(1, len(base.records)), STRETCH):
        progress(start / max(1, len(base.records)))
        older = base.tags(start, start + STRETCH)
        last = start + STRETCH >= len(base.records)
        end = len(newer) if last else int(np.searchsorted(newer, older[-1], side="right"))
        here = slice(begin, end)
        begin = end
        hidden = np.isin(older, newer[here], assume_unique=True)
        tags = np.concatenate((older[~hidden], newer[here]))
        values = np.concatenate((base.records[start : start + STRETCH, 2][~hidden], newer_values[here]))
        order = np.argsort(tags, kind="stable")
        order = order[values[order] != NOBODY]
        row, ordinal = tables.expand(values[order])
        yield tags[order][row], ordinal.astype(np.uint32)


def _customers(work: Path, index: Index, mapped: Arrays, key: IndexKey) -> None:
    """Write the customers' tags and ids: those of the base, then those that came since."""
    _append(work, "customer_tags", mapped["customer_tags"], mapped[f"{UPDATE}customer_tags"])
    # Full blocks of ids stay as they are; those behind them are sealed anew, as a build would.
    full = len(mapped["customer_tags"]) // BLOCK
    kept = mapped["customer_ids_start"][: full + 1]
    blocks, starts = seal(index.all_ids(full * BLOCK), key, first_block=full)
    _append(work, "customer_ids", mapped["customer_ids"][: kept[-1]], blocks)
    _append(work, "customer_ids_start", kept, kept[-1] + starts[1:])


def _append(work: Path, name: str, *pieces: NDArray[np.generic]) -> None:
    writer = ArrayWriter(work / f"{name}.npy", ARRAYS[name])
    for piece in pieces:
        for start in range(0, len(piece), STRETCH):
            writer.add(piece[start : start + STRETCH])
    writer.close()
