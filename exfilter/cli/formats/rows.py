"""Rows of named columns as a table, CSV, JSON lines or Parquet, written as they come."""

from __future__ import annotations

import csv
import datetime as dt
import enum
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import batched
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exfilter.cli.formats import printable

if TYPE_CHECKING:
    from types import ModuleType

UNBOUNDED = 10_000
"""Columns where the output is not a terminal: nothing is wrapped or cut."""
STRETCH = 4096
"""Rows of a Parquet row group's piece."""

type Cell = str | int | bool | tuple[str, ...]


class Output(enum.StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    HTML = "html"


@contextmanager
def opened(out: Path | None) -> Iterator[IO[bytes]]:
    """Open a new file that only its owner can read; None: standard output.

    Raises FileExistsError: nothing is overwritten. A file that could not be finished is removed.
    """
    if out is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        msg = f"{out} exists and is not overwritten; name another file"
        raise FileExistsError(msg) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def check(output: Output, out: Path | None) -> None:
    """Raise ValueError where a format cannot be written, before anything is read."""
    if output in (Output.PARQUET, Output.HTML) and out is None:
        msg = f"--format {output} writes a file: name a new one with --out FILE"
        raise ValueError(msg)
    if output is Output.PARQUET and not find_spec("pyarrow"):
        msg = "Parquet needs an extra: run `pip install 'exfilter[index]'`"
        raise ValueError(msg)


def write(file: IO[bytes], output: Output, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write rows, each as long as ``columns``; not for tables."""
    if output is Output.PARQUET:
        _parquet(file, columns, rows)
    elif output is Output.CSV:
        _csv(file, columns, rows)
    else:
        for row in rows:
            file.write(json.dumps(dict(zip(columns, row, strict=True))).encode() + b"\n")


def table(
    out: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: Sequence[str] = ()
) -> None:
    """Print a table for people."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        shown.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(_told(cell)) for cell in row))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBOUNDED
    console = Console(file=out, highlight=False, width=width)
    console.print(shown)


def moment(seconds: float) -> str:
    """Return a time as ISO 8601, UTC, in seconds. Empty for one that no calendar has."""
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def _told(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    return printable(", ".join(cell) if isinstance(cell, tuple) else cell)


def _csv(file: IO[bytes], columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    file.write(_line(columns))
    for row in rows:
        file.write(_line([_plain(cell) for cell in row]))


class _Last:
    """Keeps what was written last."""

    text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)


def _line(cells: Sequence[object]) -> bytes:
    last = _Last()
    csv.writer(last, lineterminator="\n").writerow(cells)
    return last.text.encode("utf-8", "backslashreplace")


def _plain(cell: Cell) -> object:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, tuple):
        # A spreadsheet would compute what begins like a formula: a destination is not ours to trust.
        text = "; ".join(map(printable, cell))
        return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
    return printable(cell) if isinstance(cell, str) else cell


def _parquet(file: IO[bytes], columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
    import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]

    writer: Any = None
    for some in batched(rows, STRETCH):
        if writer is None:
            kinds = [(name, _kind(pa, cell)) for name, cell in zip(columns, some[0], strict=True)]
            writer = pq.ParquetWriter(file, pa.schema(kinds))
        lists = [[_clean(cell) for cell in each] for each in zip(*some, strict=True)]
        writer.write_batch(
            pa.record_batch(
                [pa.array(each, kind) for each, kind in zip(lists, writer.schema.types, strict=True)],
                schema=writer.schema,
            )
        )
    if writer is None:
        pq.write_table(pa.table({name: pa.array([], pa.string()) for name in columns}), file)
    else:
        writer.close()


def _clean(cell: Cell) -> object:
    if isinstance(cell, tuple):
        return [printable(each) for each in cell]
    return printable(cell) if isinstance(cell, str) else cell


def _kind(pa: ModuleType, cell: Cell) -> Any:  # noqa: ANN401 - pyarrow's, not typed
    if isinstance(cell, bool):
        return pa.bool_()
    if isinstance(cell, int):
        return pa.int64()
    return pa.list_(pa.string()) if isinstance(cell, tuple) else pa.string()
