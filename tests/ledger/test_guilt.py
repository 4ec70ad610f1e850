"""Who leaked: the ranking, against brute force, by its laws, and in a company of ten thousand."""

from __future__ import annotations

import itertools
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.ledger.guilt import ELSEWHERE, Ranking, rank
from exfilter.ledger.holding import Crowd, Flags, Floats, Int64Array
from exfilter.ledger.judgement import Outcome, Why, further, judge
from exfilter.ledger.tails import corrected, tail, weights
from tests.ledger.people import ACTORS, GROUPS, STOLEN, THIEF, Company, crowd, holding

chances = st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=8)


def ranked(held: Flags, people: Crowd) -> Ranking:
    return rank(holding(held), people, held.shape[1])


@st.composite
def small_companies(draw: st.DrawFn) -> tuple[Flags, Crowd]:
    actors, victims = draw(st.integers(2, 9)), draw(st.integers(1, 6))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    held = rng.random((actors, victims)) < draw(st.sampled_from([0.1, 0.4, 0.8]))
    sizes = rng.integers(victims, draw(st.sampled_from([20, 1000, 100_000])) + victims, actors)
    return held, crowd(sizes, rng.integers(0, 3, actors).astype(np.int32), 200_000)


def slow_tail(held: Flags, rates: Floats, worth: Floats | Int64Array) -> float:
    """Go through every set of victims that an innocent may hold."""
    sets = np.array(list(itertools.product([False, True], repeat=len(rates))))
    chance = np.where(sets, rates, 1.0 - rates).prod(axis=1)
    return float(chance[(sets * worth).sum(axis=1) >= worth[held].sum()].sum())


@given(chances, st.data())
def test_the_tail_is_that_of_all_sets_of_victims(rates: list[float], data: st.DataObject) -> None:
    held = np.array(data.draw(st.lists(st.booleans(), min_size=len(rates), max_size=len(rates))))
    worth = weights(np.array(rates), ELSEWHERE)
    expected = slow_tail(held, np.array(rates), worth)
    assert tail(held, np.array(rates), worth) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@given(st.floats(1e-6, 0.9), st.integers(1, 12), st.data())
def test_where_all_are_as_popular_it_is_the_chance_to_hold_as_many(
    rate: float, victims: int, data: st.DataObject
) -> None:
    having = data.draw(st.integers(0, victims))
    rates, held = np.full(victims, rate), np.arange(victims) < having
    by_count = slow_tail(held, rates, np.ones(victims))
    assert tail(held, rates, weights(rates, ELSEWHERE)) == pytest.approx(by_count, rel=1e-9, abs=1e-15)


def test_the_tail_is_what_simulation_gives() -> None:
    rng, rates = np.random.default_rng(5), np.array([0.3, 0.3, 0.05, 0.6, 0.02])
    held = np.array([True, False, True, True, False])
    worth = weights(rates, ELSEWHERE)
    drawn = rng.random((400_000, 5)) < rates
    assert tail(held, rates, worth) == pytest.approx(((drawn @ worth) >= worth[held].sum()).mean(), rel=0.03)


@given(chances, st.integers(0, 7))
def test_one_more_victim_held_never_raises_the_chance(rates: list[float], place: int) -> None:
    known, held = np.array(rates), np.zeros(len(rates), dtype=bool)
    held[::2] = True
    more = held.copy()
    more[place % len(rates)] = True
    worth = weights(known, ELSEWHERE)
    assert tail(more, known, worth) <= tail(held, known, worth) + 1e-15


def test_the_correction_counts_everybody_who_could_have_been_named() -> None:
    assert corrected(np.array([1.8e-7]), 10_000)[0] == pytest.approx(1.8e-3, rel=1e-2)
    assert corrected(np.array([0.0, 1.0]), 10_000).tolist() == [0.0, 1.0]


@given(small_companies())
def test_every_number_is_a_chance(company: tuple[Flags, Crowd]) -> None:
    ranking = ranked(*company)
    for numbers in (
        ranking.chance,
        ranking.corrected,
        ranking.posterior,
        ranking.guilt,
        ranking.null.rates,
        ranking.null.local,
    ):
        assert ((numbers >= 0.0) & (numbers <= 1.0)).all()
    assert (ranking.corrected >= ranking.chance * (1 - 1e-9)).all()
    assert ranking.posterior.sum() <= 1.0 + 1e-9


@given(small_companies())
def test_nobody_is_likelier_to_hold_a_victim_than_his_size_says_at_least(
    company: tuple[Flags, Crowd],
) -> None:
    ranking, people = ranked(*company), company[1]
    assert (ranking.null.rates >= people.shares()[ranking.holder][:, None]).all()


@given(small_companies(), st.randoms(use_true_random=False))
def test_other_numbers_for_the_same_people_change_nothing(
    company: tuple[Flags, Crowd], random: Random
) -> None:
    held, people = company
    order = list(range(len(held)))
    random.shuffle(order)
    moved = replace(people, sizes=people.sizes[order], groups=people.groups[order])
    before, after = ranked(held, people), ranked(held[order], moved)
    again = np.argsort(np.array(order)[after.holder])
    for name in ("guilt", "log_ratio", "posterior", "chance", "corrected"):
        assert np.allclose(
            getattr(before, name)[np.argsort(before.holder)], getattr(after, name)[again], rtol=1e-6
        )


@given(small_companies(), st.integers(0, 8))
def test_one_more_victim_that_only_he_holds_never_lowers_a_rank(
    company: tuple[Flags, Crowd], chosen: int
) -> None:
    held, people = company
    before = ranked(held, people)
    if not len(before):
        return
    actor = int(before.holder[chosen % len(before)])
    own = np.arange(len(held)) == actor
    roomy = replace(people, sizes=people.sizes + 1)
    before, after = ranked(held, roomy), ranked(np.column_stack((held, own)), roomy)
    assert place(after, actor) <= place(before, actor)


def place(ranking: Ranking, actor: int) -> int:
    """How many are likelier than he: those who are as likely are not."""
    weight = ranking.weight()
    mine = weight[ranking.holder == actor][0]
    return int((weight > mine + 1e-9).sum())


def thief(company: Company, victims: int, stolen: int = STOLEN) -> tuple[Flags, Crowd]:
    """Return who holds victims that were drawn from what one of them sent."""
    people = replace(company.crowd, sizes=company.crowd.sizes.copy())
    people.sizes[THIEF] = stolen
    held = company.innocent(np.full(victims, -1), 1.0, np.ones(victims))
    held[THIEF] = True
    return held, people


@pytest.mark.parametrize("groups", [1, GROUPS, 1000])
def test_three_victims_of_68000_among_12_million_put_the_thief_at_rank_one_and_name_him(groups: int) -> None:
    """In one of many companies others hold a victim too, and one more victim is asked for."""
    rng, named = np.random.default_rng(20190801), 0
    for _ in range(40):
        held, people = thief(Company.of(rng, groups), 3)
        ranking = ranked(held, people)
        verdict = judge(ranking, 3)
        assert ranking.holder[0] == THIEF
        more = further(ranking, verdict)
        assert more is not None
        assert more.settle is not None
        assert more.settle <= 1
        named += verdict.outcome is Outcome.NAMED
    assert named >= 38


def test_popular_victims_do_not_hide_the_thief_among_those_who_handle_them() -> None:
    rng = np.random.default_rng(11)
    company = Company.of(rng)
    held, people = thief(company, 10)
    desk = people.groups == people.groups[THIEF]
    for victim in range(4):
        held[:, victim] |= desk & (rng.random(ACTORS) < 0.7)
    ranking = ranked(held, people)
    assert ranking.holder[0] == THIEF
    assert judge(ranking, 10).outcome is Outcome.NAMED
    assert ranking.null.rates[0, :4].min() > 0.5
    assert ranking.null.rates[0, 4:].max() < 0.05


def test_victims_that_a_whole_group_handles_name_nobody_of_it() -> None:
    rng = np.random.default_rng(12)
    company = Company.of(rng)
    desk = company.crowd.groups == 3
    held = desk[:, None] & (rng.random((ACTORS, 3)) < 0.3)
    verdict = judge(ranked(held, company.crowd), 3)
    assert (verdict.outcome, verdict.why) == (Outcome.NOBODY, Why.BY_CHANCE)


def test_a_team_that_nobody_declared_is_not_suspected_for_the_customers_it_shares() -> None:
    rng = np.random.default_rng(13)
    for team, victims in ((5, 3), (40, 3), (40, 20), (2000, 20)):
        held = np.zeros((ACTORS, victims), dtype=bool)
        held[:team] = rng.random((team, victims)) < 0.9
        people = crowd(np.full(ACTORS, 300))
        assert judge(ranked(held, people), victims).outcome is Outcome.NOBODY


def wrongly(draws: int, company: Company, victims: int, local: float, spread: float) -> tuple[int, int]:
    """Return how often somebody was named, and how often anybody was suspected."""
    named = suspected = 0
    for _ in range(draws):
        region = np.full(victims, company.rng.integers(GROUPS))
        popularity = company.rng.lognormal(-spread * spread / 2, spread, victims)
        ranking = ranked(company.innocent(region, local, popularity), company.crowd)
        outcome = judge(ranking, victims).outcome
        named += outcome is Outcome.NAMED
        suspected += outcome is not Outcome.NOBODY
    return named, suspected


@pytest.mark.parametrize(
    ("victims", "local", "spread"),
    [(3, 1.0, 0.0), (3, 20.0, 0.0), (3, 20.0, 2.0), (10, 20.0, 2.0), (10, 200.0, 1.0)],
    ids=["anybody", "a region", "popular", "ten popular", "a small region"],
)
def test_an_innocent_company_is_wrongly_named_less_than_once_in_a_hundred(
    victims: int, local: float, spread: float
) -> None:
    company = Company.of(np.random.default_rng(victims))
    named, suspected = wrongly(200, company, victims, local, spread)
    assert named <= 2
    assert suspected <= 4


def test_also_where_nobody_said_who_serves_the_region_whose_customers_turned_up() -> None:
    company = Company.of(np.random.default_rng(10))
    named = 0
    for _ in range(100):
        region = np.full(10, company.rng.integers(GROUPS))
        held = company.innocent(region, 2000.0, np.ones(10))
        undeclared = replace(company.crowd, groups=np.zeros(ACTORS, dtype=np.int32))
        named += judge(ranked(held, undeclared), 10).outcome is Outcome.NAMED
    assert named <= 3
