"""Baselines: a probability for any counts, that more never raises and that few days cannot teach."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.ledger.baseline import (
    Deviation,
    History,
    Measure,
    Own,
    Peers,
    Span,
    corrected,
    deviation,
    deviations,
)
from exfilter.ledger.normal import Normals, Prior, log10_tail, normals, prior

MONDAY, SUNDAY = 0, 6
counts = st.lists(st.one_of(st.integers(0, 50), st.integers(-5, 10**18)), max_size=120)
histories = st.builds(
    lambda days, today: History(np.array(days, dtype=np.int64), today), counts, st.integers(0, 6)
)


def _days(rng: np.random.Generator, days: int = 280, mean: float = 12) -> np.ndarray:
    """Return counts of somebody who rests on weekends; day 0 is a Monday."""
    rate = mean * np.exp(0.3 * rng.normal())
    made = rng.poisson(rng.gamma(4, rate / 4, days))
    made[np.arange(days) % 7 >= 5] = 0
    return made


def _own(days: np.ndarray, today: int = MONDAY) -> Own:
    return Own.of(History(days, today))


@pytest.fixture(scope="module")
def team() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [_days(rng) for _ in range(100)]


@pytest.fixture(scope="module")
def peers(team: list[np.ndarray]) -> Peers:
    return Peers.of([History(days) for days in team])


@given(histories, st.lists(histories, max_size=12), st.integers(-1, 10**30), st.integers(0, 10**12))
def test_any_counts_have_a_probability_and_more_never_raise_it(
    own: History, others: list[History], today: int, more: int
) -> None:
    group = Peers.of(others)
    few, many = (deviation(Own.of(own), group, seen) for seen in (today, today + more))
    assert many.log10_p <= few.log10_p <= 0.0
    assert not math.isnan(many.log10_p)
    assert 0.0 <= many.probability <= 1.0
    assert "probability" in many.sentence()


@given(st.lists(histories, max_size=12))
def test_peers_are_written_down_and_read_again(others: list[History]) -> None:
    made = Peers.of(others)
    assert Peers.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"NOON": {}}',
        '{"WORK": {"mean": 1}}',
        '{"WORK": {"spread": 0}}',
        '{"WORK": {"tail": "1"}}',
        '{"WORK": {"location": NaN}}',
        '{"WORK": 3}',
    ],
)
def test_what_is_no_summary_of_peers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no summary of peers"):
        Peers.from_json(text)


def test_nothing_sent_is_never_unusual(team: list[np.ndarray], peers: Peers) -> None:
    assert all(each.probability == 1.0 for each in deviations(Own.of(History()), peers, 0))
    assert deviations(_own(team[0]), peers, 0)[0].probability == 1.0


def test_the_tail_is_the_stated_model() -> None:
    """Written out, for somebody known so well that his peers add nothing but their share of all days."""
    own = Normals(*(np.array([value]) for value in (1e9, 8e8, math.log(12), 0.5)))
    peers = Prior(actors=50, active=0.7, location=math.log(10), between=0.4, spread=0.5, tail=1.0)

    def above(count: float, median: float, spread: float) -> float:
        return 1 / (1 + math.exp(math.log(count / median) / spread))

    def tail(active: float, median: float, spread: float, seen: int) -> float:
        return active * above(seen - 0.5, median, spread) / above(0.5, median, spread)

    wide = math.sqrt(0.5**2 + 0.4**2 * 3 / math.pi**2)
    for seen in (1, 2, 12, 100, 5000):
        expected = 0.98 * tail(0.8, 12, 0.5, seen) + 0.02 * tail(0.7, 10, wide, seen)
        assert 10 ** log10_tail(own, peers, np.array([float(seen)]))[0] == pytest.approx(expected, rel=1e-6)


def _calm(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return 0.5 * rng.normal(size=size)


def _heavy(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return 0.4 * rng.logistic(size=size)


def _rare(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return 0.4 * rng.normal(size=size) + (rng.random(size) < 0.01) * rng.normal(2, 0.7, size)


def _bytes(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return 9 + 1.2 * rng.logistic(size=size)


@pytest.mark.parametrize("days", [_calm, _heavy, _rare, _bytes])
@pytest.mark.parametrize("chance", [0.1, 0.01, 0.001])
def test_ordinary_days_are_no_rarer_than_they_are_said_to_be(
    days: Callable[[np.random.Generator, tuple[int, int]], np.ndarray], chance: float
) -> None:
    """Calm ones are more ordinary still: no tail is taken for lighter than the logistic one."""
    rng = np.random.default_rng(5)
    drawn = rng.poisson(12 * np.exp(0.4 * rng.normal(size=(600, 1)) + days(rng, (600, 350))))
    own = normals(drawn[:, :250])
    group = prior(drawn[:, :250], own)
    tails = np.array([log10_tail(own, group, day.astype(np.float64)) for day in drawn[:, 250:].T])
    seen = (tails <= math.log10(chance)).mean()
    assert seen < chance * 2
    assert seen > chance / 2 or days not in {_heavy, _bytes}


def test_a_leak_is_unlikely_and_a_busy_day_is_not(team: list[np.ndarray], peers: Peers) -> None:
    own = _own(team[0])
    assert deviation(own, peers, 3400).probability < 1e-7
    assert deviation(own, peers, int(team[0].max())).probability > 1e-3


def test_a_weekend_is_compared_with_weekends(team: list[np.ndarray], peers: Peers) -> None:
    monday = deviations(_own(team[0]), peers, 30)[0]
    sunday = deviations(_own(team[0][:-1], SUNDAY), peers, 30)[0]
    assert (monday.span, sunday.span) == (Span.WORK, Span.REST)
    assert sunday.log10_p < monday.log10_p - 1


def test_which_days_are_weekends_can_be_said() -> None:
    history = History(np.arange(1, 15), MONDAY, frozenset({4, 5}))
    assert history.past(Span.REST).tolist() == [5, 6, 12, 13]
    assert len(history.past(Span.WORK)) == 10


def test_a_newcomer_is_judged_by_his_peers_and_then_by_himself(peers: Peers) -> None:
    quiet = np.array([1, 1, 2, 1, 1, 0, 0] * 40)
    after = [deviations(_own(quiet[: 7 * weeks]), peers, 25)[0].log10_p for weeks in (0, 1, 4, 40)]
    assert after[0] > math.log10(0.05)
    assert after == sorted(after, reverse=True)
    assert after[-1] < after[0] - 1


def test_a_day_like_any_of_the_peers_is_not_rare_for_somebody_who_is_new_among_them(peers: Peers) -> None:
    before = np.array([0, 0, 1, 0, 0, 0, 0] * 40)
    assert deviation(_own(before), peers, 12).probability > 1e-3


def test_days_of_an_insider_in_his_own_past_hardly_change_what_is_said(
    team: list[np.ndarray], peers: Peers
) -> None:
    """A seventh of his days; the mean of them would have made 756 ordinary."""
    tainted = team[0].copy()
    tainted[200:240] += 756
    clean, after = (deviations(_own(days), peers, 756)[0].log10_p for days in (team[0], tainted))
    assert after < -3
    assert after - clean < 1


def test_who_ramps_up_for_a_year_teaches_no_more_than_his_peers_allow(
    team: list[np.ndarray], peers: Peers
) -> None:
    frog = team[0] + np.arange(len(team[0])) * 2
    assert deviation(_own(frog), peers, int(frog[-1])).probability < 1e-3


def test_a_few_insiders_cannot_move_the_peers(team: list[np.ndarray], peers: Peers) -> None:
    leaky = [days + 756 if number < 3 else days for number, days in enumerate(team)]
    moved = Peers.of([History(days) for days in leaky])
    clean, after = (deviations(_own(team[50]), group, 756)[0].log10_p for group in (peers, moved))
    assert abs(after - clean) < 1


def test_on_call_days_of_the_peers_make_such_days_ordinary(team: list[np.ndarray], peers: Peers) -> None:
    rng = np.random.default_rng(2)
    called = [np.where(rng.random(len(days)) < 0.03, days * 12, days) for days in team]
    used = Peers.of([History(days) for days in called])
    calm, spiky = (deviations(_own(team[0]), group, 150)[0].log10_p for group in (peers, used))
    assert spiky > calm + 0.5


def test_a_patient_insider_is_unusual_in_his_month_and_not_in_his_day(
    team: list[np.ndarray], peers: Peers
) -> None:
    drip = team[0].copy()
    drip[-29:] += 45
    each = {one.span: one.log10_p for one in deviations(_own(drip), peers, 57)}
    assert each[Span.WORK] > -3
    assert min(each[Span.WEEK], each[Span.MONTH]) < each[Span.WORK] - 1


def test_sums_are_compared_with_sums_that_share_no_day_with_them() -> None:
    history = History(np.arange(1, 41))
    assert history.recent(Span.MONTH) == sum(range(12, 41))
    assert history.past(Span.MONTH).tolist() == []
    assert history.past(Span.WEEK).tolist() == [
        sum(range(first, first + 7)) for first in range(34 % 7 + 1, 29, 7)
    ]


def test_several_looks_are_paid_for(team: list[np.ndarray], peers: Peers) -> None:
    each = deviations(_own(team[0]), peers, 400)
    least = min(one.log10_p for one in each)
    assert deviation(_own(team[0]), peers, 400).log10_p == pytest.approx(least + math.log10(3), abs=1e-5)
    both = corrected([corrected(each), corrected(each)])
    assert both.looks == 6
    assert both.log10_p == pytest.approx(least + math.log10(6), abs=1e-5)


def test_it_is_said_in_a_sentence() -> None:
    seen = Deviation(Span.WORK, 3400, 61, 60, 12, 41, 30, 9, math.log10(3e-9))
    assert seen.sentence() == (
        "this actor sent 3,400 customers today; his own work days: median 12, most 41 (60 of 61 with any); "
        "his peers: median 9; probability 3e-9 (log-logistic counts, zeros apart)"
    )
    alone = Deviation(Span.MONTH, 5, 0, 0, None, None, 0, None, math.log10(0.25))
    assert alone.sentence(Measure.NEW) == (
        "this actor sent 5 customers whom he never sent before in 30 days; no earlier 30 days of his "
        "are known to compare it with; nothing is known of his peers yet; probability 0.25 "
        "(log-logistic counts, zeros apart)"
    )
    tiny = Deviation(Span.REST, 10**12, 8, 0, None, None, 3, 1, -400.0)
    assert "sent 1,000,000,000,000 bytes that could not be read today" in tiny.sentence(Measure.UNSCANNED)
    assert "nothing of the kind on his 8 rest days before" in tiny.sentence()
    assert "probability 1e-400" in tiny.sentence()
    assert " bytes that could not be read that day; " in tiny.sentence(Measure.UNSCANNED, past=True)
    assert "in the 30 days up to then; " in alone.sentence(past=True)
