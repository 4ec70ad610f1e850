"""What the pieces of an upload make together, as far as they are kept: seams, wholes, what is missing.

The answer to a start is not looked at, so nobody knows which upload it began. Its body is taken for the
beginning of each upload of the same actor, destination and protocol that lacks one and whose gap it fills.
With several such starts all are tried, and all that is found that way counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from exfilter.uploads import assembly
from exfilter.uploads.assembly import EDGE, Assembled, Piece, Placed, Segment
from exfilter.uploads.request import Request, Step, Whole
from exfilter.uploads.store import Session, Start, Store

CANDIDATES = 4
"""Starts that an upload is tried with. Where more fit, their bytes are unscanned."""
UNKNOWN = 1 << 20
"""Bytes that a missing piece counts as, where nobody said how many it has."""

Way = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a whole may be put together."""

    ways: tuple[Way, ...]
    """All are to be read."""
    missing: int
    """Bytes that are not there, as far as anybody knows."""


@dataclass(frozen=True, slots=True)
class Stitching:
    """The pieces that one request is about."""

    store: Store
    family: str
    request: Request

    def identity(self, name: str) -> str:
        """Return the id of an upload of this family."""
        return self.store.identity(self.family, name)

    @property
    def id(self) -> str:
        """The id of the request's own upload."""
        return self.identity(self.request.name)

    def beginnings(self, piece: Piece) -> list[Start]:
        """Return the starts whose bodies may be what lies before a piece."""
        if not self.request.ranged or not piece.rank:
            return []
        first = min((each.rank or 0 for each in self.store.near(self.id, 0, piece.rank)), default=0)
        return self._fitting(piece.rank)[:CANDIDATES] if first == piece.rank else []

    def seams(self, piece: Piece, starts: Sequence[Start]) -> list[bytes]:
        """Return the bytes around the ends of a piece, where there is something beside it."""
        near = self._near(piece)
        firsts: list[Piece | None] = [start.piece for start in starts] or [None]
        runs = {
            tuple(run): None
            for first in firsts
            for newest in (True, False)
            for run in self._runs(self._placed(near, first, newest=newest), piece, newest=newest)
        }
        return [b"".join(self.body(run).pieces()) for run in runs]

    def completes(self, session: Session, piece: Piece) -> bool:
        """Whether nothing is missing of an upload after a piece, or nothing can come after it."""
        if not self.request.ranged or self.request.endless or piece.rank is None:
            return False
        end = piece.rank + piece.size
        if self.request.last:
            return True
        if self.request.by_start and session.total is None:
            starts = self.store.starts(self.family)
            return any(start.total == end and not start.partial for start in starts)
        if session.total is None:
            return False
        # Pieces may come in any order. But of an upload that lay idle too long nobody knows the first ones.
        if session.state == "expired" and end >= session.total:
            return True
        return self.reaches(session.total)

    def ahead(self, session: Session, piece: Piece) -> int:
        """Return the bytes that are missing before a piece which is the last by its place; 0: it is not."""
        if not self.request.ranged or piece.rank is None or session.total is None:
            return 0
        if piece.rank + piece.size < session.total:
            return 0
        return max(0, session.total - sum(each.size for each in self.store.pieces(self.id)))

    def awaits(self, session: Session, piece: Piece) -> bool:
        """Whether a later request completes the upload, so that the piece will be read with the whole."""
        if self.request.endless:
            return False
        if not self.request.by_start or session.total is not None:
            return True
        end = (piece.rank or 0) + piece.size
        return any(start.total is None or start.total >= end for start in self.store.starts(self.family))

    def reaches(self, total: int) -> bool:
        """Whether the first bytes of the request's own upload are all there."""
        placed = self._by_offset(self.store.pieces(self.id), 0)
        if sum(piece.size for _, piece in placed) < total:
            return False
        return assembly.reach(assembly.painted(placed, newest=True)) >= total

    def plan(self, whole: Whole) -> Plan:
        """Return how the pieces that are there now may be put together."""
        kept = [self.store.pieces(self.identity(name)) for name in whole.names]
        ways = self._ways(whole, kept)
        return Plan(tuple(ways), self._missing(whole, kept, ways))

    def _ways(self, whole: Whole, kept: Sequence[list[Piece]]) -> list[Way]:
        lists = [whole.places]
        if whole.places is not None and {piece.place for piece in kept[0]} - self._listed(whole):
            # What was sent and is not listed is read too: the list may say more to the receiver than to us.
            lists.append(None)
        found = {
            self._way(whole.names, kept, places, pick, newest=newest): None
            for places in lists
            for pick in range(CANDIDATES)
            for newest in (True, False)
        }
        return list(found)

    def _missing(self, whole: Whole, kept: Sequence[list[Piece]], ways: Sequence[Way]) -> int:
        if whole.total is not None:
            return max(assembly.missing(way, whole.total) for way in ways) + self._untried(kept)
        if whole.places is not None:
            return UNKNOWN * len(self._listed(whole) - {piece.place for piece in kept[0]})
        holes = max(assembly.missing(way, way[-1].end) if way else 0 for way in ways)
        return holes + UNKNOWN * sum(not pieces for pieces in kept) + self._untried(kept)

    def _untried(self, kept: Sequence[list[Piece]]) -> int:
        """Return the bytes in front for which there are more starts than are tried."""
        if not self._lies_by_offset:
            return 0
        gaps = [min((piece.rank or 0 for piece in pieces), default=1) for pieces in kept]
        return sum(gap for gap in gaps if gap and len(self._fitting(gap)) > CANDIDATES)

    def _listed(self, whole: Whole) -> set[str]:
        identity = self.identity(whole.names[0])
        return {self.store.place(identity, place) for place in whole.places or ()}

    def forget_starts(self, ways: Sequence[Way]) -> None:
        """Drop the oldest start that a complete upload may have begun with."""
        used = {segment.piece.number for way in ways for segment in way}
        end = max((way[-1].end for way in ways if way), default=0)
        starts = [
            start
            for start in self.store.starts(self.family)
            if (start.piece.number in used if start.piece else start.total == end)
        ]
        if starts:
            self.store.claim(starts[-1].id)

    def body(self, way: Way) -> Assembled:
        """Return the bytes of a way."""
        return Assembled(self.store.sealed, way)

    def _fitting(self, gap: int) -> list[Start]:
        starts = self.store.starts(self.family)
        return [start for start in starts if start.piece and start.piece.size >= gap]

    def _near(self, piece: Piece) -> list[Piece]:
        if self.request.ranged and piece.rank is not None:
            return self.store.near(self.id, piece.rank, piece.rank + piece.size)
        return self.store.pieces(self.id)

    def _placed(self, near: Sequence[Piece], first: Piece | None, *, newest: bool) -> list[Placed]:
        if not self.request.ranged:
            return assembly.in_order(near, None, newest=newest)
        placed = [(piece.rank or 0, piece) for piece in near]
        return [(0, first), *placed] if first else placed

    def _runs(self, placed: Sequence[Placed], piece: Piece, *, newest: bool) -> Iterator[list[Segment]]:
        segments = assembly.painted(placed, newest=newest)
        at = next((at for at, each in placed if each.number == piece.number), None)
        if at is None:  # other bytes came to its place meanwhile
            return iter(())
        return chain.from_iterable(assembly.seams(segments, *window) for window in _windows(at, piece.size))

    def _way(
        self,
        names: Sequence[str],
        kept: Sequence[list[Piece]],
        places: tuple[str, ...] | None,
        pick: int,
        *,
        newest: bool,
    ) -> Way:
        segments: list[Segment] = []
        for name, pieces in zip(names, kept, strict=True):
            behind = segments[-1].end if segments else 0
            if self._lies_by_offset:
                placed = self._by_offset(pieces, pick)
            else:
                wanted = places and [self.store.place(self.identity(name), place) for place in places]
                placed = assembly.in_order(pieces, wanted, newest=newest)
            mine = assembly.painted(placed, newest=newest)
            segments += [replace(segment, at=segment.at + behind) for segment in mine]
        return tuple(segments)

    @property
    def _lies_by_offset(self) -> bool:
        """Whether the pieces say their offset: S3's parts and Azure's blocks do not."""
        if self.request.step is Step.PIECE:
            return self.request.ranged
        listed = any(whole.places is not None for whole in self.request.wholes)
        return not listed and not self.request.unranged

    def _by_offset(self, pieces: Sequence[Piece], pick: int) -> list[Placed]:
        """Lay pieces where they belong; in front, where bytes are missing, the start of that number."""
        placed = [(piece.rank or 0, piece) for piece in pieces]
        gap = min((at for at, _ in placed), default=1)
        starts = self._fitting(gap)[:CANDIDATES] if gap else []
        first = starts[min(pick, len(starts) - 1)].piece if starts else None
        return [(0, first), *placed] if first else placed


def _windows(at: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the bytes around the beginning and the end of a piece."""
    if size <= 2 * EDGE:
        yield at - EDGE, at + size + EDGE
    else:
        yield at - EDGE, at + EDGE
        yield at + size - EDGE, at + size + EDGE
