"""Long text comes in slices, and no window of it is lost."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.limits import Limits
from tests.content.reading import parts, records

LIMITS = Limits(slice_bytes=2000, overlap=100)


def windows_missing(text: str, found: list[str], size: int = 100) -> int:
    """Count the windows of `size` characters that lie in none of the slices."""
    return sum(
        not any(text[at : at + size] in piece for piece in found) for at in range(len(text) - size + 1)
    )


@pytest.mark.parametrize("joint", ["\n", " ", ""], ids=["lines", "words", "nothing"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-16-le", "cp1251"])
def test_every_window_is_in_some_slice(joint: str, charset: str) -> None:
    seeded = random.Random(7)
    text = "# Список клиентов: " + joint.join(
        "".join(seeded.choices("абвгдежзи12345", k=9)) for _ in range(1200)
    )
    headers = (("Content-Type", f"text/plain; charset={charset}"),)
    found = [
        part.text
        for part in parts(text.encode(charset), headers, limits=LIMITS)
        if part.path[0] == "request.body"
    ]
    assert len(found) > 3
    assert windows_missing(text, found) == 0


@given(
    st.lists(st.text("ab \n,é€\U0001f600", max_size=300), min_size=8, max_size=30),
    st.integers(10, 400),
    st.integers(0, 150),
)
def test_slices_put_together_are_the_text(pieces: list[str], size: int, overlap: int) -> None:
    text = "# " + "".join(pieces)
    found = parts(text.encode(), limits=Limits(slice_bytes=size, overlap=overlap))
    joined = found[0].text
    for before, part in itertools.pairwise(found):
        shared = min(overlap, len(before.text))
        assert part.text[:shared] == before.text[len(before.text) - shared :]
        joined += part.text[shared:]
    assert joined == text


def test_slices_are_cut_at_line_ends() -> None:
    text = "# head\n" + "".join(f"line number {n} of many\n" for n in range(1000))
    assert all(part.text.endswith("\n") for part in parts(text.encode(), limits=LIMITS))


def test_records_keep_their_places_in_every_slice() -> None:
    rows = [f'{n},"Ann Lee",ann{n}@example.com\n' for n in range(1000)]
    found = parts("".join(rows).encode(), limits=LIMITS)
    assert len(found) > 5
    for part in found:
        assert set(records(part)) <= set(rows)
    assert {row for part in found for row in records(part)} == set(rows)


def test_a_long_line_is_read_in_slices_of_bounded_size() -> None:
    body = b"# " + b"ann@example.com;" * 300_000
    found = parts(body, limits=Limits(slice_bytes=1 << 18))
    assert max(len(part.text) for part in found) < 3 << 18
    assert sum(len(part.text) for part in found) >= len(body)
