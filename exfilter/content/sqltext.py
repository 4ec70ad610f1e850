"""SQL as text: dumps of MySQL, PostgreSQL, SQL Server, Oracle and SQLite. A record is a row.

The text stays, but for what stands for something else in it: doubled quotes, backslashes before quotes,
text in hexadecimal, and the codes of ``U&'...'``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import numpy as np

from exfilter.content.block import Block
from exfilter.content.codes import places
from exfilter.model import Int64Array

_STATEMENT = (
    r"(?:INSERT|REPLACE|UPDATE|DELETE|MERGE|COPY|CREATE|ALTER|DROP|SELECT|SET|USE|BEGIN|START|PRAGMA|LOCK)"
    r"(?=[\s;])"
)
_FIRST = re.compile(_STATEMENT, re.IGNORECASE)
# These begin with a letter and not with a choice: the search for a letter is fast.
_LINE = re.compile(rf"\n{_STATEMENT}", re.IGNORECASE)
_FILLED = re.compile(
    r"\bVALUES\s{0,99}\(|^COPY\s[^\n;]{1,4000}\sFROM\s+STDIN\b|^UPDATE\s[^\n]{1,4000}\sSET\s",
    re.IGNORECASE | re.MULTILINE,
)
_COMMENTS = ("--", "#", "/*", "*", "\\", "@")
_ROWS = (
    re.compile(r"\)\s{0,99},\s{0,99}(\()"),
    re.compile(r"[Vv](?:ALUES|alues)\s{0,99}(\()"),
)
_HELD = re.compile(r"(?:\)|\bVALUES)[\s,]{0,200}\Z", re.IGNORECASE)
_COMMENT = re.compile(r"\n(?:--|#)[^\n]*")
_PAIR = re.compile(r"\\.", re.DOTALL)
_COPY = re.compile(r"\nCOPY\s[^\n;]{1,4000}\sFROM\s+STDIN\b[^\n]*\n", re.IGNORECASE)
_COPIED = re.compile(r"\n\\\.")
_SIGNS = ("''", "\\", "X'", "x'", "0x", "0X", "U&'", "u&'")
_ESCAPED = re.compile(
    r"(?:[xX]'|0[xX]|\\{1,2}x)((?:[0-9A-Fa-f]{2}){4,}+)(?![0-9A-Fa-f])'?"
    r"|(?:[uU]&|UNISTR\()'([^'\n]*+)'"
    r"|\\(['\"\\])|''"
)
_CODE = re.compile(r"\\\+?([0-9A-Fa-f]{4,6})")


def recognises(sample: str) -> bool:
    """Whether text begins with a statement or comments, and fills a table."""
    for line in sample.split("\n", 200)[:200]:
        if line.strip() and not line.lstrip().startswith(_COMMENTS):
            return bool(_FIRST.match(line.lstrip()) and _FILLED.search(sample))
    return False


def read(blocks: Iterator[str]) -> Iterator[Block]:
    """Yield the blocks with their rows."""
    dump, carry = Dump(), ""
    for block in blocks:
        text = carry + block
        held = _HELD.search(text, max(0, len(text) - 300))
        cut = held.start() if held else len(text)
        carry = text[cut:]
        if cut:
            yield dump.block(text[:cut])
    if carry:
        yield dump.block(carry)


class Dump:
    """What has to be known of a dump between two blocks."""

    def __init__(self) -> None:
        """Begin outside of everything."""
        self._copied = False
        self._inside = 0

    def block(self, text: str) -> Block:
        """Return the text with its rows."""
        led = f"\n{text}"  # so that what begins a line stands behind a line end
        starts = np.unique(np.concatenate([self._statements(led), *self._lines(led)]))
        starts = starts[starts < len(text)]
        signs = [sign for sign in _SIGNS if sign in text]
        if not signs:
            return Block("", text, starts)
        bounds = [0, *starts.tolist(), len(text)]
        pieces = [text[start:end] for start, end in itertools.pairwise(bounds)]
        for number, piece in enumerate(pieces):
            if any(sign in piece for sign in signs):
                pieces[number] = _ESCAPED.sub(_meant, piece)
        offsets = np.cumsum([len(piece) for piece in pieces[:-1]], dtype=np.int64)
        return Block("", "".join(pieces), np.unique(offsets[offsets < sum(map(len, pieces))]))

    def _lines(self, led: str) -> Iterator[Int64Array]:
        """Yield the lines of what is copied: PostgreSQL writes rows below the statement (COPY)."""
        at = 0
        while at < len(led):
            turn = (_COPIED if self._copied else _COPY).search(led, at)
            end = turn.end() - 1 if turn else len(led)
            if self._copied:
                yield places(led[at:end], "\n") + at
            self._copied ^= turn is not None
            at = max(end, at + 1)

    def _statements(self, led: str) -> Int64Array:
        """Return where statements begin, and the rows of values that stand in no string.

        A place is in a string if the quotes before it, from its statement on, are odd in number.
        """
        plain = _PAIR.sub("..", led) if "\\" in led else led
        plain = _COMMENT.sub(lambda found: "\n" + "." * (len(found[0]) - 1), plain)
        quotes = places(plain, "'")
        lines = np.array([found.start() for found in _LINE.finditer(plain)], dtype=np.int64)
        found = (match.start(1) - 1 for pattern in _ROWS for match in pattern.finditer(plain))
        rows = np.array(sorted(found), dtype=np.int64)
        before = np.concatenate([[-self._inside], np.searchsorted(quotes, lines)])
        from_statement = before[np.searchsorted(lines, rows)]
        outside = (np.searchsorted(quotes, rows) - from_statement) & 1 == 0
        self._inside = int(len(quotes) - before[-1]) & 1
        return np.concatenate([lines, rows[outside]])


def _meant(found: re.Match[str]) -> str:
    """Return what stands for itself."""
    if found[1]:
        return _text(found[1]) or found[0]
    if found[2] is not None:
        return _CODE.sub(lambda code: chr(min(int(code[1], 16), 0x10FFFF)), found[2])
    return found[3] or "'"


def _text(digits: str) -> str:
    """Return the text that is written in hexadecimal, or nothing."""
    try:
        text = bytes.fromhex(digits).decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""
