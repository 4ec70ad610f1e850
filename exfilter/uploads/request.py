"""What one request of an upload in pieces says of itself. Nothing here does any work."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from exfilter.uploads.framing import Framing


class Step(enum.Enum):
    """What a request does to an upload."""

    START = enum.auto()
    """Opens one, perhaps with its first bytes. The answer names it, and answers are not looked at."""
    PIECE = enum.auto()
    COMMIT = enum.auto()
    """Says that the pieces are a whole now."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What a commit makes of pieces."""

    names: tuple[str, ...]
    """The uploads whose pieces it joins, in order: one, but for tus' concatenation."""
    places: tuple[str, ...] | None = None
    """The places of its pieces, in order. None: all, as they rank."""
    total: int | None = None
    """Bytes. None: the request does not say."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of an upload in pieces."""

    protocol: str
    step: Step
    name: str = ""
    """Names the upload, the same in each of its requests. Empty: a start."""
    place: str = ""
    """Where the piece belongs, in the protocol's own spelling: a retry has the same."""
    rank: int | None = None
    """What pieces are sorted by: byte offset or part number. None: not known yet."""
    ranged: bool = False
    """Whether the rank is an offset in bytes."""
    total: int | None = None
    """Bytes of the whole upload. None: the request does not say."""
    last: bool = False
    """Whether the upload ends with this piece."""
    endless: bool = False
    """Whether no request completes it: what is appended is there at once."""
    partial: bool = False
    """Of a start: the upload will only be a piece of another one (tus)."""
    carries: bool = False
    """Of a start: its body is the beginning of the upload, and its total that of the requests that follow."""
    framing: Framing = Framing.NONE
    by_start: bool = False
    """Whether only its start said how long the upload is (tus)."""
    asks: bool = False
    """Of a commit: it only asks how much has arrived, unless everything has (Google)."""
    unranged: bool = False
    """Of a commit without a list of places: whether pieces lie one behind the other, as they rank."""
    certain: bool = True
    """Of a commit: whether nothing else looks like it, so that it is one also of an upload never seen."""
    wholes: tuple[Whole, ...] = ()
    """Of a commit: what it makes."""

    def is_all(self, size: int) -> bool:
        """Whether a body of so many bytes is the whole upload."""
        if self.framing is not Framing.NONE:
            return False
        first = self.carries or (self.step is Step.PIECE and self.ranged and self.rank == 0)
        return first and (self.last or (self.total is not None and 0 < self.total <= size))


def offset(
    protocol: str,
    name: str,
    start: int,
    *,
    total: int | None = None,
    last: bool = False,
    endless: bool = False,
) -> Request:
    """Return a piece that begins at a byte of its upload."""
    return Request(
        protocol,
        Step.PIECE,
        name,
        place=str(start),
        rank=start,
        ranged=True,
        total=total,
        last=last,
        endless=endless,
    )
