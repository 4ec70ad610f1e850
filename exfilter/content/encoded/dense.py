"""Bytes in letters and signs without blanks: base85 in its kinds, and base45."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from exfilter.content.encoded.letters import ASCII85, BASE45, DENSE, Code
from exfilter.content.encoded.stretch import Found, Way, first
from exfilter.content.glimpse import Glimpse, Range, lines

_NO_SIGNS = bytes(set(range(256)) - set(b"!#$%&*;<>?@^`{|}~"))
_SHARE, _SORTS = 0.04, 4
_BLANKS = 16
"""Blanks that a window has, or a short text around such a piece, at most."""
_BASE45 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:\r\n"
_WINDOW_PIECE = re.compile(rb"[!-~]{24,}")
_MARKED = re.compile(r"<~([!-uyz\s]{16,}?)~>")
_LINES = re.compile(r"(?:^[!-~]{20,}\r?\n)*^[!-~]{20,}$", re.MULTILINE)
_CAPITALS = re.compile(r"[0-9A-Z $%*+./:-]{24,}")
_PIECE = re.compile(r"[^\s\"',\\]{20,}")
_KINDS = 12
"""Different letters and signs of a piece at least."""


def suspects(glimpse: Glimpse) -> list[Range]:
    """Return the stretches that may be written in letters and signs."""
    return glimpse.where(glimpse.some, _dense)


def _dense(window: bytes) -> bool:
    if window.count(b"$") > 1 and not window.translate(None, _BASE45):
        return True
    return window.count(b" ") < _BLANKS and any(map(_full_of_signs, _WINDOW_PIECE.findall(window)))


def _full_of_signs(piece: bytes) -> bool:
    """Whether a piece without blanks has signs as these codes have, and no program and no path has."""
    signs = piece.translate(None, _NO_SIGNS)
    return len(signs) >= _SHARE * len(piece) and len(set(signs)) >= _SORTS


def read(text: str, span: Range) -> Iterator[Found]:
    """Yield what is written in letters and signs in a stretch of a text, in no order."""
    taken: list[Range] = []
    for match, ways in _candidates(text, *lines(text, span)):
        start, end = match.span()
        if len(set(match[0][:256])) >= _KINDS and not any(start < last and at < end for at, last in taken):
            for found in first(start, end, ways):
                taken.append((start, end))
                yield found


def _candidates(text: str, start: int, end: int) -> Iterator[tuple[re.Match[str], Iterator[Way]]]:
    """Yield what may be written so, the surest first."""
    for match in _MARKED.finditer(text, start, end):
        yield match, _ways(match[1], (ASCII85,))
    for match in _LINES.finditer(text, start, end):
        yield match, _ways(match[0], DENSE)
    for match in _PIECE.finditer(text, start, end):
        yield match, _ways(match[0], DENSE)
    for match in _CAPITALS.finditer(text, start, end):
        yield match, _ways(match[0].strip(), (BASE45,))


def _ways(text: str, codes: tuple[Code, ...]) -> Iterator[Way]:
    letters = text.replace("\r", "").replace("\n", "")
    for code in codes:
        if code.pattern.fullmatch(letters):
            yield code.name, functools.partial(code.decode, letters)
