"""The body of a request while it arrives: in memory at first, then in a file that has no name.

A file without a name is gone when nobody has it open any more: after the answer, and after a crash.
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import ClassVar, Self

from exfilter.body import Filed

IN_MEMORY = 1 << 20
"""Bytes of one body that are kept in memory."""
ALL_IN_MEMORY = 16 << 20
"""Bytes of all bodies together that are kept in memory."""


class Spool:
    """What has arrived of one body.

    Has what mitmproxy asks of a buffer: ``+=``, ``len``, ``bytes``, ``clear``.
    """

    folder: ClassVar[Path | None] = None
    """Where files are made. None: in the system's folder for such files."""
    room: ClassVar[int] = 4 << 30
    """Bytes of all files together."""
    stored: ClassVar[int] = 0
    """Bytes in the files of this process."""
    held: ClassVar[int] = 0
    """Bytes in the memory of this process, over all bodies."""

    def __init__(self, limit: int | None = None) -> None:
        """Take at most ``limit`` bytes; more are counted and forgotten."""
        self.dropped = 0
        """Bytes of a body that was too large, or for which there was no room: nothing of it is here."""
        self.broken = ""
        """Why there was no room. Empty: there was."""
        self._limit = limit
        self._kept = bytearray()
        """What is in memory: in one piece, for many small ones take many times their bytes."""
        self._size = 0
        self._file: int | None = None
        self._stored = 0

    @property
    def file(self) -> int | None:
        """The descriptor of the file. None: the body is in memory."""
        return self._file

    def __len__(self) -> int:
        """Return the bytes that are here."""
        return self._size

    def __bool__(self) -> bool:
        """Whether any bytes are here. Ask ``is None`` where it is meant: what was dropped is not here."""
        return self._size > 0

    def __bytes__(self) -> bytes:
        """Return what is in memory."""
        return bytes(self._kept)

    def __iadd__(self, data: bytes) -> Self:
        """Take the next piece."""
        if self.dropped or (self._limit is not None and self._size + len(data) > self._limit):
            self._drop(len(data))
            return self
        size = self._size
        try:
            self._take(data)
        except OSError as error:  # a full disk: the body is consumed all the same, and refused
            self.broken = error.strerror or type(error).__name__
            self._size = size
            self._drop(len(data))
        return self

    def body(self) -> Filed | bytes:
        """Return the body; a file stays this spool's."""
        return bytes(self) if self._file is None else Filed(self._file, self._size)

    def clear(self) -> None:
        """Forget it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            Spool.stored -= self._stored
            self._stored = 0
        Spool.held -= len(self._kept)
        self._kept.clear()
        self._size = 0

    def __del__(self) -> None:
        """Close the file of a body that nobody asked for: its connection broke."""
        self.clear()

    def _take(self, data: bytes) -> None:
        size = self._size + len(data)
        if self._file is None and (size > IN_MEMORY or Spool.held + len(data) > ALL_IN_MEMORY):
            with tempfile.TemporaryFile(dir=self.folder, buffering=0) as file:
                descriptor = os.dup(file.fileno())
            kept = bytes(self)
            self.clear()
            self._file = descriptor
            self._write(kept)
        if self._file is None:
            self._kept += data
            Spool.held += len(data)
        else:
            self._write(data)
        self._size = size

    def _write(self, data: bytes) -> None:
        if Spool.stored + len(data) > self.room:
            raise OSError(errno.ENOSPC, "all bodies together are larger than they may be")
        self._stored += len(data)
        Spool.stored += len(data)
        view = memoryview(data)
        while view and self._file is not None:
            view = view[os.write(self._file, view) :]

    def _drop(self, more: int) -> None:
        self.dropped += self._size + more
        self.clear()
