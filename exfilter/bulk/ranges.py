"""Large text in ranges, each read by itself.

Two ranges share ``OVERLAP`` bytes, and each begins and ends with a line, so whoever stands at a seam stands
whole in the second one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from exfilter.body import pieces
from exfilter.content.registry import kind
from exfilter.limits import KIB, MIB
from exfilter.model import Buffer

RANGE = 64 * MIB
"""Bytes of a range. What is not larger is read in one."""
MOST = 1 << 16
"""Ranges of a file. A larger one is read as a whole, as far as the time goes: sparse files, and stores that
lie about sizes, have any size."""
OVERLAP = 64 * KIB
HEAD = 64 * KIB
SQL = "sql"
FORMS = frozenset({SQL, "json", "events", "table", "lists", "plain"})
"""What is read from its lines, wherever one begins."""
WHOLE = (b"\0", b"\nmime-version:", b"\ncontent-t", b"=ybegin", b"-----begin")
"""What begins with one of these, in small letters, may hold something that is encoded as a whole."""
COPIED = b"COPY rows FROM stdin;\n"
"""Leads a range of a dump that begins amid rows: they are written as those below this statement."""
CONTINUES, LEADS = 0x80, 0xC0
"""The two upper bits of a byte within, and at the beginning of, a character of UTF-8."""


def ranges(size: int, length: int = RANGE) -> list[tuple[int, int]]:
    """Return where the ranges of so many bytes begin and end; together they are all of it.

    Empty: they would be too many.
    """
    if size > MOST * length:
        return []
    return [(start, min(start + length, size)) for start in range(0, size, length)]


def splits(head: bytes) -> bool:
    """Whether a content that begins so may be read in ranges: lines of plain text in UTF-8.

    Mail is left out, as a part of it is encoded as a whole; so is what begins as anything but text.
    """
    lower = head.lower()
    if b"\n" not in head or any(sign in lower for sign in WHOLE):
        return False
    try:
        head[: head.rindex(b"\n")].decode("utf-8")
        return kind(head) in FORMS
    except Exception:  # noqa: BLE001 - it is read as a whole, by a process that may fail over it
        return False


@runtime_checkable
class Sought(Protocol):
    """A body of which a few bytes cost less than a piece."""

    def between(self, start: int, end: int) -> bytes:
        """Return some of its bytes."""


@dataclass(frozen=True, slots=True)
class Within:
    """A range of a body, as a body."""

    body: Buffer
    start: int
    end: int
    lead: bytes = b""
    """What stands before it, and not in the body."""

    def __len__(self) -> int:
        """Return its bytes."""
        return len(self.lead) + self.end - self.start

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """Yield it from `start` on."""
        if start < len(self.lead):
            yield self.lead[start:]
        start = max(0, start - len(self.lead))
        left = self.end - self.start - start
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
    return Within(body, first, last, _lead(body, first))


def head(body: Buffer) -> bytes:
    """Return what a body begins with, for ``splits``."""
    return _read(body, 0, min(HEAD, len(body)))


def _lead(body: Buffer, first: int) -> bytes:
    """Return what a range needs before it to be read as what it is a range of."""
    if not first or kind(head(body)) != SQL:
        return b""
    return b"" if kind(_read(body, first, min(first + HEAD, len(body)))) == SQL else COPIED


def _read(body: Buffer, start: int, end: int) -> bytes:
    if isinstance(body, Sought):
        return body.between(start, end)
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
