"""``exfilter index``: build, update, merge, show and verify the customer index."""

from __future__ import annotations

import dataclasses
import enum
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from exfilter import settings
from exfilter.cli import index_reports
from exfilter.index import keys, store
from exfilter.index.build import Options
from exfilter.index.build import build as build_index
from exfilter.index.columns import Use
from exfilter.index.merge import merge as merge_index
from exfilter.index.report import learnt
from exfilter.index.update import Request
from exfilter.index.update import update as update_index
from exfilter.index.verify import verify as verify_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exfilter.index.table import Progress as Told

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)


class Output(enum.StrEnum):
    """How a report is printed."""

    TABLE = "table"
    JSON = "json"


Config = Annotated[Path, typer.Option("--config", help="Configuration folder.")]
Format = Annotated[Output, typer.Option("--format", help="How to print the report.")]
Mapping = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="KIND=COLUMN",
        help=f"What a column holds, where its name does not say. Repeatable. KIND: {', '.join(Use)}.",
    ),
]
Region = Annotated[
    str | None,
    typer.Option(help="Region of phone numbers without country code, such as US. Default: the settings'."),
]

Canaries = Annotated[
    list[Path] | None,
    typer.Option(
        "--canaries",
        metavar="FILE",
        help="Canaries, as `exfilter canaries make` writes them: they join the customers. Repeatable.",
    ),
]


@app.callback()
def _index() -> None:
    """Build, update, merge, show and verify the customer index."""


@app.command()
def build(
    customers: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or JSON lines; also with gzip.")],
    mapping: Mapping = None,
    region: Region = None,
    config: Config = Path(),
    output: Format = Output.TABLE,
    *,
    canaries: Canaries = None,
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
        tuple(mapping or ()),
        given.region if region is None else settings.region(region),
        fresh,
        canaries=tuple(canaries or ()),
    )
    key = keys.load(given.index_key)
    with showing("reading") as told:
        report = build_index(customers, given.index, key, options, told)
    if output is Output.JSON:
        _json(dataclasses.asdict(report))
    else:
        index_reports.build_report(report)


@app.command()
def update(
    changes: Annotated[
        Path | None,
        typer.Argument(help="Table of added and changed customers, in any format that build reads."),
    ] = None,
    remove: Annotated[
        Path | None,
        typer.Option(help="Customers to remove: a table with their ids, or one id a line."),
    ] = None,
    mapping: Mapping = None,
    region: Region = None,
    config: Config = Path(),
    output: Format = Output.TABLE,
    *,
    canaries: Canaries = None,
) -> None:
    """Add, change and remove customers without building the index again.

    A customer id that is known: all its keys are replaced by what the table says, so give all of its rows.
    One that is not: it is added. Removed customers stop matching at once, in running proxies too. Their
    ids stay in the index, encrypted, so that older findings can still be named; `index build --fresh`
    forgets them.

    All of it is done or, where a file cannot be used, nothing. Ids to remove that the index never had
    are reported by their lines; where it never had any of them, that is an error.
    """
    given = settings.load(config)
    where = given.region if region is None else settings.region(region)
    key = keys.load(given.index_key)
    with showing("updating") as told:
        request = Request(changes, remove, tuple(mapping or ()), where, canaries=tuple(canaries or ()))
        report = update_index(given.index, key, request, told)
    if output is Output.JSON:
        _json(dataclasses.asdict(report))
    else:
        index_reports.update_report(report)


@app.command()
def merge(config: Config = Path(), output: Format = Output.TABLE) -> None:
    """Fold all updates into the base, without the customer table.

    What is found stays the same. Frequencies stay those of the updates; `index build` counts them anew.
    """
    given = settings.load(config)
    key = keys.load(given.index_key)
    with showing("merging") as told:
        report = merge_index(given.index, key, told)
    if output is Output.JSON:
        _json(dataclasses.asdict(report))
    else:
        index_reports.merge_report(report)


@app.command()
def info(config: Config = Path(), output: Format = Output.TABLE) -> None:
    """Show what the index holds: numbers and shapes, no values."""
    given = settings.load(config)
    index = store.Index.open(given.index, keys.load(given.index_key))
    if output is Output.JSON:
        shapes = [dataclasses.asdict(shape) for shape in learnt(index.tables.shapes)]
        _json(index_reports.about(index) | {"shapes": shapes})
    else:
        index_reports.info(index)


@app.command()
def verify(config: Config = Path()) -> None:
    """Check every byte of the index. Exit code 2 and the files' names if anything was altered."""
    given = settings.load(config)
    index = verify_index(given.index, keys.load(given.index_key))
    typer.echo(f"index {index.id} is whole: {index.customers:,} customers, {index.tables.records:,} keys")


@contextmanager
def showing(doing: str) -> Iterator[Told]:
    """Show a bar on standard error, where that is a terminal."""
    columns = (TextColumn(doing), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=1.0)
        yield lambda done: bar.update(task, completed=done)


def _json(report: dict[str, object]) -> None:
    typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
