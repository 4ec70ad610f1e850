"""A held transfer, opened into a file for a reviewer, and only when it proves to be the right one."""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import IO, Self

from exfilter.model import Transfer
from exfilter.quarantine.binding import Digest


class Export:
    """A new file, mode 0600, that takes in an opened transfer and stays only if its digest is right."""

    def __init__(self, out: Path, transfer_id: str, digest: str, key: bytes, *, request: bool) -> None:
        """Name the file, the transfer that is expected, and whether the whole request is wanted."""
        self._out = out
        self._expected = transfer_id, digest
        self._key = key
        self._request = request
        self._file: IO[bytes]
        self._digest: Digest
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
                    self._check()
                    self._file.write(self._trailers)
        except BaseException:
            self._out.unlink()
            raise
        if kind is not None:
            self._out.unlink()

    def head(self, transfer_id: str, transfer: Transfer) -> None:
        """Take everything but the body."""
        if transfer_id != self._expected[0]:
            raise self._wrong()
        self._digest = Digest(self._key, transfer)
        if self._request:
            start = f"{transfer.method} {transfer.url} HTTP/1.1"
            self._file.write(_lines(start, transfer.headers) + b"\r\n")
            self._trailers = _lines("", transfer.trailers) if transfer.trailers else b""

    def body(self, piece: memoryview) -> None:
        """Take the next piece of the body."""
        self._digest.update(piece)
        self._file.write(piece)

    def _check(self) -> None:
        if not hmac.compare_digest(self._digest.hexdigest(), self._expected[1]):
            raise self._wrong()

    def _wrong(self) -> ValueError:
        msg = f"the sealed file of {self._expected[0]} holds another transfer; restore it from a backup"
        return ValueError(msg)


def _lines(start: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in fields)]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape")
