"""Law: a compiled pass finds what the slow way finds, on texts of characters of every size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exfilter.content import escapes, jsontext, sniff, views
from exfilter.content.border import FEW, dense
from exfilter.content.codes import codes
from exfilter.content.encoded import sieve
from exfilter.content.escapes import ESCAPES
from exfilter.content.native import passes
from tests.content.test_signs import TEXTS, joined

pytestmark = pytest.mark.skipif(passes is None, reason="no compiler was at hand")

FILLS = st.sampled_from(
    ["", "." * 31, "." * 58, "." * 63, "." * 64, "." * 130, "é" * 61, "’" * 30, "😀" * 29]
)
"""So that what follows lies over the end of a block, in text of another width."""
LONG = st.lists(TEXTS | FILLS, max_size=6).map("".join)
JSON = st.lists(
    st.text('{}[]"\\,:u0041n\n ', max_size=30)
    | st.sampled_from(
        ['"\\u00e9', '"\\ud83d\\ude00', "\\ud83d", "\\ude00", '[{"a":1},', "[[1],[2]]", '{"k":']
    )
    | st.sampled_from(['"' + "\\" * 63, "[" * 70, "]" * 70])
    | FILLS,
    max_size=12,
).map("".join)
MAGIC = [
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\xfd7zXZ\x00",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"SQLite format 3\x00",
    b"\x1f\x8b\x08\x00abcd\x02\x03",
    b"BZh91AY&SY\xff",
    b"%PDF-1.4 1 0 obj",
]


@given(LONG)
@example("&#1234567; &#12345678; &abcdefgh; &abcdefghi; &#xABCDEF; &#\u0663;")
@example("+AB+AC0 +abc+def- +ab- +123456- a\x00b\x00c\x00d\x00e\x00f\x00g\x00")
@example("=        \n.=         \n.=\n\n=\n")
def test_escapes_are_where_the_patterns_find_them(text: str) -> None:
    found = passes.escapes(text)
    assert len(found) == len(ESCAPES)
    for spans, escape in zip(found, ESCAPES, strict=True):
        wanted = [match.span() for match in escape.pattern.finditer(text)]
        assert joined([(start, end) for start, end in spans.tolist()]) == joined(wanted)


@given(LONG, st.sampled_from([8, 16, 32]))
def test_words_without_a_break_are_the_same(text: str, step: int) -> None:
    for fast, slow in zip(passes.unbroken(text, step), sieve.unbroken(text, step), strict=True):
        assert fast.tolist() == slow.tolist()


@given(LONG.filter(bool), st.lists(st.integers(-20, 300), max_size=20))
def test_words_at_any_place_are_the_same(text: str, at: list[int]) -> None:
    places = np.array(at, dtype=np.int64)
    assert passes.words(text, places).tolist() == sieve.words(text, places).tolist()


def test_words_that_would_overlap_or_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        passes.unbroken("abcdefgh" * 4, 4)
    with pytest.raises(ValueError, match="no character"):
        passes.words("", np.zeros(1, dtype=np.int64))


@given(LONG)
def test_escapes_are_where_the_signs_are(text: str) -> None:
    slow = escapes.spans(text)
    for number, spans in enumerate(passes.escapes(text)):
        assert spans.tolist() == slow(number).tolist()


@given(st.lists(st.sampled_from(["\n", "a", "%41", "." * 64, "é", "😀", "\n\n"]), max_size=40).map("".join))
@example("%41\n\n\n\n%41\n\n\n%41")
def test_lines_around_escapes_are_the_same(text: str) -> None:
    spans = escapes.spans(text)(0)
    if len(spans):
        for fast, slow in zip(passes.around(text, spans), views.around(text, spans), strict=True):
            assert fast.tolist() == slow.tolist()


@given(st.lists(JSON, min_size=1, max_size=4))
@example(["[1,2", ",[3],[", "[4]]"])
@example(['"' + "\\" * 63, '"]', "[1]"])
def test_blocks_of_json_are_read_alike(blocks: list[str]) -> None:
    fast, slow = jsontext.Lexer(), jsontext.Lexer()
    for text in blocks:
        one, other = fast.block(text), slow.looked_up(text)
        assert one.text == other.text
        assert (one.records is None) == (other.records is None)
        if one.records is not None and other.records is not None:
            assert one.records.tolist() == other.records.tolist()


@given(JSON)
def test_json_is_unescaped_alike(text: str) -> None:
    assert jsontext.unescaped(text) == jsontext.unescaped_slowly(text)


@given(LONG, st.sampled_from('\n"%'))
def test_letters_stand_where_they_stand(text: str, letter: str) -> None:
    assert passes.places(text, ord(letter)).tolist() == np.flatnonzero(codes(text) == ord(letter)).tolist()


@given(
    st.lists(st.binary(max_size=5) | st.sampled_from([*MAGIC, b"." * 61, b"text"]), max_size=12).map(b"".join)
)
def test_nothing_odd_means_nothing_embedded(data: bytes) -> None:
    magic, controls = passes.oddities(data)
    assert magic or sniff.embedded(data) < 0
    assert controls or dense(data, last=True) < 0
    assert controls == (len(sniff.controls(data)) > FEW) or magic


@pytest.mark.parametrize("magic", MAGIC)
@pytest.mark.parametrize("before", [0, 1, 56, 60, 61, 62, 63, 64])
def test_magic_is_odd_wherever_it_stands(magic: bytes, before: int) -> None:
    for behind in (0, 100):
        assert passes.oddities(b"." * before + magic + b"." * behind)[0]


@given(st.binary(max_size=300))
def test_a_table_of_another_size_is_refused(table: bytes) -> None:
    with pytest.raises(ValueError, match="entry for every character"):
        passes.unsettled("’", np.frombuffer(table, dtype=np.uint8))
