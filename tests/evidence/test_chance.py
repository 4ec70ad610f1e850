"""What chance gives: bounds that hold whatever the population is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import LEADS
from exfilter.evidence import stranger_tail
from exfilter.evidence.chance import judge_numbers
from exfilter.evidence.judge import SIGNIFICANT, UNEVEN

counts = st.integers(0, 10**6)


@given(counts, counts, counts)
def test_a_tail_is_a_probability(nobody: int, once: int, twice: int) -> None:
    assert stranger_tail(nobody, once, twice) <= 0.0


@given(counts, counts, counts, st.integers(1, 1000))
def test_more_who_miss_never_make_a_leak_likelier(nobody: int, once: int, twice: int, more: int) -> None:
    assert stranger_tail(nobody + more, once, twice) >= stranger_tail(nobody, once, twice) - 1.0


@pytest.mark.parametrize("spread", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("common", [0.05, 0.5, 1.4, 4.0])
@pytest.mark.parametrize("names", [30, 1000, 100_000])
def test_strangers_of_any_population_are_nobody(names: int, common: float, spread: float) -> None:
    """Each name is borne by a Poisson number of customers, whatever its mean is."""
    rng = np.random.default_rng(names)
    for _ in range(50):
        bearers = rng.poisson(common * np.exp(spread * rng.normal(size=names)))
        assert stranger_tail(*np.bincount(np.minimum(bearers, 3), minlength=4)[:3].tolist()) > -6.0


def test_two_populations_mixed_are_nobody() -> None:
    rng = np.random.default_rng(3)
    bearers = np.concatenate((rng.poisson(0.01, 50_000), rng.poisson(3.0, 10_000)))
    assert stranger_tail(*np.bincount(np.minimum(bearers, 3), minlength=4)[:3].tolist()) == 0.0


def test_a_list_of_customers_without_a_miss_is_a_leak() -> None:
    assert stranger_tail(0, 29_234, 7_741) < -1000
    assert stranger_tail(0, 20, 0) < -6.0


def test_nothing_proves_nothing() -> None:
    assert stranger_tail(0, 0, 0) == 0.0


@pytest.mark.parametrize("count", [500, 100_000])
def test_strangers_of_a_fuller_exchange_are_nobody(count: int) -> None:
    """Three in ten numbers of the lead are customers', four in ten of the exchange that is listed."""
    rng = np.random.default_rng(count)
    found, missed, density = np.zeros(LEADS, int), np.zeros(LEADS, int), np.full(LEADS, 0.3)
    found[212] = rng.binomial(count, 0.4)
    missed[212] = count - found[212]
    assert judge_numbers(found, missed, density, UNEVEN).log10_p >= SIGNIFICANT


def test_a_list_of_customers_phones_is_all_of_them() -> None:
    found, missed, density = np.zeros(LEADS, int), np.zeros(LEADS, int), np.full(LEADS, 0.3)
    found[2120:2130] = 10
    chance = judge_numbers(found, missed, density, UNEVEN)
    assert (chance.log10_p < SIGNIFICANT, chance.customers) == (True, 100)
