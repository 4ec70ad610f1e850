"""What a baseline would have said of every actor on every day of a simulated year, and what that is worth.

The model is `exfilter.ledger.normal`, for all actors at once, with everybody summarised anew once a week (in
earnest: once a day).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.insiders import BEFORE, DAYS, ROLES, STOLEN, Case, Year
from exfilter.ledger import normal
from exfilter.ledger.normal import UNKNOWN, Floats
from exfilter.ledger.spans import MEMORY
from exfilter.model import Int64Array

EVERY = 7
"""Days from one summary to the next."""
Flags = NDArray[np.bool_]
"""Who is flagged on which day. [actors, DAYS]"""
Judge = Callable[[Int64Array, Int64Array], Floats]
"""Past counts [actors, spans] and the counts to judge [actors, days] of one group -> log10 p."""


def log_logistic(past: Int64Array, seen: Int64Array) -> Floats:
    """Judge as exfilter does."""
    own = normal.normals(past)
    peers = normal.prior(past, own)
    return np.stack([normal.log10_tail(own, peers, day.astype(np.float64)) for day in seen.T], axis=1)


def by_day(counts: Int64Array, group: Int64Array, judge: Judge = log_logistic) -> Floats:
    """Return log10 p of each day's count, work days and others apart. 0 in the days before the year."""
    rest = np.arange(DAYS) % 7 >= 5
    made = np.zeros(counts.shape)
    for first in range(BEFORE, DAYS, EVERY):
        oldest = max(0, first - MEMORY)
        for resting in (False, True):
            past = counts[:, oldest:first][:, rest[oldest:first] == resting]
            days = np.arange(first, min(DAYS, first + EVERY))
            _each_group(made, group, past, counts, days[rest[days] == resting], judge)
    return made


def by_sum(counts: Int64Array, group: Int64Array, span: int) -> Floats:
    """Return log10 p of the sum over the ``span`` days that end with each day."""
    sums = over(counts, span)
    made = np.zeros(counts.shape)
    for first in range(BEFORE, DAYS, EVERY):
        oldest = max(0, first - MEMORY)
        last = np.arange(first - span, oldest + span - 2, -span)
        past = np.where(counts[:, last - span + 1] < 0, UNKNOWN, sums[:, last])
        _each_group(made, group, past, sums, np.arange(first, min(DAYS, first + EVERY)), log_logistic)
    return made


def over(counts: Int64Array, span: int) -> Int64Array:
    """Return sums over the ``span`` days that end with each day."""
    total = np.cumsum(np.maximum(counts, 0), axis=1)
    sums = total.copy()
    sums[:, span:] -= total[:, :-span]
    return sums


def _each_group(
    made: Floats, group: Int64Array, past: Int64Array, counts: Int64Array, days: Int64Array, judge: Judge
) -> None:
    """Fill in some days, each group among its own. Everybody's group is that of the first of the days."""
    for number in range(len(ROLES)) if len(days) else ():
        among = np.flatnonzero(group[:, days[0]] == number)
        made[np.ix_(among, days)] = judge(past[among], np.maximum(counts[np.ix_(among, days)], 0))


def together(*looks: Floats) -> Floats:
    """Return the least of several log10 p, corrected for their number."""
    least: Floats = np.minimum(np.minimum.reduce(looks) + np.log10(len(looks)), 0.0)
    return least


@dataclass(frozen=True, slots=True)
class Catch:
    """What became of one case."""

    case: Case
    day: int | None
    """Of its days, the first that was flagged. None: not found."""
    gone: int
    """Customers who had left on the days before."""


def catches(flags: Flags, year: Year) -> Iterator[Catch]:
    """Yield what became of each case; one account that is flagged is enough."""
    for case in dict.fromkeys(insider.case for insider in year.insiders):
        ring = [insider for insider in year.insiders if insider.case == case]
        start = ring[0].start
        seen = flags[[insider.actor for insider in ring], start : start + case.patience].any(axis=0)
        if not seen.any():
            yield Catch(case, None, STOLEN)
            continue
        first = int(seen.argmax())
        yield Catch(case, first + 1, sum(int(insider.taken[: start + first].sum()) for insider in ring))


def innocent(flags: Flags, year: Year) -> tuple[Flags, Flags]:
    """Return the flags and the days of those who are innocent; of insiders, the days before they begin."""
    days = year.sent >= 0
    days[:, :BEFORE] = False
    for insider in year.insiders:
        days[insider.actor, insider.start :] = False
    return flags & days, days
