"""Text that was written in escapes: a second view of the places that hold them.

Each undoing gives an additional part, so that nothing that stands in the clear is ever lost.
The view holds the records (or lines) with escapes and leaves out the others.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exfilter.content import jsontext
from exfilter.model import Int64Array, Part

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
)


def emitted(part: Part) -> Iterator[Part]:
    """Yield a part and after it the views of its escapes."""
    yield part
    yield from _views(part, DEPTH)


def _views(part: Part, depth: int) -> Iterator[Part]:
    for escape in ESCAPES if depth else ():
        view = _view(part, escape)
        if view is not None:
            yield view
            yield from _views(view, depth - 1)


def _view(part: Part, escape: Escape) -> Part | None:
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
    if "".join(pieces) == "".join(part.text[start:end] for start, end in zip(starts, ends, strict=True)):
        return None
    offsets = np.unique(np.cumsum([0, *map(len, filter(None, pieces))])[:-1])
    return Part((*part.path, escape.name), "".join(pieces), None if part.records is None else offsets)


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
