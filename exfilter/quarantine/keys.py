"""The reviewers' keys (age, X25519) and the quarantine's own key for digests.

The door needs the recipients only: it seals and cannot read back.
"""

from __future__ import annotations

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


def digest_key(file: Path) -> bytes:
    """Read the quarantine's digest key, or make it. Several processes may ask for it at once."""
    return private.own_key(file, "a digest key")
