"""``exfilter index``: build, show and verify the customer index."""

from __future__ import annotations

import dataclasses
import enum
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from detectors import CANONICALISER
from exfilter import settings
from exfilter.index import keys, manifest, store
from exfilter.index.build import Options
from exfilter.index.build import build as build_index
from exfilter.index.columns import Use
from exfilter.index.report import Omitted, Report, learnt
from exfilter.index.verify import verify as verify_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exfilter.index.table import Progress as Told

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)
UNBOUNDED = 10_000
"""Columns where the output is not a terminal: nothing is wrapped or cut."""


class Output(enum.StrEnum):
    """How a report is printed."""

    TABLE = "table"
    JSON = "json"


Config = Annotated[Path, typer.Option("--config", help="Configuration folder.")]
Format = Annotated[Output, typer.Option("--format", help="How to print the report.")]


@app.callback()
def _index() -> None:
    """Build, show and verify the customer index."""


@app.command()
def build(
    customers: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or JSON lines; also with gzip.")],
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="KIND=COLUMN",
            help=f"What a column holds, where its name does not say. Repeatable. KIND: {', '.join(Use)}.",
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="Region of phone numbers without country code, such as US. Default: the settings'."
        ),
    ] = None,
    config: Config = Path(),
    output: Format = Output.TABLE,
    *,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Start over: do not keep the customers' numbers of the index before."),
    ] = False,
) -> None:
    """Build the index of a customer table, in place of the one before.

    Whoever uses the index before goes on with it undisturbed. Ends with a report: what was read, what was
    left out and why.
    """
    given = settings.load(config)
    options = Options(
        tuple(mapping or ()), given.region if region is None else settings.region(region), fresh
    )
    key = keys.load(given.index_key)
    with _progress() as told:
        report = build_index(customers, given.index, key, options, told)
    if output is Output.JSON:
        typer.echo(json.dumps(dataclasses.asdict(report), indent=2, ensure_ascii=False))
    else:
        _print(report)


@app.command()
def info(config: Config = Path(), output: Format = Output.TABLE) -> None:
    """Show what the index holds: numbers and shapes, no values."""
    given = settings.load(config)
    index = store.Index.open(given.index, keys.load(given.index_key))
    about = {
        "index": index.id,
        "format": manifest.FORMAT,
        "canonicaliser": CANONICALISER,
        "customers": index.customers,
        "customers_gone": index.ordinals - index.customers,
        "keys": index.keys,
        "shapes": [dataclasses.asdict(shape) for shape in learnt(index.tables.shapes)],
    }
    if output is Output.JSON:
        typer.echo(json.dumps(about, indent=2))
        return
    table = _plain("", "")
    for name in ("index", "format", "canonicaliser", "customers", "customers_gone"):
        table.add_row(name.replace("_", " "), f"{about[name]}")
    for kind, count in index.keys.items():
        table.add_row(f"{kind} keys", f"{count:,}")
    for shape in learnt(index.tables.shapes):
        table.add_row(f"{shape.kind} {escape(shape.shape)}", f"{shape.keys:,}")
    _console().print(table)


@app.command()
def verify(config: Config = Path()) -> None:
    """Check every byte of the index. Exit code 2 and the files' names if anything was altered."""
    given = settings.load(config)
    index = verify_index(given.index, keys.load(given.index_key))
    typer.echo(f"index {index.id} is whole: {index.customers:,} customers, {index.tables.records:,} keys")


@contextmanager
def _progress() -> Iterator[Told]:
    """Show a bar on standard error, where that is a terminal."""
    columns = (TextColumn("reading"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda done: bar.update(task, completed=done)


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else UNBOUNDED)


def _plain(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(headings))
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number == 1 else "left", overflow="fold")
    return table


def _print(report: Report) -> None:
    console = _console()
    charset = f", {report.charset}" if report.charset else ""
    console.print(f"Index {report.index} from {report.format}{charset}", markup=False)
    for use, columns in report.columns.items():
        console.print(f"  {use} from {', '.join(columns)}", markup=False)
    if report.columns_unused:
        console.print(f"  not used: {', '.join(report.columns_unused)}", markup=False)
    console.print(_numbers(report))
    for title, entries in (("Rows", report.rows_left_out), ("Cells", report.cells_left_out)):
        if entries:
            console.print(_left_out(title, entries))
    for note in report.notes:
        console.print(f"Note: {note}", markup=False)


def _numbers(report: Report) -> Table:
    table = _plain("", "", "")
    rows: list[tuple[str, int, str]] = [
        ("rows", report.rows, f"{report.rows_used:,} used"),
        ("customers", report.customers, f"{report.customers_new:,} new, {report.customers_gone:,} gone"),
        ("without identifier", report.customers_without_identifier, "customers that nothing can find"),
        (
            "duplicate rows",
            report.rows_merged,
            f"{report.rows_identical:,} repeat another row in full",
        ),
    ]
    for label, count, note in rows:
        table.add_row(label, f"{count:,}", note)
    for kind, count in report.keys.items():
        shapes = [f"{shape.shape} ({shape.keys:,})" for shape in report.shapes if shape.kind == kind]
        table.add_row(f"{kind} keys", f"{count:,}", escape(", ".join(shapes)))
    return table


def _left_out(title: str, entries: tuple[Omitted, ...]) -> Table:
    table = _plain(f"{title} left out", "count", "lines")
    for entry in entries:
        more = ", ..." if entry.count > len(entry.lines) else ""
        table.add_row(entry.reason, f"{entry.count:,}", ", ".join(map(str, entry.lines)) + more)
    return table
