"""A worker's side: open an item, read it through the pipeline, and say what it holds."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from exfilter.body import pieces
from exfilter.bulk.ranges import within
from exfilter.bulk.tasks import Answer, Task
from exfilter.index.keys import CONTENT, IndexKey
from exfilter.limits import MIB, Limits
from exfilter.model import Buffer, Expired, Transfer
from exfilter.scan import Engine
from exfilter.stores import Unreadable, opened

SMALL = 16 * MIB
"""Bodies up to here are read into memory."""


class Hashed:
    """A body that remembers what of it was read, so that its digest costs no second reading."""

    def __init__(self, body: Buffer, key: bytes) -> None:
        """Take a body; the digest is keyed, so nobody else can compare it with contents that he has."""
        self._body = body
        self._hash = hashlib.blake2b(key=key)
        self._at = 0

    def __len__(self) -> int:
        """Return its bytes."""
        return len(self._body)

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """Yield it from `start` on."""
        for piece in map(bytes, pieces(self._body, start)):
            if start <= self._at < start + len(piece):
                self._hash.update(piece[self._at - start :])
                self._at = start + len(piece)
            yield piece
            start += len(piece)

    def digest(self, expired: Expired) -> bytes:
        """Return the digest of all of it; what nobody has read yet is read. Raises Unreadable or OSError.

        Empty: it has no bytes, or the time is over before their end.
        """
        if self._at < len(self):
            for _ in self.pieces(self._at):
                if expired():
                    break
        return self._hash.digest() if 0 < self._at == len(self) else b""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads tasks. Each process has its own, opened once."""

    engine: Engine
    limits: Limits
    deadline: float
    """Seconds for one task."""
    content_key: bytes = field(repr=False)

    def __call__(self, task: Task) -> Answer:
        """Return what a file holds. Whatever goes wrong is an answer."""
        began = time.monotonic()
        try:
            return self._read(task, began)
        except Unreadable as error:
            seconds = time.monotonic() - began
            return Answer(None, error.problem, error.reason, seconds=seconds, passing=error.passing)
        except Exception as error:  # noqa: BLE001 - fail closed: a defect of ours is never "nothing found"
            seconds = time.monotonic() - began
            return Answer(None, type(error).__name__, seconds=seconds, passing=isinstance(error, OSError))

    def _read(self, task: Task, began: float) -> Answer:
        def expired() -> bool:
            return time.monotonic() > began + self.deadline

        with opened(task.item) as whole:
            body: Buffer = within(whole, task.start, task.end) if task.ranged else whole
            read = Hashed(body, self.content_key)
            transfer = Transfer("scan", _small(read) or read, name=task.item.url)
            found = self.engine.findings(transfer, self.limits, expired)
            digest = read.digest(expired)
        return Answer(found, digest=digest, seconds=time.monotonic() - began)


def _small(body: Hashed) -> bytes:
    return b"".join(body.pieces()) if len(body) < SMALL else b""


def reader(engine: Engine, limits: Limits, deadline: float, key: IndexKey) -> Reader:
    """Return what reads tasks with an opened index."""
    return Reader(engine, limits, deadline, key.subkey(CONTENT, 32))
