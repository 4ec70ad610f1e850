"""The evidence in plain Python, a hit at a time: the oracle. And random hits to try it on."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors import LEADS
from exfilter.evidence import Observed
from exfilter.evidence.chances import EMAIL_BITS, REACH_BITS
from exfilter.evidence.gather import CROWD, HOUSEHOLD, REACH
from exfilter.index.statistics import Statistics
from exfilter.kernel.layer import SHARED, Layer
from exfilter.kernel.tables import (
    APART,
    EMAIL,
    FIXED_SHAPES,
    LAST_COLUMN,
    NAME,
    NAME_LOOSE,
    NAME_LOWER,
    Candidates,
    Matches,
    Shape,
    Tables,
)
from exfilter.model import Kind, Ordinals

SHAPES = (
    Shape("email", Kind.EMAIL, 2.0**60, 900),
    *(Shape(name, Kind.NAME, 0.0, 700) for name in FIXED_SHAPES[1:]),
    Shape("+11", Kind.PHONE, 1e11, 400),
    Shape("national 10", Kind.PHONE, 1e10, 400),
    Shape("TM-99999999", Kind.TICKET, 1e8, 1000),
    Shape("digits 8", Kind.TICKET, 1e8, 1000),
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One hit of one part."""

    part: int
    record: int
    start: int
    kind: Kind
    shape: int
    lead: int
    bearers: frozenset[int]


def world(rng: np.random.Generator, customers: int) -> tuple[Tables, Statistics]:
    """Return tables of which only the postings matter, in two layers, and statistics."""
    density = np.clip(rng.random((len(SHAPES), LEADS)) ** 8, 1e-9, 1.0)
    statistics = Statistics(customers, density, customers, customers // 2, customers // 9, 3, 5, 3, 1)
    layers = (_layer(rng, customers), _layer(rng, customers))
    return Tables((), b"", layers, np.zeros(1, dtype=np.uint8), SHAPES, ()), statistics


def _layer(rng: np.random.Generator, customers: int) -> Layer:
    sizes = rng.choice([2, 3, HOUSEHOLD, HOUSEHOLD + 1, 40], size=6)
    rows = [np.sort(rng.choice(customers, size=min(size, customers), replace=False)) for size in sizes]
    return Layer(
        records=np.empty((0, 3), dtype=np.uint32),
        buckets=np.zeros(2, dtype=np.uint32),
        filter=np.zeros(1, dtype=np.uint64),
        postings_start=np.cumsum([0, *map(len, rows)], dtype=np.int64),
        postings=np.concatenate(rows).astype(np.uint32),
    )


def part(rng: np.random.Generator, tables: Tables, customers: int, count: int, length: int) -> Observed:
    """Return hits at random; some candidates miss, and each hit is a candidate, too."""
    shared = sum(layer.rows for layer in tables.layers)
    posting = np.where(
        rng.random(count) < 0.4,
        int(SHARED) + rng.integers(0, shared, count),
        rng.integers(0, customers, count),
    ).astype(np.uint32)
    shape = rng.integers(0, len(SHAPES), count).astype(np.uint16)
    start = np.sort(rng.integers(0, length, count)).astype(np.int64)
    lead = (posting % 13).astype(np.uint16)
    records = np.sort(rng.integers(0, length, rng.integers(0, 9))) if rng.random() < 0.6 else None
    tag = posting.astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)
    kind = np.array([each.kind for each in SHAPES], dtype=np.uint8)[shape]
    column = _columns(rng, shape, fields=records is not None)
    judged = shape != NAME_LOOSE
    misses = rng.integers(0, 30)
    missed = rng.choice([EMAIL, NAME, NAME_LOWER, 5, 7], misses)
    looked = {
        (int(s), int(t), int(c)): int(each)
        for s, t, c, each in zip(
            [*shape[judged].tolist(), *missed.tolist()],
            [*tag[judged].tolist(), *rng.integers(1, 40, misses).tolist()],
            [*column[judged].tolist(), *_columns(rng, missed, fields=records is not None).tolist()],
            [*lead[judged].tolist(), *[4] * misses],
            strict=True,
        )
    }
    candidates = Candidates(
        np.array([s for s, _, _ in looked], dtype=np.uint16),
        np.array(list(looked.values()), dtype=np.uint16),
        np.array([t for _, t, _ in looked], dtype=np.uint64),
        np.array([c for _, _, c in looked], dtype=np.uint8),
        int(rng.integers(0, 4)),
    )
    return Observed(Matches(kind, shape, start, start + 5, posting, tag, lead, column, candidates), records)


def _columns(rng: np.random.Generator, shape: NDArray[np.integer], *, fields: bool) -> NDArray[np.uint8]:
    """Return the field that each value stands in; addresses and loose names have none."""
    column = rng.choice([1, 2, 3, LAST_COLUMN, APART, APART + 3], len(shape))
    numbered = (shape != EMAIL) & (shape != NAME_LOOSE) & fields
    return np.where(numbered, column, 0).astype(np.uint8)


def hits(observed: Sequence[Observed], tables: Tables) -> Iterator[Hit]:
    """Yield the hits with those who bear them."""
    for number, each in enumerate(observed):
        found = each.matches
        row, ordinal = tables.expand(found.posting)
        bearers = defaultdict(set)
        for at, who in zip(row.tolist(), ordinal.tolist(), strict=True):
            bearers[at].add(who)
        for at, start in enumerate(found.start.tolist()):
            record = -1 if each.records is None else int((each.records <= start).sum())
            kind, shape = Kind(int(found.kind[at])), int(found.shape[at])
            yield Hit(number, record, start, kind, shape, int(found.lead[at]), frozenset(bearers[at]))


def best_bits(observed: Sequence[Observed], tables: Tables, statistics: Statistics) -> dict[int, float]:
    """Return the most bits of each customer of an anchor."""
    found = list(hits(observed, tables))
    crowds = Counter((hit.part, hit.record) for hit in found)
    best: dict[int, float] = {}
    for anchor in found:
        if anchor.kind is Kind.NAME or len(anchor.bearers) > HOUSEHOLD:
            continue
        for who in anchor.bearers:
            support: dict[Kind, float] = {}
            for hit in found:
                together = (hit.part, hit.record) == (anchor.part, anchor.record)
                if hit.record < 0 or crowds[hit.part, hit.record] > CROWD:
                    together = together and abs(hit.start - anchor.start) <= REACH
                if together and hit.kind is not anchor.kind and who in hit.bearers:
                    support[hit.kind] = max(support.get(hit.kind, 0.0), _support(hit, statistics))
            bits = _anchor(anchor, statistics) + sum(support.values())
            best[who] = max(best.get(who, bits), bits)
    return best


def _anchor(hit: Hit, statistics: Statistics) -> float:
    if hit.kind is Kind.EMAIL:
        return 60.0 - math.log2(SHAPES[0].keys)
    return -math.log2(statistics.density[hit.shape, hit.lead])


def _support(hit: Hit, statistics: Statistics) -> float:
    shape, everybody = SHAPES[hit.shape], statistics.name_bearers + statistics.mono_bearers
    if hit.kind is Kind.NAME:
        once = 2.0 * (statistics.names_twice + 1) / ((statistics.names_once + 1) * everybody)
        alone = min(once, 1 / everybody)
        return max(0.0, -math.log2(alone if len(hit.bearers) == 1 else len(hit.bearers) / everybody) - 5)
    space = shape.space / (LEADS if shape.name.startswith("digits") else 1)
    return min(math.log2(space), EMAIL_BITS) - REACH_BITS


def values(observed: Sequence[Observed]) -> dict[tuple[int, int], tuple[int, int]]:
    """Return the first field and the lead of each value that was looked for, by shape and tag."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for each in observed:
        of = each.matches.candidates
        arrays = (of.shape.tolist(), of.tag.tolist(), of.column.tolist(), of.lead.tolist())
        for shape, tag, column, lead in zip(*arrays, strict=True):
            found[shape, tag] = min(found.get((shape, tag), (column, lead)), (column, lead))
    return found


def exposed(observed: Sequence[Observed], tables: Tables, counted: Ordinals) -> dict[str, list[int]]:
    """Return who of the counted customers has a field of each kind."""
    bearing: dict[Kind, set[int]] = {kind: set() for kind in Kind}
    for hit in hits(observed, tables):
        bearing[hit.kind] |= hit.bearers
    return {kind.name.lower(): sorted(bearing[kind] & set(counted.tolist())) for kind in Kind}
