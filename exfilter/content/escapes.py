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
import numpy.typing as npt

from exfilter.content import jsontext
from exfilter.content.budget import Budget, Item
from exfilter.model import Int64Array, Part, Reason, Unscanned

DEPTH = 3
"""Escapes inside escapes that are undone."""


@dataclass(frozen=True, slots=True)
class Escape:
    """One way to write characters with others."""

    name: str
    sign: str
    """What every place with such an escape contains: a quick look before the pattern."""
    pattern: re.Pattern[str]
    undo: Callable[[str], str]


_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_QUOTED = re.compile(r"(?:=[0-9A-F]{2})+")
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


ESCAPES = (
    Escape("percent", "%", _PERCENT, percent),
    Escape("entities", "&", re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"), html.unescape),
    Escape("escapes", "\\", re.compile(r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[nrt/\"])"), _backslashes),
    Escape(
        "quoted-printable",
        "=",
        re.compile(r"=[ \t]{0,8}\r?\n(?=[^\r\n])|=40|=3D|=2E|=[C-F][0-9A-F]=[89AB][0-9A-F]"),
        _quoted_printable,
    ),
    Escape("iso-2022-jp", "\x1b", re.compile(r"\x1b\$[@B]"), _japanese),
    Escape("utf-7", "+", re.compile(r"\+A[A-Z][A-Za-z0-9+/]|\+[A-Za-z0-9/]{3,}+-"), _utf7),
    # Characters of 16 bits in the midst of others.
    Escape("zeros", "\x00", re.compile(r"[^\x00]\x00[^\x00]\x00[^\x00]\x00"), _without_zeros),
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
    for number, escape in enumerate(ESCAPES if depth else ()):
        if number < after and part.text.count(escape.sign) <= source.count(escape.sign):
            continue
        if budget.overdue():
            return
        found = _view(part, escape)
        if found is None:
            continue
        view, lines = found
        if not budget.view(len(view.text)):
            yield Unscanned(view.provenance, Reason.OVER_BUDGET, max(1, len(view.text)))
            return
        yield view
        yield from _views(view, depth - 1, budget, number, lines)


def _view(part: Part, escape: Escape) -> tuple[Part, str] | None:
    """Return the view and the lines that it is made of, or None where nothing changes."""
    if escape.sign not in part.text or not escape.pattern.search(part.text):
        return None
    places = np.array([found.span() for found in escape.pattern.finditer(part.text)], dtype=np.int64)
    starts = _segments(part)
    first, last = np.searchsorted(starts, places, "right").T - 1
    around = 1 if part.records is None else 0
    changes = np.zeros(len(starts) + 1, dtype=np.int64)
    np.add.at(changes, np.maximum(first - around, 0), 1)
    np.add.at(changes, np.minimum(last + around, len(starts) - 1) + 1, -1)
    touched = np.cumsum(changes[:-1]) > 0
    ends = np.append(starts[1:], len(part.text))
    if part.records is None:
        starts, ends = _runs(touched, starts, ends)
    else:
        starts, ends = starts[touched], ends[touched]
    pieces = [escape.undo(part.text[start:end]) for start, end in zip(starts, ends, strict=True)]
    text = "".join(pieces)
    source = "".join(part.text[start:end] for start, end in zip(starts, ends, strict=True))
    if text == source:
        return None
    offsets = np.unique(np.cumsum([0, *map(len, filter(None, pieces))])[:-1])
    view = Part((*part.path, escape.name), text, None if part.records is None else offsets)
    return view, source


def _segments(part: Part) -> Int64Array:
    """Return where the pieces begin that a view keeps or leaves: records, else lines."""
    if part.records is not None:
        inner = part.records
    else:
        codes = np.frombuffer(part.text.encode("latin-1", "replace"), dtype=np.uint8)
        inner = np.flatnonzero(codes == ord("\n")) + 1
    inner = inner[(inner > 0) & (inner < len(part.text))]
    return np.concatenate([np.zeros(1, dtype=np.int64), inner])


def _runs(
    touched: npt.NDArray[np.bool_], starts: Int64Array, ends: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Join neighbours, so that an escape that goes over a line end is undone."""
    before = np.concatenate([[False], touched[:-1]])
    after = np.concatenate([touched[1:], [False]])
    return starts[touched & ~before], ends[touched & ~after]
