"""How likely an innocent holder has each victim: the null of a trace.

He who sent a share x of all customers has a random one with probability x. But victims may be customers
that his whole group handles. So the odds x / (1 - x) are multiplied by a factor, at least 1, that is
learnt from the *other* holders of his group, in two steps: one for the group (it serves a region, and the
victims live there), one for the victim (a customer whom everybody knows). Given a factor f, another
holder b of odds o has the victim with probability f o / (1 + f o), so c holders among them are worth
f^c / product of (1 + f o): a logistic regression with an offset, whose likelihood needs the count only.
Most factors are 1, few are large; the answer is the mean over what the counts leave possible.

One more is left out besides the holder himself: the one of the group who shares most victims with him.
Else two who leak the same customers would pass for a group that handles them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exfilter.ledger.circles import Circles
from exfilter.ledger.holding import Crowd, Flags, Floats, Int32Array, Int64Array

LOCALS = 0.05
"""Share of the company that serves the region of the victims, where no group says who."""
STEPS = 31
"""Factors are powers of two, up to a milliard."""
POPULAR = 0.003
"""Share of customers who are more popular than others, before anything is seen."""
REGIONAL = 0.05
"""Share of groups whose customers are more often victims, before anything is seen."""
COMPANIONS = 64
"""Of a group, so many are looked at as somebody's companion: those with most victims."""
_CELLS = 4_000_000
"""Numbers in memory at once."""

_FACTORS: Floats = 2.0 ** np.arange(STEPS, dtype=np.float64)


def _falling(share: float, ratio: float) -> Floats:
    """Return a prior: 1 - share for the factor 1, the rest falling by ``ratio`` a step [STEPS]."""
    rest = ratio ** np.arange(1, STEPS)
    return np.concatenate(([1.0 - share], share * rest / rest.sum()))


def _shifted(prior: Floats) -> Floats:
    """Return [i, j]: the prior of a victim's factor i / j in a group of factor j."""
    steps = np.arange(STEPS)
    table = np.where(steps[:, None] >= steps, prior[np.maximum(steps[:, None] - steps, 0)], 0.0)
    table[-1] += 1.0 - table.sum(axis=0)
    return table


_OF_VICTIM = _shifted(_falling(POPULAR, 2.0**-0.5))
_OF_GROUP = np.log(_falling(REGIONAL, 0.5))


@dataclass(frozen=True, slots=True)
class Null:
    """The chance of each holder, if innocent, to have each victim [holders of any, victims]."""

    rates: Floats
    local: Floats
    """If he is one of the few whose customers the victims are, though no declared group says so."""

    def of(self, rows: Int64Array | int) -> Null:
        """Return that of some rows, or of one."""
        return Null(self.rates[rows], self.local[rows])


def null_rates(held: Flags, who: Int64Array, crowd: Crowd) -> Null:
    """Return the null of each holder of any victim.

    ``held``: [holders of any, victims]; ``who``: its rows' places in ``crowd``. By his group, by all and
    by his circle, the largest: a larger chance makes nobody guiltier, and a group of one knows nothing.
    """
    shares = crowd.shares()
    peer = ~crowd.bulk & (shares < 1.0)
    circles = Circles.of(held, shares[who], peer[who])
    everybody = np.zeros(len(shares), dtype=np.int32)
    rates, factors = _by_scope(held, who, crowd, everybody)
    rates = np.maximum(rates, circles.rates())
    if len(np.unique(crowd.groups)) > 1:
        rates = np.maximum(rates, _by_scope(held, who, crowd, crowd.groups.astype(np.int32))[0])
    rates = np.maximum(rates, shares[who, None])
    concentrated = _raised(shares[who], 1.0 + (factors - 1.0) / LOCALS)
    return Null(rates, np.maximum(rates, concentrated[:, None]))


def _raised(shares: Floats, factor: Floats) -> Floats:
    """Return shares with their odds multiplied."""
    return factor * shares / (1.0 - shares + factor * shares)


def _by_scope(held: Flags, who: Int64Array, crowd: Crowd, scope: Int32Array) -> tuple[Floats, Floats]:
    """Return the rates by the groups of ``scope``, and the factor of each row's group [rows]."""
    rates, factors = np.zeros(held.shape), np.ones(len(held))
    shares = crowd.shares()
    peer = ~crowd.bulk & (shares < 1.0)
    odds = np.where(peer, shares / np.where(peer, 1.0 - shares, 1.0), 0.0)
    for number in np.unique(scope[who]).tolist():
        rows = np.flatnonzero(scope[who] == number)
        members = odds[peer & (scope == number)]
        group = _Group(
            held[rows], shares[who[rows]], odds[who[rows]], peer[who[rows]], _log_none(members).sum(axis=0)
        )
        rates[rows], factors[rows] = group.rates()
    return rates, factors


def _log_none(odds: Floats) -> Floats:
    """Return log(1 + f o) for each factor: minus the log of the chance not to have the victim."""
    return np.log1p(odds[:, None] * _FACTORS)


@dataclass(frozen=True, slots=True)
class _Group:
    """Those of one group who hold any victim: [rows] and [rows, victims]."""

    held: Flags
    shares: Floats
    odds: Floats
    """Zero for those who are nobody's peers."""
    peer: Flags
    log_none: Floats
    """Summed over the whole group, also those who hold no victim. [STEPS]"""

    def rates(self) -> tuple[Floats, Floats]:
        """Return the chance of each row to have each victim, and his group's factor."""
        others, log_none = self._others()
        counts, place = np.unique(_coarse(others), return_inverse=True)
        place = place.reshape(others.shape)
        rates, factors = np.empty(others.shape), np.empty(len(others))
        for rows in _pieces(len(others), len(counts)):
            by_count, factors[rows] = _predicted(counts, place[rows], log_none[rows], self.shares[rows])
            rates[rows] = np.take_along_axis(by_count, place[rows], axis=1)
        return rates, factors

    def _others(self) -> tuple[Int64Array, Floats]:
        """Return how many others have each victim, and log_none of the others, for each row."""
        mine = self.held & self.peer[:, None]
        own = _log_none(self.odds)
        others = mine.sum(axis=0) - mine
        log_none = self.log_none - own
        circles = Circles.of(self.held, self.shares, self.peer, COMPANIONS)
        rows, place = circles.companions()
        companion = circles.most[place]
        others[rows] -= mine[companion]
        log_none[rows] -= own[companion]
        return others, np.maximum(log_none, 0.0)


def _coarse(counts: Int64Array) -> Int64Array:
    """Return counts above 32 rounded up by less than a sixteenth: fewer different ones to reckon with."""
    exponent = np.floor(np.log2(np.maximum(counts, 1))).astype(np.int64)
    unit = 1 << np.maximum(exponent - 4, 0)
    answer: Int64Array = -(-counts // unit) * unit
    return answer


def _pieces(rows: int, counts: int) -> Iterator[slice]:
    size = max(1, _CELLS // (max(1, counts) * STEPS))
    return (slice(start, start + size) for start in range(0, rows, size))


def _predicted(
    counts: Int64Array, place: Int64Array, log_none: Floats, shares: Floats
) -> tuple[Floats, Floats]:
    """Return the chance to have a victim whom so many others have [rows, counts], and the group's factor.

    ``place``: which of ``counts`` each victim has; all victims together tell the group's factor.
    """
    many = len(counts)
    likely = counts[:, None] * np.log(_FACTORS) - log_none[:, None, :]
    likely = np.exp(likely - likely.max(axis=2, keepdims=True))
    whole = likely @ _OF_VICTIM
    chance = _raised(shares[:, None], _FACTORS)
    mean = np.divide(
        (likely * chance[:, None, :]) @ _OF_VICTIM, whole, where=whole > 0, out=np.zeros_like(whole)
    )
    flat = place + many * np.arange(len(place))[:, None]
    times = np.bincount(flat.ravel(), minlength=many * len(place)).reshape(-1, many)
    with np.errstate(divide="ignore"):
        logs = np.where(times[:, :, None] > 0, np.log(whole), 0.0)
    group = _OF_GROUP + np.einsum("rc,rcj->rj", times.astype(float), logs)
    group = np.exp(group - group.max(axis=1, keepdims=True))
    group /= group.sum(axis=1, keepdims=True)
    return np.einsum("rj,rcj->rc", group, mean), np.exp(group @ np.log(_FACTORS))
