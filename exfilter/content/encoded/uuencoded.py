"""Lines that uuencode made: a letter for their size, then four letters for each three bytes."""

from __future__ import annotations

import binascii
import functools
import re
from collections.abc import Iterator

from exfilter.content.encoded.stretch import Found, first
from exfilter.content.glimpse import Glimpse, Range, lines

_BEGIN = b"begin "
_FULL = re.compile(rb"\nM[ -`]{60}")
_LINES = re.compile(
    r"^begin [0-7]{3,4} [^\n]{1,200}\n(?:[!-M][ -`]{1,61}\r?\n?)+"
    r"|(?:^M[ -`]{59,61}\r?\n?)+(?:^[!-L][ -`]{4,60}$)?",
    re.MULTILINE,
)


def suspects(glimpse: Glimpse) -> list[Range]:
    """Return the stretches that may have such lines."""
    some = glimpse.some
    if b"\nM" not in some and not some.startswith(_BEGIN):
        return []
    return glimpse.where(some, lambda window: _BEGIN in window or bool(_FULL.search(window)))


def read(text: str, span: Range) -> Iterator[Found]:
    """Yield what stands in such lines in a stretch of a text."""
    for match in _LINES.finditer(text, *lines(text, span)):
        yield from first(*match.span(), iter([("uuencode", functools.partial(_decoded, match[0]))]))


def _decoded(text: str) -> bytes:
    return b"".join(_line(line) for line in text.splitlines() if not line.startswith("begin "))


def _line(line: str) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except (binascii.Error, ValueError):  # a letter too many, or none of these lines
        return b""
