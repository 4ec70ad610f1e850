"""Customer tables: what kind of file it is, and its rows, whatever the kind.

A table is read twice: once to learn the shapes of its ticket numbers, once for everything. So it
has to be a file; nothing of it is ever copied to disk.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from pathlib import Path

Cell = str | tuple[str, ...]
"""A cell, or the values of a list."""
Progress = Callable[[float], None]
"""Told how much of the table has been read, 0 to 1."""

SNIFFED = 1 << 16
"""Bytes from the beginning that tell what a file is."""
TOLD_EVERY = 2048
"""Rows between two reports of progress."""


class Row(NamedTuple):
    """One row that could be read."""

    line: int
    """Line of the file, or row where there are no lines, from 1."""
    cells: tuple[Cell, ...]
    """Those that were asked for, in that order."""


class Broken(NamedTuple):
    """One row that could not be read."""

    line: int
    reason: str


class Table(Protocol):
    """An opened customer table."""

    format: str
    """What it is, for the report."""
    charset: str
    """Empty where the format knows none."""
    doubt: str
    """Why the charset may be another one. Empty: it is certain."""
    columns: tuple[str, ...]
    """Names as they stand in the file, also repeated ones."""

    def rows(self, wanted: Sequence[int], progress: Progress) -> Iterator[Row | Broken]:
        """Yield the rows from the beginning, with the cells of the wanted columns."""
        ...


class Unzipped(NamedTuple):
    """An opened file, and the one whose position tells the progress."""

    content: BinaryIO
    raw: BinaryIO
    size: int

    def progress(self) -> float:
        """Return how much of the file has been read, 0 to 1."""
        return min(1.0, self.raw.tell() / self.size) if self.size else 1.0


@contextmanager
def opened(path: Path) -> Iterator[Unzipped]:
    """Open a file, gzip or not. A damaged one raises ValueError when it is read."""
    with path.open("rb") as raw:
        size = path.stat().st_size
        is_gzip = raw.peek(2)[:2] == b"\x1f\x8b"
        content = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if is_gzip else raw
        try:
            yield Unzipped(content, raw, size)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            msg = f"{path} is damaged: its gzip stream ends or breaks off; export the table again"
            raise ValueError(msg) from None


def text(content: BinaryIO, codec: str) -> io.TextIOWrapper:
    """Return the lines of a file: they end with LF, CR LF or CR, which is kept.

    Bytes that are not UTF-8 become surrogates, so that a row can be refused for them.
    """
    return io.TextIOWrapper(content, encoding=codec, errors=decoding_errors(codec), newline="")


def decoding_errors(codec: str) -> str:
    """Return what becomes of bytes that are no characters: in UTF-8 surrogates, else U+FFFD."""
    return "surrogateescape" if codec.startswith("utf-8") else "replace"
