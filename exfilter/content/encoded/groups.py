"""Letters in groups of one size with blanks between them: ``QW5u YSBL ...``, ``416e 6e61 ...``."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator

from exfilter.content.encoded.dumps import turned
from exfilter.content.encoded.letters import HEX, WORDS
from exfilter.content.encoded.stretch import Found, Way, first
from exfilter.content.glimpse import Glimpse, Range, lines

_LETTER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-="
_SMALLEST, _LARGEST = 2, 15
"""Letters of a group. Larger ones are pieces of a run."""
_LEAST, _SHARE = 12, 0.8
"""Groups of a window, and the share of them that are of one size."""
_SAMPLE = 1 << 12
_BLANKS = re.compile(r"\s+")
_STORED = (4, 8, 16)
"""Digits of the words that a machine stores with the last byte first."""


def suspects(glimpse: Glimpse) -> list[Range]:
    """Return the stretches that may be full of such groups."""
    return glimpse.where(glimpse.some, lambda window: _size(window) > 0)


def _size(window: bytes) -> int:
    """Return how many letters most words have, 0 where they are not groups."""
    words = window.split()[1:-1]
    if len(words) < _LEAST:
        return 0
    size, count = Counter(map(len, words)).most_common(1)[0]
    few = not _SMALLEST <= size <= _LARGEST or count < max(_LEAST, _SHARE * len(words))
    return 0 if few or b"".join(words).translate(None, _LETTER) else size


def read(text: str, span: Range) -> Iterator[Found]:
    """Yield what stands in such groups in a stretch of a text."""
    start, end = lines(text, span)
    middle = (start + end) // 2
    size = _size(text[max(start, middle - _SAMPLE) : middle + _SAMPLE].encode("ascii", "replace"))
    if not size:
        return
    group = f"[A-Za-z0-9+/_-]{{{size}}}"
    groups = (
        rf"(?<!\S){group}(?:\s{{1,8}}{group}){{{_LEAST},}}+(?:\s{{1,8}}[A-Za-z0-9+/_=-]{{1,{size}}}(?!\S))?"
    )
    for match in re.finditer(groups, text[start:end]):
        letters = _BLANKS.sub("", match[0]).rstrip("=")
        yield from first(start + match.start(), start + match.end(), _ways(letters, size))


def _ways(letters: str, size: int) -> Iterator[Way]:
    for code in WORDS:
        if code.pattern.fullmatch(letters):
            yield code.name, functools.partial(code.decode, letters)
    if size in _STORED and HEX.pattern.fullmatch(letters):
        yield "hex, last byte first", lambda: turned(HEX.decode(letters), size // 2)
