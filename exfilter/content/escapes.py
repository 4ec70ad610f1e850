"""Text that was written in escapes: a second view of the places that hold them.

Each undoing gives an additional part, so that nothing that stands in the clear is ever lost.
The view holds the records (or lines) with escapes and leaves out the others.
"""

from __future__ import annotations

import binascii
import codecs
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from exfilter.content import jsontext
from exfilter.content.budget import Budget, Item
from exfilter.content.native import passes
from exfilter.content.signs import BACKSLASH, NONE, PERCENT, Signs
from exfilter.model import Int64Array, Part, Reason, Unscanned

DEPTH = 3
"""Escapes inside escapes that are undone."""


@dataclass(frozen=True, slots=True)
class Escape:
    """One way to write characters with others."""

    name: str
    sign: str
    """What every place with such an escape contains: a quick look before any other."""
    pattern: re.Pattern[str]
    """What such an escape is."""
    undo: Callable[[str], str]
    find: Callable[[Signs, re.Pattern[str]], Int64Array]
    """Returns the spans of the pattern in a text, [n, 2] and ascending. Neighbours may be apart in it."""
    by_lines: bool = True
    """Nothing that is undone goes over a line end."""


# They begin with a letter and not with a group: the search for a letter is fast.
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*")
_QUOTED = re.compile(r"=[0-9A-F]{2}(?:=[0-9A-F]{2})*")
_SOFT = re.compile(r"=[ \t]{0,8}\r?\n")
_SHIFTED = re.compile(r"\+([A-Za-z0-9+/]*+)-?")
_HEX = re.compile(r"\\x([0-9A-Fa-f]{2})")


def _bytes_of(match: re.Match[str]) -> str:
    sign = match[0][0]
    return bytes.fromhex(match[0].replace(sign, "")).decode("utf-8", "replace")


def percent(text: str) -> str:
    """Undo %40, once (RFC 3986, section 2.1)."""
    return _PERCENT.sub(_bytes_of, text)


def _quoted_printable(text: str) -> str:
    return _QUOTED.sub(_bytes_of, _SOFT.sub("", text))


def _backslashes(text: str) -> str:
    plain = _HEX.sub(lambda match: f"\\u00{match[1]}", text)
    return jsontext.unescaped(plain)


def _japanese(text: str) -> str:
    return codecs.decode(text.encode("ascii", "replace"), "iso2022_jp_2", "replace")


def _utf7(text: str) -> str:
    return _SHIFTED.sub(_unshifted, text)


def _unshifted(match: re.Match[str]) -> str:
    """Undo one run of modified base64 (RFC 2152); what comes out as no text stays as it is."""
    letters = match[1]
    if not letters:
        return "+"
    data = binascii.a2b_base64(letters + "A" * (-len(letters) % 4))[: len(letters) * 6 // 16 * 2]
    plain = data.decode("utf-16-be", "replace")
    readable = (
        plain and "\ufffd" not in plain and all(char.isprintable() or char in "\t\r\n" for char in plain)
    )
    return plain if readable else match[0]


def _without_zeros(text: str) -> str:
    return text.replace("\x00", "")


def _everywhere(signs: Signs, pattern: re.Pattern[str]) -> Int64Array:
    return np.array([found.span() for found in pattern.finditer(signs.text)], dtype=np.int64).reshape(-1, 2)


ESCAPES = (
    Escape("percent", "%", _PERCENT, percent, lambda signs, _: signs.fitting("%", PERCENT)),
    Escape(
        "entities",
        "&",
        re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"),
        html.unescape,
        Signs.entities,
    ),
    Escape(
        "escapes",
        "\\",
        re.compile(r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[nrt/\"])"),
        _backslashes,
        lambda signs, _: signs.fitting("\\", BACKSLASH),
    ),
    Escape(
        "quoted-printable",
        "=",
        re.compile(r"=[ \t]{0,8}\r?\n(?=[^\r\n])|=40|=3D|=2E|=[C-F][0-9A-F]=[89AB][0-9A-F]"),
        _quoted_printable,
        lambda signs, _: signs.quoted(),
        by_lines=False,
    ),
    Escape("iso-2022-jp", "\x1b", re.compile(r"\x1b\$[@B]"), _japanese, _everywhere, by_lines=False),
    Escape("utf-7", "+", re.compile(r"\+A[A-Z][A-Za-z0-9+/]|\+[A-Za-z0-9/]{3,}+-"), _utf7, Signs.shifted),
    # Characters of 16 bits in the midst of others.
    Escape("zeros", "\x00", re.compile(r"[^\x00]\x00[^\x00]\x00[^\x00]\x00"), _without_zeros, _everywhere),
)


def emitted(part: Part, budget: Budget) -> Iterator[Item]:
    """Yield a part and after it the views of its escapes, as far as the budget goes."""
    yield part
    budget.text(len(part.text))
    yield from _views(part, DEPTH, budget)


def _views(part: Part, depth: int, budget: Budget, after: int = 0, source: str = "") -> Iterator[Item]:
    """Yield the views of a part that is itself the view of `source` by the escape number `after`.

    What one order of undoing has given is not undone in another: an earlier escape counts only
    where there is more of it than before.
    """
    find = _finder(part.text)
    for number, escape in enumerate(ESCAPES if depth else ()):
        if number < after and part.text.count(escape.sign) <= source.count(escape.sign):
            continue
        if budget.overdue():
            return
        found = _view(part, escape, find(number))
        if found is None:
            continue
        view, lines = found
        if not budget.view(len(view.text)):
            yield Unscanned(view.provenance, Reason.OVER_BUDGET, max(1, len(view.text)))
            return
        yield view
        yield from _views(view, depth - 1, budget, number, lines)


def _finder(text: str) -> Callable[[int], Int64Array]:
    """Return what gives the spans of an escape in the text by its number."""
    return passes.escapes(text).__getitem__ if passes is not None else spans(text)


def spans(text: str) -> Callable[[int], Int64Array]:
    """Return the same by way of numpy and patterns."""
    signs = Signs(text)

    def find(number: int) -> Int64Array:
        escape = ESCAPES[number]
        return escape.find(signs, escape.pattern) if escape.sign in text else NONE

    return find


def _view(part: Part, escape: Escape, places: Int64Array) -> tuple[Part, str] | None:
    """Return the view and the lines that it is made of, or None where nothing changes."""
    if not len(places):
        return None
    starts, ends = _touched(part, places)
    sources = [part.text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    source = "".join(sources)
    if part.records is None and escape.by_lines:
        # Each piece ends with its line: undone together they give the same, at a fraction of the cost.
        text, records = escape.undo(source), None
    else:
        pieces = [escape.undo(piece) for piece in sources]
        text = "".join(pieces)
        offsets = np.unique(np.cumsum([0, *map(len, filter(None, pieces))])[:-1])
        records = None if part.records is None else offsets
    return None if text == source else (Part((*part.path, escape.name), text, records), source)


def _touched(part: Part, places: Int64Array) -> tuple[Int64Array, Int64Array]:
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
