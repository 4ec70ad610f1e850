"""Signed checkpoints: so far went the log, and this was its last hash. Ed25519, RFC 8032.

Whoever keeps one elsewhere can prove later that no entry up to it was changed, also against somebody who
holds the signing key by then. The doors log each one, and companies collect what they log.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from exfilter import private

MARK = b"exfilter-checkpoint-1\0"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """So far went the log at a time."""

    number: int
    """Of the last entry."""
    hash: str
    """Of that entry, hexadecimal."""
    time: float
    """Seconds since the epoch, UTC."""
    signer: str
    """Public key, hexadecimal."""
    signature: str
    """Hexadecimal."""

    def told(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), allow_nan=False, separators=(",", ":"))


class Signer:
    """Holds the private key of one configuration folder."""

    __slots__ = ("_key", "public")

    def __init__(self, file: Path) -> None:
        """Read the key (mode 0600), or make it. Raises OSError or ValueError."""
        self._key = Ed25519PrivateKey.from_private_bytes(private.own_key(file, "a signing key"))
        self.public = self._key.public_key().public_bytes_raw().hex()

    def __repr__(self) -> str:
        """Name the public key only."""
        return f"Signer({self.public})"

    def checkpoint(self, number: int, head: str, time: float) -> Checkpoint:
        """Sign that the log went so far."""
        signature = self._key.sign(_message(number, head, time)).hex()
        return Checkpoint(number, head, time, self.public, signature)

    def sign(self, data: bytes) -> str:
        """Sign an export, hexadecimal."""
        return self._key.sign(data).hex()


def read(line: str) -> Checkpoint:
    """Return the checkpoint of a line. Raises ValueError where it is none."""
    try:
        given = json.loads(line)
        found = Checkpoint(**{name: given[name] for name in Checkpoint.__dataclass_fields__})
        bytes.fromhex(found.signer + found.signature + found.hash)
        return Checkpoint(int(found.number), found.hash, float(found.time), found.signer, found.signature)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        msg = "not a checkpoint: give the line that `exfilter audit checkpoint` printed"
        raise ValueError(msg) from None


def is_signed(given: Checkpoint) -> bool:
    """Whether the checkpoint's own signer signed exactly this."""
    try:
        told = _message(given.number, given.hash, given.time)
    except (ValueError, TypeError):  # it was stored by somebody else
        return False
    return verifies(given.signer, given.signature, told)


def verifies(signer: str, signature: str, data: bytes) -> bool:
    """Whether ``signer`` (public key, hexadecimal) signed ``data``."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer)).verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _message(number: int, head: str, time: float) -> bytes:
    return MARK + json.dumps([number, head, time], allow_nan=False, separators=(",", ":")).encode()
