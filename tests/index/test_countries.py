"""A column of countries in ever other spellings."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.index.making import make


def test_any_number_of_spellings_is_read(tmp_path: Path) -> None:
    """More spellings than the compiled reader's table has room for: the build never ended."""
    word = "united states of america"
    places = [at for at, letter in enumerate(word) if letter.isalpha()][:14]
    spellings = []
    for capitals in itertools.product((False, True), repeat=len(places)):
        letters = list(word)
        for at, capital in zip(places, capitals, strict=True):
            letters[at] = letters[at].upper() if capital else letters[at]
        spellings.append("".join(letters))
    rows = [
        f"C-{number},+1 212 555 {number % 10000:04},{country}" for number, country in enumerate(spellings)
    ]
    report = make(tmp_path, "\n".join(["customer_id,phone,country", *rows]) + "\n")
    assert report.customers == len(spellings) == 16384
    assert report.cells_left_out == ()
