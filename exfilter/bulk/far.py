"""What runs in a worker of a cluster: the index opened once a process, with a key that came sealed to it.

A worker makes a key pair of its own that never leaves it. As long as it has no index key it answers with the
public half, and the driver seals the index key to that. So the scheduler passes on what it cannot read, and a
worker that was started anew is served like a new one.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyrage  # type: ignore[import-untyped, unused-ignore]

from detectors.terms import Terms
from exfilter import __version__
from exfilter.bulk.messages import Done, Locked, Missing, Opening, Refused, Sealed
from exfilter.bulk.node import Copy, answered
from exfilter.bulk.reading import Reader, reader
from exfilter.bulk.tasks import Task
from exfilter.index import keys
from exfilter.index.store import Index
from exfilter.scan import Engine

GRACE = 10.0
"""Seconds beyond the deadline until a worker ends itself: not every parser asks for the time."""


class _Process:
    """The state of this process."""

    def __init__(self) -> None:
        self._identity = pyrage.x25519.Identity.generate()
        self._lock = threading.Lock()
        self._opened: tuple[Opening, Reader] | None = None
        self._copy = Copy()
        self._ends: dict[int, float] = {}

    def locked(self) -> Locked:
        """Return what asks for the key."""
        return Locked(str(self._identity.to_public()), _address(), __version__)

    def reader(self, opening: Opening) -> Reader | None:
        """Return what reads. None: there was no key yet."""
        with self._lock:
            return self._opened[1] if self._opened and self._opened[0] == opening else None

    def open(self, opening: Opening, secrets: Sealed) -> bool:
        """Open the index, once. False: there is none. Raises pyrage.DecryptError for secrets of others."""
        words = pyrage.decrypt(secrets.passwords, [self._identity]).decode()
        key = keys.unseal(secrets.key, self._identity)
        with self._lock:
            if self._opened is None or self._opened[0] != opening:
                self._opened = None
                index = self._copy.open(opening, key)
                self._opened = (opening, _reader(opening, index, key, words)) if index else None
            return self._opened is not None

    @contextlib.contextmanager
    def bounded(self, seconds: float) -> Iterator[None]:
        """End this process where what is done in here takes longer, whatever it is doing."""
        mine = threading.get_ident()
        with self._lock:
            self._ends[mine] = time.monotonic() + seconds
            self._arm()
        try:
            yield
        finally:
            with self._lock:
                del self._ends[mine]
                self._arm()

    def _arm(self) -> None:
        # Its default is to end the process, and no Python has to run for it.
        left = min(self._ends.values()) - time.monotonic() if self._ends else 0.0
        signal.setitimer(signal.ITIMER_REAL, max(left, 0.001) if self._ends else 0.0)


def _reader(opening: Opening, index: Index, key: keys.IndexKey, words: str) -> Reader:
    limits = replace(opening.limits, passwords=tuple(words.split("\n")) if words else ())
    return reader(Engine(index, Terms(opening.terms)), limits, opening.deadline, key)


def _address() -> str:
    from distributed import get_worker  # noqa: PLC0415 - an extra

    return str(get_worker().address)


_process = _Process()


def work(opening: Opening, tasks: Sequence[Task]) -> list[Done] | Locked:
    """Answer tasks; without the key, none."""
    read = _process.reader(opening)
    if read is None:
        return _process.locked()
    answers = []
    for task in tasks:
        with _process.bounded(opening.deadline + GRACE):
            answers.append((task.number, task.start, read(task)))
    return answers


async def unlock(opening: Opening, secrets: Sealed) -> Missing | Refused | None:
    """Open the index in this process, which asked for the secrets."""

    def opened() -> Missing | None:
        try:
            return None if _process.open(opening, secrets) else Missing()
        except pyrage.DecryptError:  # another process has its address now, and will ask itself
            return None

    return await answered(opening, opened)


def sealed(key: keys.IndexKey, passwords: Sequence[str], recipient: str) -> Sealed:
    """Return the secrets for the worker with this public key."""
    to = pyrage.x25519.Recipient.from_str(recipient)
    return Sealed(keys.seal(key, to), pyrage.encrypt("\n".join(passwords).encode(), [to]))
