"""Runs: letters without a break, or in lines of one length, in the strings of an array, in a sum."""

from __future__ import annotations

import re
from typing import NamedTuple

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_LETTER = "[A-Za-z0-9+/_-]"
WORD = re.compile(
    rf"(?<!{_LETTER})(?=[A-Za-z+/_-]*+[0-9=]|[A-Za-z+/_-]*?[A-Za-z][A-Z]){_LETTER}{{6,}}={{0,6}}"
)
"""What may be a run by itself: not a word of small letters, with a capital in front or without."""
_WORD = re.compile(f"{_LETTER}+")
_PADDING = re.compile("={0,6}")
_BREAK = re.compile(
    r"""(?:\\r)?(?:\\n)?(?:["'`][ \t]*[,+.&]?[ \t]*\\?)?\r?\n?[ \t>#*;]*(?:[+.&][ \t]*)?(?:b?["'`])?"""
)
"""What may stand between two pieces of a run: a line end with what begins the next line, or quotes."""
_BLANKS = re.compile(r"\s*")
_LEAST = 16
"""Letters of a piece of a run that has several."""
_WRAPPED = 40
"""Letters of a line that is broken because it would be too long."""
_LINES, _STRINGS = 2, 3
"""Pieces of a run at least: lines, and strings, which may be fields by themselves."""
_BACK = 1 << 8


class Run(NamedTuple):
    """A run in a text."""

    start: int
    end: int
    letters: str
    """Without breaks and padding."""
    pieces: int
    size: int
    """Letters of a piece."""
    mark: str
    """What stands between two pieces."""


def at(text: str, place: int) -> Run:
    """Return the run that holds a place."""
    start = _beginning(text, place)
    if text.startswith(("0x", "0X"), start):
        start += 2
    elif text.startswith("\\x", start - 1):
        start += 1
    found = _WORD.match(text, start)
    end = found.end() if found else place
    whole = _joined(text, start, end)
    if whole is not None:
        return whole
    padding = _PADDING.match(text, end)
    return Run(start, padding.end() if padding else end, text[start:end], 1, end - start, "")


def _beginning(text: str, place: int) -> int:
    """Return where the letters around a place begin."""
    reach = _BACK
    while True:
        before = text[max(0, place - reach) : place]
        letters = len(before) - len(before.rstrip(LETTERS))
        if letters < len(before) or letters == place:
            return place - letters
        reach *= 4


def _joined(text: str, start: int, end: int) -> Run | None:
    """Return the run in pieces whose first one, or one of them, is known."""
    known = _break(text, end)
    if known is None:
        return None
    mark, size = known
    if end - start > size and end - start < _WRAPPED:
        return None
    size = max(size, end - start)
    start = _first(text, start, end, mark, size)
    found = _WORD.match(text, start)
    end = follow(text, found.end() if found else end, mark, size)
    letters = text[start:end].replace(mark, "")
    pieces = 1 + (end - start - len(letters)) // len(mark)
    if pieces < (_LINES if mark.isspace() else _STRINGS):
        return None
    return Run(start, end, letters.rstrip("="), pieces, size, mark)


def _break(text: str, end: int) -> tuple[str, int] | None:
    """Return what stands behind a piece and how long the next piece is."""
    mark = _BREAK.match(text, end)
    if mark is None or _BLANKS.fullmatch(mark[0].replace("\n", "x")):
        return None
    following = _WORD.match(text, mark.end())
    if following is None or following.end() - following.start() < _LEAST:
        return None
    return mark[0], following.end() - following.start()


def _first(text: str, start: int, end: int, mark: str, size: int) -> int:
    """Return where the first piece begins: those before the known one are as long."""
    if end - start < size:
        return start
    step = len(mark) + size
    while start >= step and text.startswith(mark, start - len(mark)):
        before = text[start - step : start - len(mark)]
        if before.strip(LETTERS):
            break
        start -= step
    return start


def follow(text: str, at: int, mark: str, size: int) -> int:
    """Return where a run ends whose next piece would begin behind a mark at this place."""
    while mark and text.startswith(mark, at):
        start = at + len(mark)
        piece = text[start : start + size + 1]
        letters = len(piece) - len(piece.lstrip(LETTERS))
        if not 0 < letters <= size:
            break
        at = start + letters
        if letters < size:
            break
    found = _PADDING.match(text, at)
    return found.end() if found else at


def rest(text: str, at: int, run: Run) -> int:
    """Return where a run ends that was cut somewhere before this place."""
    found = _WORD.match(text, at)
    return follow(text, found.end() if found else at, run.mark, run.size)
