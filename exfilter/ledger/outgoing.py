"""The transfers that carried victims, ranked by how likely each was the leak, or a part of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from exfilter.ledger.guilt import Ranking
from exfilter.ledger.holding import Carried, Crowd, Floats, Int64Array, Victims


@dataclass(frozen=True, slots=True)
class Transfers:
    """Transfers that carried victims who were not misused before; the likeliest first."""

    transfer: Int64Array
    """Places in ``Carried``."""
    victims: Int64Array
    """How many each carried."""
    log_ratio: Floats
    """As of an actor, with the same factors of popularity."""
    posterior: Floats
    """The actor's, split evenly among his victims, and each victim's part among the transfers with it."""
    stopped: Int64Array
    """Places in ``Carried``: they carried victims and were held. No source, but worth a look."""
    late: int
    """That left only after all the victims they carried were misused."""


def rank_transfers(carried: Carried, victims: Victims, actors: Ranking, crowd: Crowd) -> Transfers:
    """Rank them. ``actors``: the ranking of the actors of the same transfers."""
    pairs = carried.counts(victims)
    transfer, victim = carried.transfer[pairs].astype(np.int64), carried.victim[pairs].astype(np.int64)
    rows = _rows(actors, len(crowd.sizes))[carried.actor]
    worth = _worth(carried, crowd, actors, transfer, victim, rows)
    some, place, many = np.unique(transfer, return_inverse=True, return_counts=True)
    missed = (len(victims) - many) * math.log(actors.elsewhere)
    log_ratio = np.bincount(place, weights=worth, minlength=len(some)) + missed
    part = np.bincount(place, weights=_parts(actors, rows[transfer], victim), minlength=len(some))
    posterior = actors.posterior[rows[some]] * part
    order = np.lexsort((carried.time[some], -log_ratio, rows[some], -posterior.round(12)))
    all_with = np.unique(carried.transfer).astype(np.int64)
    left = carried.left[all_with]
    return Transfers(
        transfer=some[order],
        victims=many[order],
        log_ratio=log_ratio[order],
        posterior=posterior[order],
        stopped=all_with[~left],
        late=int(left.sum()) - len(some),
    )


def _rows(actors: Ranking, crowd: int) -> Int64Array:
    """Return each actor's row in the ranking."""
    rows = np.zeros(crowd, dtype=np.int64)
    rows[actors.holder] = np.arange(len(actors))
    return rows


def _worth(
    carried: Carried,
    crowd: Crowd,
    actors: Ranking,
    transfer: Int64Array,
    victim: Int64Array,
    rows: Int64Array,
) -> Floats:
    """Return the log likelihood ratio of each pair: the odds of the transfer's size, times the factor."""
    row = rows[transfer]
    factor = _odds(actors.null.rates[row, victim]) / _odds(actors.size[row] / crowd.population)
    odds = factor * _odds(carried.size[transfer] / crowd.population)
    rate = odds / (1.0 + odds)
    answer: Floats = np.log(actors.elsewhere + (1.0 - actors.elsewhere) / rate)
    return answer


def _odds(share: Floats) -> Floats:
    capped = np.clip(share, 1e-15, 1.0 - 1e-9)
    answer: Floats = capped / (1.0 - capped)
    return answer


def _parts(actors: Ranking, row: Int64Array, victim: Int64Array) -> Floats:
    """Return for each pair which part of all that its actor holds it stands for."""
    keys = row * actors.held.shape[1] + victim
    _, which, times = np.unique(keys, return_inverse=True, return_counts=True)
    answer: Floats = 1.0 / (times[which] * actors.victims()[row])
    return answer
