"""Held transfers as sealed files: a small envelope, encrypted with age to all reviewers, streamed.

The envelope: the line ``exfilter-held 1``, the length of the head (8 bytes, big endian), the head
(JSON: id, method, URL, headers, trailers, ...), the body to the end. age authenticates every chunk, so
a cut or altered file does not open.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol

import pyrage  # type: ignore[import-untyped, unused-ignore]

from exfilter.body import pieces
from exfilter.model import Transfer
from exfilter.private import sync_folder

MAGIC = b"exfilter-held 1\n"
HEAD_LIMIT = 64 * 1024 * 1024
_HEAD_FIELDS = ("door", "name", "actor", "destination", "method", "url", "time")


class Opened(Protocol):
    """Takes in a transfer as it is being opened."""

    def head(self, transfer_id: str, transfer: Transfer) -> None:
        """Take everything but the body."""

    def body(self, piece: memoryview) -> None:
        """Take the next piece of the body."""


def seal(
    transfer_id: str, transfer: Transfer, target: Path, recipients: Sequence[pyrage.x25519.Recipient]
) -> tuple[int, str]:
    """Write a sealed transfer, whole and on the disk when this returns: size and SHA-256 of the file.

    It appears under its name only when it is complete. Raises OSError where it cannot be written.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            writer = _Measured(file)
            pyrage.encrypt_io(
                _Pieces(_head(transfer_id, transfer), pieces(transfer.body)), writer, recipients
            )
            file.flush()
            os.fsync(descriptor)
        temporary.rename(target)
        sync_folder(target.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, pyrage.EncryptError):
            msg = f"{target.parent}: the body could not be sealed ({error}); free space or repair the disk"
            raise OSError(msg) from None
        raise
    return writer.size, writer.sha256.hexdigest()


def unseal(source: Path, identities: Sequence[pyrage.x25519.Identity], opened: Opened) -> None:
    """Open a sealed transfer into ``opened``, piece by piece.

    Raises ValueError where the key does not fit or the file is damaged, after which nothing of what
    was taken in may be used.
    """
    parser = _Parser(opened)
    try:
        with source.open("rb") as file:
            pyrage.decrypt_io(file, parser, identities)
        parser.finish()
    except pyrage.DecryptError:
        msg = f"{source}: no key opens it; use the private key of one of its reviewers"
        raise ValueError(msg) from None
    except OSError as error:
        if error.errno is not None:
            raise
        msg = f"{source}: damaged ({error}); restore it from a backup"
        raise ValueError(msg) from None


def _head(transfer_id: str, transfer: Transfer) -> bytes:
    fields = {name: getattr(transfer, name) for name in _HEAD_FIELDS}
    fields |= {"id": transfer_id, "headers": transfer.headers, "trailers": transfer.trailers}
    data = json.dumps(fields).encode()  # ASCII: also lone surrogates survive
    return MAGIC + len(data).to_bytes(8, "big") + data


class _Pieces:
    """A reader over head and body that copies only what is asked for."""

    def __init__(self, head: bytes, body: Iterator[bytes | memoryview]) -> None:
        self._view = memoryview(head)
        self._rest = body

    def read(self, size: int) -> bytes:
        if not self._view:
            self._view = memoryview(next(self._rest, b""))
        piece, self._view = self._view[:size], self._view[size:]
        return bytes(piece)


class _Measured:
    """A writer that knows the size and SHA-256 of what went through it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.size += len(data)
        self.sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


class _Parser:
    """A writer that takes the envelope apart as it is being decrypted."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._start = bytearray()
        self._in_body = False

    def write(self, data: bytes) -> int:
        if self._in_body:
            self._opened.body(memoryview(data))
        else:
            self._start += data
            self._try_head()
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def finish(self) -> None:
        if not self._in_body:
            msg = "the sealed file ends within its head: damaged; restore it from a backup"
            raise ValueError(msg)

    def _try_head(self) -> None:
        at = len(MAGIC) + 8
        if len(self._start) < at:
            return
        size = int.from_bytes(self._start[len(MAGIC) : at], "big")
        if not self._start.startswith(MAGIC) or size > HEAD_LIMIT:
            msg = "the sealed file has another format; open it with the exfilter that wrote it"
            raise ValueError(msg)
        if len(self._start) < at + size:
            return
        fields = json.loads(self._start[at : at + size])
        transfer_id = fields.pop("id")
        for name in ("headers", "trailers"):
            fields[name] = tuple((key, value) for key, value in fields[name])
        self._in_body = True
        self._opened.head(transfer_id, Transfer(body=b"", **fields))
        self._opened.body(memoryview(self._start)[at + size :])
