"""The names behind pseudonyms, sealed to the reviewers: no door reads one back.

The pseudonym is sealed with the name, so that no row can be put in another one's place, and the text is
filled up: its length does not tell who it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyrage  # type: ignore[import-untyped, unused-ignore]

BLOCK = 256
"""Bytes of which a sealed text has a multiple."""


def seal(pseudonym: str, name: str, recipients: Sequence[pyrage.x25519.Recipient]) -> bytes:
    """Return an actor's name, sealed. Raises ValueError where there is nobody to seal to."""
    if not recipients:
        msg = "there is no reviewers' public key to seal names to: name one in reviewers.txt"
        raise ValueError(msg)
    plain = json.dumps([pseudonym, name]).encode()  # ASCII: also lone surrogates survive
    sealed: bytes = pyrage.encrypt(plain.ljust(-(-len(plain) // BLOCK) * BLOCK), list(recipients))
    return sealed


def reveal(sealed: bytes, pseudonym: str, identities: Sequence[pyrage.x25519.Identity]) -> str:
    """Return the name. Raises ValueError where no key opens it, or it is not that of this pseudonym."""
    try:
        found, name = json.loads(pyrage.decrypt(sealed, list(identities)))
    except pyrage.DecryptError:
        msg = f"no key opens the name of {pseudonym}: use the private key of one of the reviewers"
        raise ValueError(msg) from None
    if found != pseudonym:
        msg = f"the sealed name is not that of {pseudonym}: the ledger was altered; restore it from a backup"
        raise ValueError(msg)
    return str(name)
