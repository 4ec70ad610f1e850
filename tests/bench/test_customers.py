"""The invented customers: the same for a seed, and as frequent in their values as real ones."""

from __future__ import annotations

import csv
import importlib.util
from collections import Counter
from pathlib import Path

import phonenumbers
import pytest

from bench import customers
from bench.customers import COLUMNS, PROVIDERS, Spec

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("faker", "names"))),
    reason="the generator's lists of names come with requirements-bench.lock",
)

ROWS = 3_000


def _rows(spec: Spec) -> list[dict[str, str]]:
    return list(csv.DictReader("".join(customers.rows(spec)).splitlines()))


@pytest.fixture(scope="module")
def some() -> list[dict[str, str]]:
    return _rows(Spec(ROWS))


def test_every_row_has_all_columns_and_an_id_of_its_own(some: list[dict[str, str]]) -> None:
    assert len(some) == len({row["customer_id"] for row in some}) == ROWS
    assert all(tuple(row) == COLUMNS and None not in row.values() for row in some)


def test_the_same_parameters_give_the_same_table_and_others_another() -> None:
    assert _rows(Spec(500)) == _rows(Spec(500))
    assert _rows(Spec(500)) != _rows(Spec(500, seed=2))


def test_a_table_of_many_chunks_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "CHUNK", 70)
    rows = _rows(Spec(500))
    assert [row["customer_id"] for row in rows] == [f"C-{number:08}" for number in range(1, 501)]
    assert len({row["ticket"] for row in rows}) == 500


def test_tickets_are_dense_and_each_is_one_customers(some: list[dict[str, str]]) -> None:
    numbers = {int(row["ticket"].removeprefix("TM-")) for row in some}
    assert len(numbers) == ROWS
    assert ROWS / (max(numbers) - min(numbers) + 1) > 0.75


def test_seven_in_ten_have_their_address_at_a_provider(some: list[dict[str, str]]) -> None:
    provided = sum(row["email"].partition("@")[2] in PROVIDERS for row in some)
    assert 0.66 < provided / ROWS < 0.74


def test_addresses_are_plain_and_rarely_shared(some: list[dict[str, str]]) -> None:
    assert all(row["email"].isascii() and row["email"].count("@") == 1 for row in some)
    assert len({row["email"] for row in some}) > 0.99 * ROWS


def test_names_are_as_uneven_as_a_census(some: list[dict[str, str]]) -> None:
    surnames = Counter(row["name"].rsplit(" ", 1)[-1] for row in some)
    assert surnames["Smith"] > 10
    assert sum(count == 1 for count in surnames.values()) > len(surnames) / 2
    assert any(not row["name"].isascii() for row in some)


@pytest.mark.parametrize("written", ["e164", "as written"])
def test_six_in_ten_have_a_phone_and_it_is_valid_where_they_live(written: str) -> None:
    rows = [row for row in _rows(Spec(ROWS, phones=written)) if row["phone"]]  # type: ignore[arg-type]
    valid = [phonenumbers.is_valid_number(phonenumbers.parse(row["phone"], row["country"])) for row in rows]
    assert 0.56 < len(rows) / ROWS < 0.64
    assert sum(valid) >= 0.999 * len(valid)
    assert len({row["country"] for row in rows}) > 20
    assert all(row["phone"].startswith("+") for row in rows) == (written == "e164")


def test_a_table_is_made_once_and_again_when_a_parameter_changes(tmp_path: Path) -> None:
    first = customers.make(Spec(200), tmp_path)
    made = first.stat().st_ino
    assert customers.make(Spec(200), tmp_path).stat().st_ino == made
    assert customers.make(Spec(200, seed=3), tmp_path) == first
    assert first.stat().st_ino != made


@pytest.mark.parametrize(("number", "short"), [(12_000_000, "12m"), (100_000, "100k"), (1_234, "1234")])
def test_sizes_are_written_short(number: int, short: str) -> None:
    assert customers.label(number) == short
