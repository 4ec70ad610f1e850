"""The whole of an upload, put together of its pieces where they lie.

Of different bytes that were sent to one place, some receivers keep the first and some the last. So there
are two ways to put the pieces together, and both are read.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from exfilter.uploads.sealed import Sealed

EDGE = 4096
"""Bytes on both sides of a seam between two pieces that are read together."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece that is kept."""

    number: int
    """Pieces of one upload in the order in which they first came."""
    latest: int
    """The same in the order in which they last came."""
    place: str
    """Digest."""
    rank: int | None
    """Byte offset, or part number. None: not known."""
    size: int
    file: str


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes of the whole that one piece gives."""

    at: int
    """Where they lie in the whole."""
    piece: Piece
    start: int
    """Where they lie in the piece."""
    length: int

    @property
    def end(self) -> int:
        """The byte of the whole after the last."""
        return self.at + self.length


Placed = tuple[int, Piece]
"""A piece and the offset that it lies at."""


def painted(placed: Sequence[Placed], *, newest: bool) -> list[Segment]:
    """Return what is seen of pieces that may lie over each other, the newest or the oldest on top."""
    edges = sorted({edge for at, piece in placed for edge in (at, at + piece.size)})
    coming = sorted(placed, key=lambda each: each[0], reverse=True)
    top: list[tuple[int, int, int, Piece]] = []
    segments: list[Segment] = []
    for left, right in pairwise(edges):
        while coming and coming[-1][0] == left:
            at, piece = coming.pop()
            turn = -piece.latest if newest else piece.number
            heapq.heappush(top, (turn, id(piece), at, piece))
        while top and top[0][2] + top[0][3].size <= left:
            heapq.heappop(top)
        if top:
            _, _, at, piece = top[0]
            _append(segments, Segment(left, piece, left - at, right - left))
    return segments


def _append(segments: list[Segment], new: Segment) -> None:
    last = segments[-1] if segments else None
    if last and last.piece is new.piece and last.end == new.at and last.start + last.length == new.start:
        segments[-1] = Segment(last.at, last.piece, last.start, last.length + new.length)
    else:
        segments.append(new)


def in_order(pieces: Sequence[Piece], places: Sequence[str] | None, *, newest: bool) -> list[Placed]:
    """Lay pieces one behind the other: as they rank, as they came, or as a commit lists their places."""
    by_place: dict[str, Piece] = {}
    for piece in sorted(pieces, key=lambda each: each.latest if newest else -each.number):
        by_place[piece.place] = piece
    if places is None:
        chosen = sorted(by_place.values(), key=lambda each: (each.rank or 0, each.number))
    else:
        chosen = [by_place[place] for place in places if place in by_place]
    placed: list[Placed] = []
    at = 0
    for piece in chosen:
        placed.append((at, piece))
        at += piece.size
    return placed


def reach(segments: Sequence[Segment]) -> int:
    """Return up to which byte an upload is there without a gap."""
    end = 0
    for segment in segments:
        if segment.at > end:
            break
        end = max(end, segment.end)
    return end


def missing(segments: Sequence[Segment], total: int) -> int:
    """Return how many of the first ``total`` bytes are not there."""
    return total - sum(max(0, min(segment.end, total) - segment.at) for segment in segments)


def seams(segments: Sequence[Segment], low: int, high: int) -> list[list[Segment]]:
    """Return what of two pieces and more lies within some bytes of the whole without a gap."""
    runs: list[list[Segment]] = []
    for segment in segments:
        start, end = max(segment.at, low), min(segment.end, high)
        if start >= end:
            continue
        cut = Segment(start, segment.piece, segment.start + start - segment.at, end - start)
        if runs and runs[-1][-1].end == start:
            runs[-1].append(cut)
        else:
            runs.append([cut])
    return [run for run in runs if len(run) > 1]


@dataclass(frozen=True, slots=True)
class Assembled:
    """A whole as a body: decrypted while it is read."""

    sealed: Sealed
    segments: tuple[Segment, ...]
    trouble: list[OSError] = field(default_factory=list)
    """What was raised while it was read: readers take it for a content that breaks off."""

    def __len__(self) -> int:
        """Return its bytes, without those that are missing."""
        return sum(segment.length for segment in self.segments)

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """Yield it from ``start`` on. Raises OSError where a piece is gone or was altered."""
        try:
            yield from self._pieces(start)
        except OSError as error:
            self.trouble.append(error)
            raise

    def _pieces(self, start: int) -> Iterator[bytes]:
        for segment in self.segments:
            skipped = min(start, segment.length)
            start -= skipped
            if skipped < segment.length:
                yield from self.sealed.read(
                    segment.piece.file, segment.start + skipped, segment.length - skipped
                )
