"""The native kernel and the reference return the same arrays for every text."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors import emails, names, phones, tickets
from exfilter.kernel import reference
from exfilter.kernel.tables import Matches
from tests.tables import build

pytest.importorskip("exfilter.kernel.native", reason="no C compiler was at hand: only the reference runs")
prepare = importlib.import_module("exfilter.kernel.prepare")

FIELDS = {"email": emails, "phone": phones, "ticket": tickets, "name": names}
SPELLINGS = [
    text for module in FIELDS.values() for group in (*module.SAME, *module.LOOKALIKES) for text in group
]
CUSTOMERS = [{field: group[0]} for field, module in FIELDS.items() for group in module.SAME]
CUSTOMERS += [{"ticket": "1-123456789"}, {"ticket": "A1B2C3"}, {"phone": "030 23125 118", "region": "DE"}]
TABLES, _ = build(CUSTOMERS)

GLUE = [
    " ",
    "  ",
    "\n",
    ",",
    ", ",
    "-",
    "'",
    "'s ",
    "@",
    ".",
    "+",
    "_",
    "(0)",
    "00",
    "0",
    "7",
    "x",
    "B",
    "\u00a0",
    "é",
]
TEXTS = st.lists(
    st.sampled_from(SPELLINGS + GLUE * 3)
    | st.text(max_size=8)
    | st.text("aA1@.+-_' \n\u00e9\u5f20(0)", max_size=12),
    max_size=14,
).map("".join)
RECORDS = st.none() | st.lists(st.integers(0, 80), max_size=5, unique=True).map(sorted)


def _rows(matches: Matches) -> list[tuple[int, ...]]:
    arrays = (
        matches.kind,
        matches.shape,
        matches.start,
        matches.end,
        matches.posting,
        matches.tag,
        matches.lead,
    )
    assert bool((matches.start[1:] >= matches.start[:-1]).all())
    return sorted(tuple(map(int, row)) for row in zip(*arrays, strict=True))


def _candidates(matches: Matches) -> tuple[list[tuple[int, ...]], int]:
    found = matches.candidates
    rows = [tuple(map(int, row)) for row in zip(found.shape, found.lead, found.tag, strict=True)]
    return sorted(rows), found.strangers


@settings(max_examples=1500)
@given(TEXTS, RECORDS)
@example("a\u0301na@mail.example Sean O'Hara's +49 (0)30 23125-117", None)
@example("x" * 70 + "@mail.example " + "1 " * 40 + "\u5f20" * 40, None)
@example("\ufeff\ufeffkai@post.example", None)
@example("\u200ba,b", None)
@example("Ana S. M. de la Cruz e Y", None)
@example("a'b@c.de'f 'us@home.example'x \u5f201\u4f1f ka@post.example\u5f20\u4f1f", [0, 5])
def test_equal_on_every_text(text: str, records: list[int] | None) -> None:
    offsets = None if records is None else np.array(records, dtype=np.int64)
    native, oracle = prepare.find(text, TABLES, offsets), reference.find(text, TABLES, offsets)
    assert _rows(native) == _rows(oracle)
    assert _candidates(native) == _candidates(oracle)


def test_equal_on_long_runs_of_one_character() -> None:
    for character in "a1@.'-_ +0A\u00e9\u5f20\n(":
        text = character * 3000
        assert _candidates(prepare.find(text, TABLES)) == _candidates(reference.find(text, TABLES))


def test_equal_where_every_address_has_a_foreign_letter() -> None:
    """Its spans were sorted again for each address: 183 kB took 14 s."""
    text = "".join(f"\u90ae\u7bb1u{number}@mail.example\uff0c" for number in range(4000))
    assert _candidates(prepare.find(text, TABLES)) == _candidates(reference.find(text, TABLES))
