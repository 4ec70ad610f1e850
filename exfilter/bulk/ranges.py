"""Large text in ranges, each read by itself.

Two ranges share ``OVERLAP`` bytes, and each begins and ends with a line, so whoever stands at a seam stands
whole in the second one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exfilter.body import pieces
from exfilter.limits import KIB, MIB
from exfilter.model import Buffer

RANGE = 64 * MIB
"""Bytes of a range. What is not larger is read in one."""
OVERLAP = 64 * KIB
HEAD = 64 * KIB
CONTINUES, LEADS = 0x80, 0xC0
"""The two upper bits of a byte within, and at the beginning of, a character of UTF-8."""


def ranges(size: int, length: int = RANGE) -> list[tuple[int, int]]:
    """Return where the ranges of so many bytes begin and end; together they are all of it."""
    return [(start, min(start + length, size)) for start in range(0, size, length)]


def splits(head: bytes) -> bool:
    """Whether a content that begins so may be read in ranges: lines of plain text in UTF-8.

    Mail is left out, as a part of it is encoded as a whole; so is what begins as anything but text.
    """
    if (
        b"\n" not in head
        or b"\0" in head
        or head.startswith((b"From ", b"Received:", b"%PDF", b"<", b"{\\rtf"))
    ):
        return False
    if b"\nMIME-Version:" in head or b"\nContent-T" in head or b"=ybegin" in head or b"-----BEGIN" in head:
        return False
    try:
        head[: head.rindex(b"\n")].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Within:
    """A range of a body, as a body."""

    body: Buffer
    start: int
    end: int

    def __len__(self) -> int:
        """Return its bytes."""
        return self.end - self.start

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """Yield it from `start` on."""
        left = len(self) - start
        if left > 0:
            for piece in pieces(self.body, self.start + start):
                yield bytes(piece[:left])
                left -= len(piece)
                if left <= 0:
                    return


def within(body: Buffer, start: int, end: int) -> Within:
    """Return the lines of a range, with those shared with the range before."""
    size = len(body)
    first, last = max(0, start - OVERLAP), min(end, size)
    if first:
        shared = _read(body, first, start)
        line = shared.find(b"\n")
        first += line + 1 if line >= 0 else _inside(shared)
    if last < size:
        tail = _read(body, max(first, last - OVERLAP), last)
        line = tail.rfind(b"\n")
        last -= len(tail) - line - 1 if line >= 0 else _unfinished(tail)
    return Within(body, first, last)


def _read(body: Buffer, start: int, end: int) -> bytes:
    return b"".join(Within(body, start, end).pieces())


def _inside(data: bytes) -> int:
    """Return how many bytes at the beginning belong to a character before."""
    return next((at for at in range(min(4, len(data))) if data[at] & LEADS != CONTINUES), 0)


def _unfinished(data: bytes) -> int:
    """Return how many bytes at the end belong to a character that is cut off, at most 4."""
    for back in range(1, min(4, len(data)) + 1):
        if data[-back] & LEADS != CONTINUES:
            return back if data[-back] >= LEADS else 0
    return 0
