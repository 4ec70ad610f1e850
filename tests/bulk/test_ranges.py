"""Ranges of large text: nothing is lost at a seam."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exfilter.body import whole
from exfilter.bulk import ranges as module
from exfilter.bulk.ranges import OVERLAP, ranges, splits, within

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
    assert not splits(b"caf\xe9\nx\n")
