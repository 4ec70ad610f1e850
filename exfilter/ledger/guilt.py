"""Who leaked, by the customers that turned up: holders ranked by how likely each is the source.

The guilt model of Papadimitriou and Garcia-Molina ("Data Leakage Detection", IEEE TKDE 23(1), 2011): a
victim came from elsewhere with probability p, else from any of those who hold him, so
Pr{guilty} = 1 - product over his victims of (1 - (1 - p) / holders of that victim). It blames a sender of
everything as much as a thief, so it is shown but does not rank. What ranks is Bayes: if the leak is what
this holder sent, each victim is his with probability 1 - p and a stranger's else, which is
p + (1 - p) / q times as likely as under innocence for a victim he holds and p times for one he does not,
where q is the chance of ``rates``. Who sent more had more to leak: the prior is the customers he sent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from exfilter.ledger.holding import Crowd, Flags, Floats, Holding, Int64Array
from exfilter.ledger.rates import Null, null_rates
from exfilter.ledger.tails import corrected, mixed, weights

ELSEWHERE = 0.2
"""p: the chance that a victim was leaked by somebody or something else."""
EXACT = 100
"""So many of the ranking have an exact chance. The others have Markov's bound: 1 / likelihood ratio."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The holders of any victim, the likeliest source first, declared bulk senders last [holders of any]."""

    holder: Int64Array
    """Places in the crowd."""
    size: Int64Array
    bulk: Flags
    held: Flags
    """[holders of any, victims]"""
    null: Null
    """The chance of each to hold each victim if innocent [holders of any, victims]."""
    guilt: Floats
    """Pr{guilty} of the guilt model."""
    log_ratio: Floats
    """Natural logarithm of the likelihood ratio: source against innocent."""
    posterior: Floats
    """Share of all explanations, where "somebody else" weighs as much as all of the crowd."""
    chance: Floats
    """That an innocent like him holds victims worth as much."""
    corrected: Floats
    """That any of the crowd does."""
    first: Floats
    """Seconds since the epoch."""
    last: Floats
    tried: int
    """How many of the crowd could have been named: what ``corrected`` corrects for."""
    elsewhere: float

    def __len__(self) -> int:
        """Return how many hold any victim."""
        return len(self.holder)

    def weight(self) -> Floats:
        """Return log of prior times likelihood ratio: what ranks."""
        answer: Floats = np.log(self.size) + self.log_ratio
        return answer

    def victims(self) -> Int64Array:
        """Return how many victims each holds."""
        answer: Int64Array = self.held.sum(axis=1)
        return answer


def rank(holding: Holding, crowd: Crowd, victims: int, elsewhere: float = ELSEWHERE) -> Ranking:
    """Rank those who hold any of so many victims.

    Raises ValueError where a holder has sent fewer customers than he holds victims.
    """
    who, row = np.unique(holding.holder.astype(np.int64), return_inverse=True)
    held = np.zeros((len(who), victims), dtype=bool)
    held[row, holding.victim] = True
    if (crowd.sizes[who] < held.sum(axis=1)).any():
        msg = "somebody holds more victims than he ever sent customers: the sizes are of another ledger"
        raise ValueError(msg)
    null = null_rates(held, who, crowd)
    log_ratio = _log_ratio(held, null.rates, elsewhere)
    order = _order(crowd, who, held, log_ratio)
    who, held, log_ratio, null = who[order], held[order], log_ratio[order], null.of(order)
    chance = _chances(held, null, elsewhere)
    return Ranking(
        holder=who,
        size=crowd.sizes[who],
        bulk=crowd.bulk[who],
        held=held,
        null=null,
        guilt=_guilt(held, elsewhere),
        log_ratio=log_ratio,
        posterior=_posterior(crowd, who, log_ratio, victims * math.log(elsewhere)),
        chance=chance,
        corrected=corrected(chance, crowd.tried()),
        first=_ends(np.minimum, row, holding.first, len(who))[order],
        last=_ends(np.maximum, row, holding.last, len(who))[order],
        tried=crowd.tried(),
        elsewhere=elsewhere,
    )


def _log_ratio(held: Flags, rates: Floats, elsewhere: float) -> Floats:
    logs = np.where(held, np.log(elsewhere + (1.0 - elsewhere) / rates), math.log(elsewhere))
    answer: Floats = logs.sum(axis=1)
    return answer


def _order(crowd: Crowd, who: Int64Array, held: Flags, log_ratio: Floats) -> Int64Array:
    """Return the order of the ranking; equals stand by the victims they hold, then by place."""
    weight = np.log(crowd.sizes[who]) + log_ratio
    sets = np.packbits(held, axis=1)
    answer: Int64Array = np.lexsort((*sets.T[::-1], -held.sum(axis=1), -weight.round(9), crowd.bulk[who]))
    return answer


def _chances(held: Flags, null: Null, elsewhere: float) -> Floats:
    chance = np.exp(np.minimum(0.0, -_log_ratio(held, null.local, elsewhere)))
    for place in range(min(EXACT, len(held))):
        his = null.of(place)
        chance[place] = mixed(held[place], his, weights(his.rates, elsewhere))
    return chance


def _guilt(held: Flags, elsewhere: float) -> Floats:
    holders = held.sum(axis=0)
    innocent = np.log1p(-(1.0 - elsewhere) / np.maximum(holders, 1))
    answer: Floats = -np.expm1(held @ innocent)
    return answer


def _posterior(crowd: Crowd, who: Int64Array, log_ratio: Floats, missed: float) -> Floats:
    """Return the posterior. ``missed``: the log ratio of those who hold no victim."""
    named = ~crowd.bulk
    all_sent = float(crowd.sizes[named].sum()) or 1.0
    weight = np.log(crowd.sizes[who]) + log_ratio
    top = max(weight.max(initial=0.0), math.log(all_sent))
    mine = np.exp(weight - top)
    silent = max(0.0, all_sent - float(crowd.sizes[who[named[who]]].sum())) * math.exp(missed)
    total = float(mine[named[who]].sum()) + (all_sent + silent) * math.exp(-top)
    return np.where(named[who], mine / total, 0.0)


def _ends(which: np.ufunc, row: Int64Array, times: Floats, rows: int) -> Floats:
    ends: Floats = np.full(rows, np.inf if which is np.minimum else -np.inf)
    which.at(ends, row, times)
    return ends
