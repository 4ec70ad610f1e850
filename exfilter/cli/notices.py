"""``exfilter notices``: what others were told, what waits, and what was given up."""

from __future__ import annotations

import contextlib
import enum
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exfilter.cli.formats import printable
from exfilter.cli.quarantine import WIDE, As, Folder, Format

if TYPE_CHECKING:
    from exfilter.ledger import Listed, Outbox

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="What receivers of the policy are told, and what became of it. A running proxy delivers it.",
)


class Wanted(enum.StrEnum):
    """States that can be asked for."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


@app.command("list")
def list_(
    state: Annotated[Wanted | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 1000,
    format: As = Format.TABLE,  # noqa: A002 - the option's name
    config: Folder = Path(),
) -> None:
    """List notices, newest first: those that wait, and those of the last month that arrived or failed."""
    with _outbox(config) as outbox:
        found = outbox.listed(state, limit)
    if format is Format.JSON:
        typer.echo(json.dumps([_row(each) for each in found], indent=2))
    else:
        _print_table(found)


@app.command()
def retry(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Default: all that failed.")
    ] = None,
    config: Folder = Path(),
) -> None:
    """Send notices again that were given up or wait for their next attempt."""
    with _outbox(config) as outbox:
        count = outbox.retry(ids or ())
    if ids and not count:
        msg = "none of these wait or failed: see `exfilter notices list`"
        raise ValueError(msg)
    typer.echo(f"{count} {'notice is' if count == 1 else 'notices are'} sent again")


@app.command("test")
def try_out(
    receivers: Annotated[list[str], typer.Argument(metavar="RECEIVER...", help="Receivers of the policy.")],
    config: Folder = Path(),
) -> None:
    """Tell receivers something at once, past the outbox, to see whether they can be told."""
    from exfilter import policy, settings

    given = settings.load(config)
    known = policy.load(given.policy).receivers
    for name in receivers:
        if name not in known:
            msg = f"{printable(name)} is not defined: add it to [receivers] of {given.policy}"
            raise ValueError(msg)
        _test(name, known[name], given.policy.parent)
        typer.echo(f"{name} was told")


def _test(name: str, receiver: Any, folder: Path) -> None:  # noqa: ANN401 - one of three kinds
    import secrets
    import time

    from exfilter.courier import Refused, Unreachable, channel
    from exfilter.ledger.notices import VERSION, iso

    notice = {
        "version": VERSION,
        "type": "test",
        "time": iso(time.time()),
        "reason": "a test, asked for by hand",
    }
    try:
        channel(receiver, folder).deliver({"id": f"n-{secrets.token_hex(12)}"} | notice)
    except (Refused, Unreachable) as error:
        msg = f"receiver {name}: {error}"
        raise OSError(msg) from None


@contextlib.contextmanager
def _outbox(folder: Path) -> Iterator[Outbox]:
    from exfilter import settings
    from exfilter.ledger import open_outbox

    outbox = open_outbox(settings.load(folder))
    try:
        yield outbox
    finally:
        outbox.database.close()


def _row(of: Listed) -> dict[str, Any]:
    from exfilter.ledger.notices import iso

    when = {"made": iso(of.made), "due": iso(of.due), "ended": iso(of.ended) if of.ended else ""}
    about = {"id": of.id, "receiver": of.receiver, "state": of.state, "attempts": of.attempts}
    return about | when | {"error": of.error, "notice": of.notice}


def _print_table(found: list[Listed]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("Id", "Receiver", "State", "Made (UTC)", "About", "Actor", box=None, pad_edge=False)
    table.add_column("Attempts", justify="right")
    table.add_column("Error")
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = True
    for each in found:
        row, notice = _row(each), each.notice
        about = f"{notice['type']} {notice.get('rule', '')}".strip()
        cells = (each.id, each.receiver, each.state, row["made"][:19], about, notice.get("actor", ""))
        texts = (*cells, str(each.attempts), each.error)
        table.add_row(*(Text(printable(text)) for text in texts))
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
