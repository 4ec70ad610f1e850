"""The reviewers' keys (age, X25519) and the quarantine's own key for digests.

The door needs the recipients only: it seals and cannot read back.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import pyrage  # type: ignore[import-untyped, unused-ignore]

from exfilter import private, reviewers

_PUBLIC = "# Quarantined bodies are sealed to these age keys, one a line.\n{}\n"
_RECOVERY = "# The recovery key, whose private part is kept elsewhere.\n{}\n"


def generate_reviewer_key(
    identity: Path, recipients: Path, *, recovery: Path | None = None, passphrase: str = ""
) -> None:
    """Write a new private key (mode 0600) and its public key. A passphrase encrypts the private key.

    ``recovery``: file of a second private key, never encrypted, for the day when the first one is lost.
    Raises FileExistsError where one of the files exists: an overwritten private key is every body lost.
    """
    files = [each for each in (identity, recipients, recovery) if each is not None]
    _check_new(*files)
    public = _generate(identity, passphrase)
    known = _PUBLIC.format(public)
    if recovery is not None:
        known += _RECOVERY.format(_generate(recovery, ""))
    private.write(recipients, known.encode())


def add_recovery_key(recovery: Path, recipients: Path) -> None:
    """Write a new private key, and its public key beside those in ``recipients``.

    What is sealed from then on can be opened with either; what was sealed before cannot. Raises
    FileExistsError where ``recovery`` exists.
    """
    reviewers.recipients(recipients)  # Not beside what is none.
    _check_new(recovery)
    public = _generate(recovery, "")
    text = recipients.read_bytes()
    fresh = recipients.with_name(f".{recipients.name}.{secrets.token_hex(8)}")
    private.write(fresh, text + b"\n" * (not text.endswith(b"\n")) + _RECOVERY.format(public).encode())
    fresh.replace(recipients)
    private.sync_folder(recipients.parent)


def _generate(file: Path, passphrase: str) -> str:
    """Write a new private key, and return its public key."""
    key = pyrage.x25519.Identity.generate()
    public = str(key.to_public())
    text = f"# exfilter reviewer, public key: {public}\n{key}\n".encode()
    private.write(file, pyrage.passphrase.encrypt(text, passphrase) if passphrase else text)
    return public


def _check_new(*files: Path) -> None:
    for file in files:
        if file.exists():
            msg = f"{file} exists and is not overwritten; move it away first"
            raise FileExistsError(msg)


def protect(identity: Path, passphrase: str) -> None:
    """Encrypt a private key with a passphrase. Raises ValueError where it has one, or is no key."""
    data = private.read(identity)
    if reviewers.is_protected(data):
        msg = f"{identity}: a passphrase protects it already; `age` changes it"
        raise ValueError(msg)
    reviewers.unlocked(data, str(identity), None)
    fresh = identity.with_name(f".{identity.name}.{secrets.token_hex(8)}")
    private.write(fresh, pyrage.passphrase.encrypt(data, passphrase))
    fresh.replace(identity)
    private.sync_folder(identity.parent)


def digest_key(file: Path) -> bytes:
    """Read the quarantine's digest key, or make it. Several processes may ask for it at once."""
    return private.own_key(file, "a digest key")
