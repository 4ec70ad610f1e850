"""``exfilter quarantine``: what was held, masked, and what a reviewer decides about it."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exfilter.cli.passphrases import PassphraseFile, asking, chosen

if TYPE_CHECKING:
    from exfilter.cli.held import Held
    from exfilter.quarantine import Entry
    from exfilter.settings import Settings

BROKEN = 2
SHORTEST = 3
"""Characters of a reason."""
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
    """Return the name of who runs this process: the kernel's word, not that of the environment."""
    from exfilter.ledger import noted

    user = noted.os_user()
    return f"{user} (OS user)" if _is_door(user) else user


def personal(name: str) -> str:
    """Return who somebody says that he is. Raises ValueError where it is the door."""
    if _is_door(name):
        msg = (
            f"{name.strip()} is the door's own name in the audit log: give your own with --reviewer or --who"
        )
        raise ValueError(msg)
    return name


def _is_door(name: str) -> bool:
    import unicodedata

    from exfilter.ledger.passages import DOOR

    plain = "".join(sign for sign in unicodedata.normalize("NFKC", name) if sign.isprintable())
    return plain.strip().casefold() == DOOR


def reasoned(reason: str) -> str:
    """Return why somebody decides. Raises ValueError for less than the pages and the API take."""
    if len(" ".join(reason.split())) < SHORTEST:
        msg = f'--reason: say why, in {SHORTEST} characters or more: --reason "agreed with the recipient"'
        raise ValueError(msg)
    return reason


Folder = Annotated[Path, typer.Option("--config", help="Configuration folder.", metavar="DIR")]
Id = Annotated[str, typer.Argument(help="Transfer id, as on the block page.", metavar="ID")]
Why = Annotated[str, typer.Option("--reason", help="Why; it stays in the transfer's history.")]
Reviewer = Annotated[
    str,
    typer.Option(
        "--reviewer",
        help="Who decides.",
        default_factory=os_user,
        show_default="the OS user",
        callback=personal,
    ),
]
Age = Annotated[str, typer.Option(metavar="AGE", help="Only those: 30m, 36h, 7d, 2w.")]
As = Annotated[Format, typer.Option("--format", help="How to print.")]

Server = Annotated[
    str,
    typer.Option(
        metavar="URL",
        help="A desk (`exfilter review`) instead of this folder; who decides is the token's owner.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Its token (mode 0600). Default: EXFILTER_REVIEW_TOKEN."),
]

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
    actor: Annotated[str, typer.Option(help="Only what this one sent; * is anything.")] = "",
    destination: Annotated[str, typer.Option(help="Only what was to go there; * is anything.")] = "",
    rule: Annotated[str, typer.Option(help="Only what this rule held; * is anything.")] = "",
    older_than: Age = "",
    newer_than: Age = "",
    limit: Annotated[int, typer.Option(help="So many at most; 0: all.", min=0)] = 0,
    format: As = Format.TABLE,  # noqa: A002 - the option's name
    config: Folder = Path(),
    server: Server = "",
    token_file: TokenFile = None,
) -> None:
    """List transfers, newest first."""
    from itertools import islice

    from exfilter.cli.held import Filters

    filters = Filters(state or "", actor, destination, rule, newer_than, older_than)
    entries = list(islice(_held(config, server, token_file).listed(filters), limit or None))
    if format is Format.JSON:
        typer.echo(json.dumps([_row(entry) for entry in entries], indent=2))
    else:
        _print_table(entries)


@app.command()
def show(
    transfer_id: Id,
    format: As = Format.TABLE,  # noqa: A002 - the option's name
    config: Folder = Path(),
    server: Server = "",
    token_file: TokenFile = None,
) -> None:
    """Show one transfer: numbers, masked evidence, history."""
    from dataclasses import asdict

    entry = _held(config, server, token_file).show(transfer_id)
    typer.echo(json.dumps(asdict(entry), indent=2) if format is Format.JSON else "\n".join(_described(entry)))


@app.command()
def release(
    transfer_id: Id,
    reviewer: Reviewer,
    reason: Why = "",
    hours: Annotated[float, typer.Option(help="How long the release lasts.", min=0.01, max=8784)] = 24,
    config: Folder = Path(),
    server: Server = "",
    token_file: TokenFile = None,
) -> None:
    """Let the sender's retry of exactly this transfer pass once."""
    from exfilter.quarantine import State

    why, held = reasoned(reason), _held(config, server, token_file, reviewer)
    state = held.release(transfer_id, why, hours)
    until = held.show(transfer_id).expires
    if state is State.RELEASED:
        typer.echo(f"{transfer_id} released: the same transfer passes once, until {until}")
    else:
        typer.echo(f"{transfer_id} waits: another reviewer has to release it as well, within a day")


def _decision(act: Callable[[Held], Callable[[str, str], None]], done: str) -> Callable[..., None]:
    """Return the command of a decision that is final at once. ``done``: the word for it."""

    def decide(
        transfer_id: Id,
        reviewer: Reviewer,
        reason: Why = "",
        config: Folder = Path(),
        server: Server = "",
        token_file: TokenFile = None,
    ) -> None:
        why = reasoned(reason)
        act(_held(config, server, token_file, reviewer))(transfer_id, why)
        typer.echo(f"{transfer_id} {done}")

    return decide


app.command("deny", help="Decide that a transfer stays held for good.")(
    _decision(lambda held: held.deny, "denied")
)
app.command("confirm", help="Decide that a transfer was a leak; it stays held for good.")(
    _decision(lambda held: held.confirm, "confirmed as a leak")
)


@app.command()
def export(
    transfer_id: Id,
    reviewer: Reviewer,
    out: Annotated[Path, typer.Option(help="New file for the body, in clear.", metavar="FILE")],
    reason: Why = "",
    key: Annotated[
        Path | None, typer.Option(help="Private key. Default: reviewer_key of the settings.", metavar="FILE")
    ] = None,
    passphrase_file: PassphraseFile = None,
    config: Folder = Path(),
    *,
    request: Annotated[bool, typer.Option("--request", help="Write the whole request.")] = False,
) -> None:
    """Decrypt a body with the reviewers' private key into a new file (mode 0600). It is recorded."""
    from exfilter import reviewers
    from exfilter.cli.held import deciding
    from exfilter.quarantine import What

    settings = _settings(config)
    with deciding(settings, reviewer) as decisions:
        # Also where it waits for another reviewer: nobody is asked for a passphrase for nothing.
        waits = decisions.quarantine.waits_for_another(transfer_id, decisions.who, What.OPEN)
        secret = () if waits else reviewers.identities(key or settings.reviewer_key, asking(passphrase_file))
        opened = decisions.export(transfer_id, secret, reason, out, request=request)
    if opened:
        typer.echo(f"{transfer_id} written to {out}: {_written(out)}")
    else:
        typer.echo(f"{transfer_id} waits: another reviewer has to open it as well, within a day")


def _written(out: Path) -> str:
    if out.stat().st_size:
        return "it holds customers in clear"
    return "its body is empty; --request writes URL and headers as well"


@app.command()
def verify(config: Folder = Path()) -> None:
    """Check that every held body is there and whole. Needs no private key."""
    from exfilter.cli.held import opened

    settings = _settings(config)
    with opened(settings) as quarantine:
        found = quarantine.verify()
    _warn_of_one_key(settings)
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


@app.command("add-recovery-key")
def add_recovery_key(
    out: Annotated[Path, typer.Argument(help="New file for the private key (mode 0600).", metavar="FILE")],
    config: Folder = Path(),
) -> None:
    """Make a second private key, for the day when the reviewers' one is lost: move it offline."""
    from exfilter import quarantine

    quarantine.add_recovery_key(out, _settings(config).reviewers)
    typer.echo(f"{out} opens what is held from now on: move it offline, to a safe")


@app.command()
def passphrase(passphrase_file: PassphraseFile = None, config: Folder = Path()) -> None:
    """Protect the reviewers' private key with a passphrase, where none does."""
    from exfilter.quarantine import keys

    word = chosen(passphrase_file)
    if not word:
        msg = "no passphrase was given: run it on a terminal, or name --passphrase-file"
        raise ValueError(msg)
    file = _settings(config).reviewer_key
    keys.protect(file, word)
    typer.echo(f"{file} takes the passphrase from now on; a copy of it from before does not")


def _warn_of_one_key(settings: Settings) -> None:
    from exfilter import reviewers

    if settings.reviewers.exists() and len(reviewers.recipients(settings.reviewers)) < 2:
        typer.echo(
            f"exfilter: one private key alone opens what is held: when {settings.reviewer_key.name} is lost, "
            "all of it is; `exfilter quarantine add-recovery-key FILE` makes a second one",
            err=True,
        )


def _settings(folder: Path) -> Settings:
    from exfilter import settings

    return settings.load(folder)


def _held(folder: Path, server: str, token_file: Path | None, reviewer: str = "") -> Held:
    """Return the quarantine that is meant: the folder's, or that of a desk."""
    if server:
        from exfilter.cli.remote import Remote, token

        return Remote(server, token(token_file))
    from exfilter.cli.held import Here

    return Here(_settings(folder), reviewer)


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
    for each in entry.waiting:
        lines.append(f"waiting      {each.what} asked for by {each.reviewer} at {each.time}: {each.reason}")
    for move in entry.moves:
        by = f"{move.time} {move.state} by {move.reviewer or 'the door'}"
        lines.append(f"history      {by}{': ' + move.reason if move.reason else ''}")
    return lines
