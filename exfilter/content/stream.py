"""The bytes of one content, read once from front to back, with a look at the head before."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.body import CHUNK, known, pieces
from exfilter.content.budget import Budget, Cut
from exfilter.model import Buffer

HEAD = 1 << 16
"""Bytes that are looked at to recognise a content."""


class Stream:
    """An iterator of byte chunks that never raises: what cut it short is kept in ``trouble``."""

    def __init__(self, chunks: Iterator[bytes], size: int = 0) -> None:
        """Read from `chunks`; `size` is their total, 0 where nobody knows."""
        self.trouble: Cut | None = None
        self.taken = 0
        self._chunks = chunks
        self._size = size
        self._front = b""
        self._at = 0
        self._ended = False

    @property
    def left(self) -> int:
        """Bytes that were not taken, as far as they are known."""
        return max(0, self._size - self.taken)

    def head(self, size: int = HEAD) -> bytes:
        """Return the next `size` bytes, or all there are, without taking them."""
        have = [self._front[self._at : self._at + size]]
        length = len(have[0])
        if length < size:
            have = [self._front[self._at :]]
            while length < size and (chunk := self._pull()):
                have.append(chunk)
                length += len(chunk)
            if self._at or len(have) > 1:
                self._front, self._at = b"".join(have), 0
        return self._front[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """Take up to `size` bytes; fewer may come, none only at the end."""
        if self._at >= len(self._front):
            self._front, self._at = self._pull(), 0
        piece = self._front[self._at : self._at + size]
        self._at += len(piece)
        self.taken += len(piece)
        return piece

    def push(self, data: bytes) -> None:
        """Put back bytes that were taken."""
        if data and self._front.endswith(data, 0, self._at):
            self._at -= len(data)
            self.taken -= len(data)
        elif data:
            self._front, self._at = data + self._front[self._at :], 0
            self.taken -= len(data)

    def __iter__(self) -> Iterator[bytes]:
        """Take all that is left, chunk by chunk."""
        while chunk := self.take(CHUNK):
            yield chunk

    def _pull(self) -> bytes:
        chunk = b""
        try:
            while not (chunk or self._ended):
                found = next(self._chunks, None)
                chunk, self._ended = found or b"", found is None
        except Cut as cut:
            self.trouble, self._ended = cut, True
        return chunk


def root(body: Buffer, budget: Budget) -> Stream:
    """Return as much of the body as may be read, as a stream that ends when the deadline has passed."""

    def chunks() -> Iterator[bytes]:
        start = 0
        for piece in pieces(body):
            fits = min(len(piece), budget.limits.bytes_in - start)
            if fits <= 0 or budget.overdue():
                return
            budget.position = start
            yield bytes(piece[:fits])
            start += fits
            budget.position = start

    return Stream(chunks(), min(known(body), budget.limits.bytes_in))
