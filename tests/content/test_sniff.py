"""A quick look at bytes never says anything else than the slow one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.content import sniff

CONTROL = re.compile(rb"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
MAGIC = (
    *(b"PK\x03\x04", b"PK\x05\x06", sniff.ZSTD, b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\xfd7zXZ\x00"),
    *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"SQLite format 3\x00"),
)
LONG = b"It is 1AY&SX, or %PDG-1, in %PD words. " * 300
"""More than is looked at byte by byte."""


@given(st.binary(max_size=200) | st.text(alphabet="ab\x07\x08\t\n\r\x0e\x1b\x1f \x7f").map(str.encode))
def test_controls_are_those_that_text_does_not_have(data: bytes) -> None:
    assert sniff.controls(data).tolist() == [match.start() for match in CONTROL.finditer(data)]


@pytest.mark.parametrize("before", [0, 1, 2, 3, 9000])
@pytest.mark.parametrize("magic", MAGIC, ids=lambda magic: magic.hex())
def test_magic_is_found_wherever_it_stands(magic: bytes, before: int) -> None:
    assert sniff.embedded(b"x" * before + magic + b"y") == before


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("behind", [b"", LONG], ids=["at the end", "in the midst"])
@pytest.mark.parametrize("found", [b"BZh91AY&SY\xff", b"%PDF-1.7 1 0 obj"], ids=["bzip2", "pdf"])
def test_magic_that_can_be_typed_is_found_in_long_text(found: bytes, behind: bytes, start: int) -> None:
    before = LONG[start:]
    assert sniff.embedded(before + found + behind) == len(before)
    assert sniff.embedded(before + behind) == -1


@given(st.lists(st.sampled_from([b"1A", b"Y&S", b"Y", b"1AY&SY", b"&", b"x"]), max_size=12).map(b"".join))
def test_words_are_held_where_they_are(data: bytes) -> None:
    data = b"." * 9000 + data
    assert sniff._holds(data, b"1AY&SY") == (b"1AY&SY" in data)
