"""``exfilter suspend``: actors of whom everything is held, until a reviewer lifts them."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exfilter.cli.formats import printable
from exfilter.cli.quarantine import WIDE, As, Folder, Format, Reviewer
from exfilter.who.networks import network

if TYPE_CHECKING:
    from exfilter.ledger import Suspension
    from exfilter.ledger.response import Response

Actor = Annotated[
    str, typer.Argument(help="As the proxy knows him, or his pseudonym.", metavar="ACTOR", show_default=False)
]
_UNKNOWN = (
    "the ledger knows no transfer of this actor: if the name is not meant for later, look for the right one "
    "with `exfilter ledger list` (transfers with customers) or in the decision log"
)

Why = Annotated[str, typer.Option("--reason", help="Why; it is recorded and told.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Hold everything of an actor, whatever is in it. Running proxies know within a second.",
)


@app.command("list")
def list_(format: As = Format.TABLE, config: Folder = Path()) -> None:  # noqa: A002 - the option's name
    """List who is suspended, newest first."""
    with _response(config) as (response, _):
        found = response.suspended()
    if format is Format.JSON:
        typer.echo(json.dumps([_row(each) for each in found], indent=2))
    else:
        _print_table(found)


@app.command()
def add(actor: Actor, reason: Why, reviewer: Reviewer, config: Folder = Path()) -> None:
    """Suspend an actor: every transfer of his is held from now on."""
    actor = network(actor)
    with _response(config) as (response, tell):
        name, is_known = response.suspend(actor, reviewer, reason, tell), response.is_known(actor)
    if name is None:
        msg = f"{printable(actor)} is suspended already: see `exfilter suspend list`"
        raise ValueError(msg)
    typer.echo(f"{printable(name)} suspended")
    if not is_known:
        typer.echo(f"exfilter: {_UNKNOWN}", err=True)


@app.command()
def lift(actor: Actor, reason: Why, reviewer: Reviewer, config: Folder = Path()) -> None:
    """End a suspension: transfers are judged by themselves again. What was held stays in the quarantine."""
    with _response(config) as (response, tell):
        names = response.lift(network(actor), reviewer, reason, tell)
    if not names:
        msg = f"{printable(actor)} is not suspended: see `exfilter suspend list`"
        raise ValueError(msg)
    for name in names:
        typer.echo(f"{printable(name)} lifted")


@contextlib.contextmanager
def _response(folder: Path) -> Iterator[tuple[Response, tuple[str, ...]]]:
    """Open the ledger. With it: who hears of every suspension."""
    from exfilter import settings
    from exfilter.ledger import open_ledger

    given = settings.load(folder)
    ledger = open_ledger(given)
    try:
        yield ledger.response, _told(given.policy)
    finally:
        ledger.close()


def _told(file: Path) -> tuple[str, ...]:
    """Return who hears of it. A mistake in the policy must not keep anybody from suspending."""
    from exfilter import policy

    try:
        return policy.load(file).tell.suspensions
    except (ValueError, OSError) as error:
        typer.echo(f"exfilter: nobody is told, the policy cannot be read: {error}", err=True)
        return ()


def _row(of: Suspension) -> dict[str, str]:
    from exfilter.ledger.notices import iso

    who = {"reviewer": of.who, "rule": of.rule, "reason": of.reason}
    return {"actor": of.actor, "since": iso(of.since), **who}


def _print_table(found: list[Suspension]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("Actor", "Since (UTC)", "By", "Reason", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for each in found:
        row = _row(each)
        by = row["reviewer"] or f"rule {row['rule']}"
        cells = (row["actor"], row["since"][:19], by, row["reason"])
        table.add_row(*(Text(printable(cell)) for cell in cells))
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
