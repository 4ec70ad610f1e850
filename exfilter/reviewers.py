"""The reviewers' keys (age, X25519): what is sealed to them, a door cannot read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyrage  # type: ignore[import-untyped, unused-ignore]

from exfilter import private


def recipients(given: Sequence[str] | Path) -> tuple[pyrage.x25519.Recipient, ...]:
    """Return the public keys of a list, or of a file with one a line and ``#`` comments.

    Raises ValueError for a line that is none, without repeating it: it may be a private key. A file that
    names nobody is refused too: a door that relied on it could hold nothing.
    """
    if isinstance(given, Path):
        name, lines = str(given), given.read_text("utf-8").splitlines()
    else:
        name, lines = "recipients", list(given)
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            found.append(pyrage.x25519.Recipient.from_str(line.strip()))
        except pyrage.RecipientError:
            msg = f"{name}:{number}: not an age public key; write one 'age1...' a line"
            raise ValueError(msg) from None
    if isinstance(given, Path) and not found:
        msg = f"{name}: holds no public key, nothing could be sealed; write one 'age1...' a line"
        raise ValueError(msg)
    return tuple(found)


def identities(file: Path) -> tuple[pyrage.x25519.Identity, ...]:
    """Return the private keys of a file (mode 0600). Never repeats its text in an error."""
    found = []
    for number, line in enumerate(private.read(file).decode("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            found.append(pyrage.x25519.Identity.from_str(line.strip()))
        except pyrage.IdentityError:
            msg = f"{file}:{number}: not an age private key; restore the file from its backup"
            raise ValueError(msg) from None
    if not found:
        msg = f"{file}: holds no private key; restore the file from its backup"
        raise ValueError(msg)
    return tuple(found)
