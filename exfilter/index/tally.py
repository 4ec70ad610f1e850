"""All keys of a table, in order: to the layer, and counted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors import LEADS
from exfilter.index import records
from exfilter.index.codes import LEAD_BITS
from exfilter.index.group import Leads
from exfilter.index.parallel import in_order
from exfilter.model import Int64Array, Kind, Uint64Array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from exfilter.index.codes import Shapes
    from exfilter.index.crowds import Crowds
    from exfilter.index.layers import LayerWriter
    from exfilter.index.records import Digest
    from exfilter.index.spill import Spill

GROUP = 1 << 19
"""Keys that are sorted together: they should fit into a processor's cache."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many distinct keys there are."""

    codes: Int64Array
    """By code: shape and lead."""
    bearers: Int64Array
    """[shapes, 2]: with one bearer, with two."""
    unknown: int
    """Names borne once, of those that were asked for."""

    def leads(self, shapes: Shapes, crowds: Crowds) -> dict[tuple[Kind, str], Leads]:
        """Return the keys of each shape that has any."""
        found = {}
        for number, shape in enumerate(shapes.all):
            counts = self.codes[number << LEAD_BITS : (number << LEAD_BITS) + LEADS]
            if counts.any():
                beside = crowds.beside(number) if shapes.by_lead(number) else np.zeros(LEADS)
                found[shape] = Leads(int(counts.sum()), counts.astype(np.float64), beside)
        return found


def write(
    keys: Spill,
    ordinals: NDArray[np.uint32],
    alone: Uint64Array,
    shapes: Shapes,
    writer: LayerWriter,
    workers: int,
) -> Tally:
    """Write the layer. ``ordinals``: of each row. ``alone``: tags of names, ascending, that are asked for."""
    codes = np.zeros(len(shapes.all) << LEAD_BITS, dtype=np.int64)
    bearers = np.zeros((len(shapes.all), 2), dtype=np.int64)
    unknown = 0

    def digested(group: Uint64Array) -> Digest:
        records.put_ordinals(group, ordinals)
        records.sort(group)
        return records.digest(group, shapes.pair, len(shapes.all))

    with ThreadPoolExecutor(workers) as pool:
        for found in in_order(pool if workers > 1 else None, digested, keys.groups(GROUP), workers):
            writer.add(found.tags, found.ordinals)
            records.add_counts(codes, found.codes)
            bearers += found.bearers
            unknown += _among(found.once, alone)
    return Tally(codes, bearers, unknown)


def _among(some: Uint64Array, others: Uint64Array) -> int:
    """Return how many tags of ``some`` are in ``others``. Both ascend."""
    if not len(some):
        return 0
    first, last = np.searchsorted(others, some[0]), np.searchsorted(others, some[-1], side="right")
    return len(np.intersect1d(some, others[first:last], assume_unique=True))
