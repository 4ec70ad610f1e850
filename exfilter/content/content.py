"""A content as a reader gets it, and what a reader is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from exfilter.content.budget import Budget, Item
from exfilter.content.stream import Stream
from exfilter.model import Reason, Unscanned

_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"\r\n]+)"|([^\s;,"]+))""", re.IGNORECASE)
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}(?=/|\Z)")
_SUSPECT = re.compile(r"@|\d(?:\D{0,3}\d){5}")


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes at a place in a transfer."""

    stream: Stream
    path: tuple[str, ...]
    """Provenance, from the outside in."""
    budget: Budget
    declared: str = ""
    """Content-Type as the sender gave it: a hint for charset and boundary, never believed."""
    depth: int = 0
    """How many containers and encodings it lies in."""

    def within(self, chunks: Iterator[bytes], *steps: str, declared: str = "") -> Content:
        """Return a content that lies inside this one."""
        return Content(Stream(chunks), (*self.path, *steps), self.budget, declared, self.depth + 1)

    def again(self, stream: Stream) -> Content:
        """Return the same place with other bytes."""
        return replace(self, stream=stream)

    def unscanned(self, reason: Reason, size: int) -> Unscanned:
        """Return the value that says why this content could not be read."""
        return Unscanned(" > ".join(self.path), reason, max(1, size))

    @property
    def charset(self) -> str:
        """The declared charset, or an empty string."""
        found = _CHARSET.search(self.declared)
        return found[1] if found else ""

    @property
    def boundary(self) -> bytes:
        """The declared multipart boundary, or nothing."""
        found = _BOUNDARY.search(self.declared)
        return (found[1] or found[2]).encode("latin-1", "replace") if found else b""


Open = Callable[[Content], Iterator[Item]]
"""Reads a content that was found inside another one."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one kind of content. A new kind is a new file and a row in ``registry.READERS``."""

    name: str
    recognises: Callable[[Content], bool]
    """Looks at ``content.stream.head()`` and takes nothing."""
    read: Callable[[Content, Open], Iterator[Item]]
    """Takes the stream to its end. Trouble of the stream itself is reported by the caller."""


def stems(name: str) -> list[str]:
    """Return what an address in a file name may end with, endings dropped: ``ann@example.com.tar.gz``."""
    found = [name]
    while "@" in found[-1] and (shorter := _ENDING.sub("", found[-1])) != found[-1]:
        found.append(shorter)
    return found[1:]


def shown(name: str) -> str:
    """Return a file name as provenance shows it: short, one line, nothing that identifies."""
    flat = "".join(char if char.isprintable() and char != '"' else "?" for char in name)
    if _SUSPECT.search(flat):
        stem, dot, ending = flat.rpartition(".")
        flat = f"*.{ending}" if dot and stem and ending.isalnum() and len(ending) <= 5 else "*"
    return flat[:80]
