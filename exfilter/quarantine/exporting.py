"""A held transfer, opened for a reviewer, and only when it proves to be the right one.

Into a file, or into memory where it must not touch a disk in clear.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import replace
from pathlib import Path
from typing import IO, Self

from exfilter.model import Transfer
from exfilter.quarantine.binding import Digest


class Proof:
    """Whether what is being opened is the transfer that was held."""

    def __init__(self, transfer_id: str, digest: str, key: bytes) -> None:
        """Name the transfer that is expected."""
        self._id = transfer_id
        self._expected = digest
        self._key = key
        self._digest: Digest | None = None

    def head(self, transfer_id: str, transfer: Transfer) -> None:
        """Take everything but the body. Raises ValueError where it is another one."""
        if transfer_id != self._id:
            raise self._wrong()
        self._digest = Digest(self._key, transfer)

    def body(self, piece: memoryview) -> None:
        """Take the next piece of the body."""
        if self._digest is not None:
            self._digest.update(piece)

    def check(self) -> None:
        """Raise ValueError where it is another one."""
        if self._digest is None or not hmac.compare_digest(self._digest.hexdigest(), self._expected):
            raise self._wrong()

    def _wrong(self) -> ValueError:
        msg = f"the sealed file of {self._id} holds another transfer; restore it from a backup"
        return ValueError(msg)


class Memory:
    """An opened transfer in memory."""

    def __init__(self, proof: Proof) -> None:
        """Take what proves that it is the right one."""
        self._proof = proof
        self._transfer: Transfer
        self._body = bytearray()

    def head(self, transfer_id: str, transfer: Transfer) -> None:
        """Take everything but the body."""
        self._proof.head(transfer_id, transfer)
        self._transfer = transfer

    def body(self, piece: memoryview) -> None:
        """Take the next piece of the body."""
        self._proof.body(piece)
        self._body += piece

    def whole(self) -> Transfer:
        """Return it. Raises ValueError where it is not the right one."""
        self._proof.check()
        return replace(self._transfer, body=memoryview(self._body).toreadonly())


class Export:
    """A new file, mode 0600, that takes in an opened transfer and stays only if its digest is right."""

    def __init__(self, out: Path, proof: Proof, *, request: bool) -> None:
        """Name the file, what is expected, and whether the whole request is wanted."""
        self._out = out
        self._proof = proof
        self._request = request
        self._file: IO[bytes]
        self._trailers = b""

    def __enter__(self) -> Self:
        """Create the file. Raises FileExistsError where there is one."""
        try:
            descriptor = os.open(self._out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            msg = f"{self._out} exists and is not overwritten; name another file"
            raise FileExistsError(msg) from None
        self._file = os.fdopen(descriptor, "wb")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Finish the file, or remove it where anything went wrong."""
        try:
            with self._file:
                if kind is None:
                    self._proof.check()
                    self._file.write(self._trailers)
        except BaseException:
            self._out.unlink()
            raise
        if kind is not None:
            self._out.unlink()

    def head(self, transfer_id: str, transfer: Transfer) -> None:
        """Take everything but the body."""
        self._proof.head(transfer_id, transfer)
        if self._request:
            start = f"{transfer.method} {transfer.url} HTTP/1.1"
            self._file.write(_lines(start, transfer.headers) + b"\r\n")
            self._trailers = _lines("", transfer.trailers) if transfer.trailers else b""

    def body(self, piece: memoryview) -> None:
        """Take the next piece of the body."""
        self._proof.body(piece)
        self._file.write(piece)


def _lines(start: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in fields)]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape")
