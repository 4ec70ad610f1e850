"""From a few victims to who leaked them: the whole of a trace. Pure; the ledger hands in the arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exfilter.ledger.guilt import ELSEWHERE, Ranking, rank
from exfilter.ledger.holding import Carried, Crowd, Victims
from exfilter.ledger.judgement import Further, Judgement, Pair, further, judge, pair
from exfilter.ledger.outgoing import Transfers, rank_transfers


@dataclass(frozen=True, slots=True)
class Trace:
    """What a few victims tell."""

    victims: Victims
    never_sent: int
    """Victims whom no transfer ever carried."""
    outside: int
    """Victims whom only transfers carried that are not of the time that was asked for."""
    not_in_time: int
    """Victims whom only transfers carried that were held, or came after their misuse."""
    carried: Carried
    actors: Ranking
    destinations: Ranking
    transfers: Transfers
    verdict: Judgement
    further: Further | None
    """None: nobody is ranked who could be named."""
    pair: Pair | None
    """None: nobody adds to the first."""

    @property
    def explained(self) -> int:
        """How many victims anybody sent in time."""
        return len(self.victims) - self.never_sent - self.outside - self.not_in_time


def trace(
    carried: Carried,
    victims: Victims,
    actors: Crowd,
    destinations: Crowd,
    elsewhere: float = ELSEWHERE,
    outside: int = 0,
) -> Trace:
    """Rank actors, destinations and transfers. ``elsewhere``: see ``guilt.ELSEWHERE``, in (0, 1).

    ``outside``: victims who are not in ``carried``, and were sent at a time that was not asked for.

    Raises ValueError where a size is smaller than what its holder sent, or ``elsewhere`` is no such chance.
    """
    if not 0.0 < elsewhere < 1.0:
        msg = f"the chance that a victim was leaked elsewhere must lie between 0 and 1, not {elsewhere}"
        raise ValueError(msg)
    senders = rank(carried.by(carried.actor, victims), actors, len(victims), elsewhere)
    receivers = rank(carried.by(carried.destination, victims), destinations, len(victims), elsewhere)
    verdict = judge(senders, len(victims))
    ever, in_time = len(np.unique(carried.victim)), len(np.unique(carried.victim[carried.counts(victims)]))
    return Trace(
        victims=victims,
        never_sent=len(victims) - ever - outside,
        outside=outside,
        not_in_time=ever - in_time,
        carried=carried,
        actors=senders,
        destinations=receivers,
        transfers=rank_transfers(carried, victims, senders, actors),
        verdict=verdict,
        further=further(senders, verdict),
        pair=pair(senders),
    )
