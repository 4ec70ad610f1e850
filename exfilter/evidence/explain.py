"""What the verdict tells beside the customers: the kinds of their fields, and why they count."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from exfilter.evidence.cases import Cases
from exfilter.evidence.counted import Counted
from exfilter.evidence.gather import HOUSEHOLD, Hits
from exfilter.evidence.sorting import by_ordinal, runs
from exfilter.kernel.tables import Tables
from exfilter.model import Explained, Int64Array, Kind, Ordinals

_KINDS = (Kind.NAME, Kind.EMAIL, Kind.TICKET, Kind.PHONE)
_BATCH = 1 << 20
"""Questions that are asked at a time."""
_DEARER = 8
"""Asking whether one customer bears a value takes as long as expanding it to so many bearers."""


def nobody_exposed() -> dict[str, Ordinals]:
    """Return what ``exposed`` says where nobody is counted."""
    return {kind.name.lower(): np.empty(0, dtype=np.int64) for kind in _KINDS}


def exposed(hits: Hits, cases: Cases, counted: Ordinals, tables: Tables) -> dict[str, Ordinals]:
    """Return who of the counted customers has a field of each kind in the transfer."""
    result = nobody_exposed()
    if len(counted):
        for kind in _KINDS:
            result[kind.name.lower()] = counted[_having(hits, kind, cases, counted, tables)]
    return result


def _having(hits: Hits, kind: Kind, cases: Cases, counted: Ordinals, tables: Tables) -> NDArray[np.bool_]:
    """Return whether each has a field of the kind: what many bear is looked at last, for those left."""
    mine, few = hits.kind == kind, hits.bearers <= HOUSEHOLD
    having = Counted(tables, cases.ordinal[cases.support[:, kind] > 0.0])
    having.add_bearers(hits.posting[mine & few])
    found = having.hold(counted)
    rest = np.flatnonzero(~found)
    left = counted[rest]
    crowd = hits.posting[mine & ~few]
    if not len(left) or not len(crowd):
        return found
    crowd = crowd[by_ordinal(crowd.astype(np.int64))]
    crowd = crowd[runs(crowd)]
    if _DEARER * len(left) * len(crowd) < tables.bearers(crowd).sum():
        found[rest] = _bear_any(crowd, left, tables)
        return found
    having.add_bearers(crowd)
    found[rest] = having.hold(left)
    return found


def _bear_any(crowd: NDArray[np.uint32], ordinals: Ordinals, tables: Tables) -> NDArray[np.bool_]:
    step = max(1, _BATCH // len(crowd))
    found = np.zeros(len(ordinals), dtype=np.bool_)
    for first in range(0, len(ordinals), step):
        who = ordinals[first : first + step]
        asked = tables.bears(np.tile(crowd, len(who)), np.repeat(who, len(crowd)))
        found[first : first + step] = asked.reshape(len(who), len(crowd)).any(axis=1)
    return found


def best(cases: Cases) -> Int64Array:
    """Return the case with the most bits of each customer, by ordinal."""
    order = np.lexsort((-cases.bits, cases.ordinal))
    first: Int64Array = order[runs(cases.ordinal[order])]
    return first


def explain(cases: Cases, needed: float, hits: Hits, tables: Tables) -> Iterator[Explained]:
    """Yield for each customer, identified or not, the case with the most bits and what spoke for it."""
    for at in best(cases).tolist():
        support = cases.support[at]
        shape = tables.shapes[int(hits.shape[cases.anchor[at]])].name
        because = [f"{shape}: {cases.bits[at] - support.sum():.1f} bits"]
        because += [
            f"{kind.name.lower()} within reach: {support[kind]:.1f} bits" for kind in Kind if support[kind]
        ]
        yield Explained(int(cases.ordinal[at]), float(cases.bits[at]), needed, tuple(because))
