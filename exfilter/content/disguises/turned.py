"""Text that is written backwards: all of it, each line, or each word."""

from __future__ import annotations

import re

from exfilter.content.disguises.addresses import addresses, turned
from exfilter.content.glimpse import Glimpse, Range

_LEAST = 4
"""Words of a window at least that end with a capital."""
_WORDS = 12
"""One word in so many at least."""
_BEGINNING, _END = b" Aaa", b"aaA "
_WORD = re.compile(r"\w+")


def suspects(glimpse: Glimpse) -> list[Range]:
    """Return the stretches that may be written backwards."""
    found = glimpse.where(glimpse.shape, _capitals) if glimpse.shape.count(_END) >= _LEAST else []
    return found + (glimpse.where(glimpse.small, _addresses) if b"@" in glimpse.some else [])


def _capitals(shape: bytes) -> bool:
    """Whether capitals end words, and do not begin them."""
    ends = shape.count(_END)
    return ends >= _LEAST and ends > 2 * shape.count(_BEGINNING) and _WORDS * ends > shape.count(b" ")


def _addresses(small: bytes) -> bool:
    return any(map(turned, addresses(small)))


def lines(text: str) -> str:
    """Turn each line."""
    return "\n".join(line[::-1] for line in text.split("\n"))


def words(text: str) -> str:
    """Turn each word."""
    return _WORD.sub(lambda word: word[0][::-1], text)
