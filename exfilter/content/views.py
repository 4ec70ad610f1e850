"""Views: what a text says when the places of it that are written otherwise are undone.

A view holds the records (or lines) with such places and leaves out the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from exfilter.content.native import passes
from exfilter.content.signs import Signs
from exfilter.model import Int64Array, Part

REACH = 2048
"""Characters around a place that belong to it where its line is longer."""

_BREAK = np.array([not (chr(code).isalnum() or chr(code) in "._@+/=-") for code in range(0x80)] + [False])
"""Of ASCII, and of what is beyond."""
_LONG = 1 << 13
"""Characters of a line or a record from which on it is long."""


class Undone(NamedTuple):
    """A place in a text and what is written there."""

    start: int
    end: int
    text: str


def rewritten(
    part: Part, step: str, places: Int64Array, undo: Callable[[str], str], *, by_lines: bool
) -> tuple[Part, str] | None:
    """Return the view of the pieces around some places, and the pieces, or None where nothing changes.

    `by_lines`: nothing that is undone goes over a line end.
    """
    if not len(places):
        return None
    sources = _pieces(part, places)
    source = "".join(sources)
    if part.records is None and by_lines:
        # Each piece ends with its line: undone together they give the same, at a fraction of the cost.
        text, records = undo(source), None
    else:
        pieces = [undo(piece) for piece in sources]
        text = "".join(pieces)
        records = None if part.records is None else _beginnings(pieces)
    return None if text == source else (Part((*part.path, step), text, records), source)


def spliced(part: Part, step: str, places: Iterable[Undone]) -> Part:
    """Return the view in which each of some places, ascending and apart, is replaced by what it says."""
    pieces = _replaced(part, list(places))
    records = None if part.records is None else _beginnings(pieces)
    return Part((*part.path, step), ("" if part.records is not None else "\n").join(pieces), records)


def _replaced(part: Part, places: list[Undone]) -> list[str]:
    """Return the records, or the surroundings in lines, that hold the places, without the others."""
    spans = np.array([place[:2] for place in places], dtype=np.int64)
    starts, ends = units = touched(part, spans)
    if part.records is None or int((ends - starts).max()) > _LONG:
        starts, ends = _near(part.text, units, spans, 0 if part.records is None else _LONG)
    found = []
    number = at = 0
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        pieces, at = [], max(start, at)
        while number < len(places) and places[number].start < end:
            place = places[number]
            pieces += [part.text[at : place.start], place.text]
            at = place.end
            number += 1
        pieces.append(part.text[at:end])
        found.append("".join(pieces))
    return found


def _beginnings(pieces: list[str]) -> Int64Array:
    """Return where the pieces that are not empty begin in the text that they are joined to."""
    return np.unique(np.cumsum([0, *map(len, filter(None, pieces))], dtype=np.int64)[:-1])


def touched(part: Part, places: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return beginnings and ends of the pieces that hold the places: records, else runs of lines.

    With a line goes the one before and the one behind it, so that an escape that goes over a line end
    is undone.
    """
    if part.records is None:
        return passes.around(part.text, places) if passes is not None else around(part.text, places)
    starts = _records(part)
    first, last = _runs(starts, places, 0)
    ends = np.append(starts[1:], len(part.text))
    counts = last - first + 1
    skipped = np.repeat(np.cumsum(counts) - counts, counts)
    chosen = np.repeat(first, counts) + np.arange(len(skipped)) - skipped
    return starts[chosen], ends[chosen]


def around(text: str, places: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the runs of lines that hold the places, with the line before and the one behind."""
    starts = Signs(text).lines
    first, last = _runs(starts, places, 1)
    return starts[first], np.append(starts[1:], len(text))[last]


def _pieces(part: Part, places: Int64Array) -> list[str]:
    """Return the pieces around the places, but of a very long line or record only what is near.

    A script of one line is no record. What is cut out of one is a line by itself.
    """
    starts, ends = touched(part, places)
    if int((ends - starts).max()) <= _LONG:
        return [part.text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    first, last = _near(part.text, (starts, ends), places, _LONG)
    cut = ~np.isin(last, ends)
    return [
        f"{part.text[start:end]}\n" if inside else part.text[start:end]
        for start, end, inside in zip(first.tolist(), last.tolist(), cut.tolist(), strict=True)
    ]


def _near(
    text: str, units: tuple[Int64Array, Int64Array], places: Int64Array, short: int
) -> tuple[Int64Array, Int64Array]:
    """Return beginnings and ends of what is no more than REACH characters before or behind a place.

    No word is cut through: half a word is another one. `units`: beginnings and ends of the records or runs
    of lines with the places. Those of at most `short` characters stay whole.
    """
    starts, ends = units
    number = np.searchsorted(starts, places[:, 0], "right") - 1
    first, last = starts[number], ends[number]
    inside = last - first > short
    first[inside], last[inside] = _cut(text, first[inside], last[inside], places[inside])
    last = np.maximum.accumulate(last)
    new = np.flatnonzero((first[1:] > last[:-1]) | (number[1:] > number[:-1])) + 1
    return first[np.append(0, new)], last[np.append(new - 1, len(last) - 1)]


def _cut(text: str, first: Int64Array, last: Int64Array, places: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return beginnings and ends that are near to the places and not inside a word."""
    first, last = np.maximum(first, places[:, 0] - REACH), np.minimum(last, places[:, 1] + REACH)
    # Few places lie far apart: what is between them is not looked at.
    step = 1 if len(places) * 4 * REACH < len(text) else max(1, len(places))
    for start in range(0, len(places), step):
        some = slice(start, start + step)
        _out_of_words(text, first[some], last[some], places[some])
    return first, last


def _out_of_words(text: str, first: Int64Array, last: Int64Array, places: Int64Array) -> None:
    """Move beginnings and ends nearer to their places, to where a word ends."""
    start = max(0, int(first.min()) - 1)
    breaks = _breaks(text[start : int(last.max()) + 1]) + start
    # Where the character before is no break, the next break is where the word ends.
    first[:] = np.minimum(np.maximum(first, breaks[np.searchsorted(breaks, first - 1)]), places[:, 0])
    behind = breaks[np.searchsorted(breaks, last, "right") - 1] + 1
    last[:] = np.maximum(np.minimum(last, behind), places[:, 1])


def _breaks(text: str) -> Int64Array:
    """Return the places of what stands between words, with one before and one behind the text."""
    if text.isascii():
        marks = _BREAK[np.frombuffer(text.encode(), dtype=np.uint8)]
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        marks = _BREAK[np.minimum(codes, len(_BREAK) - 1)]
    return np.concatenate([[-1], np.flatnonzero(marks), [len(text)]])


def _runs(starts: Int64Array, places: Int64Array, more: int) -> tuple[Int64Array, Int64Array]:
    """Return the first and the last number of each run of pieces, with so many `more` around it."""
    first, last = np.searchsorted(starts, places.T, "right") - 1
    first, last = np.maximum(first - more, 0), np.minimum(last + more, len(starts) - 1)
    new = np.flatnonzero(first[1:] > last[:-1] + 1) + 1
    return first[np.append(0, new)], last[np.append(new - 1, len(last) - 1)]


def _records(part: Part) -> Int64Array:
    """Return where records begin, with the beginning of the text."""
    inner = part.records if part.records is not None else np.empty(0, dtype=np.int64)
    inner = inner[(inner > 0) & (inner < len(part.text))]
    return np.concatenate([np.zeros(1, dtype=np.int64), inner])
