"""Customer tables as CSV, and the like with tabs, semicolons or bars (RFC 4180, loosely)."""

from __future__ import annotations

import codecs
import contextlib
import csv
import itertools
import re
from collections import deque
from typing import TYPE_CHECKING, BinaryIO

from exfilter.index.table import TOLD_EVERY, Broken, Progress, Row, decoding_errors, opened, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
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


FIRST_STRETCH, STRETCH = 1 << 14, 1 << 21
"""Bytes that are read together: at first, and at most."""

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


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
                row = self._row(line, fields, wanted)
                if row is not None:
                    yield row

    def stretches(self, wanted: Sequence[int], progress: Progress) -> Iterator[DelimitedStretch]:
        """Yield the whole file, some lines at a time."""
        with opened(self._path) as file:
            first = True
            for data in whole_lines(utf8(file.content, self._codec)):
                progress(file.progress())
                yield DelimitedStretch(data, self, tuple(wanted), first=first)
                first = False

    @property
    def separator(self) -> str:
        """What stands between two fields."""
        return self._separator

    def take(
        self, data: bytes, at: int, line: int, wanted: Sequence[int], *, first: bool
    ) -> tuple[Row | Broken | None, int, int, bool]:
        """Read the row that begins at ``at`` in some lines of the file, which is in UTF-8.

        Returns the row (None: there is none), how many bytes and lines it has, and whether it could go on
        behind the end of ``data``. ``line``: number of the line. ``first``: ``data`` begins the file.
        """
        pieces = _Pieces(data, at)
        lines = _Lines(pieces, line)
        found = next(_records(lines, self._separator, len(self.columns), first=first), None)
        read = pieces.sizes[: len(pieces.sizes) - lines.given_back]
        row = None if found is None else self._row(*found, wanted, first=first)
        return row, sum(read), len(read), pieces.ended and found is not None

    def _row(
        self, line: int, fields: list[str] | str, wanted: Sequence[int], *, first: bool = True
    ) -> Row | Broken | None:
        """Return a row's cells; None for the line of column names and for one that is empty."""
        if first and line == self._header_line:
            return None
        if isinstance(fields, str):
            return Broken(line, fields)
        if any(map(_clean, fields)):
            return Row(line, tuple(_clean(fields[number]) for number in wanted))
        return None


class _Pieces:
    """Lines of some bytes, as they are asked for."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self.sizes: list[int] = []
        self.ended = False
        """More were asked for than there are."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        found = _LINE.match(self._data, self._at)
        if found is None:
            self.ended = True
            raise StopIteration
        self._at = found.end()
        self.sizes.append(len(found[0]))
        return found[0].decode("utf-8", "surrogateescape")


class DelimitedStretch:
    """Some whole lines of a file."""

    lines_are_rows = False

    def __init__(self, data: bytes, table: DelimitedTable, wanted: tuple[int, ...], *, first: bool) -> None:
        """``first``: they begin the file."""
        self.data, self._table, self._wanted, self.headed = data, table, wanted, first

    def take(self, at: int, line: int) -> tuple[Row | Broken | None, int, int, bool]:
        """See ``DelimitedTable.take``."""
        return self._table.take(self.data, at, line, self._wanted, first=self.headed)

    def after(self, rest: bytes) -> DelimitedStretch:
        """Return this stretch with what was left of the one before."""
        return DelimitedStretch(rest + self.data, self._table, self._wanted, first=self.headed)


def utf8(content: BinaryIO, codec: str) -> Iterator[bytes]:
    """Yield a file in UTF-8, as ``table.text`` decodes it. Invalid UTF-8 stays as it is.

    The first pieces are small: what is learnt from them serves the others.
    """
    sizes = (min(FIRST_STRETCH << step, STRETCH) for step in itertools.count())
    chunks = itertools.takewhile(bool, map(content.read, sizes))
    if codec == "utf-8":
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(codec)(errors=decoding_errors(codec))
    for chunk in itertools.chain(chunks, (b"",)):
        yield decoder.decode(chunk, final=not chunk).encode("utf-8", "surrogateescape")


def whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut bytes behind lines: LF, CR LF or CR."""
    rest: list[bytes] = []
    for chunk in chunks:
        # A CR at the end may be the half of a CR LF.
        cut = chunk.rfind(b"\n") + 1 or chunk.rfind(b"\r", 0, max(0, len(chunk) - 1)) + 1
        if cut:
            yield b"".join((*rest, chunk[:cut]))
            rest = []
        rest.append(chunk[cut:])
    if any(rest):
        yield b"".join(rest)


class _Lines:
    """Lines with their numbers, which can be given back."""

    def __init__(self, lines: Iterator[str], first: int = 1) -> None:
        self._lines = enumerate(lines, first)
        self._back: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        return self._back.popleft() if self._back else next(self._lines)

    def give_back(self, lines: list[tuple[int, str]]) -> None:
        self._back.extendleft(reversed(lines))

    @property
    def given_back(self) -> int:
        """How many lines have been given back and not been read again."""
        return len(self._back)


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


def _records(
    lines: _Lines, separator: str, width: int | None, *, first: bool = True
) -> Iterator[tuple[int, list[str] | str]]:
    """Yield (line, fields), or (line, reason) for a row that is broken. ``first``: lines begin the file.

    A row that is broken costs its own line and no other: what was read in search of its closing
    quote is given back.
    """
    for number, line in lines:
        is_hint = first and number == 1 and line.lower().lstrip("\ufeff").startswith("sep=")
        if is_hint or not line.strip("\r\n\0 "):
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
