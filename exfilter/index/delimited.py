"""Customer tables as CSV, and the like with tabs, semicolons or bars (RFC 4180, loosely)."""

from __future__ import annotations

import contextlib
import csv
import re
from collections import deque
from typing import TYPE_CHECKING

from exfilter.index.table import TOLD_EVERY, Broken, Progress, Row, opened, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from exfilter.index.charset import Charset

SEPARATORS = {
    ",": "CSV",
    "\t": "TSV",
    ";": "CSV, separated by ;",
    "|": "CSV, separated by |",
    "\x1f": "one column",
}
ONE_COLUMN = "\x1f"
"""A separator that does not occur: the only column may hold commas."""
SAMPLED = 50
"""Lines from the beginning that vote on the separator."""
MAX_LINES = 100
"""Lines of one row, at most: a quote that is opened and never closed swallows no more."""


_UNDECODED = re.compile("[\ud800-\udfff]")
"""What ``surrogateescape`` makes of invalid bytes."""


MAX_QUOTED_LINES = 16
"""Lines of one row with quotes in them, at most."""


class _BrokenError(Exception):
    """A row that cannot be read, and why."""


class _OpenQuoteError(Exception):
    """The text ends inside quotes: the row goes on in the next line."""


class DelimitedTable:
    """Rows of fields between separators."""

    def __init__(self, path: Path, charset: Charset, start: str) -> None:
        """Read the line of column names. ``start``: how the file begins."""
        self._path, self._codec = path, charset.codec
        self.charset, self.doubt = charset.shown, charset.doubt
        self._separator = sniff(start)
        self.format = SEPARATORS[self._separator]
        with opened(path) as file:
            lines = _Lines(text(file.content, self._codec))
            header = next(_records(lines, self._separator, None), None)
        if header is None or isinstance(header[1], str):
            msg = f"{path}: the line with the names of the columns cannot be read"
            raise ValueError(msg)
        self._header_line = header[0]
        self.columns = tuple(_clean(name) for name in header[1])

    def rows(self, wanted: Sequence[int], progress: Progress) -> Iterator[Row | Broken]:
        """Yield the rows below the line of column names."""
        with opened(self._path) as file:
            lines = _Lines(text(file.content, self._codec))
            for count, (line, fields) in enumerate(_records(lines, self._separator, len(self.columns))):
                if count % TOLD_EVERY == 0:
                    progress(file.progress())
                if line == self._header_line:
                    continue
                if isinstance(fields, str):
                    yield Broken(line, fields)
                elif any(map(_clean, fields)):
                    yield Row(line, tuple(_clean(fields[number]) for number in wanted))


class _Lines:
    """Lines with their numbers, which can be given back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = enumerate(lines, 1)
        self._back: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        return self._back.popleft() if self._back else next(self._lines)

    def give_back(self, lines: list[tuple[int, str]]) -> None:
        self._back.extendleft(reversed(lines))


def sniff(start: str) -> str:
    """Return the separator that splits the first lines most evenly into more than one field."""
    lines = [line for line in start.splitlines()[:SAMPLED] if line.strip()]
    if lines and len(lines[0].strip()) == len("sep=;") and lines[0].lower().startswith("sep="):
        return lines[0].strip()[-1] if lines[0].strip()[-1] in SEPARATORS else ","

    def votes(separator: str) -> tuple[int, int]:
        widths = [len(_loose(line, separator)) for line in lines]
        even = sum(width == widths[0] for width in widths) if widths and widths[0] > 1 else 0
        return even, widths[0] if widths else 0

    best = max(SEPARATORS, key=votes)
    return best if votes(best)[0] else ONE_COLUMN


def _records(lines: _Lines, separator: str, width: int | None) -> Iterator[tuple[int, list[str] | str]]:
    """Yield (line, fields), or (line, reason) for a row that is broken.

    A row that is broken costs its own line and no other: what was read in search of its closing
    quote is given back.
    """
    for number, line in lines:
        if not line.strip("\r\n\0 ") or (number == 1 and line.lower().lstrip("\ufeff").startswith("sep=")):
            continue
        taken: list[tuple[int, str]] = []
        try:
            yield number, _record(line, lines, taken, separator, width)
        except _BrokenError as error:
            lines.give_back(taken)
            yield number, str(error)


def _record(
    line: str, lines: _Lines, taken: list[tuple[int, str]], separator: str, width: int | None
) -> list[str]:
    """Return the fields of one row. Further lines that belong to it end up in ``taken``."""
    try:
        fields = _fields(line, lines, taken, separator)
    except (csv.Error, _OpenQuoteError) as error:
        reason = "field too long" if "limit" in str(error) else "invalid quoting"
        raise _BrokenError(reason) from None
    if any(not field.isascii() and _UNDECODED.search(field) for field in fields):
        reason = "invalid characters for the charset"
        raise _BrokenError(reason)
    if width is None:
        return fields
    # A quote that is opened by mistake and closed by another row's must not swallow the rows between.
    swallowed = any(_is_row(text, separator, width) for _, text in taken)
    while len(fields) > width and not fields[-1].strip():
        fields.pop()
    if len(fields) == width and not (swallowed and width > 2):
        return fields
    if not swallowed:
        taken.clear()
    reason = "invalid quoting" if len(fields) == width else "wrong number of fields"
    raise _BrokenError(reason)


def _is_row(line: str, separator: str, width: int) -> bool:
    return line.count('"') % 2 == 0 and len(_loose(line, separator)) == width


def _fields(line: str, lines: _Lines, taken: list[tuple[int, str]], separator: str) -> list[str]:
    """Split a row; where a quote stays open, go on with the next lines, which end up in ``taken``."""
    if '"' not in line:
        return line.rstrip("\r\n").split(separator)
    whole = [line]
    for _ in range(MAX_QUOTED_LINES):
        with contextlib.suppress(_OpenQuoteError):
            return _strict("".join(whole), separator)
        for number, following in lines:
            taken.append((number, following))
            whole.append(following)
            if '"' in following or len(taken) >= MAX_LINES:
                break
    raise _OpenQuoteError


def _strict(row: str, separator: str) -> list[str]:
    bare = row.rstrip("\r\n")
    try:
        return _parse(bare, separator)
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise _OpenQuoteError from None
        # Stray blanks behind a closing quote are no reason to lose a row.
        return _parse(re.sub(rf'"[ \t]+(?={re.escape(separator)}|$)', '"', bare), separator)


def _parse(row: str, separator: str) -> list[str]:
    """Split by RFC 4180. Raises csv.Error."""
    return next(csv.reader([row], delimiter=separator, strict=True, skipinitialspace=separator != "\t"))


def _loose(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=separator != "\t"), [])
    except csv.Error:
        return []


def _clean(cell: str) -> str:
    return cell.replace("\0", "").strip(" \t\r\n\ufeff\u00a0")
