"""The decision log: one JSON line for every decision, also allow. No URL, no header, no value.

Names (actor, destination, file) are written as the verdict shows them, with customers masked.

Several processes append to one file. A line that cannot be written whole raises: a door that cannot
record a decision must not forward.
"""

from __future__ import annotations

import datetime as dt
import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from exfilter.model import Transfer, Verdict
from exfilter.policy import summary

TEXT_LIMIT = 255
"""Characters of a name that are kept: a sender does not choose how long a line is."""


class Journal:
    """Appends decisions to a file, made with mode 0600. It may be rotated at any time."""

    def __init__(
        self, path: Path, called: Callable[[str], str] = str, clock: Callable[[], float] = time.time
    ) -> None:
        """Name the file, what it calls an actor, and the clock for transfers without a time of their own."""
        self._path = path
        self._called = called
        self._clock = clock

    def write(
        self,
        transfer: Transfer,
        verdict: Verdict,
        *,
        transfer_id: str,
        seconds: float,
        audit_only: bool,
        held: bool,
    ) -> None:
        """Record one decision. Raises OSError where the line is not in the file afterwards.

        ``transfer_id`` is empty for a transfer that nobody has to find again.
        """
        self.append(
            [
                self.line(
                    transfer,
                    verdict,
                    transfer_id=transfer_id,
                    seconds=seconds,
                    audit_only=audit_only,
                    held=held,
                )
            ]
        )

    def line(
        self,
        transfer: Transfer,
        verdict: Verdict,
        *,
        transfer_id: str,
        seconds: float,
        audit_only: bool,
        held: bool,
    ) -> bytes:
        """Return a decision as it is recorded, for ``append``."""
        when = dt.datetime.fromtimestamp(transfer.time or self._clock(), dt.UTC)
        shown = verdict.shown
        record = {
            "time": when.isoformat(timespec="microseconds"),
            "transfer_id": transfer_id,
            "door": transfer.door,
            "actor": self._called(shown.actor)[:TEXT_LIMIT],
            "destination": shown.destination[:TEXT_LIMIT],
            "method": shown.method,
            "file": shown.file[-TEXT_LIMIT:],
            **summary(verdict),
            "seconds": round(seconds, 6),
            "held": held,
            "audit_only": audit_only,
        }
        # ASCII JSON spells out control characters, line separators and lone surrogates: what an actor is
        # called can never begin a new line.
        return json.dumps(record, allow_nan=False, separators=(",", ":")).encode() + b"\n"

    def append(self, lines: Iterable[bytes]) -> None:
        """Record decisions at once. Raises OSError where not all of them are in the file afterwards."""
        data = b"".join(lines)
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_torn(descriptor):
                data = b"\n" + data
            if os.write(descriptor, data) != len(data):
                msg = f"{self._path}: the decision could not be recorded whole; free space on its disk"
                raise OSError(msg)
        finally:
            os.close(descriptor)

    def check(self) -> None:
        """Raise OSError where no line could be written now."""
        descriptor = self._open()
        try:
            if not os.fstatvfs(descriptor).f_bavail:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self._path, flags, 0o600)
        except OSError as error:
            msg = f"{error.strerror}; decisions are recorded there, make it a file that can be written"
            raise OSError(error.errno, msg, str(self._path)) from None


def _is_torn(descriptor: int) -> bool:
    """Whether the last line was cut off (a full disk, a crash): it must not swallow the next one."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
