"""``exfilter init``: a configuration folder with keys, policy and settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exfilter import settings
from exfilter.index import keys
from exfilter.policy import default_policy_text
from exfilter.quarantine import generate_reviewer_key

if TYPE_CHECKING:
    from collections.abc import Callable

INDEX_KEY, REVIEWER_KEY, REVIEWERS, POLICY = "index.key", "reviewer.key", "reviewers.txt", "policy.toml"
FILES = {
    INDEX_KEY: "key of the customer index. Keep it secret and in a backup: the index is worthless without it",
    REVIEWER_KEY: "the reviewers' private key. It opens held transfers: move it to where they are reviewed",
    REVIEWERS: "the reviewers' public keys, which held transfers are sealed to",
    POLICY: "what is held, and what may pass",
    settings.FILE: "settings: where everything is",
}


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Folder to make.", show_default=False)
    ] = Path(),
) -> None:
    """Make a configuration folder: keys, policy, settings. Overwrites nothing.

    All commands find it with --config DIR, or in the current folder.
    """
    make(folder)
    typer.echo(f"Made in {folder.absolute()}:")
    for name, meaning in FILES.items():
        typer.echo(f"  {name:14} {meaning}")
    option = "" if folder == Path() else f" --config {folder}"
    typer.echo(f"Next: edit {POLICY}, then run `exfilter index build CUSTOMERS{option}`.")


def make(folder: Path) -> None:
    """Write all files of a new configuration folder, or none.

    Raises FileExistsError where one of them exists.
    """
    there = [name for name in FILES if os.path.lexists(folder / name)]
    if there:
        msg = f"{folder} has {', '.join(there)} already: nothing was written; move them away"
        raise FileExistsError(msg)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    steps: list[Callable[[], object]] = [
        lambda: keys.generate(folder / INDEX_KEY),
        lambda: generate_reviewer_key(folder / REVIEWER_KEY, folder / REVIEWERS),
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
