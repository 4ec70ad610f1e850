"""The simulated year: the same for a seed, and judged as the ledger would judge it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench import negative_binomial, watching
from bench.insiders import BEFORE, HARD, ORDINARY, STOLEN, Year, simulate
from bench.tables import insiders
from exfilter.ledger.baseline import History, Own, Peers, Span, deviations


@pytest.fixture(scope="module")
def year() -> Year:
    return simulate(1)


def test_a_year_is_the_same_for_a_seed(year: Year) -> None:
    again = simulate(1)
    assert np.array_equal(again.sent, year.sent)
    assert not np.array_equal(simulate(2).sent, year.sent)


def test_each_insider_takes_all_in_his_days(year: Year) -> None:
    assert tuple(insider.case for insider in year.insiders) == ORDINARY
    for insider in year.insiders:
        days = np.flatnonzero(insider.taken)
        assert insider.taken.sum() == STOLEN
        assert insider.start <= days[0] <= days[-1] < insider.start + insider.case.patience


def test_a_ring_shares_what_is_taken() -> None:
    ring = [insider for insider in simulate(1, HARD).insiders if insider.case == HARD[0]]
    assert len({insider.actor for insider in ring}) == 5
    assert STOLEN * 0.98 < sum(int(insider.taken.sum()) for insider in ring) <= STOLEN


def test_nobody_sends_more_new_customers_than_customers(year: Year) -> None:
    assert (year.new <= year.sent).all()
    assert ((year.sent == -1) == (year.new == -1)).all()


def test_the_bench_says_what_the_ledger_says(year: Year) -> None:
    """On a day of a summary, for a whole group."""
    day = BEFORE + 7 * watching.EVERY
    among = np.flatnonzero(year.group[:, day] == 3)
    past = year.new[among, :day]
    known = [History(row[row >= 0], day % 7) for row in past]
    peers = Peers.of(known)
    month = watching.by_sum(year.new, year.group, 30)[among, day]
    single = watching.by_day(year.new, year.group)[among, day]
    for number, history in enumerate(known):
        if year.new[among[number], 0] >= 0:
            each = deviations(Own.of(history), peers, int(year.new[among[number], day]))
            assert each[0].log10_p == pytest.approx(single[number], abs=0.02)
            assert each[2].span is Span.MONTH
            assert each[2].log10_p == pytest.approx(month[number], abs=0.02)


def test_the_published_bar_is_passed(year: Year) -> None:
    """84 % of misuse at 1.5 % false alarms: Maloof and Stephens, RAID 2007."""
    flags = insiders.scores(year)[insiders.NAMES[-1]] < -3
    false, days = watching.innocent(flags, year)
    assert sum(catch.day is not None for catch in watching.catches(flags, year)) >= 9
    assert false.sum() < 0.0025 * days.sum()


@pytest.mark.parametrize(("mean", "size"), [(5.0, 2.0), (0.2, 0.1), (40.0, 0.7)])
def test_the_negative_binomial_is_one(mean: float, size: float) -> None:
    def mass(count: int) -> float:
        log = math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
        return math.exp(log + size * math.log(size / (size + mean)) + count * math.log(mean / (size + mean)))

    for seen in (0, 1, 3, 20, 60):
        given = (np.array([float(value)]) for value in (seen, mean, size))
        tail = 1 - sum(map(mass, range(seen)))
        assert 10 ** negative_binomial._log10_tail(*given)[0] == pytest.approx(tail, rel=1e-6, abs=1e-12)
