"""What a text format makes of a text, and what a text format is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exfilter.model import Int64Array, Reason


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of one of the texts that a format yields."""

    channel: str
    """Empty: the text itself. Else another text beside it, ``attributes``."""
    text: str
    records: Int64Array | None = None
    """Offsets into ``text``. None: no records."""


@dataclass(frozen=True, slots=True)
class Format:
    """A structure that text can have. A new one is a new file and a row in ``text.FORMATS``."""

    name: str
    recognises: Callable[[str], bool]
    """Looks at the first characters."""
    read: Callable[[Iterator[str]], Iterator[Block | Reason]]
    """Takes blocks without overlap, yields blocks, or a reason why it did not read all."""
