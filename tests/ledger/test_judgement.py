"""What a ranking supports, and what more victims would change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exfilter.ledger.guilt import Ranking, rank
from exfilter.ledger.holding import Crowd
from exfilter.ledger.judgement import Judgement, Outcome, Why, further, judge, pair
from tests.ledger.people import ACTORS, CUSTOMERS, STOLEN, crowd, holding

A, B, SYNC = 7, 8, 9


def company(**sizes: int) -> Crowd:
    """Return people with a hundred customers each, but for those who are given."""
    people = crowd(np.full(ACTORS, 100))
    for name, size in sizes.items():
        people.sizes[{"a": A, "b": B, "sync": SYNC}[name]] = size
    return people


def ranked(people: Crowd, victims: int, **holds: range) -> Ranking:
    held = np.zeros((ACTORS, victims), dtype=bool)
    for name, which in holds.items():
        held[{"a": A, "b": B, "sync": SYNC}[name], list(which)] = True
    return rank(holding(held), people, victims)


def judged(ranking: Ranking, victims: int) -> tuple[Outcome, Why, list[int]]:
    verdict = judge(ranking, victims)
    return verdict.outcome, verdict.why, ranking.holder[list(verdict.suspects)].tolist()


def test_who_alone_holds_three_victims_is_named() -> None:
    assert judged(ranked(company(a=STOLEN), 3, a=range(3)), 3) == (Outcome.NAMED, Why.CLEAR, [A])


def test_one_victim_names_nobody_however_few_customers_he_sent() -> None:
    assert judged(ranked(company(a=1), 1, a=range(1)), 1) == (Outcome.NOBODY, Why.ONE_VICTIM, [])
    assert judged(ranked(company(a=STOLEN), 1, a=range(1)), 1)[:2] == (Outcome.NOBODY, Why.ONE_VICTIM)


def test_two_victims_of_68000_may_be_chance() -> None:
    ranking = ranked(company(a=STOLEN), 2, a=range(2))
    verdict = judge(ranking, 2)
    assert (verdict.outcome, verdict.why) == (Outcome.NOBODY, Why.BY_CHANCE)
    more = further(ranking, verdict)
    assert more is not None
    assert more.settle == 1


def test_as_many_more_victims_as_it_says_or_one_fewer_settle_it() -> None:
    for size in (STOLEN, 500_000, 2_000_000):
        ranking = ranked(company(a=size), 2, a=range(2))
        more = further(ranking, judge(ranking, 2))
        assert more is not None
        assert more.settle is not None
        after, before = 2 + more.settle, max(2, more.settle)
        assert judge(ranked(company(a=size), after, a=range(after)), after).outcome is Outcome.NAMED
        assert judge(ranked(company(a=size), before, a=range(before)), before).outcome is Outcome.NOBODY


def test_as_many_more_victims_as_it_says_clear_him_if_he_lacks_them() -> None:
    ranking = ranked(company(a=STOLEN), 3, a=range(3))
    more = further(ranking, judge(ranking, 3))
    assert more is not None
    assert more.settle == 0
    assert more.clear is not None
    assert ranked(company(a=STOLEN), 3 + more.clear, a=range(3)).corrected[0] == pytest.approx(0.5, abs=0.15)


def test_two_who_hold_the_same_are_both_suspected() -> None:
    for groups in (1, 5000):
        people = replace(company(a=STOLEN, b=STOLEN), groups=(np.arange(ACTORS) % groups).astype(np.int32))
        people.groups[B] = people.groups[A]
        ranking = ranked(people, 3, a=range(3), b=range(3))
        assert judged(ranking, 3) == (Outcome.SEVERAL, Why.ALIKE, [A, B])
        more = further(ranking, judge(ranking, 3))
        assert more is not None
        assert more.settle is not None


def test_two_who_share_the_victims_are_both_needed() -> None:
    ranking = ranked(company(a=STOLEN, b=STOLEN), 11, a=range(6), b=range(6, 11))
    assert judged(ranking, 11) == (Outcome.SEVERAL, Why.TOGETHER, [A, B])
    both = pair(ranking)
    assert both is not None
    assert (ranking.holder[both.second], both.victims) == (B, 11)


def test_who_sends_everybody_is_no_better_than_chance() -> None:
    people = company(a=STOLEN, sync=CUSTOMERS)
    ranking = ranked(people, 4, a=range(4), sync=range(4))
    assert judged(ranking, 4) == (Outcome.NAMED, Why.CLEAR, [A])
    assert ranking.corrected[ranking.holder == SYNC][0] == 1.0
    assert ranking.guilt[0] == pytest.approx(ranking.guilt[1])
    assert judged(ranked(people, 4, sync=range(4)), 4)[:2] == (Outcome.NOBODY, Why.BY_CHANCE)


def test_a_declared_bulk_sender_is_ranked_last_and_never_named() -> None:
    people = company(a=STOLEN, sync=100_000)
    people.bulk[SYNC] = True
    ranking = ranked(people, 3, a=range(1), sync=range(3))
    assert ranking.holder.tolist() == [A, SYNC]
    assert ranking.bulk.tolist() == [False, True]
    assert judged(ranking, 3)[0] is Outcome.NOBODY
    alone = ranked(people, 3, sync=range(3))
    assert judged(alone, 3) == (Outcome.NOBODY, Why.ONLY_BULK, [])
    assert further(alone, judge(alone, 3)) is None


def test_nobody_is_named_where_nobody_sent_a_victim_or_none_is_known() -> None:
    nobody = ranked(company(), 3)
    assert judge(nobody, 3) == Judgement(Outcome.NOBODY, Why.NEVER_SENT)
    assert judge(ranked(company(), 0), 0) == Judgement(Outcome.NOBODY, Why.NO_VICTIMS)
    assert further(nobody, judge(nobody, 3)) is None
    assert pair(nobody) is None


def test_who_misses_most_victims_may_still_be_named_for_the_rest() -> None:
    """Two leaks at once: five of the nine came from elsewhere."""
    assert judged(ranked(company(a=STOLEN), 9, a=range(4)), 9) == (Outcome.NAMED, Why.CLEAR, [A])


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="another ledger"):
        ranked(company(a=2), 3, a=range(3))
