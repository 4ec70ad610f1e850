"""The reviewers' keys (age, X25519): what is sealed to them, a door cannot read back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pyrage  # type: ignore[import-untyped, unused-ignore]

from exfilter import private

_ENCRYPTED = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")


def recipients(given: Sequence[str] | Path) -> tuple[pyrage.x25519.Recipient, ...]:
    """Return the public keys of a list, or of a file with one a line and ``#`` comments.

    Raises ValueError for a line that is none, without repeating it: it may be a private key. A file that
    names nobody is refused too: a door that relied on it could hold nothing.
    """
    if isinstance(given, Path):
        name, lines = str(given), _text(given).splitlines()
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


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        msg = f"{file} is not there: restore it, what is held is sealed to the public keys in it"
        raise FileNotFoundError(msg) from None


type Ask = Callable[[], str]
"""Returns a passphrase."""


def identities(file: Path, ask: Ask | None = None) -> tuple[pyrage.x25519.Identity, ...]:
    """Return the private keys of a file (mode 0600). Never repeats its text in an error.

    ``ask`` is called where a passphrase protects it. Raises ValueError where it is another one, or where
    there is nobody to ask.
    """
    return unlocked(private.read(file), str(file), ask)


def unlocked(data: bytes, name: str, ask: Ask | None) -> tuple[pyrage.x25519.Identity, ...]:
    """Return the private keys of what such a file holds. ``name``: what an error calls it."""
    if is_protected(data):
        data = _decrypted(data, name, ask)
    found = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            found.append(pyrage.x25519.Identity.from_str(line.strip()))
        except pyrage.IdentityError:
            msg = f"{name}:{number}: not an age private key; restore the file from its backup"
            raise ValueError(msg) from None
    if not found:
        msg = f"{name}: holds no private key; restore the file from its backup"
        raise ValueError(msg)
    return tuple(found)


def is_protected(data: bytes) -> bool:
    """Whether it takes a passphrase to read such a file."""
    return data.lstrip().startswith(_ENCRYPTED)


def _decrypted(data: bytes, name: str, ask: Ask | None) -> bytes:
    if ask is None:
        msg = f"{name}: a passphrase protects it, and nobody is there to give it"
        raise ValueError(msg)
    try:
        text: bytes = pyrage.passphrase.decrypt(data, ask())
    except pyrage.DecryptError:
        msg = f"{name}: the passphrase does not open it; try again, or use the recovery key"
        raise ValueError(msg) from None
    return text
