"""``exfilter exposure``: whose data went where, for the notices to authorities and customers."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exfilter import settings
from exfilter.cli.dates import Day, day
from exfilter.cli.formats import rows
from exfilter.cli.formats.rows import Cell, Output
from exfilter.cli.quarantine import os_user

if TYPE_CHECKING:
    from typing import IO, TextIO

    from exfilter.cli.affected import Affected, Count, Part
    from exfilter.ledger import Ledger
    from exfilter.ledger.choosing import Choice
    from exfilter.ledger.others import Other

SHOWN = 50
"""Customers in a table on the terminal, and others who had them. The files have them all."""
OTHERS = ("kind", "name", "customers", "possible", "first", "last")
ALL = 1 << 40
_ELSE_THAN = (
    "--who-else: everybody is listed already; say who else than whom, with --actor, --destination, "
    "--transfer, --since or --until"
)


def exposure(
    actor: Annotated[str, typer.Option(help="Only what this one sent: a name, or a pseudonym.")] = "",
    destination: Annotated[str, typer.Option(help="Only what went there.")] = "",
    transfer: Annotated[
        str,
        typer.Option(
            help="Only this one: its number in `exfilter ledger list`, or its id in the quarantine."
        ),
    ] = "",
    since: Day = "",
    until: Day = "",
    output: Annotated[Output, typer.Option("--format", help="How to write the list.")] = Output.TABLE,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="New file (mode 0600). Default: standard output.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it stays in `exfilter audit list`.")] = "",
    config: Annotated[Path, typer.Option(help="Configuration folder.", metavar="DIR")] = Path(),
    *,
    held: Annotated[
        bool, typer.Option("--held", help="Also customers of what was held and never left.")
    ] = False,
    viewed: Annotated[
        bool, typer.Option("--viewed", help="Instead: whom internal hosts showed, where that is counted.")
    ] = False,
    who_else: Annotated[
        bool,
        typer.Option("--who-else", help="List instead who else sent any of these customers, and where to."),
    ] = False,
) -> None:
    """List the customers whose data was sent: which fields, when, how often, and where to.

    Who is only possibly among them, behind an estimate, is marked so. Every list is recorded, without the
    customers: `exfilter audit list`.
    """
    from exfilter.ledger import choosing, open_ledger

    rows.check(output, out)
    given = settings.load(config)
    with closing(open_ledger(given)) as ledger:
        days = (day(since, "--since"), day(until, "--until"))
        choice = choosing.Choice(actor, destination, transfer, *days, viewed=viewed)
        if who_else and choice == choosing.Choice():
            raise ValueError(_ELSE_THAN)
        found = _affected(given, ledger, choice, held=held and not viewed)
        with rows.opened(out) as file:
            _record(ledger, found, choice, output, reason)
            _write(file, output, found, choice, who_else=who_else)
        _hint(found, out, held=held)


def _write(file: IO[bytes], output: Output, found: Affected, choice: Choice, *, who_else: bool) -> None:
    """Write the list. ``who_else``: of others instead; a page to print has both."""
    from exfilter.cli.affected import COLUMNS

    if output is Output.HTML:
        from exfilter.cli.formats import notice

        file.write(notice.page(found, choice, _others(found, ALL) if who_else else None).encode())
    elif output is Output.TABLE:
        file.write(_text(found, who_else=who_else).encode("utf-8", "backslashreplace"))
    elif who_else:
        rows.write(file, output, OTHERS, map(_other, _others(found, ALL)))
    else:
        rows.write(file, output, COLUMNS, found.rows())


def _affected(given: settings.Settings, ledger: Ledger, choice: Choice, *, held: bool) -> Affected:
    from exfilter.cli.affected import affected
    from exfilter.index import keys
    from exfilter.index.store import Index
    from exfilter.ledger.choosing import chosen

    index = Index.open(given.index, keys.load(given.index_key))
    return affected(ledger, index, chosen(ledger, choice), held=held, viewed=bool(choice.viewed))


def _record(ledger: Ledger, found: Affected, choice: Choice, output: Output, reason: str) -> None:
    """Write down what is listed; actors as the ledger calls them."""
    from exfilter.ledger import acts, choosing

    named = choosing.names(ledger.database, found.of.actors or ())
    subject = described(choice, " or ".join(sorted(set(named.values()))))
    count = sum(len(part.found.everybody) for part in found.parts)
    acts.record(ledger, os_user(), acts.LIST, [f"{subject}; {count} customers as {output}"], reason)


def described(choice: Choice, actor: str) -> str:
    """Return what was asked for, in words."""
    days = [dt.date.fromordinal(day).isoformat() if day else "" for day in (choice.since, choice.until)]
    words = {
        "actor": actor, "destination": choice.destination, "transfer": choice.transfer,
        "since": days[0], "until": days[1],
    }  # fmt: skip
    return ", ".join(f"{name} {word}" for name, word in words.items() if word) or "everything"


def _others(found: Affected, most: int) -> list[Other]:
    from exfilter.ledger.others import others

    mine = set[int]().union(*(part.found.actors | part.found.destinations.keys() for part in found.parts))
    return others(found.ledger.database, found.parts[0].found.everybody, mine, most)


def _other(other: Other) -> tuple[Cell, ...]:
    days = [dt.date.fromordinal(day).isoformat() if day else "" for day in (other.first, other.last)]
    return (other.kind, other.name, other.customers, other.possible, *days)


def _text(found: Affected, *, who_else: bool) -> str:
    """Return the counts and the first rows, for people."""
    import io

    out = io.StringIO()
    for part in found.parts:
        _counts(out, found, part)
    if who_else:
        others = _others(found, SHOWN + 1)
        _first(out, OTHERS, map(_other, others), ("customers", "possible"), len(others))
    else:
        from exfilter.cli.affected import COLUMNS

        total = sum(len(part.found.everybody) for part in found.parts)
        _first(out, COLUMNS, found.rows(), ("transfers",), total)
    return out.getvalue()


def _first(
    out: TextIO,
    columns: Sequence[str],
    all_rows: Iterable[Sequence[Cell]],
    numbers: Sequence[str],
    total: int,
) -> None:
    if total:
        rows.table(out, columns, islice(all_rows, SHOWN), numbers)
    if total > SHOWN:
        out.write("There are more: `--format csv --out FILE` writes them all.\n")


def _counts(out: TextIO, found: Affected, part: Part) -> None:
    from exfilter.cli.affected import WORDS, by_field

    out.write(f"{summary(part)}, {WORDS[part.state]}\n")
    for heading, counts in (("country", found.by_country(part)), ("field", by_field(part))):
        if counts:
            rows.table(out, (heading, "identified", "possible"), _cells(counts), ("identified", "possible"))


def _cells(counts: Sequence[Count]) -> Iterator[tuple[Cell, ...]]:
    return ((each.name or "unknown", each.identified, each.possible) for each in counts)


def summary(part: Part) -> str:
    """Return the totals in a sentence."""
    who, possible = part.found.who, len(part.found.possible)
    text = f"{counted(len(who.identified), 'customer')} identified"
    if possible:
        text += f", about {part.found.likely:,} more of {possible:,} who possibly were"
    return f"{text}, in {counted(part.found.transfers, 'transfer')}"


def counted(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _hint(found: Affected, out: Path | None, *, held: bool) -> None:
    """Say on standard error what the list does not say by itself."""
    from exfilter.ledger.exposed import exposed

    if not found.parts[0].found.transfers and not held:
        kept = exposed(found.ledger.database, found.of, sent=False).transfers
        if kept:
            typer.echo(
                f"nothing of it was sent; --held lists the customers of {counted(kept, 'held transfer')}",
                err=True,
            )
    if out is not None and sys.stderr.isatty():
        typer.echo(f"{out} written, readable by you alone: it is about customers", err=True)
