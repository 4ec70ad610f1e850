"""Views hold every place that is undone, with what is around it, and never half a word."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exfilter.content.views import REACH, Undone, rewritten, spliced
from exfilter.model import Int64Array, Part

WORDS = st.lists(
    st.sampled_from(["ann", "bob@example.com", "x" * 300, "é,", '"z"', "%41", "%41%62"]), min_size=1
)


def escapes(text: str) -> Int64Array:
    return np.array([found.span() for found in re.finditer("%4[1]|%62", text)], dtype=np.int64).reshape(-1, 2)


def undone(text: str) -> str:
    return text.replace("%41", "A").replace("%62", "b")


@given(WORDS, st.integers(1, 60), st.sampled_from([" ", "\n", ", "]), st.booleans())
def test_every_escape_is_undone_with_the_words_around_it(
    words: list[str],
    times: int,
    gap: str,
    records: bool,  # noqa: FBT001
) -> None:
    text = gap.join(words * times)
    starts = np.arange(0, len(text), 9000, dtype=np.int64) if records else None
    view = rewritten(Part(("x",), text, starts), "percent", escapes(text), undone, by_lines=True)
    if "%" not in text:
        assert view is None
        return
    assert view is not None
    whole = set(undone(text).replace(",", " ").split())
    if starts is None:
        assert set(view[0].text.replace(",", " ").split()) <= whole
    assert view[0].text.count("A") == text.count("%41")


def test_of_a_line_without_end_only_what_is_near_is_read_again() -> None:
    text = "a=1;" * 20_000 + " mail=ann%40example.com " + "b=2;" * 20_000
    places = np.array([[text.index("%40"), text.index("%40") + 3]], dtype=np.int64)
    view = rewritten(
        Part(("x",), text), "percent", places, lambda some: some.replace("%40", "@"), by_lines=True
    )
    assert view is not None
    assert "mail=ann@example.com" in view[0].text
    assert len(view[0].text) <= 2 * REACH + 10
    again = spliced(Part(("x",), text), "base64", [Undone(int(places[0, 0]), int(places[0, 1]), "@")])
    assert "mail=ann@example.com" in again.text


def test_neighbours_stay_records_of_their_own() -> None:
    text = "".join(f"row {number} ann%41 {'-' * 20_000}\n" for number in range(3))
    starts = np.array([text.index(f"row {number}") for number in range(3)], dtype=np.int64)
    view = rewritten(Part(("x",), text, starts), "percent", escapes(text), undone, by_lines=True)
    assert view is not None
    assert view[0].records is not None
    assert [view[0].text[at : at + 10] for at in view[0].records.tolist()] == [
        f"row {n} annA" for n in range(3)
    ]
