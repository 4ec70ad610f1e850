"""Hits to customers, with bits: how sure we are that a customer is in the transfer.

Fellegi and Sunter (1969) weigh the agreement of a field by how unlikely chance agreement is, and
Winkler (1989) takes that chance from the frequency of the value. Here:

1. An *anchor* (e-mail, ticket, phone) is worth -log2 of the chance that a random value of its
   shape is any customer's: the density of the shape's keys around that number.
2. Another field of the same customer within reach adds -log2 of the chance that a random value
   equals this customer's, less ``REACH_BITS`` because many values stand within reach.
3. A customer is *identified* when the bits exceed log2(anchor candidates / a), where a customers
   may be there by chance: 0.01, or one in a thousand of the k customers with as many bits, if
   that is more (the step-up rule of Benjamini and Hochberg, 1995). So the candidates that a long
   list adds do not hide those who are in it.
4. What is left is judged together by shape. Of n distinct candidates k are hits; chance u of a
   hit follows from the index, for names by Good and Turing (1953): leave one customer out, and
   see how often his name is still there; a name whose tokens are common is likelier. Where a
   binomial tail says that chance did not do it, k - (n - k) * u / (1 - u) customers are
   *estimated*: those who missed tell how many of the strangers hit. Values of identified
   customers are explained and do not take part.

Names alone never identify. Names that several customers bear are common names: they neither
prove nor disprove a leak and count only when those borne once have proved it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors import LEADS
from exfilter.index.statistics import Statistics
from exfilter.kernel.tables import (
    EMAIL,
    NAME,
    NAME_LOOSE,
    NAME_LOWER,
    NAME_MONO,
    Matches,
    Tables,
    bearers_by_chance,
)
from exfilter.model import Explained, Int64Array, Judgement, Kind, Ordinals, Uint64Array

BY_CHANCE = 0.01
"""Customers that may count as identified by chance in one transfer ..."""
SHARE_BY_CHANCE = 0.001
"""... or this share of all that are identified in it, if that is more."""
SIGNIFICANT = -6.0
"""log10 of the probability below which chance did not do it."""
REACH = 300
"""Characters within which fields belong together, where the content has no records."""
REACH_BITS = 5.0
"""Two fields meet by chance more easily when some 32 values stand within reach."""
HOUSEHOLD = 8
"""A value that more customers share is a placeholder or a switchboard: it identifies nobody."""
NEIGHBOURS = 64
"""Hits on either side of an anchor in which its other fields are looked for."""
EMAIL_BITS = 40.0
"""The most that an e-mail address adds as a second field."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Observed:
    """What the kernel found in one part."""

    matches: Matches
    records: Int64Array | None


@dataclass(frozen=True, slots=True)
class Weighed:
    """The customers in one transfer."""

    identified: Ordinals
    estimated: int
    estimated_ordinals: Ordinals
    fields: dict[str, int]
    judgements: tuple[Judgement, ...] = ()
    explained: tuple[Explained, ...] = ()


@dataclass(frozen=True, slots=True)
class _Hits:
    """The hits of all parts, by part and place. Arrays of one length."""

    part: Int64Array
    record: Int64Array
    """Number of the record within the part; -1 where the part has none."""
    start: Int64Array
    kind: NDArray[np.uint8]
    shape: NDArray[np.uint16]
    posting: NDArray[np.uint32]
    tag: Uint64Array
    lead: NDArray[np.uint16]
    bearers: Int64Array


@dataclass(frozen=True, slots=True)
class _Chances:
    """The chances that follow from the index."""

    tables: Tables = field(repr=False)
    statistics: Statistics

    def anchor_bits(self, hits: _Hits) -> Floats:
        """Return -log2 of the chance that a random value of the hit's shape is any customer's."""
        density = self.statistics.density[hits.shape, hits.lead]
        bits = -np.log2(np.clip(density, 2.0**-60, 1.0))
        keys = max(1, self.tables.shapes[EMAIL].keys)
        bits[hits.kind == Kind.EMAIL] = 60.0 - math.log2(keys)
        return bits

    def support_bits(self, hits: _Hits) -> Floats:
        """Return -log2 of the chance that a random value equals this customer's, within reach."""
        spaces = np.array([self._space(number) for number in range(len(self.tables.shapes))])
        bits = np.minimum(np.log2(spaces[hits.shape]), EMAIL_BITS)
        named = hits.kind == Kind.NAME
        bits[named] = self._name_bits(hits.bearers[named])
        return np.maximum(bits - REACH_BITS, 0.0)

    def _space(self, number: int) -> float:
        shape = self.tables.shapes[number]
        return max(1.0, shape.space / (LEADS if shape.name.startswith("digits") else 1))

    def _name_bits(self, bearers: Int64Array) -> Floats:
        """Return them for names: c bearers make c/N; one makes what Good and Turing expect."""
        known = self.statistics
        everybody = max(1, known.name_bearers + known.mono_bearers)
        once = 2.0 * (known.names_twice + 1) / ((known.names_once + 1) * everybody)
        chance = np.where(bearers == 1, min(once, 1.0 / everybody), bearers / everybody)
        return -np.log2(np.clip(chance, 2.0**-60, 1.0))


def weigh(
    observed: Sequence[Observed], tables: Tables, statistics: Statistics, *, explain: bool = False
) -> Weighed:
    """Return the customers in what the kernel found in the parts of one transfer."""
    hits = _gather(observed, tables)
    candidates = _candidates(observed)
    chances = _Chances(tables, statistics)
    anchors = np.isin(candidates["shape"], _NAMES, invert=True).sum()
    rows, ordinals, bits, support = _identify(hits, chances, tables)
    needed = _needed(ordinals, bits, max(1, int(anchors)))
    enough = bits > needed
    identified = np.unique(ordinals[enough])
    strangers = sum(part.matches.candidates.strangers for part in observed)
    judged = _Judged(hits, candidates, strangers, chances, tables)
    estimated, behind, judgements = judged.all_shapes(identified)
    fields = _fields(hits, np.union1d(identified, behind), tables)
    explained = _explain(rows, ordinals, bits, support, needed, hits, tables) if explain else ()
    return Weighed(identified, estimated, behind, fields, judgements, explained)


def _needed(ordinals: Int64Array, bits: Floats, anchors: int) -> float:
    """Return the bits from which on customers are identified: the step-up rule over all of them."""
    order = np.lexsort((-bits, ordinals))
    _, first = np.unique(ordinals[order], return_index=True)
    best = np.sort(bits[order[first]])[::-1]
    allowed = np.maximum(BY_CHANCE, SHARE_BY_CHANCE * np.arange(1, len(best) + 1))
    steps = np.log2(anchors / allowed)
    passing = np.flatnonzero(best > steps)
    return float(steps[passing[-1]]) if len(passing) else math.log2(anchors / BY_CHANCE)


_NAMES = np.array([NAME, NAME_LOWER, NAME_MONO, NAME_LOOSE], dtype=np.uint16)


def _gather(observed: Sequence[Observed], tables: Tables) -> _Hits:
    matches = [part.matches for part in observed]
    records = [
        np.full(len(part.matches.start), -1, dtype=np.int64)
        if part.records is None
        else np.searchsorted(part.records, part.matches.start, side="right").astype(np.int64)
        for part in observed
    ]

    def joined[Scalar: np.generic](arrays: list[NDArray[Scalar]], kind: type[Scalar]) -> NDArray[Scalar]:
        return np.concatenate(arrays) if arrays else np.empty(0, dtype=kind)

    posting = joined([m.posting for m in matches], np.uint32)
    lengths = [len(m.start) for m in matches]
    return _Hits(
        part=np.repeat(np.arange(len(matches), dtype=np.int64), lengths),
        record=joined(records, np.int64),
        start=joined([m.start for m in matches], np.int64),
        kind=joined([m.kind for m in matches], np.uint8),
        shape=joined([m.shape for m in matches], np.uint16),
        posting=posting,
        tag=joined([m.tag for m in matches], np.uint64),
        lead=joined([m.lead for m in matches], np.uint16),
        bearers=tables.bearers(posting),
    )


def _candidates(observed: Sequence[Observed]) -> NDArray[np.void]:
    """Return the distinct candidates of all parts: records of shape, tag and lead."""
    found = [part.matches.candidates for part in observed]
    kind = np.dtype([("shape", np.uint16), ("tag", np.uint64), ("lead", np.uint16)])
    everything = np.empty(sum(len(each.tag) for each in found), dtype=kind)
    if not len(everything):
        return everything
    everything["shape"] = np.concatenate([each.shape for each in found])
    everything["tag"] = np.concatenate([each.tag for each in found])
    everything["lead"] = np.concatenate([each.lead for each in found])
    order = np.lexsort((everything["tag"], everything["shape"]))
    everything = everything[order]
    new = np.ones(len(everything), dtype=bool)
    new[1:] = (everything["tag"][1:] != everything["tag"][:-1]) | (
        everything["shape"][1:] != everything["shape"][:-1]
    )
    return everything[new]


def _identify(
    hits: _Hits, chances: _Chances, tables: Tables
) -> tuple[Int64Array, Int64Array, Floats, Floats]:
    """Return (hit, ordinal, bits, support by kind) for every customer of every anchor."""
    anchor = np.flatnonzero((hits.kind != Kind.NAME) & (hits.bearers <= HOUSEHOLD))
    row, ordinal = tables.expand(hits.posting[anchor])
    row = anchor[row]
    support = np.zeros((len(row), len(Kind)))
    worth = chances.support_bits(hits)
    for distance in range(1, min(NEIGHBOURS, max(1, len(hits.start) - 1)) + 1):
        close = [
            _support(row, ordinal, row + step, hits, worth, support, tables) for step in (distance, -distance)
        ]
        if not any(close):
            break
    return row, ordinal, chances.anchor_bits(hits)[row] + support.sum(axis=1), support


def _support(
    row: Int64Array,
    ordinal: Int64Array,
    other: Int64Array,
    hits: _Hits,
    worth: Floats,
    support: Floats,
    tables: Tables,
) -> bool:
    """Credit each anchor with its neighbour where both are fields of one customer.

    Return whether any neighbour was within reach.
    """
    inside = np.flatnonzero((other >= 0) & (other < len(hits.start)))
    mine, theirs = row[inside], other[inside]
    near = (hits.part[mine] == hits.part[theirs]) & (hits.record[mine] == hits.record[theirs])
    near &= (hits.record[mine] >= 0) | (np.abs(hits.start[mine] - hits.start[theirs]) <= REACH)
    telling = near & (hits.kind[mine] != hits.kind[theirs])
    at = inside[telling]
    same = tables.bears(hits.posting[other[at]], ordinal[at])
    at = at[same]
    kinds = hits.kind[other[at]]
    support[at, kinds] = np.maximum(support[at, kinds], worth[other[at]])
    return bool(near.any())


@dataclass(frozen=True, slots=True)
class _Judged:
    """What did not identify, judged together by shape."""

    hits: _Hits
    candidates: NDArray[np.void]
    strangers: int
    chances: _Chances
    tables: Tables = field(repr=False)

    def all_shapes(self, identified: Ordinals) -> tuple[int, Ordinals, tuple[Judgement, ...]]:
        """Return the estimated customers, who may be behind them, and a judgement a shape."""
        total, behind, judgements = 0, np.empty(0, dtype=np.int64), []
        for number in np.unique(self.hits.shape).tolist():
            if number == NAME_LOOSE:
                continue
            judgement, who = self.one_shape(number, np.union1d(identified, behind))
            judgements.append(judgement)
            total += judgement.estimated
            behind = np.union1d(behind, who)
        return total, np.setdiff1d(behind, identified), tuple(judgements)

    def one_shape(self, shape: int, counted: Ordinals) -> tuple[Judgement, Ordinals]:
        """Judge the values of one shape that are not of customers who count already."""
        hits, candidates = self.hits, self.candidates[self.candidates["shape"] == shape]
        rows = np.flatnonzero(hits.shape == shape)
        _, distinct = np.unique(hits.tag[rows], return_index=True)
        rows = rows[distinct]
        bearer_row, ordinal = self.tables.expand(hits.posting[rows])
        explained = np.unique(bearer_row[np.isin(ordinal, counted)])
        all_tags, explained_tags = hits.tag[rows], hits.tag[rows[explained]]
        rows = np.delete(rows, explained)
        trials = len(candidates) - len(explained)
        if shape in (NAME, NAME_LOWER, NAME_MONO):
            set_aside = np.concatenate((hits.tag[hits.bearers > 1], explained_tags))
            lead = candidates["lead"][~np.isin(candidates["tag"], set_aside)]
            chance = self._judge_names(hits.bearers[rows], lead, shape)
        else:
            density = self.chances.statistics.density[shape]
            missed = candidates["lead"][~np.isin(candidates["tag"], all_tags)]
            chance = _judge_numbers(density[hits.lead[rows]], density[missed])
        count = max(0, round(chance.customers)) if chance.log10_p < SIGNIFICANT else 0
        name = self.tables.shapes[shape].name
        judgement = Judgement(name, trials, len(rows), chance.expected, chance.log10_p, count)
        who = self.tables.expand(hits.posting[rows])[1] if count else np.empty(0, dtype=np.int64)
        return judgement, np.unique(who)

    def _judge_names(self, bearers: Int64Array, lead: NDArray[np.uint16], shape: int) -> _Chance:
        """Judge names twice: among those of known tokens, and among all that stand like names.

        The first is sharp where the index knows most tokens that people bear, the second where it
        knows few. The more significant one counts. ``lead``: of the misses and of the names borne once.
        """
        known = self.chances.statistics
        if shape == NAME_MONO:
            population = (known.mono_bearers, known.mono_once, known.mono_twice)
            return _judge_names(bearers, np.zeros(len(lead)), 0, *population, 0)
        population = (known.name_bearers, known.names_once, known.names_twice)
        likely = bearers_by_chance(lead, known.name_bearers)
        within = _judge_names(bearers, likely, 0, *population, known.names_once_unknown)
        if shape == NAME_LOWER:
            return within
        among_all = _judge_names(bearers, likely, self.strangers, *population, 0)
        return min(within, among_all, key=lambda chance: chance.log10_p)


@dataclass(frozen=True, slots=True)
class _Chance:
    """What chance alone would give, and what is beyond it."""

    expected: float
    log10_p: float
    customers: float


def _judge_numbers(found: Floats, missed: Floats) -> _Chance:
    """Judge numbers by the chance of each, hit or miss.

    A miss of chance u stands for u / (1 - u) strangers who hit. Trials of unequal chances have no
    heavier tail than as many of their mean (Hoeffding 1956).
    """
    trials = len(found) + len(missed)
    expected = float(found.sum() + missed.sum())
    chance = min(expected / trials, 0.999999) if trials else 0.0
    strangers = float((missed / (1.0 - np.minimum(missed, 0.999999))).sum())
    return _Chance(expected, binomial_tail(trials, len(found), chance), len(found) - strangers)


def _judge_names(
    bearers: Int64Array, likely: Floats, strangers: int, everybody: int, once: int, twice: int, unknown: int
) -> _Chance:
    """Judge names by Good and Turing.

    Leave one customer out. A name borne once is then nobody's: a miss (and no candidate at all
    if one of its tokens is gone with him). A name borne twice is then borne once, and so on.
    ``likely``: bearers that random pairing of its tokens gives each miss and each name borne once.
    One with L of them is borne once rather than by nobody in L of 1 + L cases (Poisson).
    """
    misses = once - unknown + 1.0
    rare, common = 2.0 * twice + 1.0, max(0.0, everybody - once - 2.0 * twice)
    borne_once = int((bearers == 1).sum())
    trials = len(likely) + strangers
    usual = rare / (rare + misses)
    expected = float(np.maximum(usual, likely / (1.0 + likely)).sum()) + strangers * usual
    chance = min(expected / trials, 0.999999) if trials else 0.0
    missed = trials - borne_once
    customers = max(0.0, borne_once - missed * chance / (1.0 - chance))
    customers += max(0.0, len(bearers) - borne_once - missed * common / misses)
    return _Chance(expected, binomial_tail(trials, borne_once, chance), customers)


def binomial_tail(trials: int, successes: int, chance: float) -> float:
    """Return log10 of an upper bound of P(X >= successes) for X ~ Binomial(trials, chance).

    The largest term times the geometric series that dominates the rest (Feller I, VI.3).
    """
    if successes <= 0 or successes <= trials * chance:
        return 0.0
    if chance <= 0.0:
        return -math.inf
    term = (
        math.lgamma(trials + 1)
        - math.lgamma(successes + 1)
        - math.lgamma(trials - successes + 1)
        + successes * math.log(chance)
        + (trials - successes) * math.log1p(-chance)
    )
    ratio = (trials - successes) / (successes + 1) * chance / (1.0 - chance)
    return min(0.0, (term - math.log1p(-ratio)) / math.log(10))


def _fields(hits: _Hits, counted: Ordinals, tables: Tables) -> dict[str, int]:
    """Return how many of the counted customers have a field of each kind in the transfer."""
    result = {}
    for kind in (Kind.NAME, Kind.EMAIL, Kind.TICKET, Kind.PHONE):
        posting = np.unique(hits.posting[hits.kind == kind])
        ordinals = np.unique(tables.expand(posting)[1])
        result[kind.name.lower()] = len(np.intersect1d(ordinals, counted, assume_unique=True))
    return result


def _explain(
    rows: Int64Array,
    ordinals: Int64Array,
    bits: Floats,
    support: Floats,
    needed: float,
    hits: _Hits,
    tables: Tables,
) -> tuple[Explained, ...]:
    """Return the best anchor of each customer, identified or not, and what spoke for it."""
    order = np.lexsort((-bits, ordinals))
    _, first = np.unique(ordinals[order], return_index=True)
    explained = []
    for at in order[first].tolist():
        shape = tables.shapes[int(hits.shape[rows[at]])].name
        because = [f"{shape}: {bits[at] - support[at].sum():.1f} bits"]
        because += [
            f"{kind.name.lower()} within reach: {support[at, kind]:.1f} bits"
            for kind in Kind
            if support[at, kind]
        ]
        explained.append(Explained(int(ordinals[at]), float(bits[at]), needed, tuple(because)))
    return tuple(explained)
