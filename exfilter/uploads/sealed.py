"""Pieces on disk, encrypted: nobody reads a customer in the folder of uploads.

A file is a random prefix of 8 bytes, then blocks of 1 MiB, each by AES-256-GCM (NIST SP 800-38D). The nonce
is the prefix and the number of the block, the associated data is the file's name: a block is not moved to
another place or file unnoticed. The length is in the database. Nothing is synced: what a power cut leaves
does not decrypt, and the upload that it belongs to is not completed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK = 1 << 20
PREFIX = 8
TAG = 16


class Sealed:
    """The encrypted pieces in a folder."""

    def __init__(self, folder: Path, key: bytes) -> None:
        """Use the folder; ``key``: 32 bytes."""
        self._folder = folder
        self._cipher = AESGCM(key)

    def write(self, data: Iterable[bytes | memoryview]) -> str:
        """Encrypt what comes into a new file of mode 0600, and return its name. Raises OSError."""
        name = secrets.token_hex(16)
        prefix = secrets.token_bytes(PREFIX)
        path = self._folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(prefix)
                for number, block in enumerate(_blocks(data)):
                    file.write(self._cipher.encrypt(_nonce(prefix, number), block, name.encode()))
        except BaseException:
            path.unlink()
            raise
        return name

    def read(self, name: str, start: int, length: int) -> Iterator[bytes]:
        """Yield bytes of a piece. Raises OSError where it is gone or was altered."""
        end = start + length
        with (self._folder / name).open("rb", buffering=0) as file:
            prefix = file.read(PREFIX)
            for number in range(start // BLOCK, -(-end // BLOCK)):
                at = number * BLOCK
                file.seek(PREFIX + number * (BLOCK + TAG))
                block = self._block(name, prefix, number, file.read(BLOCK + TAG))
                yield block[max(0, start - at) : end - at]

    def _block(self, name: str, prefix: bytes, number: int, data: bytes) -> bytes:
        try:
            return self._cipher.decrypt(_nonce(prefix, number), data, name.encode())
        except (InvalidTag, ValueError):
            msg = f"{self._folder / name}: a kept piece of an upload is damaged; send the upload again"
            raise OSError(msg) from None

    def remove(self, names: Iterable[str]) -> None:
        """Delete pieces, those that are there."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    def sweep(self, known: Iterable[str], before: float) -> None:
        """Delete pieces that nobody knows of and that are older: a crash left them behind."""
        kept = frozenset(known)
        for file in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if file.name not in kept and file.stat().st_mtime < before:
                    file.unlink()


def _nonce(prefix: bytes, number: int) -> bytes:
    return prefix + number.to_bytes(4, "big")


def _blocks(data: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    held = bytearray()
    for chunk in data:
        held += chunk
        while len(held) >= BLOCK:
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
    if held:
        yield bytes(held)
