"""What a parser finds in a content, and what a parser is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from exfilter.model import Int64Array, Reason


@dataclass(frozen=True, slots=True)
class Member:
    """Bytes inside the content, which are recognised anew: a file of an archive, an attachment."""

    name: str
    """As it is written there. It is read as text too."""
    chunks: Iterable[bytes]
    """Made while it is iterated. Must be used up before the next thing is found; raises like a parser."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of one of the texts of the content."""

    text: str
    channel: str = ""
    """Which text: pieces of one channel are joined in their order. Empty: the content itself."""
    records: Int64Array | None = None
    """Offsets into ``text`` where a row, message or page begins. None: the text has none."""


@dataclass(frozen=True, slots=True)
class Left:
    """Something in the content that was not read."""

    reason: Reason
    size: int
    """Bytes, as far as they are known."""
    step: str = ""
    """What it was, as a step of provenance. Empty: the content itself."""


Found = Member | Text | Left


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the door hands to a parser beside the bytes."""

    passwords: tuple[str, ...] = field(default=(), repr=False)
    """To try where something is encrypted."""
    again: bool = False
    """Only what is encrypted is wanted: the rest was read before. A parser may read all."""


Parser = Callable[[BinaryIO, Wishes], Iterator[Found]]
"""Reads a content from a file that can be sought in. May raise anything, hang or crash: then what it
has found so far counts, and the content is malformed."""
