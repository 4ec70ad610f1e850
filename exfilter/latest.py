"""What a file says, read again when it changes.

A file that is edited with a mistake does not take the place of the last good one: a list of users or groups
that suddenly is empty would shut everybody out, or let a rule fall silent. The mistake is said in the log.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SAID = 256
"""Bytes of a text that is said once."""

logger = logging.getLogger("exfilter.latest")


class Once:
    """What this process and those forked from it said last, so that not each of them says the same."""

    def __init__(self, text: str) -> None:
        """Take what needs not be said."""
        self._file = os.memfd_create("said", os.MFD_CLOEXEC)
        os.pwrite(self._file, self._padded(text), 0)

    def __call__(self, text: str) -> str | None:
        """Take what is to be said: what was before; None: it is the same."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)  # among processes; a descriptor's own lock is inherited
        try:
            before = os.pread(self._file, _SAID, 0)
            os.pwrite(self._file, self._padded(text), 0)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
        return None if before == self._padded(text) else before.rstrip(b"\0").decode()

    @staticmethod
    def _padded(text: str) -> bytes:
        return text.encode()[:_SAID].ljust(_SAID, b"\0")

    def __del__(self) -> None:
        """Close the file."""
        os.close(self._file)


class Latest[T]:
    """Call it for what the file says. Safe to use from several threads."""

    CHECK = 1.0
    """Seconds between two looks at the file."""

    def __init__(
        self, path: Path, read: Callable[[Path], T], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read it once. Raises what ``read`` raises: OSError, or ValueError without the file's text."""
        self._path = path
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._seen = self._look()
        self._said = Once("")
        self._value = read(path)
        self._next_look = clock() + self.CHECK

    def __call__(self) -> T:
        """Return what the file says, or what it said before somebody made a mistake in it."""
        with self._lock:
            if self._clock() >= self._next_look:
                self._next_look = self._clock() + self.CHECK
                self._refresh()
            return self._value

    def _refresh(self) -> None:
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._value = self._read(self._path)
            self._said("")
        except ValueError as error:
            # Without a traceback, whose locals are the file's text.
            self._complain(str(error))
        except OSError as error:
            self._complain(f"{self._path}: {error.strerror}" if error.strerror else str(error))

    def _complain(self, text: str) -> None:
        """Say what is wrong with the file, once for all processes that have it from this one."""
        if self._said(repr(self._seen)) is not None:
            logger.error("%s; what it said before stays", text)

    def _look(self) -> tuple[int, ...]:
        """Return what changes with the file. Empty: there is none, or it cannot be looked at."""
        try:
            about = self._path.stat()
        except OSError:
            return ()
        return about.st_ino, about.st_size, about.st_mtime_ns, about.st_mode
