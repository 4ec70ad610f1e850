"""Text that was written in escapes: a second view of the places that hold them.

Each undoing gives an additional part, so that nothing that stands in the clear is ever lost.
"""

from __future__ import annotations

import binascii
import codecs
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from exfilter.content import disguises, encoded, jsontext, rare
from exfilter.content.budget import Budget, Item
from exfilter.content.encoded.runs import LETTERS
from exfilter.content.glimpse import Glimpse
from exfilter.content.native import passes
from exfilter.content.signs import BACKSLASH, NONE, PERCENT, Signs
from exfilter.content.views import rewritten
from exfilter.model import Int64Array, Part, Reason, Unscanned

DEPTH = 3
"""Escapes inside escapes that are undone."""
_DISGUISES = 2
"""Disguises over each other."""


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
_BEFORE, _BEHIND = 8, 32
"""Letters before and behind a plus sign that is one of base64: no word before UTF-7 has such a run."""
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
    """Yield a part and after it the views of what is written otherwise in it, as far as the budget goes.

    What is encoded in it and no text waits in the budget to be opened.
    """
    yield part
    budget.text(len(part.text))
    yield from _views(part, _Left(budget.limits.depth), budget)


class _Left(NamedTuple):
    """What may still be undone in a view."""

    decodings: int
    escapes: int = DEPTH
    after: int = 0
    """The number of the escape that the view is of."""
    source: str = ""
    """What the view was before."""
    disguises: frozenset[str] = frozenset()
    """Kinds that were undone: none is undone twice."""


def _views(part: Part, left: _Left, budget: Budget) -> Iterator[Item]:
    for item, further in _undone(part, left, budget):
        if isinstance(item, Part) and not budget.view(len(item.text)):
            yield Unscanned(item.provenance, Reason.OVER_BUDGET, max(1, len(item.text)))
            return
        yield item
        if isinstance(item, Part):
            yield from _views(item, further, budget)


def _undone(part: Part, left: _Left, budget: Budget) -> Iterator[tuple[Item, _Left]]:
    """Yield the views of a part, each with what may be undone in it.

    What one order of undoing has given is not undone in another: an earlier escape counts only
    where there is more of it than before.
    """
    find = _finder(part.text)
    for number, escape in enumerate(ESCAPES if left.escapes else ()):
        if number < left.after and part.text.count(escape.sign) <= left.source.count(escape.sign):
            continue
        if budget.overdue():
            return
        places = _shifted(part.text, find(number)) if escape.undo is _utf7 else find(number)
        found = rewritten(part, escape.name, places, escape.undo, by_lines=escape.by_lines)
        if found is not None:
            yield found[0], left._replace(escapes=left.escapes - 1, after=number, source=found[1])
    glimpse, fewer = Glimpse(part.text), left.decodings - 1
    for view in rare.views(part, glimpse) if left.escapes else ():
        yield view, left._replace(escapes=left.escapes - 1)
    lossy = left.disguises & disguises.LOSSY
    for item in encoded.views(part, budget, glimpse, surely=bool(left.disguises)) if not lossy else ():
        if isinstance(item, Part) and not left.decodings:
            item = Unscanned(item.provenance, Reason.OVER_BUDGET, max(1, len(item.text)))  # noqa: PLW2901
        yield item, _Left(fewer, disguises=left.disguises)
    if left.decodings and len(left.disguises) < _DISGUISES:
        for kind, view in disguises.views(part, glimpse, left.disguises):
            yield view, _Left(fewer, disguises=left.disguises | {kind})


def _shifted(text: str, places: Int64Array) -> Int64Array:
    """Return the places that are not inside a run of base64."""
    if not len(places):
        return places
    kept = [
        (start, end)
        for start, end in places.tolist()
        if start < _BEFORE
        or text[start - _BEFORE : start].strip(LETTERS)
        or len(text) < end + _BEHIND
        or text[end : end + _BEHIND].strip(LETTERS)
    ]
    return np.array(kept, dtype=np.int64).reshape(-1, 2)


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
