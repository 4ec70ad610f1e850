"""What one transfer may cost, counted over everything inside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from exfilter.content.passwords import Passwords
from exfilter.content.sandbox.host import Sandbox
from exfilter.limits import Limits
from exfilter.model import Expired, Part, Reason, Unscanned

Item = Part | Unscanned
_FLOOR = 1 << 16
"""Characters of text below which views are not judged."""


class Cut(Exception):  # noqa: N818 - not an error of the program: a stream of bytes that ends early
    """Raised by a decoder, caught by :class:`exfilter.content.stream.Stream`, which keeps it."""

    def __init__(self, reason: Reason, left: int = 1) -> None:
        """Keep why the stream ended and how many bytes of it were not read."""
        super().__init__(reason.value)
        self.reason = reason
        self.left = max(1, left)


class Locked(Protocol):
    """A content with something encrypted in it."""

    def hopeful(self) -> bool:
        """Whether there are passwords that were not tried."""

    def again(self) -> Iterator[Item]:
        """Yield what was encrypted and is not any more."""

    def left(self) -> Iterator[Item]:
        """Yield what is still encrypted."""

    def close(self) -> None:
        """Give the memory back."""


@dataclass(slots=True)
class Inner:
    """Bytes that were found encoded in a text and wait to be opened."""

    path: tuple[str, ...]
    chunks: list[bytes]
    size: int
    """Bytes that are held."""
    deflated: bool = False
    """They are compressed, and no magic says so."""


class Unfinished(Protocol):
    """Encoded bytes whose text may go on in the next slice."""

    def resumed(self, text: str, budget: Budget) -> int:
        """Add what the next slice begins with. Returns where it ends there, 0 where it does not go on."""

    def goes_on(self, text: str, end: int, overlap: int) -> bool:
        """Whether what ends there may go on in the next slice."""

    def finish(self, budget: Budget) -> Iterator[Item]:
        """Let what there is be opened, and yield what had no room."""


class Budget:
    """The one mutable account of a transfer. All readers charge it."""

    def __init__(self, limits: Limits, expired: Expired) -> None:
        """Open an account that nothing was charged to."""
        self.limits = limits
        self.late = False
        """The deadline passed: every reader stops, ``read`` reports it once."""
        self.position = 0
        """Bytes of the body that were handed to a reader."""
        self.passwords = Passwords(limits.passwords)
        """To try where something is encrypted."""
        self.locked: list[Locked] = []
        """What is encrypted and was kept to be tried at the end."""
        self.inner: list[Inner] = []
        """What was found encoded in the texts so far and was not opened yet."""
        self.unfinished: dict[tuple[str, ...], Unfinished] = {}
        """By the path of their text."""
        self.opened: set[int] = set()
        """Hashes of small encoded contents that were opened: slices overlap, and views hold them again."""
        self.sandbox = Sandbox(self.overdue)
        """Where parsers run that may crash, hang or blow up."""
        self._expired = expired
        self._out = 0
        self._parts = 0
        self._small = 0
        self._text = _FLOOR
        self._views = 0
        self._held = 0
        self._kept = 0

    def overdue(self) -> bool:
        """Whether the deadline has passed. Once true it stays true."""
        self.late = self.late or self._expired()
        return self.late

    def part(self) -> bool:
        """Count a part. False: there are too many."""
        self._parts += 1
        return self._parts <= self.limits.parts

    def small(self) -> bool:
        """Count a small content that is to be opened by itself. False: there are too many."""
        self._small += 1
        return self._small <= self.limits.small

    def text(self, size: int) -> None:
        """Count characters of text: so much more may be spent on views of it."""
        self._text += size

    def view(self, size: int) -> bool:
        """Count the characters of a view. False: there are too many for the text."""
        self._views += size
        return self._views <= self.limits.views * self._text

    def hold(self, size: int) -> bool:
        """Count bytes of memory that something inside the body is given. False: there are too many."""
        if size > self.room:
            return False
        self._held += size
        return True

    def keep(self, size: int) -> bool:
        """Whether so many of the bytes that are held may be held until the transfer ends: half of all."""
        if self._kept + size > self.limits.inner_bytes // 2:
            return False
        self._kept += size
        return True

    @property
    def room(self) -> int:
        """Bytes of memory that can still be held."""
        return max(0, self.limits.inner_bytes - self._held)

    def release(self, size: int) -> None:
        """Count bytes that were given back."""
        self._held -= size

    def freed(self, inner: Inner) -> Iterator[bytes]:
        """Yield the chunks of encoded bytes, and give each back when it is taken."""
        try:
            while inner.chunks:
                chunk = inner.chunks.pop(0)
                self.release(len(chunk))
                inner.size -= len(chunk)
                yield chunk
        finally:
            self.release(inner.size)

    @property
    def full(self) -> bool:
        """Whether no part may be added."""
        return self._parts >= self.limits.parts

    def charge(self, size: int, taken: int, made: int) -> bool:
        """Count `size` new bytes of a decoder that made `made` of `taken`. False: too much."""
        self._out += size
        if self._out > self.limits.bytes_out:
            return False
        return made <= self.limits.ratio_floor or made <= self.limits.ratio * max(1, taken)
