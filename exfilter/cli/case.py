"""``exfilter case``: who is behind a pseudonym, for a reviewer with the private key, and recorded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from exfilter import settings
from exfilter.cli.formats import printable, rows
from exfilter.cli.passphrases import PassphraseFile, asking
from exfilter.cli.quarantine import Folder, Reviewer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Say who is behind a pseudonym of the ledger: a case is opened, with a reason, and recorded.",
)


@app.command("open")
def open_(
    pseudonym: Annotated[str, typer.Argument(help="As `exfilter ledger list` shows it.")],
    reviewer: Reviewer,
    reason: Annotated[str, typer.Option(help="Why; it stays in the ledger.")],
    passphrase_file: PassphraseFile = None,
    config: Folder = Path(),
) -> None:
    """Print the name behind a pseudonym. Needs the reviewers' private key."""
    from exfilter import reviewers
    from exfilter.ledger import open_ledger, people

    if not reason.strip():
        msg = "--reason: say why the case is opened"
        raise ValueError(msg)
    given = settings.load(config)
    can_verify = given.pseudonyms and given.pseudonym_key.exists()
    # Without the key none is made: a new one would call everybody something else.
    ledger = open_ledger(given.model_copy(update={"pseudonyms": can_verify}))
    try:
        secret = reviewers.identities(given.reviewer_key, asking(passphrase_file))
        name = people.open_case(ledger, pseudonym, secret, reviewer, reason)
        if can_verify and ledger.called(name) != pseudonym:
            msg = f"the name is not that of {pseudonym}: the ledger was altered; restore it from a backup"
            raise ValueError(msg)
    finally:
        ledger.close()
    typer.echo(printable(name))


@app.command("list")
def list_(config: Folder = Path()) -> None:
    """List the cases that were opened, newest first."""
    from exfilter.ledger import acts, open_ledger

    ledger = open_ledger(settings.load(config))
    try:
        found = acts.listed(ledger.database, acts.CASE)
    finally:
        ledger.close()
    told = [(rows.moment(each.time), each.who, each.subject, each.reason) for each in found]
    rows.table(sys.stdout, ("Time (UTC)", "Who", "Pseudonym", "Reason"), told)
