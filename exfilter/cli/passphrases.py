"""Passphrases of private keys: from a terminal or a file of mode 0600, never from an option."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from exfilter import private

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="Its first line is the passphrase of the private key (mode 0600). Default: asked for.",
    ),
]


def asking(file: Path | None) -> Callable[[], str] | None:
    """Return what asks for the passphrase of a key. None: there is no file, and nobody at a terminal."""
    if file is not None:
        return lambda: _first_line(file)
    return _asked if sys.stdin.isatty() else None


def chosen(file: Path | None) -> str:
    """Return a new passphrase. Empty: none is wanted. Raises ValueError where the file has none."""
    if file is not None:
        return _first_line(file)
    if not sys.stdin.isatty():
        return ""
    text = "New passphrase of the reviewers' private key (empty: none)"
    return str(typer.prompt(text, default="", hide_input=True, confirmation_prompt=True, show_default=False))


def _asked() -> str:
    return str(typer.prompt("Passphrase of the reviewers' private key", hide_input=True, err=True))


def _first_line(file: Path) -> str:
    line = private.read(file).decode("utf-8", "replace").partition("\n")[0].strip("\r")
    if not line:
        msg = f"{file}: its first line is empty; write the passphrase there"
        raise ValueError(msg)
    return line
