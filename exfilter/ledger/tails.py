"""How often chance alone does as well as a holder did, and what trying many of them makes of it."""

from __future__ import annotations

import numpy as np

from exfilter.ledger.holding import Flags, Floats, Int64Array
from exfilter.ledger.rates import LOCALS, Null


def weights(rates: Floats, elsewhere: float) -> Int64Array:
    """Return what holding a victim is worth, in whole bits: the rarer among innocents, the more."""
    bits: Int64Array = np.rint(np.log2(1.0 + (1.0 - elsewhere) / (elsewhere * rates))).astype(np.int64)
    return bits


def tail(held: Flags, rates: Floats, worth: Int64Array) -> float:
    """Return the chance that an innocent with these rates holds victims worth as much. All [victims].

    Exact, by adding one victim after the other. Where all are worth the same it is the Poisson-binomial
    chance to hold at least as many; where they are not, a popular victim whom he lacks does not clear him
    of the rare ones whom he has.
    """
    needed = int(worth[held].sum())
    chances = np.zeros(needed + 1)
    chances[0] = 1.0
    for rate, value in zip(rates.tolist(), worth.tolist(), strict=True):
        step = min(value, needed)
        with_it = rate * chances
        chances -= with_it
        chances[needed] += with_it[needed - step :].sum()
        chances[step:needed] += with_it[: needed - step]
    return min(1.0, float(chances[needed]))


def mixed(held: Flags, null: Null, worth: Int64Array) -> float:
    """Return the tail where he may be one of the few whose customers the victims are. All [victims]."""
    local = LOCALS * tail(held, null.local, worth)
    return local + (1.0 - LOCALS) * tail(held, null.rates, worth)


def corrected(chance: Floats, tried: int) -> Floats:
    """Return the chance that any of so many does as well (Šidák)."""
    with np.errstate(divide="ignore"):
        answer: Floats = -np.expm1(tried * np.log1p(-np.minimum(chance, 1.0)))
    return np.clip(answer, 0.0, 1.0)
