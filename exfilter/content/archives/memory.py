"""The bytes of an archive as they lie in memory."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from typing import BinaryIO

from exfilter.body import CHUNK
from exfilter.content.sandbox.found import Found, Member

LEAST = 32
"""Bytes beside the members of an archive from which on they are opened."""
_NOT_ZERO = re.compile(rb"[^\x00]")


def mapped(file: BinaryIO) -> mmap.mmap:
    """Return the bytes of a file, which are not copied."""
    return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


def pieces(data: mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes between two places."""
    for place in range(start, end, CHUNK):
        yield data[place : min(place + CHUNK, end)]


def rest(data: mmap.mmap, start: int, end: int) -> Iterator[Found]:
    """Yield what no member has as one of their own, but for a few bytes, and for zeros."""
    found = _NOT_ZERO.search(data, start, end)
    if found and end - found.start() >= LEAST:
        yield Member("", pieces(data, found.start(), end))
