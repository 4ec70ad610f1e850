"""Tables as text: CSV, TSV and their like. The text stays, a record is a row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from exfilter.content.block import Block
from exfilter.content.codes import places
from exfilter.model import Int64Array

Bools = npt.NDArray[np.bool_]
SAMPLE_ROWS = 200
_NEARLY_ALL = 0.9
"""Share of the rows that have the same number of fields."""
# A search for a quote is fast, and what stands before it is looked at then.
_FIELDS = {mark: re.compile(rf'"(?<![^\n{mark}]")[^"]*+(?:""[^"]*+)*+"(?![^{mark}\r\n])') for mark in ",\t;|"}
_ACROSS = {mark: re.compile(rf'"(?<![^\n{mark}]")[^"\n]*+(?:""[^"\n]*+)*+\n') for mark in ",\t;|"}
"""A quoted field that may go over a line end: a quick look before the exact pattern."""
_OPENED = {mark: re.compile(rf'"(?<![^\n{mark}]")[^"]*+(?:""[^"]*+)*+\Z') for mark in ",\t;|"}
_LONGEST = 1 << 16
"""Characters of a quoted field that is still open at the end of a block."""


def recognises(sample: str) -> bool:
    """Whether nearly all rows have the same number of fields, two or more."""
    return bool(delimiter(sample))


def delimiter(sample: str) -> str:
    """Return what separates the fields of a table, or an empty string where it is none."""
    best, most = "", 1
    quoted = '"' in sample
    plain_rows = _rows_of(sample, sample)
    for mark, pattern in _FIELDS.items():
        if mark not in sample:
            continue
        plain, fields = pattern.subn("x", sample) if quoted else (sample, 0)
        rows = _rows_of(plain, sample) if fields else plain_rows
        if _many_without(mark, rows):
            continue
        counts = Counter(row.count(mark) for row in rows)
        if not counts:
            continue
        marks, times = counts.most_common(1)[0]
        enough = times >= 3 or (times == 2 and marks > 1)
        if marks and enough and times >= _NEARLY_ALL * len(rows) and marks + 1 > most:
            best, most = mark, marks + 1
    return best


def _rows_of(plain: str, sample: str) -> list[str]:
    """Return the first rows; the last one only if it is whole."""
    rows = [row for row in plain.split("\n", SAMPLE_ROWS)[:SAMPLE_ROWS] if row and not row.isspace()]
    return rows[:-1] if len(rows) > 2 and not sample.endswith("\n") else rows


def _many_without(mark: str, rows: list[str]) -> bool:
    """Whether so many rows have no such mark that it parts no fields. Text shows it within a few lines."""
    without = 0
    for row in rows:
        without += mark not in row
        if without > (1 - _NEARLY_ALL) * len(rows) + 1:
            return True
    return False


def read(blocks: Iterator[str]) -> Iterator[Block]:
    """Yield the blocks as they are, with the offsets of their rows."""
    mark, inside = "", False
    for text in blocks:
        mark = mark or delimiter(text[: 1 << 16]) or ","
        rows, inside = _rows(text, mark, inside)
        yield Block("", text, rows)


def _rows(text: str, mark: str, inside: bool) -> tuple[Int64Array, bool]:  # noqa: FBT001
    """Return where rows begin, and whether the block ends inside a quoted field.

    A quote opens a field only at its start and closes it only at its end, so that the quote in
    5" does not swallow the rows behind it.
    """
    first = np.array([] if inside else [0], dtype=np.int64)
    ends = places(text, "\n")
    starts = np.concatenate([first, ends + 1])
    if inside or (_may_go_on(text, ends, mark) and _ACROSS[mark].search(text)):
        spans = [match.span() for match in _FIELDS[mark].finditer(text) if "\n" in match[0]]
        if inside:
            closing = re.search(rf'"(?![^{mark}\r\n])', text[:_LONGEST])
            still = closing is None and len(text) < _LONGEST
            spans.insert(0, (-1, closing.end() if closing else len(text) if still else 0))
            inside = still
        opened = _OPENED[mark].search(text, max(0, len(text) - _LONGEST))
        if opened and "\n" in opened[0]:
            spans.append((opened.start(), len(text)))
            inside = True
        starts = _outside(starts, spans)
    return starts[starts < len(text)], inside


def _may_go_on(text: str, ends: Int64Array, mark: str) -> bool:
    """Whether a quoted field may go over a line end: then one has an odd number of quotes up to there."""
    quotes = places(text, '"')
    if not len(quotes):
        return False
    behind = np.searchsorted(quotes, ends)
    count = np.diff(behind, prepend=0)
    left = np.repeat(behind, count) - np.arange(behind[-1] if len(behind) else 0)
    odd = quotes[: len(left)][left & 1 == 1]
    return any(not place or text[place - 1] in (mark, "\n") for place in odd.tolist())


def _outside(places: Int64Array, spans: list[tuple[int, int]]) -> Int64Array:
    if not spans:
        return places
    bounds = np.array(spans, dtype=np.int64)
    order = np.searchsorted(bounds[:, 0], places) - 1
    outside: Bools = (order < 0) | (places >= bounds[np.maximum(order, 0), 1])
    return places[outside]
