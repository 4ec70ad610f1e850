"""A body in clear, for a reviewer with the private key: in memory, recorded, and shown as inert text.

Key and passphrase are used for one opening and kept nowhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from exfilter import private, reviewers
from exfilter.body import pieces
from exfilter.mask import mask
from exfilter.model import Kind, Transfer
from exfilter.quarantine import What
from exfilter.quarantine.store import Identities
from exfilter.review.desk import Desk

REFUSED = "open body refused"
"""The act of who has the wrong key or passphrase."""
SHOWN = 256 * 1024
"""Bytes of a body that are shown."""
LARGEST_KEY = 64 * 1024
STRETCH = 1000
"""Characters of a line that are masked at a time."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a reviewer gives for one opening."""

    reason: str
    passphrase: str = ""
    key: bytes = b""
    """The file of the private key. Empty: that of the settings is taken."""

    def __repr__(self) -> str:
        """Say nothing of it."""
        return "Given(…)"


@dataclass(slots=True)
class Clear:
    """A transfer in clear, the only one in memory until it is closed."""

    transfer: Transfer
    _end: Callable[[], None] | None

    def close(self) -> None:
        """Forget it, and let the next one be opened. Again: nothing."""
        end, self._end = self._end, None
        if end is None:
            return
        try:
            if isinstance(self.transfer.body, memoryview):
                _forget(self.transfer.body)
        finally:
            end()

    def __del__(self) -> None:
        """Close it where an answer was never begun."""
        self.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Forget it."""
        self.close()


def _forget(body: memoryview) -> None:
    buffer = body.obj
    with contextlib.suppress(BufferError):  # Somebody still reads: it goes with them.
        body.release()
        if isinstance(buffer, bytearray):
            buffer[:] = bytes(len(buffer))
            buffer.clear()


def opened(desk: Desk, who: str, transfer_id: str, given: Given) -> Clear | None:
    """Return a transfer in clear, to be closed. None: the wish waits for a second one, who needs the key.

    Raises ValueError where key or passphrase are wrong, which is recorded; Busy.
    """
    decisions = desk.decisions(who)
    if desk.quarantine.waits_for_another(transfer_id, who, What.OPEN):
        decisions.reveal(transfer_id, (), given.reason)
        return None
    end = desk.begin_opening()
    try:
        found = decisions.reveal(transfer_id, _secret(desk, who, transfer_id, given), given.reason)
    except BaseException:
        end()
        raise
    if found is None:
        end()
        return None
    return Clear(found, end)


def _secret(desk: Desk, who: str, transfer_id: str, given: Given) -> Identities:
    try:
        data = given.key or private.read(desk.given.reviewer_key)
        return reviewers.unlocked(data, "the private key", lambda: given.passphrase)
    except FileNotFoundError:
        msg = "the private key is not on this machine: give its file"
        raise ValueError(msg) from None
    except ValueError:
        desk.record(who, REFUSED, [transfer_id], "the private key or its passphrase was wrong")
        raise


def masked(transfer: Transfer) -> str:
    """Return the beginning of a body as lines of text with every word masked: no value is in it whole."""
    start = bytearray()
    for piece in pieces(transfer.body):
        start += bytes(piece[: SHOWN - len(start)])
        if len(start) >= SHOWN:
            break
    return "\n".join(_line(line) for line in start.decode("utf-8", "replace").split("\n"))


def _line(line: str) -> str:
    plain = "".join(char if char.isprintable() else " " for char in line)
    # In stretches: a word of a megabyte is no word, and masking one takes the square of its length.
    stretches = (plain[start : start + STRETCH] for start in range(0, len(plain), STRETCH))
    return "".join(mask(each, Kind.EMAIL) for each in stretches)
