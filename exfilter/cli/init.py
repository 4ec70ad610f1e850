"""``exfilter init``: a configuration folder with keys, policy and settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exfilter import settings
from exfilter.cli import passphrases
from exfilter.index import keys
from exfilter.policy import default_policy_text
from exfilter.quarantine import generate_reviewer_key

if TYPE_CHECKING:
    from collections.abc import Callable

INDEX_KEY, REVIEWER_KEY, REVIEWERS, POLICY = "index.key", "reviewer.key", "reviewers.txt", "policy.toml"
RECOVERY_KEY = "recovery.key"
FILES = {
    INDEX_KEY: "key of the customer index. Keep it secret and in a backup: the index is worthless without it",
    REVIEWER_KEY: "the reviewers' private key. It opens held transfers: move it to where they are reviewed",
    RECOVERY_KEY: "opens them too, when that one or its passphrase is lost: move it offline, to a safe",
    REVIEWERS: "the reviewers' public keys, which held transfers are sealed to",
    POLICY: "what is held, and what may pass",
    settings.FILE: "settings: where everything is",
}


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Folder to make.", show_default=False)
    ] = Path(),
    passphrase_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its first line protects the reviewers' private key (mode 0600)."),
    ] = None,
) -> None:
    """Make a configuration folder: keys, policy, settings. Overwrites nothing.

    On a terminal it asks for the passphrase of the reviewers' private key. All commands find the folder with
    --config DIR, or in the current folder.
    """
    check(folder)
    passphrase = passphrases.chosen(passphrase_file)
    make(folder, passphrase)
    typer.echo(f"Made in {folder.absolute()}:")
    for name, meaning in FILES.items():
        typer.echo(f"  {name:14} {meaning}")
    typer.echo(f"Move {RECOVERY_KEY} offline now: who has it can open everything that is held.")
    if not passphrase:
        typer.echo(
            f"exfilter: no passphrase protects {REVIEWER_KEY}: whoever can read it opens what is held; "
            "`exfilter quarantine passphrase` gives it one",
            err=True,
        )
    option = "" if folder == Path() else f" --config {folder}"
    typer.echo(f"Next: edit {POLICY}, then run `exfilter index build CUSTOMERS{option}`.")


def check(folder: Path) -> None:
    """Raise FileExistsError where one of the files exists."""
    there = [name for name in FILES if os.path.lexists(folder / name)]
    if there:
        msg = f"{folder} has {', '.join(there)} already: nothing was written; move them away"
        raise FileExistsError(msg)


def make(folder: Path, passphrase: str = "") -> None:
    """Write all files of a new configuration folder, or none. ``passphrase``: of the private key.

    Raises FileExistsError where one of them exists.
    """
    check(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    steps: list[Callable[[], object]] = [
        lambda: keys.generate(folder / INDEX_KEY),
        lambda: generate_reviewer_key(
            folder / REVIEWER_KEY, folder / REVIEWERS, recovery=folder / RECOVERY_KEY, passphrase=passphrase
        ),
        lambda: _write(folder / POLICY, default_policy_text()),
        lambda: _write(folder / settings.FILE, settings.DEFAULT_TEXT),
    ]
    try:
        for step in steps:
            step()
    except FileExistsError:
        # Somebody else makes the same folder at this moment: what is there may be theirs.
        raise
    except OSError:
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        raise


def _write(file: Path, text: str) -> None:
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
