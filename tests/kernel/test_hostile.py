"""The native kernel takes time in proportion to the text, also where the text was made to slow it down."""

from __future__ import annotations

import importlib
import time

import numpy as np
import pytest

from tests.tables import build

pytest.importorskip("exfilter.kernel.native", reason="no C compiler was at hand: only the reference runs")
prepare = importlib.import_module("exfilter.kernel.prepare")

TABLES, _ = build(
    [
        {"name": "Anna Kowalska", "email": "anna@mail.example", "phone": "+49 30 23125117"},
        {"name": "Maria Lopez", "email": "\u00e9@\u00e9.example", "ticket": "TM-12345678"},
        {"name": "\u5f20\u4f1f", "ticket": "1-123456789"},
        {"name": "Sean O'Hara", "ticket": "A1B2C3"},
        {"name": "Anna"},
    ]
)
PIECES = {
    "one token": "x",
    "digits": "1",
    "at signs": "@",
    "foreign addresses": "\u00e9@\u00e9.",
    "addresses": "a@b.",
    "numbers of one digit": "1 ",
    "known names": "Anna Kowalska ",
    "one known token": "Anna ",
    "initials": "A a ",
    "apostrophes": "'",
    "tokens with apostrophes": "O'Hara'",
    "words joined by underscores": "Anna_Kowalska_1_",
    "a script without spaces": "\u5f20\u4f1f",
    "trunk zeros": "+(0)",
    "ends of lines": "\n",
    "prefixes of tickets": "TM-",
    "tickets that begin and stop": "1-TM-1234567 ",
    "digits behind a prefix": "TM1 2 3 4 5 6 7 ",
    "zeros behind a prefix": "TM-0",
    "even groups": "12,12,",
    "mantissas": "2.12555e",
    "codes": "030,",
    "names without a space": "AnnaLopez",
    "capitals within words": "aB",
    "digraphs": "aeoeue",
    "given names only": "Anna Sean Maria ",
    "full stops": "a\u3002",
    "domains": ".example,",
    "local parts": "anna,",
    "quotes": '"',
    "keys": '"k":"030",',
    "fields": "Anna,Kowalska;",
}
SIZE = 1 << 16
"""Characters of the small text."""
LARGER = 4
BOUND = 8.0
"""Linear time is ``LARGER`` times as much, quadratic 16 times."""
NOISE = 0.005
"""Seconds that measure nothing."""


RECORDS = np.array([0], dtype=np.int64)
"""All of a text in one record: fields have no end."""


def _seconds(text: str, *, records: bool) -> float:
    """Return the least processor time of three."""
    taken = []
    for _ in range(3):
        before = time.thread_time()
        prepare.find(text, TABLES, RECORDS if records else None)
        taken.append(time.thread_time() - before)
    return min(taken)


@pytest.mark.parametrize("records", [False, True])
@pytest.mark.parametrize("piece", list(PIECES.values()), ids=list(PIECES))
def test_time_is_linear_in_the_text(piece: str, *, records: bool) -> None:
    small, large = (
        _seconds((piece * (size // len(piece) + 1))[:size], records=records) for size in (SIZE, LARGER * SIZE)
    )
    assert large <= BOUND * small + NOISE
