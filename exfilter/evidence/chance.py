"""How likely chance alone gives as many hits as were seen. Pure arithmetic over counts by lead."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from exfilter.evidence.chances import Floats
from exfilter.kernel.tables import bearers_by_chance
from exfilter.model import Int64Array

NAME_LEADS = 32
"""Leads of names: see ``kernel.tables.bearers_by_chance``."""
_CERTAIN = 0.999999


@dataclass(frozen=True, slots=True)
class Chance:
    """What chance alone would give, and what is beyond it."""

    trials: int
    """Distinct values that are judged."""
    seen: int
    """Hits among them."""
    expected: float
    log10_p: float
    customers: float
    """Hits that are not those of strangers."""
    crowded: float = 0.0
    """Of names only: strangers whose name several customers bear."""


def judge_numbers(found: Int64Array, missed: Int64Array, density: Floats, uneven: float) -> Chance:
    """Judge numbers by the chance of each, hit or miss.

    ``found``, ``missed``, ``density``: hits, misses and chance by lead. A miss of chance u stands
    for u / (1 - u) strangers who hit. Trials of unequal chances have no heavier tail than as many
    of their mean (Hoeffding 1956). ``uneven``: how much likelier (in odds) hits may be where the
    strangers' numbers lie than in their lead as a whole, before chance is ruled out.
    """
    there = np.flatnonzero(found + missed)  # few of ten thousand leads, unless there are many values
    found, missed, density = found[there], missed[there], density[there]
    seen, looked = int(found.sum()), found + missed
    trials = seen + int(missed.sum())
    capped = np.minimum(density, _CERTAIN)
    odds = capped / (1.0 - capped)
    raised = uneven * odds / (1.0 + uneven * odds)
    chance = min(float(looked @ raised) / trials, _CERTAIN) if trials else 0.0
    tail = binomial_tail(trials, seen, chance)
    return Chance(trials, seen, float(looked @ density), tail, seen - float(missed @ odds))


@dataclass(frozen=True, slots=True)
class Names:
    """Distinct names in a transfer, but for those of customers who count already."""

    missed: Int64Array
    """That nobody bears, by lead. [NAME_LEADS]"""
    once: Int64Array
    """That one customer bears, by lead."""
    twice: int
    """That two customers bear."""
    strangers: int | None
    """What stands like a name of tokens that the index does not know. None: that was not counted."""


@dataclass(frozen=True, slots=True)
class Bearers:
    """How often names are borne in the table."""

    everybody: int
    once: int
    twice: int
    unknown: int
    """Names borne once whose tokens nobody else bears: without their customer no candidates at all."""


def judge_names(names: Names, table: Bearers) -> Chance:
    """Judge names that one customer bears against those that nobody bears.

    Twice: among those of tokens that the index knows, and among all that stand like names. The
    first is sharp where the index knows most tokens that people bear, the second where it knows
    few. The more significant one counts.
    """
    within = _judge_names(names, 0, table)
    if names.strangers is None:
        return within
    among_all = _judge_names(names, names.strangers, replace(table, unknown=0))
    return min(within, among_all, key=lambda chance: chance.log10_p)


def _judge_names(names: Names, strangers: int, table: Bearers) -> Chance:
    """Judge names by the table, and by themselves; the less significant one counts.

    By the table, with Good and Turing: leave one customer out. A name borne once is then nobody's,
    a miss; a name borne twice is borne once. Tokens that are common make a name likelier: with L
    bearers by random pairing it is borne once rather than by nobody in L of 1 + L cases (Poisson).
    """
    misses = table.once - table.unknown + 1.0
    usual = (2.0 * table.twice + 1.0) / (2.0 * table.twice + 1.0 + misses)
    likely = bearers_by_chance(np.arange(len(names.once), dtype=np.uint16), table.everybody)
    chances = np.maximum(usual, likely / (1.0 + likely))
    seen, missed = int(names.once.sum()), int(names.missed.sum()) + strangers
    trials = seen + missed
    expected = float((names.once + names.missed) @ chances) + strangers * usual
    chance = min(expected / trials, _CERTAIN) if trials else 0.0
    known = 1.0 - table.unknown / max(1, table.once)
    tail = max(
        binomial_tail(trials, seen, chance), stranger_tail(missed, math.floor(seen * known), names.twice)
    )
    common = max(0.0, table.everybody - table.once - 2.0 * table.twice)
    customers = max(0.0, seen - missed * chance / (1.0 - chance))
    return Chance(trials, seen, expected, tail, customers, missed * common / misses)


def stranger_tail(nobody: int, once: int, twice: int) -> float:
    """Return log10 of a bound of the chance that strangers, of whatever population, do as well.

    Of names that are not chosen for the table's sake, each is borne by a Poisson number of
    customers; populations mix. Then ``once`` squared is at most 2 * ``nobody`` * ``twice`` on
    average (Cauchy and Schwarz; Chao 1984), with equality where all are equally common. Beyond
    that: Hoeffding's bound for the nearest of those (1965), or the binomial tail of the largest
    share that can be borne once at all, the square root of 2 less 1.
    """
    total = nobody + once + twice
    if once * once <= 2 * nobody * twice:
        return 0.0
    mean = (once + 2 * twice) / total
    rate = (mean - 1 + math.sqrt((1 - mean) ** 2 + 2 * mean * (2 - mean))) / (2 - mean)
    weights = (1.0, rate, rate * rate / 2)
    divergence = sum(
        count * math.log(count * sum(weights) / (total * weight))
        for count, weight in zip((nobody, once, twice), weights, strict=True)
        if count
    )
    by_type = (math.log(total + 1) - divergence) / math.log(10)
    return min(0.0, by_type, binomial_tail(total, once, math.sqrt(2) - 1))


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
