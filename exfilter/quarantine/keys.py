"""The reviewers' keys (age, X25519) and the quarantine's own key for digests.

The door needs the recipients only: it seals and cannot read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyrage  # type: ignore[import-untyped, unused-ignore]

from exfilter import private


def generate_reviewer_key(identity: Path, recipients: Path) -> None:
    """Write a new private key (mode 0600) and its public key.

    Raises FileExistsError where one of the files exists: an overwritten private key is every body lost.
    """
    for file in (identity, recipients):
        if file.exists():
            msg = f"{file} exists and is not overwritten; move it away first"
            raise FileExistsError(msg)
    key = pyrage.x25519.Identity.generate()
    public = str(key.to_public())
    private.write(identity, f"# exfilter reviewer, public key: {public}\n{key}\n".encode())
    private.write(
        recipients, f"# Quarantined bodies are sealed to these age keys, one a line.\n{public}\n".encode()
    )


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


def digest_key(file: Path) -> bytes:
    """Read the quarantine's digest key, or make it. Several processes may ask for it at once."""
    return private.own_key(file, "a digest key")
