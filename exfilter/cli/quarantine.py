"""``exfilter quarantine``: what was held, masked, and what a reviewer decides about it."""

from __future__ import annotations

import enum
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from exfilter.quarantine import Entry, Quarantine
    from exfilter.settings import Settings

BROKEN = 2
WIDE = 240
"""Columns where the output is no terminal: nothing is cut off there."""
LISTED = (
    *("id", "state", "time", "door", "actor", "destination", "method", "bytes", "customers", "identified"),
    *("estimated", "fields", "rule", "reason", "attempts", "expires", "redeemed"),
)


class Format(enum.StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


class Wanted(enum.StrEnum):
    """States that can be asked for."""

    HELD = "held"
    RELEASED = "released"
    DENIED = "denied"
    CONFIRMED = "confirmed"


def os_user() -> str:
    """Return the name of who runs this process."""
    import getpass
    import os

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


Folder = Annotated[Path, typer.Option("--config", help="Configuration folder.", metavar="DIR")]
Id = Annotated[str, typer.Argument(help="Transfer id, as on the block page.", metavar="ID")]
Why = Annotated[str, typer.Option("--reason", help="Why; it stays in the transfer's history.")]
Reviewer = Annotated[
    str, typer.Option("--reviewer", help="Who decides.", default_factory=os_user, show_default="the OS user")
]
As = Annotated[Format, typer.Option("--format", help="How to print.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Review what was held: everything is masked, only export opens a body.",
)


@app.command("list")
def list_(
    state: Annotated[Wanted | None, typer.Option(help="Only those in this state.")] = None,
    format: As = Format.TABLE,  # noqa: A002 - the option's name
    config: Folder = Path(),
) -> None:
    """List transfers, newest first."""
    from exfilter.quarantine import State

    with _quarantine(_settings(config)) as quarantine:
        entries = quarantine.entries(State(state) if state else None)
    if format is Format.JSON:
        typer.echo(json.dumps([_row(entry) for entry in entries], indent=2))
    else:
        _print_table(entries)


@app.command()
def show(transfer_id: Id, format: As = Format.TABLE, config: Folder = Path()) -> None:  # noqa: A002
    """Show one transfer: numbers, masked evidence, history."""
    from dataclasses import asdict

    with _quarantine(_settings(config)) as quarantine:
        entry = quarantine.show(transfer_id)
    typer.echo(json.dumps(asdict(entry), indent=2) if format is Format.JSON else "\n".join(_described(entry)))


@app.command()
def release(
    transfer_id: Id,
    reviewer: Reviewer,
    reason: Why = "",
    hours: Annotated[float, typer.Option(help="How long the release lasts.", min=0.01, max=8784)] = 24,
    config: Folder = Path(),
) -> None:
    """Let the sender's retry of exactly this transfer pass once."""
    import datetime as dt

    with _quarantine(_settings(config)) as quarantine:
        quarantine.release(transfer_id, reviewer, reason, dt.timedelta(hours=hours))
        until = quarantine.show(transfer_id).expires
    typer.echo(f"{transfer_id} released: the same transfer passes once, until {until}")


@app.command()
def deny(transfer_id: Id, reviewer: Reviewer, reason: Why = "", config: Folder = Path()) -> None:
    """Decide that a transfer stays held for good."""
    with _quarantine(_settings(config)) as quarantine:
        quarantine.deny(transfer_id, reviewer, reason)
    typer.echo(f"{transfer_id} denied")


@app.command()
def confirm(transfer_id: Id, reviewer: Reviewer, reason: Why = "", config: Folder = Path()) -> None:
    """Decide that a transfer was a leak; it stays held for good."""
    with _quarantine(_settings(config)) as quarantine:
        quarantine.confirm(transfer_id, reviewer, reason)
    typer.echo(f"{transfer_id} confirmed as a leak")


@app.command()
def export(
    transfer_id: Id,
    out: Annotated[Path, typer.Option(help="New file for the body, in clear.", metavar="FILE")],
    request: Annotated[bool, typer.Option("--request", help="Write the whole request.")] = False,  # noqa: FBT002
    config: Folder = Path(),
) -> None:
    """Decrypt a body with the reviewers' private key into a new file (mode 0600)."""
    settings = _settings(config)
    with _quarantine(settings) as quarantine:
        quarantine.export(transfer_id, settings.reviewer_key, out, request=request)
    typer.echo(f"{transfer_id} written to {out}: it holds customers in clear")


@app.command()
def verify(config: Folder = Path()) -> None:
    """Check that every held body is there and whole. Needs no private key."""
    with _quarantine(_settings(config)) as quarantine:
        found = quarantine.verify()
    for word, names in (
        ("missing", found.missing),
        ("damaged", found.damaged),
        ("without entry", found.orphans),
    ):
        for name in names:
            typer.echo(f"{word}: {name}")
    typer.echo(f"{found.checked} transfers checked, {'all whole' if found.whole else 'NOT all whole'}")
    if not found.whole:
        raise typer.Exit(BROKEN)


def _settings(folder: Path) -> Settings:
    from exfilter import settings

    return settings.load(folder)


def _quarantine(settings: Settings) -> Quarantine:
    from exfilter.quarantine import Quarantine

    return Quarantine.open(settings.quarantine)


def _row(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in LISTED}


def _print_table(entries: list[Entry]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("Id", "State", "Time (UTC)", "Actor", "Destination", box=None, pad_edge=False)
    for number in ("Customers", "Bytes", "Attempts"):
        table.add_column(number, justify="right")
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = True
    for entry in entries:
        cells = (entry.id, entry.state, entry.time[:19], entry.actor, entry.destination)
        numbers = (entry.customers, entry.bytes, entry.attempts)
        # Text, not str: an actor's name is no markup.
        table.add_row(*(Text(cell) for cell in cells), *(f"{number:,}" for number in numbers))
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)


def _described(entry: Entry) -> list[str]:
    fields = ", ".join(f"{count} by {kind}" for kind, count in entry.fields.items()) or "none"
    lines = [
        f"id           {entry.id}",
        f"state        {entry.state}",
        f"time         {entry.time}",
        f"from         {entry.actor or 'unknown'} by {entry.door}",
        f"to           {entry.destination or 'nowhere'} ({entry.method}, {entry.bytes:,} bytes)",
        f"attempts     {entry.attempts}",
        f"customers    {entry.customers} ({entry.identified} identified, {entry.estimated} estimated)",
        f"fields       {fields}",
        f"rule         {entry.rule}",
        f"reason       {entry.reason}",
        f"policy       {entry.policy}",
        f"index        {entry.index_id or 'none'}",
    ]
    if entry.expires:
        passed = f"passed {entry.redeemed}" if entry.redeemed else f"passes once until {entry.expires}"
        lines.append(f"release      {passed}")
    if entry.refused:
        lines.append(f"refused      {entry.refused}")
    unread = [
        f"{part['bytes']} bytes in {part['parts']} parts: {part['reason']}"
        for part in entry.verdict["unscanned"]
    ]
    lines += [f"unscanned    {line}" for line in unread]
    lines += [
        f"evidence     {each['kind']:<6} {each['masked']}  in {each['part']}" for each in entry.exhibits
    ]
    for move in entry.moves:
        by = f"{move.time} {move.state} by {move.reviewer or 'the door'}"
        lines.append(f"history      {by}{': ' + move.reason if move.reason else ''}")
    return lines
