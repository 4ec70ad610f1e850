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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyrage  # type: ignore[import-untyped, unused-ignore]

from detectors.terms import Terms
from exfilter.bulk.reading import Reader, reader
from exfilter.bulk.tasks import Answer, Task
from exfilter.index import keys
from exfilter.index.store import Index
from exfilter.limits import Limits
from exfilter.scan import Engine

GRACE = 10.0
"""Seconds beyond the deadline until a worker ends itself: not every parser asks for the time."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a worker reads with. It holds no secret."""

    index: Path
    """Where the index lies on each machine: a mount, or a copy."""
    index_id: str
    """Of the driver's: another one is refused."""
    terms: Mapping[str, Sequence[str]]
    limits: Limits
    """Without passwords."""
    deadline: float
    """Seconds for one task."""


@dataclass(frozen=True, slots=True)
class Locked:
    """No key is here: the worker wants one that is sealed to this."""

    recipient: str
    worker: str
    """Its address in the cluster."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Secrets for one worker."""

    key: bytes = field(repr=False)
    passwords: bytes = field(repr=False)
    """Joined with line ends."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing can be read here."""

    problem: str


class _Process:
    """The state of this process."""

    def __init__(self) -> None:
        self._identity = pyrage.x25519.Identity.generate()
        self._lock = threading.Lock()
        self._opened: tuple[Opening, Reader] | None = None
        self._ends: dict[int, float] = {}

    def locked(self) -> Locked:
        """Return what asks for the key."""
        return Locked(str(self._identity.to_public()), _address())

    def reader(self, opening: Opening) -> Reader | None:
        """Return what reads. None: there was no key yet."""
        with self._lock:
            return self._opened[1] if self._opened and self._opened[0] == opening else None

    def open(self, opening: Opening, secrets: Sealed) -> Reader:
        """Open the index, once. Raises pyrage.DecryptError where the secrets are for somebody else."""
        words = pyrage.decrypt(secrets.passwords, [self._identity]).decode()
        with self._lock:
            if self._opened is None or self._opened[0] != opening:
                self._opened = (opening, _open(opening, keys.unseal(secrets.key, self._identity), words))
            return self._opened[1]

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


def _open(opening: Opening, key: keys.IndexKey, words: str) -> Reader:
    index = Index.open(opening.index, key, whole=False)
    if index.id != opening.index_id:
        msg = f"{opening.index}: a worker has another index than the driver; copy the driver's there"
        raise ValueError(msg)
    limits = replace(opening.limits, passwords=tuple(words.split("\n")) if words else ())
    return reader(Engine(index, Terms(opening.terms)), limits, opening.deadline, key)


def _address() -> str:
    from distributed import get_worker  # noqa: PLC0415 - an extra

    return str(get_worker().address)


_process = _Process()


def work(opening: Opening, tasks: Sequence[Task]) -> list[Answer] | Locked:
    """Answer tasks, in their order; without the key, none."""
    read = _process.reader(opening)
    if read is None:
        return _process.locked()
    answers = []
    for task in tasks:
        with _process.bounded(opening.deadline + GRACE):
            answers.append(read(task))
    return answers


def unlock(opening: Opening, secrets: Sealed) -> Refused | None:
    """Open the index in this process, which asked for the secrets."""
    try:
        _process.open(opening, secrets)
    except pyrage.DecryptError:  # another process has its address now, and will ask itself
        return None
    except (ValueError, OSError) as error:
        return Refused(str(error))
    return None


def sealed(key: keys.IndexKey, passwords: Sequence[str], recipient: str) -> Sealed:
    """Return the secrets for the worker with this public key."""
    to = pyrage.x25519.Recipient.from_str(recipient)
    return Sealed(keys.seal(key, to), pyrage.encrypt("\n".join(passwords).encode(), [to]))
