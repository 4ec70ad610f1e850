"""The native kernel and the reference return the same arrays for every text."""

from __future__ import annotations

import argparse
import importlib
import inspect
import mailbox
import os
import textwrap
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors import emails, names, phones, tickets
from exfilter.kernel import reference
from exfilter.kernel.tables import NAME, Matches
from tests.tables import build

pytest.importorskip("exfilter.kernel.native", reason="no C compiler was at hand: only the reference runs")
prepare = importlib.import_module("exfilter.kernel.prepare")

EXAMPLES = int(os.environ.get("EXFILTER_EXAMPLES", "1500"))
"""``make fuzz`` asks for more."""

FIELDS = {"email": emails, "phone": phones, "ticket": tickets, "name": names}
SPELLINGS = [
    text for module in FIELDS.values() for group in (*module.SAME, *module.LOOKALIKES) for text in group
]
CUSTOMERS = [{field: group[0]} for field, module in FIELDS.items() for group in module.SAME]
CUSTOMERS += [{"name": name} for name in ("Sean Berg", "Sean", "Maria Kowalska", "Anna Lopez")]
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
PIECES = (
    "030 23125118 0049 +49 212 5550142 555-0142 TM 12345678 45678 1,234,567 12'345'678 2.125550142E+09 "
    "Anna Kowalska AnnaKowalska Lopez Maria mariaLopez MacBerg Joerg MUELLER Sean Berg van \u5f20\u4f1f "
    "h.brown yahoo.com kai post.example @ @post.example kai@ post\u3002example \ufe0f \u00b7 0 12 3 k\u00e9y"
).split()
CELLS = st.lists(st.sampled_from(PIECES), max_size=3).map(" ".join) | st.sampled_from(SPELLINGS)
QUOTED = st.tuples(
    CELLS, st.sampled_from(["{}", "{}", '"{}"', "'{}'", '"k": "{}"', '"k" : {}', '"{}": ', " {} "])
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from([",", ";", "\t", "\t\t", " | ", ", ", "/"]),
        st.lists(QUOTED.map(lambda cell: cell[1].format(cell[0])), min_size=1, max_size=6),
    ).map(lambda row: row[0].join(row[1])),
    min_size=1,
    max_size=8,
)
EVENLY = st.tuples(
    st.sampled_from([" ", ",", "'", ", ", "-", "\u00b7", "\t", "(", "  /  "]),
    st.lists(st.text("0123456789", min_size=1, max_size=4), min_size=2, max_size=18),
).map(lambda groups: groups[0].join(groups[1]))
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
        matches.column,
    )
    assert bool((matches.start[1:] >= matches.start[:-1]).all())
    return sorted(tuple(map(int, row)) for row in zip(*arrays, strict=True))


def _candidates(matches: Matches) -> tuple[list[tuple[int, ...]], int]:
    found = matches.candidates
    rows = [
        tuple(map(int, row)) for row in zip(found.shape, found.lead, found.tag, found.column, strict=True)
    ]
    return sorted(rows), found.strangers


@settings(max_examples=EXAMPLES)
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


@settings(max_examples=EXAMPLES)
@given(ROWS, st.lists(EVENLY, max_size=3))
def test_equal_on_records_and_their_fields(rows: list[str], numbers: list[str]) -> None:
    lines = [*rows, *numbers]
    text = "\n".join(lines)
    offsets = np.cumsum([0, *(len(line) + 1 for line in lines[:-1])], dtype=np.int64)
    for records in (offsets, None):
        native, oracle = prepare.find(text, TABLES, records), reference.find(text, TABLES, records)
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


@pytest.mark.parametrize("module", [argparse, mailbox, textwrap])
def test_equal_on_source_code(module: types.ModuleType) -> None:
    """Random text has few words; code has many that are joined, quoted and abbreviated."""
    text = inspect.getsource(module)
    for start in range(0, len(text), 7919):
        piece = text[start : start + 9000]
        native, oracle = prepare.find(piece, TABLES), reference.find(piece, TABLES)
        assert _rows(native) == _rows(oracle)
        assert _candidates(native) == _candidates(oracle)


def test_equal_whatever_was_read_before() -> None:
    """What a text leaves in the memo and in memory that is used again changes nothing in the next."""
    texts = [" ".join(SPELLINGS), "\u0430" * 5000 + " ".join(SPELLINGS), "Anna Kowalska " * 3000, "", "a"]
    for text in (*texts, *reversed(texts)):
        assert _rows(prepare.find(text, TABLES)) == _rows(reference.find(text, TABLES))


def test_several_threads_share_the_tables() -> None:
    text = " ".join(SPELLINGS) * 20
    expected = _rows(reference.find(text, TABLES))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: _rows(prepare.find(text, TABLES)), range(64)))
    assert all(rows == expected for rows in found)


def test_a_list_of_names_keeps_step() -> None:
    """Tokens paired across ends of lines: of 65,700 names in a list 11,000 were counted."""
    lines = ["Anna Maria Kowalska", "Lopez", "Kowalska Anna", "Maria Lopez", "Anna", "Anna Kowalska, Maria"]
    text = "\n".join(lines * 50)
    found = prepare.find(text, TABLES)
    standing = found.shape == NAME
    pairs = {text[start:end] for start, end in zip(found.start[standing], found.end[standing], strict=True)}
    assert pairs == {"Anna Maria Kowalska", "Kowalska Anna", "Maria Lopez", "Anna Kowalska"}
    assert int(standing.sum()) == 200
    assert _rows(found) == _rows(reference.find(text, TABLES))
