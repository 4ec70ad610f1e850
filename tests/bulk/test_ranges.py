"""Ranges of large text: nothing is lost at a seam."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from exfilter import content
from exfilter.body import whole
from exfilter.bulk import ranges as module
from exfilter.bulk.ranges import MOST, OVERLAP, Within, ranges, splits, within
from exfilter.limits import Limits
from exfilter.model import Part, Transfer

LINES = st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])), max_size=60)


@given(st.integers(0, 10_000), st.integers(1, 300))
def test_ranges_are_all_of_it(size: int, length: int) -> None:
    found = ranges(size, length)
    assert [at for start, end in found for at in range(start, end)] == list(range(size))


@given(LINES, st.integers(50, 2000), st.integers(8, 200))
def test_every_line_stands_whole_in_a_range_or_is_longer_than_the_overlap(
    lines: list[str], length: int, overlap: int
) -> None:
    data = "\n".join(lines).encode()
    before = module.OVERLAP
    module.OVERLAP = overlap
    try:
        found = [whole(within(data, *each)) for each in ranges(len(data), length)]
    finally:
        module.OVERLAP = before
    inside = {line for each in found for line in each.split(b"\n")}
    shorter = min(overlap, length)
    assert {line for line in data.split(b"\n") if 0 < len(line) < shorter} <= inside
    assert "".join(each.decode() for each in found) or not data


@given(st.binary(max_size=300).map(lambda data: data + b"\n"))
def test_any_beginning_is_judged(head: bytes) -> None:
    assert splits(head) in {True, False}


@given(st.integers(0, 1 << 62), st.integers(1, 1 << 20))
def test_no_size_makes_more_ranges_than_can_be_kept(size: int, length: int) -> None:
    assert size > MOST * length or len(ranges(size, length)) == -(-size // length) <= MOST
    assert size <= MOST * length or ranges(size, length) == []


def test_a_range_begins_and_ends_with_a_line() -> None:
    data = b"".join(b"line %06d\n" % number for number in range(40_000))
    first, second = [whole(within(data, *each)) for each in ranges(len(data), len(data) // 2)]
    assert first.endswith(b"\n")
    assert second.startswith(b"line ")
    assert first[-100:] in second[: OVERLAP + 100]


def test_only_lines_of_plain_text_are_split() -> None:
    assert splits("a;b\nä;ö\n".encode())
    assert not splits(b"no line end")
    assert not splits(b"\xff\xfea\0\n\0")
    assert not splits(b"PK\x03\x04\n\0")
    assert not splits(b"From: x\nMIME-Version: 1.0\n\n")
    assert not splits(b"<?xml?>\n<a/>")
    assert not splits(b"\n <table>\n<tr><td>a</td></tr>\n</table>\n")
    assert not splits(b"Subject: x\nmime-version: 1.0\ncontent-type: text/plain\n\n")
    assert not splits(b"Subject: x\nFrom: a\nTo: b\nDate: c\nMessage-ID: <d>\n\nx\n")
    assert not splits(b"BEGIN:VCARD\nFN:x\nEND:VCARD\n")
    assert not splits(b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--x--\r\n")
    assert splits(b'{"a": 1}\n{"a": 2}\n')
    assert splits(b"INSERT INTO a VALUES (1),\n(2);\n")
    assert not splits(b"caf\xe9\nx\n")


def mail(number: int) -> str:
    return f"ann.lee{number:06}@example.com"


def test_a_range_in_the_midst_of_the_rows_of_a_dump_is_read_as_rows_of_a_dump() -> None:
    r"""As a table, the texts that PostgreSQL writes as ``\\x61`` were not found, and nothing said so."""
    rows = b"".join(b"%d\t\\\\x%s\n" % (at, mail(at).encode().hex().encode()) for at in range(4000))
    data = b"COPY public.people (id, mail) FROM stdin;\n" + rows
    found = [whole(within(data, *each)) for each in ranges(len(data), len(data) // 3)]
    assert all(each.startswith(b"COPY ") for each in found)
    items = [item for each in found for item in content.read(Transfer("scan", each), Limits())]
    text = "\n".join(item.text for item in items if isinstance(item, Part))
    assert set(re.findall(r"ann\.lee\d{6}@example\.com", text)) == set(map(mail, range(4000)))


def test_a_range_with_something_before_it_reads_from_anywhere() -> None:
    body = Within(b"0123456789", 3, 8, b"led")
    assert [b"".join(body.pieces(at)) for at in range(9)] == [b"led34567"[at:] for at in range(9)]
