"""``exfilter ledger``: what was sent, for an operator; what is too old, and who is to be erased."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exfilter import settings
from exfilter.cli.dates import Day, day
from exfilter.cli.formats import printable, rows
from exfilter.cli.quarantine import Folder, Format, os_user, personal

if TYPE_CHECKING:
    from exfilter.ledger import Ledger
    from exfilter.ledger.transfers import Row, Whole

STANDARD_INPUT = "-"


class Fate(enum.StrEnum):
    """What became of a transfer."""

    SENT = "sent"
    HELD = "held"


As = Annotated[Format, typer.Option("--format", help="How to print.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="So many at most.")]
Who = Annotated[
    str,
    typer.Option(
        "--who",
        help="Who does it.",
        default_factory=os_user,
        show_default="the OS user",
        callback=personal,
    ),
]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Who sent how many customers where: list, show; remove what is too old; erase a customer.",
)


@contextmanager
def opened(given: settings.Settings) -> Iterator[Ledger]:
    """Open the ledger of a folder. Raises OSError or ValueError."""
    from exfilter.ledger import open_ledger

    ledger = open_ledger(given)
    try:
        yield ledger
    finally:
        ledger.close()


@app.command("list")
def list_(
    actor: Annotated[str, typer.Option(help="A name, or a pseudonym.")] = "",
    destination: Annotated[str, typer.Option(help="Only what went there.")] = "",
    since: Day = "",
    until: Day = "",
    fate: Annotated[Fate | None, typer.Option("--only", help="Only what was sent, or held.")] = None,
    customers: Annotated[int, typer.Option(min=0, help="Only transfers with so many at least.")] = 0,
    limit: Limit = 50,
    format: As = Format.TABLE,  # noqa: A002 - the option's name
    config: Folder = Path(),
) -> None:
    """List transfers with customers, newest first."""
    from exfilter.ledger import transfers
    from exfilter.ledger.choosing import Choice

    choice = Choice(actor, destination, since=day(since, "--since"), until=day(until, "--until"), viewed=None)
    with opened(settings.load(config)) as ledger:
        sent = None if fate is None else fate is Fate.SENT
        found = transfers.listed(ledger, choice, limit, sent=sent, customers=customers)
    if format is Format.JSON:
        typer.echo(json.dumps([_object(row) for row in found], indent=2))
        return
    columns = ("Number", "Time (UTC)", "Actor", "Destination", "Verdict", "Customers", "", "Transfer")
    told = [
        (str(row.number), rows.moment(row.time)[:19], row.actor, row.destination, row.verdict, row.customers,
         _fate(row), row.transfer_id)
        for row in found
    ]  # fmt: skip
    rows.table(sys.stdout, columns, told, ("Number", "Customers"))


@app.command()
def show(
    transfer: Annotated[str, typer.Argument(help="The ledger's number, or the quarantine's id.")],
    format: As = Format.TABLE,  # noqa: A002 - the option's name
    config: Folder = Path(),
) -> None:
    """Show one transfer: numbers only; `exfilter exposure --transfer` lists the customers."""
    from exfilter.ledger import transfers

    with opened(settings.load(config)) as ledger:
        found = transfers.show(ledger, transfer)
    if format is Format.JSON:
        objects = [_object(each.row) | {"fields": each.fields, "possible": each.possible} for each in found]
        typer.echo(json.dumps(objects, indent=2))
    else:
        typer.echo("\n\n".join("\n".join(map(printable, _described(each))) for each in found))


@app.command()
def tidy(
    who: Who,
    reason: Annotated[str, typer.Option(help="Why; it stays in the ledger.")] = "",
    config: Folder = Path(),
) -> None:
    """Remove what is older than `retention_days`, as the doors do once a day."""
    from exfilter.cli.exposure import counted
    from exfilter.ledger import retention
    from exfilter.ledger.opening import narrow

    given = settings.load(config)
    with opened(given) as ledger:
        done = retention.tidy(ledger, given.retention_days, who, reason)
    gone = f"{counted(done.exposures, 'transfer')} and {counted(done.names, 'name')}"
    typer.echo(f"before {done.before}: {gone} removed")
    _tell(narrow(given), overwritten=done.overwritten)


@app.command()
def erase(
    customer_ids: Annotated[
        list[str],
        typer.Argument(
            metavar="CUSTOMER_ID...", help="As in the table; `-`: from standard input, one a line."
        ),
    ],
    who: Who,
    reason: Annotated[str, typer.Option(help="Why; it stays in the ledger. Name no customer in it.")],
    config: Folder = Path(),
) -> None:
    """Erase customers from the index and from all sets of the ledger.

    The numbers of a transfer stay as they were counted. Not erased: bodies in the quarantine (sealed) with
    their masked evidence, the counts of the decision log, and backups. A release that waits for its retry
    ends, as with every change of the index.
    """
    from pyroaring import BitMap

    from exfilter.cli.exposure import counted
    from exfilter.index import erasing, keys
    from exfilter.ledger import acts, erasure

    if not reason.strip():
        msg = "--reason: say why"
        raise ValueError(msg)
    given = settings.load(config)
    ids = sorted({each for text in customer_ids for each in _ids(text)})
    with opened(given) as ledger:
        gone = erasing.erase(given.index, keys.load(given.index_key), ids)
        acts.record(ledger, who, acts.ERASE, [acts.digest(ledger, each) for each in ids], reason)
        done = erasure.erase(ledger, BitMap(gone.tolist()))
    places = f"the index, and from {counted(done.exposures, 'transfer')} of the ledger"
    typer.echo(f"{counted(len(ids), 'customer')} erased from {places}")
    typer.echo("not erased: what the quarantine holds sealed and masked, and backups")
    _tell("", overwritten=done.overwritten)


def _ids(text: str) -> list[str]:
    if text != STANDARD_INPUT:
        return [text]
    return [line.strip() for line in sys.stdin if line.strip()]


def _tell(note: str, *, overwritten: bool) -> None:
    if not overwritten:
        typer.echo(
            "it is not overwritten in the file yet: somebody was reading; run `exfilter ledger tidy` again"
        )
    if note:
        typer.echo(f"exfilter: {note}", err=True)


def _fate(row: Row) -> str:
    return "viewed" if row.kind == "reader" else Fate.SENT if row.sent else Fate.HELD


def _object(row: Row) -> dict[str, Any]:
    times = {"time": rows.moment(row.time), "last": rows.moment(row.last)}
    return asdict(row) | times | {"fate": str(_fate(row))}


def _described(whole: Whole) -> list[str]:
    row = whole.row
    fields = ", ".join(f"{count:,} by {name}" for name, count in sorted(whole.fields.items())) or "none"
    often = (
        f", {row.attempts} times or in so many pieces, last {rows.moment(row.last)}"
        if row.attempts > 1
        else ""
    )
    return [
        f"number       {row.number}",
        f"time         {rows.moment(row.time)}{often}",
        f"from         {row.actor or 'unknown'} by {row.door}",
        f"to           {row.destination}",
        f"verdict      {row.verdict} by rule {row.rule}",
        f"became       {_fate(row)}",
        f"customers    {row.customers:,} as counted then, {row.estimated:,} of them estimated",
        f"now          {whole.identified:,} identified, {whole.possible:,} possible",
        f"fields       {fields}",
        f"quarantine   {row.transfer_id or 'not there'}",
        f"index        {row.index_id or 'none'}",
    ]
