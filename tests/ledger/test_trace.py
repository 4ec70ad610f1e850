"""From transfers to who leaked: what counts as a source, and which transfer it was."""

from __future__ import annotations

import math

import numpy as np
import pytest

from exfilter.ledger.holding import Carried, Crowd, Victims
from exfilter.ledger.judgement import Outcome
from exfilter.ledger.trace import Trace, trace
from tests.ledger.people import ACTORS, STOLEN, crowd

DAY = 86_400.0
A, B = 7, 8
Sent = tuple[int, int, float, int, bool, list[int]]
"""Actor, destination, day, customers in it, whether it left, victims in it."""


def carried(*sent: Sent) -> Carried:
    actor, destination, days, size, left, whom = zip(*sent, strict=True) if sent else ([],) * 6
    pairs = [(number, victim) for number, each in enumerate(whom) for victim in each]
    return Carried(
        actor=np.array(actor, dtype=np.int32),
        destination=np.array(destination, dtype=np.int32),
        time=np.array(days, dtype=float) * DAY,
        size=np.array(size, dtype=np.int64),
        left=np.array(left, dtype=bool),
        transfer=np.array([pair[0] for pair in pairs], dtype=np.int32),
        victim=np.array([pair[1] for pair in pairs], dtype=np.int32),
        everything=4_000_000,
    )


def people() -> Crowd:
    crowded = crowd(np.full(ACTORS, 300))
    crowded.sizes[A] = crowded.sizes[B] = STOLEN
    return crowded


def places() -> Crowd:
    crowded = crowd(np.full(500, 20_000))
    crowded.sizes[2] = STOLEN
    return crowded


def victims(*called: float) -> Victims:
    return Victims(np.array(called) * DAY)


def traced(known: Victims, *sent: Sent) -> Trace:
    return trace(carried(*sent), known, people(), places())


def test_the_actor_the_place_and_the_transfers_come_first() -> None:
    found = traced(
        victims(*[math.inf] * 4),
        (3, 4, 10.0, 2, True, [0]),
        (A, 2, 20.0, 750, True, [0, 1]),
        (A, 2, 40.0, 750, True, [2, 3]),
        (A, 4, 50.0, 1, True, [3]),
    )
    assert found.actors.holder[0] == A
    assert found.destinations.holder[0] == 2
    assert sorted(found.transfers.transfer[:2].tolist()) == [1, 2]
    assert found.transfers.posterior.sum() == pytest.approx(found.actors.posterior.sum())
    assert (found.actors.first[0], found.actors.last[0]) == (20 * DAY, 50 * DAY)
    assert found.verdict.outcome is Outcome.NAMED
    assert found.explained == 4


def test_a_leak_in_pieces_is_all_of_its_pieces() -> None:
    often = [(A, 4, 30.0 + day, 1, True, [0]) for day in range(3)]
    sent: list[Sent] = [(A, 2, 20.0, 750, True, [0, 1]), (A, 2, 21.0, 750, True, [2]), *often]
    transfers = traced(victims(*[math.inf] * 3), *sent).transfers
    assert transfers.transfer.tolist() == [0, 1, 2, 3, 4]
    assert transfers.posterior == pytest.approx([5 / 12, 1 / 3, 1 / 12, 1 / 12, 1 / 12], rel=1e-3)


def test_what_was_held_is_no_source_but_is_listed() -> None:
    found = traced(victims(*[math.inf] * 3), (A, 2, 20.0, STOLEN, False, [0, 1, 2]))
    assert not len(found.actors)
    assert found.transfers.stopped.tolist() == [0]
    assert (found.never_sent, found.not_in_time, found.explained) == (0, 3, 0)
    assert found.verdict.outcome is Outcome.NOBODY


def test_who_was_called_before_the_transfer_does_not_come_from_it() -> None:
    sent: list[Sent] = [(A, 2, 20.0, STOLEN, True, [0, 1, 2]), (B, 2, 30.0, STOLEN, True, [0, 1, 2])]
    found = traced(victims(25.0, 25.0, math.inf), *sent)
    assert found.actors.holder[0] == A
    assert found.actors.victims().tolist() == [3, 1]
    assert found.transfers.victims.tolist() == [3, 1]
    found = traced(victims(10.0, 25.0, 25.0), *sent)
    assert (found.explained, found.not_in_time, found.transfers.late) == (2, 1, 1)


def test_who_was_called_the_moment_he_was_sent_may_come_from_it() -> None:
    assert traced(victims(20.0), (A, 2, 20.0, 9, True, [0])).explained == 1


def test_victims_whom_nobody_sent_are_counted() -> None:
    found = traced(victims(*[math.inf] * 5), (A, 2, 20.0, STOLEN, True, [0, 1]))
    assert (found.never_sent, found.explained) == (3, 2)


def test_a_victim_sent_often_counts_once_with_the_first_and_the_last_time() -> None:
    found = traced(
        victims(math.inf), *[(A, 2, day, 5, True, [0]) for day in (9.0, 4.0, 30.0)], (B, 2, 5.0, 5, True, [0])
    )
    assert found.actors.victims().tolist() == [1, 1]
    row = found.actors.holder.tolist().index(A)
    assert (found.actors.first[row], found.actors.last[row]) == (4 * DAY, 30 * DAY)


def test_an_empty_ledger_names_nobody() -> None:
    found = traced(victims(math.inf, math.inf))
    assert found.verdict.outcome is Outcome.NOBODY
    assert (found.never_sent, found.pair, found.further) == (2, None, None)
    assert traced(victims()).verdict.outcome is Outcome.NOBODY


@pytest.mark.parametrize("elsewhere", [0.0, 1.0, -1.0, math.nan])
def test_a_chance_of_elsewhere_that_is_none_is_refused(elsewhere: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        trace(carried(), victims(), people(), places(), elsewhere)


def test_the_thief_is_found_where_a_hundred_thousand_transfers_carried_popular_victims() -> None:
    rng = np.random.default_rng(8)
    many, known = 100_000, 200
    # 20 popular victims in nearly all of them; the thief's 90 transfers have the others.
    actor, size = rng.integers(0, 2000, many), rng.integers(1, 30, many)
    actor[:90], size[:90] = A, 750
    victim = np.where(np.arange(many) < 90, rng.integers(20, known, many), rng.integers(0, 20, many))
    ledger = Carried(
        actor=actor.astype(np.int32),
        destination=rng.integers(0, 500, many).astype(np.int32),
        time=rng.random(many) * DAY,
        size=size,
        left=np.ones(many, dtype=bool),
        transfer=np.arange(many, dtype=np.int32),
        victim=victim.astype(np.int32),
        everything=4_000_000,
    )
    found = trace(ledger, victims(*[math.inf] * known), people(), places())
    assert found.actors.holder[0] == A
    assert found.verdict.outcome is Outcome.NAMED
