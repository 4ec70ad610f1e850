"""The shapes of ticket numbers are those that ``detectors.tickets`` learns from all of them at once."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from detectors import tickets
from exfilter.index import columns
from exfilter.index.learning import MOST, Signatures, learn, text_of
from exfilter.index.opening import open_table
from tests.index.making import write
from tests.index.reading import needs_native

pytestmark = needs_native

PIECES = st.sampled_from(
    ["TM", "tm", "a", "bcd", "7", "12", "345", "12345678", "-", " ", "#", "é", "ß", "--", "x9"]
)
NUMBERS = st.lists(PIECES, max_size=5).map("".join)
WORDS = st.text("abcxyz", min_size=1, max_size=3)


@given(st.lists(NUMBERS, max_size=30), st.integers(1, 30), st.sampled_from([1, 5, MOST]))
def test_few_shapes(numbers: list[str], times: int, most: int) -> None:
    _same(numbers * times, most)


@given(
    st.lists(st.tuples(WORDS, st.integers(0, 99_999)).map("{0[0]}-{0[1]}".format), min_size=60, max_size=200)
)
def test_many_prefixes_are_no_prefixes(numbers: list[str]) -> None:
    _same(numbers + ["123-45", "123-46"] * 15, 20)


@given(st.integers(0, 1000), st.integers(0, 300))
def test_random_letters_and_digits(seed: int, count: int) -> None:
    seeded = random.Random(seed)
    numbers = [
        "-".join("".join(seeded.choices("0123456789abcdef", k=k)) for k in (8, 4, 4)) for _ in range(count)
    ]
    _same(numbers, 30)


def _same(numbers: list[str], most: int) -> None:
    signatures = Signatures(most)
    for start in range(0, len(numbers), 17):
        signatures.add(b"".join(map(text_of, numbers[start : start + 17])))
    assert signatures.templates() == tickets.learn(numbers)


def test_a_table_is_learnt_from_natively_and_by_python(tmp_path: Path) -> None:
    cells = [
        "TM-12345678",
        "tm 12345679;TM-12345680",
        "TM-1 or TM-2",
        "n/a",
        "é-77",
        '"Q/5 / Q/6"',
        "",
        "x" * 5000 + "1",
    ]
    table = write(tmp_path, "\n".join(["id,ticket", *(f"{n},{cell}" for n, cell in enumerate(cells * 30))]))
    opened = open_table(table)
    numbers = [*"TM-12345678 tm-12345679 TM-12345680 TM-1 TM-2 é-77 Q/5 Q/6".split(), "x" * 5000 + "1"]
    for workers in (1, 2):
        found = learn(opened, columns.recognise(opened.columns), workers, lambda _: None)
        assert set(found) == {each for each in tickets.learn(numbers * 30) if each.space > 1.0}


def test_many_different_numbers_take_bounded_memory() -> None:
    seeded = random.Random(1)
    signatures = Signatures()
    for _ in range(100):
        lines = ("".join(seeded.choices("0123456789abcdef", k=24)) for _ in range(500))
        signatures.add(b"".join(map(text_of, lines)))
    assert len(signatures) <= MOST
