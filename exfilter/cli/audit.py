"""``exfilter audit``: the log of what people and doors did, and the proof that it is the one they wrote."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exfilter import settings
from exfilter.cli.formats import printable, rows
from exfilter.cli.ledger import opened
from exfilter.cli.quarantine import Folder, Format, os_user

if TYPE_CHECKING:
    from exfilter.audit import Checkpoint
    from exfilter.audit.verifying import Result
    from exfilter.ledger import Ledger
    from exfilter.ledger.acts import Act

BROKEN = 2

Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="So many at most.")]
As = Annotated[Format, typer.Option("--format", help="How to print.")]
Signers = Annotated[
    list[str] | None, typer.Option("--signer", metavar="KEY", help="Public key of another signer to trust.")
]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Who decided what, and when: list, verify, sign and export the audit log.",
)


@app.command("list")
def list_(
    act: Annotated[str, typer.Option(help="Only such, as `release`.")] = "",
    limit: Limit = 50,
    format: As = Format.TABLE,  # noqa: A002 - the option's name
    config: Folder = Path(),
) -> None:
    """List what was done, newest first."""
    from exfilter.ledger import acts

    with opened(settings.load(config)) as ledger:
        found = acts.listed(ledger.database, act, limit)
    if format is Format.JSON:
        told = [{**asdict(each), "time": rows.moment(each.time), "about": _about(each)} for each in found]
        typer.echo(json.dumps(told, indent=2))
        return
    cells = [(rows.moment(each.time), each.who, each.act, each.subject, each.reason) for each in found]
    rows.table(sys.stdout, ("Time (UTC)", "Who", "Act", "Subject", "Reason"), cells)


@app.command()
def verify(
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Checkpoints that were kept elsewhere, one a line."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Verify an exported log instead.")
    ] = None,
    signer: Signers = None,
    config: Folder = Path(),
) -> None:
    """Name the first entry that is altered, missing or out of order.

    Exit codes: 0 whole; 2 it is not, or an error. What somebody changed who also holds the signing key is
    seen only with --against: keep checkpoints where he cannot write.
    """
    from exfilter.audit import exporting, verifying
    from exfilter.ledger import proof

    named = {_key(each) for each in signer or ()}
    if export is not None:
        # Who is given an export has no folder: the key is enough.
        own = _own(settings.load(config)) if (config / settings.FILE).exists() else []
        result = exporting.verify(export.read_bytes(), named | set(own))
    else:
        given = settings.load(config)
        trusted = named | set(_own(given))
        with opened(given) as ledger:
            log = proof.read(ledger.database)
            signed = [*log.checkpoints, *proof.kept(given.audit_key), *_kept(against)]
            result = verifying.verify(log.links, log.end, signed, trusted)
            _tell(result)
            _compare(given, ledger)
        return
    _tell(result)


@app.command()
def checkpoint(config: Folder = Path()) -> None:
    """Sign how far the log goes, and print that as one line to be kept elsewhere.

    The doors do so too, and log it. With nothing new the last one is printed again.
    """
    from exfilter.ledger import proof

    given = settings.load(config)
    with opened(given) as ledger:
        made = proof.sign(ledger.database, given.audit_key, ledger.clock())
        last = made or next(iter(proof.kept(given.audit_key)), None)
    typer.echo(last.told() if last else "the audit log is empty: there is nothing to sign", err=last is None)


@app.command()
def export(
    out: Annotated[Path, typer.Option(metavar="FILE", help="New file, JSON.")],
    transfer: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only what is about it.")] = None,
    who: Annotated[str, typer.Option("--who", help="Only what this person did.")] = "",
    config: Folder = Path(),
) -> None:
    """Write entries for others, with the proof that they stand in this log, signed.

    With --transfer also what was seen in it, masked, by which versions, and what was decided. All other
    entries are in it as digests only.
    """
    from exfilter.audit import Signer, exporting
    from exfilter.ledger import acts, proof

    given = settings.load(config)
    ids = tuple(transfer or ())
    seen = [_seen(given, each) for each in ids]
    with opened(given) as ledger:
        acts.record(ledger, os_user(), acts.EXPORT, ids or [f"all of {who}" if who else "all"], "")
        proof.sign(ledger.database, given.audit_key, ledger.clock())
        _compare(given, ledger, ids)
        log, (last,), signer = (
            proof.read(ledger.database),
            proof.kept(given.audit_key),
            Signer(given.audit_key),
        )
        picked = [
            (number, told)
            for number, told in proof.contents(ledger.database)
            if (not who or told.who == who) and (not ids or any(each in told.subject for each in ids))
        ]
    if not picked:
        msg = "no entry is about that: see `exfilter audit list` for what there is"
        raise ValueError(msg)
    with rows.opened(out) as file:
        file.write(exporting.made(log.links, last, picked, seen, signer))
    typer.echo(f"{_entries(len(picked))} written to {out}; signed by {signer.public}")


def _seen(given: settings.Settings, transfer_id: str) -> dict[str, object]:
    """Return what the quarantine knows of a transfer: masked. Raises ValueError for an unknown id."""
    from exfilter.quarantine import Quarantine

    with Quarantine.open(given.quarantine) as quarantine:
        return asdict(quarantine.show(transfer_id))


def _key(text: str) -> str:
    """Return a public key. Raises ValueError for what is none."""
    if not re.fullmatch(r"[0-9a-f]{64}", text.strip().lower()):
        msg = "--signer: not a public key: give the 64 digits that `exfilter audit export` printed"
        raise ValueError(msg)
    return text.strip().lower()


def _own(given: settings.Settings) -> list[str]:
    """Return the public key of this folder, where it has one already."""
    from exfilter.audit import Signer

    return [Signer(given.audit_key).public] if given.audit_key.exists() else []


def _kept(file: Path | None) -> list[Checkpoint]:
    from exfilter.audit import signing

    if file is None:
        return []
    found = []
    for number, text in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
        if text.strip():
            try:
                found.append(signing.read(text))
            except ValueError as error:
                msg = f"{file}:{number}: {error}"
                raise ValueError(msg) from None
    return found


def _about(act: Act) -> object:
    """Return what belongs to an act. One that somebody else than exfilter wrote is told as it is."""
    try:
        return json.loads(act.about or "{}")
    except ValueError:
        return act.about


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


def _tell(result: Result) -> None:
    if result.fault is not None:
        found = result.fault
        typer.echo(printable(f"NOT whole: entry {found.number} is {found.kind}: {found.why}"))
        raise typer.Exit(BROKEN)
    typer.echo(f"{_entries(result.entries)}, signed up to entry {result.signed}: whole")
    if result.signed < result.entries:
        typer.echo(
            "nobody vouches yet for what comes after it: `exfilter audit checkpoint` signs it",
            err=True,
        )


def _compare(given: settings.Settings, ledger: Ledger, only: tuple[str, ...] = ()) -> None:
    """Say where the quarantine has what is not in the audit log. Then it is not whole either."""
    from exfilter.cli.exposure import counted
    from exfilter.ledger import proof
    from exfilter.quarantine import Quarantine
    from exfilter.review import agreement

    if not given.quarantine.exists():
        return
    with Quarantine.open(given.quarantine) as quarantine:
        held = [each for each in quarantine.proved() if not only or each.id in only]
    told = agreement.Told.by(content for _, content in proof.contents(ledger.database))
    found = list(agreement.differences(held, told))
    for each in found:
        typer.echo(printable(f"NOT whole: {each}"))
    if found:
        raise typer.Exit(BROKEN)
    if missing := agreement.unproved(held, told):
        typer.echo(f"the audit log says nothing of {counted(missing, 'held transfer')}", err=True)
