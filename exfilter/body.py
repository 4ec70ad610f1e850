"""The body of a transfer, in memory or in a file that may be larger than memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exfilter.model import Buffer

CHUNK = 1 << 20
"""Bytes that are read in one step."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A body in an open file, which is read and never mapped: pages of a map would count as memory.

    Whoever opened the file closes it.
    """

    file: int
    """Descriptor; its position is neither used nor moved."""
    size: int

    def __len__(self) -> int:
        """Return its bytes."""
        return self.size

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """Yield it from `start` on. Raises EOFError where the file is shorter than it was."""
        while start < self.size:
            piece = os.pread(self.file, min(CHUNK, self.size - start), start)
            if not piece:
                msg = f"the body ends at byte {start} of {self.size}"
                raise EOFError(msg)
            yield piece
            start += len(piece)


class Arriving:
    """A body in an open file that somebody else is still writing. For one thread."""

    def __init__(self, file: int, more: Callable[[], tuple[int, bool]]) -> None:
        """`more` waits until more bytes are there: how many there are now, and whether that is all."""
        self.file = file
        self.whole = False
        self._size = 0
        self._more = more

    def __len__(self) -> int:
        """Return its bytes, when all have arrived."""
        while not self.whole:
            self._wait()
        return self._size

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """Yield it from `start` on, as it arrives."""
        while True:
            for piece in Filed(self.file, self._size).pieces(start):
                yield piece
                start += len(piece)
            if self.whole and start >= self._size:
                return
            if start >= self._size:
                self._wait()

    def _wait(self) -> None:
        self._size, self.whole = self._more()


def pieces(body: Buffer, start: int = 0) -> Iterator[bytes | memoryview]:
    """Yield a body from `start` on, in pieces of at most `CHUNK` bytes."""
    if not isinstance(body, bytes | memoryview):
        yield from body.pieces(start)
    elif len(body):
        view = memoryview(body).cast("B")
        for at in range(start, len(view), CHUNK):
            yield view[at : at + CHUNK]


def size(body: Buffer) -> int:
    """Return the bytes of a body; of one that still arrives, when all have."""
    return body.nbytes if isinstance(body, memoryview) else len(body)


def known(body: Buffer) -> int:
    """Return the bytes of a body as far as they are known now; 0: it still arrives."""
    return 0 if isinstance(body, Arriving) and not body.whole else size(body)


def whole(body: Buffer) -> bytes:
    """Return a body as bytes: only for those that are known to be small."""
    return bytes(body) if isinstance(body, bytes | memoryview) else b"".join(body.pieces())
