"""The count model of a baseline: what one actor's days look like, what his peers' do, and the chance of more.

A day has nobody, with some probability, or Y >= 1 customers whose odds fall with a power of the count: a
discretised log-logistic distribution with a hurdle at zero,

    P(Y >= y) = a * L(y - 1/2) / L(1/2),   L(x) = 1 / (1 + exp((log x - m) / s)).

(Hurdles: Mullahy 1986.) m and s are estimated by quantiles, which less than half (s: a quarter) of the
days cannot move as they like. m is pulled to the peers' by its standard error (empirical Bayes, normal
approximation), s by so many days; what is not known of m widens s. Tails are the peers': s is raised to
what their rare days show, because one actor has too few of those. Days with a lighter tail than the
logistic one are judged too leniently. docs/decisions/0014-baselines.md has the reasons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exfilter.model import Int64Array

Floats = NDArray[np.float64]

UNKNOWN = -1
"""In arrays of counts: the actor was not there on that day."""
LIKE_PEERS = 0.02
"""Chance that today is a day like any of the peers', whatever the own past is."""
PRIOR_DAYS = 5.0
"""Days of the peers' that the share of active days begins with."""
PRIOR_ACTIVE = 20.0
"""Active days of the peers' that the spread begins with."""
LEAST_SPREAD = 0.15
REACH = 1.0
"""An own normal counts up to so many standard deviations above the peers' normals, and no higher: what
is beyond it has been taught slowly, or belongs to a group of its own."""
NARROWER, WIDER = 0.5, 1.25
"""An own spread counts within these multiples of the peers'; who ramps up would widen his as well."""
FEW = 5
"""Active days below which an actor says nothing of the spread."""
PEERS = 8
"""Actors below which quantiles say nothing of a group."""
LEAST_BETWEEN = 0.3
MOST = 0.05
"""Of an actor's active days, at most so many count as rare ones (but one does)."""
LOGIT_75 = math.log(3)
_VARIANCE = math.pi**2 / 3
"""Of the logistic distribution with s = 1."""


@dataclass(frozen=True, slots=True)
class Normals:
    """The own days of actors. Every array: [actors]."""

    known: Floats
    """Days."""
    active: Floats
    """Days with a count above zero."""
    location: Floats
    """Median of log count over the active days. 0 where there are none."""
    spread: Floats
    """Quartile range of log count, as the logistic's s. 0 where there are none."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is normal among peers. Nobody known: wide, and centred at one customer."""

    actors: int = 0
    active: float = 0.5
    """Share of days with a count above zero."""
    location: float = 0.0
    """Median of the peers' locations."""
    between: float = 2.0
    """Standard deviation of locations from peer to peer."""
    spread: float = 0.6
    tail: float = 1.2
    """How much wider the rare days are than the spread says. At least 1."""

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Prior:
        """Return one that was written down. Raises TypeError or ValueError where that cannot be."""
        made = cls(**fields)
        inside = 0 <= made.active <= 1 <= made.tail and min(made.between, made.spread) > 0 <= made.actors
        if not inside or not all(map(math.isfinite, fields.values())):
            msg = "a prior outside of its bounds"
            raise ValueError(msg)
        return made


def normals(counts: Int64Array) -> Normals:
    """Summarise own days. ``counts``: [actors, days], `UNKNOWN` where there was no actor yet."""
    ordered = np.sort(counts, axis=1)
    known = (counts >= 0).sum(axis=1)
    active = (counts > 0).sum(axis=1)
    low, middle, high = (_quantile(ordered, active, part) for part in (0.25, 0.5, 0.75))
    spread = (high - low) / (2 * LOGIT_75)
    return Normals(known.astype(np.float64), active.astype(np.float64), middle, spread)


def _quantile(ordered: Int64Array, active: Int64Array, part: float) -> Floats:
    """Return log of a quantile of the positive values, the last ``active`` of each sorted row."""
    days = ordered.shape[1]
    if not days:
        return np.zeros(len(ordered))
    rank = np.maximum(np.ceil(part * active).astype(np.int64) - 1, 0)
    at = np.minimum(days - active + rank, days - 1)
    values = np.take_along_axis(ordered, at[:, None], axis=1)[:, 0]
    return np.log(np.maximum(values, 1))


def prior(counts: Int64Array, own: Normals) -> Prior:
    """Summarise a peer group, so that a few of its members cannot change what is said of it."""
    actors = int((own.known > 0).sum())
    if not actors:
        return Prior()
    active = float((own.active.sum() + 0.5) / (own.known.sum() + 1.0))
    many = own.active >= FEW
    if many.sum() < PEERS:
        return _together(counts, actors, active)
    logs, locations = _logs(counts[many]), own.location[many]
    within = _quartile_range(logs - np.repeat(locations, own.active[many].astype(np.int64)))
    spread = max(LEAST_SPREAD, within / (2 * LOGIT_75))
    error = float(np.median(_error(spread, own.active[many])))
    between = math.sqrt(max(LEAST_BETWEEN**2, (_quartile_range(locations) / 1.349) ** 2 - error))
    some = Prior(actors, active, float(np.median(locations)), between, spread)
    tail = _tail(counts[many], locations, _spread(own, some)[many])
    return replace(some, tail=tail)


def _together(counts: Int64Array, actors: int, active: float) -> Prior:
    """Summarise peers of whom none is known well: half of what differs is between them."""
    logs = _logs(counts)
    if len(logs) < PEERS:
        return Prior(actors, active)
    spread = max(LEAST_SPREAD, _quartile_range(logs) / (2 * LOGIT_75) / math.sqrt(2))
    between = max(LEAST_BETWEEN, spread * math.sqrt(_VARIANCE))
    location = np.full(len(counts), np.median(logs))
    tail = _tail(counts, location, np.full(len(counts), spread * math.sqrt(2)))
    return Prior(actors, active, float(location[0]), between, spread, tail)


def _logs(counts: Int64Array) -> Floats:
    """Return log of all counts above zero, row by row."""
    return np.log(counts[counts > 0])


def _quartile_range(values: Floats) -> float:
    low, high = np.quantile(values, (0.25, 0.75))
    return float(high - low)


def _error(spread: float | Floats, active: Floats) -> Floats:
    """Return the variance of a median of ``active`` logistic values."""
    error: Floats = 4.0 * np.square(spread) / np.maximum(active, 1.0)
    return error


def _spread(own: Normals, peers: Prior) -> Floats:
    """Return the own spread, pulled to the peers' and kept near it."""
    pulled = (own.active * own.spread + PRIOR_ACTIVE * peers.spread) / (own.active + PRIOR_ACTIVE)
    clipped: Floats = np.clip(pulled, peers.spread * NARROWER, peers.spread * WIDER)
    return clipped


def _tail(counts: Int64Array, location: Floats, spread: Floats) -> float:
    """Return the factor by which rare days are wider, over all actors. Of one, `MOST` of his days count."""
    active = np.maximum((counts > 0).sum(axis=1), 1)
    beyond = (np.log(np.maximum(counts, 1)) - location[:, None]) / spread[:, None]
    factors = [1.0]
    for far in (3.0, 5.0, 7.0):
        share = np.minimum((beyond > far).sum(axis=1) / active, np.maximum(MOST, 1 / active))
        mean = float(share @ active / active.sum())
        if mean * active.sum() >= PEERS:
            factors.append(far / math.log(1 / mean - 1))
    return max(factors)


def log10_tail(own: Normals, peers: Prior, seen: Floats) -> Floats:
    """Return log10 P(Y >= seen) on a day of this kind. [actors]. Falls as ``seen`` grows."""
    spread = _spread(own, peers) * peers.tail
    between = peers.between**2
    weight = np.where(own.active > 0, between / (between + _error(spread, own.active)), 0.0)
    location = peers.location + weight * (own.location - peers.location)
    location = np.minimum(location, peers.location + REACH * peers.between)
    active = (own.active + PRIOR_DAYS * peers.active) / (own.known + PRIOR_DAYS)
    his = _log_tail(seen, active, location, np.sqrt(spread**2 + (1.0 - weight) * between / _VARIANCE))
    wide = math.sqrt((peers.spread * peers.tail) ** 2 + between / _VARIANCE)
    theirs = _log_tail(seen, peers.active, peers.location, wide)
    tail = np.logaddexp(math.log1p(-LIKE_PEERS) + his, math.log(LIKE_PEERS) + theirs)
    return np.where(seen > 0, np.minimum(tail, 0.0) / math.log(10), 0.0)


def _log_tail(
    seen: Floats, active: float | Floats, location: float | Floats, spread: float | Floats
) -> Floats:
    """Return log P(Y >= seen) of one hurdle and log-logistic distribution, for ``seen`` above zero."""
    far = (np.log(np.maximum(seen, 1.0) - 0.5) - location) / spread
    near = (math.log(0.5) - location) / spread
    tail: Floats = np.log(active) - np.logaddexp(0.0, far) + np.logaddexp(0.0, near)
    return tail
