"""What a ranking supports: one name, several, or nobody; and what more victims would change."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from exfilter.ledger.guilt import EXACT, Ranking
from exfilter.ledger.holding import Floats, Int64Array
from exfilter.ledger.rates import Null
from exfilter.ledger.tails import corrected, mixed, weights

SIGNIFICANT = 0.01
"""Corrected chance below which chance did not do it."""
LEAD = 20.0
"""How many times likelier than the next one must be who is named alone."""
FEWEST = 2
"""Victims below which nobody is named: any single customer may have become known elsewhere."""
OPEN = 0.5
"""Corrected chance from which on nothing is left of a suspicion."""
MOST = 500
"""Further victims that are tried."""


class Outcome(enum.StrEnum):
    """How much the data supports."""

    NAMED = "named"
    SEVERAL = "several"
    NOBODY = "nobody"


class Why(enum.StrEnum):
    """Why nobody is named, or why it is more than one."""

    NO_VICTIMS = "no victims"
    NEVER_SENT = "never sent"
    ONLY_BULK = "only bulk"
    ONE_VICTIM = "one victim"
    BY_CHANCE = "by chance"
    TOGETHER = "together"
    """Each holds victims that the others lack."""
    ALIKE = "alike"
    """They hold the same, or nearly."""
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whom the data names."""

    outcome: Outcome
    why: Why
    suspects: tuple[int, ...] = ()
    """Rows of the ranking."""
    lead: float = 1.0
    """How many times likelier the first is than the next one. Infinity: there is no other."""


@dataclass(frozen=True, slots=True)
class Further:
    """How many more victims, at random from the leak, would change the verdict."""

    settle: int | None
    """All held by the first of the ranking, until he is named. 0: he is, or several are, each for
    victims of his own. None: ``MOST`` would not do."""
    clear: int | None
    """None held by him, until chance explains what he holds. 0: it does. None: ``MOST`` would not do."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two who explain more victims than one: the first of the ranking, and who adds most to him."""

    second: int
    """Row of the ranking."""
    victims: int
    """That either holds."""


def judge(ranking: Ranking, victims: int) -> Judgement:
    """Return what the ranking supports. ``victims``: how many customers of the index were given."""
    named = np.flatnonzero(~ranking.bulk)
    if not victims:
        return Judgement(Outcome.NOBODY, Why.NO_VICTIMS)
    if not len(named):
        return Judgement(Outcome.NOBODY, Why.ONLY_BULK if len(ranking) else Why.NEVER_SENT)
    beyond = named[ranking.corrected[named] < SIGNIFICANT]
    proved = beyond[ranking.victims()[beyond] >= FEWEST]
    if not len(proved):
        few = len(beyond) or ranking.victims()[named[0]] < FEWEST
        return Judgement(Outcome.NOBODY, Why.ONE_VICTIM if few else Why.BY_CHANCE)
    return _suspected(ranking, named, proved)


def _suspected(ranking: Ranking, named: Int64Array, proved: Int64Array) -> Judgement:
    """Return one or several: who is as likely as the first, and who is needed beside him."""
    first, weight = proved[0], ranking.weight()
    others = named[named != first]
    lead = math.exp(min(700.0, weight[first] - weight[others].max())) if len(others) else math.inf
    alike = [row for row in others.tolist() if weight[row] > weight[first] - math.log(LEAD)]
    needed, covered = [], ranking.held[first].copy()
    for row in proved[1:].tolist():
        if (ranking.held[row] & ~covered).sum() >= FEWEST:
            needed.append(row)
            covered |= ranking.held[row]
    rows = (int(first), *sorted({*alike, *needed}))
    if len(rows) == 1:
        return Judgement(Outcome.NAMED, Why.CLEAR, rows, lead)
    return Judgement(Outcome.SEVERAL, Why.TOGETHER if needed else Why.ALIKE, rows, lead)


def further(ranking: Ranking, verdict: Judgement) -> Further | None:
    """Return how many more victims would settle it. None: nobody is ranked who could be named."""
    named = np.flatnonzero(~ranking.bulk)
    if not len(named):
        return None
    first = verdict.suspects[0] if verdict.suspects else int(named[0])
    settled = verdict.outcome is Outcome.NAMED or verdict.why is Why.TOGETHER
    others = named[named != first]
    ahead = _ahead(ranking, first, int(others[0])) if len(others) else 0

    def named_after(more: int) -> bool:
        enough = ranking.held[first].sum() + more >= FEWEST and ahead is not None and more >= ahead
        return bool(enough and _after(ranking, first, more, held=True) < SIGNIFICANT)

    return Further(
        settle=0 if settled else _least(named_after),
        clear=_least(lambda more: _after(ranking, first, more, held=False) >= OPEN),
    )


def _after(ranking: Ranking, row: int, more: int, *, held: bool) -> float:
    """Return the corrected chance of a row after so many more victims, which he holds or not.

    A random one is as likely his by chance as the least popular that is known.
    """
    his = ranking.null.of(row)
    longer = Null(_longer(his.rates, more), _longer(his.local, more))
    having = np.append(ranking.held[row], np.full(more, held))
    chance = mixed(having, longer, weights(longer.rates, ranking.elsewhere))
    return float(corrected(np.array(chance), ranking.tried))


def _longer(rates: Floats, more: int) -> Floats:
    return np.append(rates, np.full(more, rates.min()))


def _ahead(ranking: Ranking, first: int, second: int) -> int | None:
    """Return how many more victims the first must hold to lead. None: both seem to hold the same.

    The second holds as large a share of them as of those that the first holds now.
    """
    weight, elsewhere = ranking.weight(), ranking.elsewhere
    gain = math.log(elsewhere + (1.0 - elsewhere) / ranking.null.rates[first].min())
    mine, both = ranking.held[first].sum(), (ranking.held[first] & ranking.held[second]).sum()
    shared = both / (mine + 1)
    other = math.log(elsewhere + (1.0 - elsewhere) / ranking.null.rates[second].min())
    step = gain - shared * other - (1.0 - shared) * math.log(elsewhere)
    missing = math.log(LEAD) - (weight[first] - weight[second])
    if missing <= 0:
        return 0
    return math.ceil(missing / step) if step > 0 else None


def _least(enough: Callable[[int], bool]) -> int | None:
    """Return the least number, up to ``MOST``, from which on it is enough."""
    if not enough(MOST):
        return None
    low, high = -1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def pair(ranking: Ranking) -> Pair | None:
    """Return who of the first of the ranking adds most to the first: greedy cover, rare victims first.

    None: nobody adds a victim that an innocent would not hold as well.
    """
    named = np.flatnonzero(~ranking.bulk)[:EXACT]
    if len(named) < FEWEST:
        return None
    first, others = named[0], named[1:]
    adds = ranking.held[others] & ~ranking.held[first]
    bits = np.where(adds, -np.log2(ranking.null.rates[others]), 0.0).sum(axis=1)
    best = int(bits.argmax())
    if bits[best] < 1.0:
        return None
    together = ranking.held[first] | ranking.held[others[best]]
    return Pair(int(others[best]), int(together.sum()))
