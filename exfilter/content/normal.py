"""Text in NFC (UAX #15), without a pass over text that is in it already: nearly all text is."""

from __future__ import annotations

import functools
import itertools
import unicodedata
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from exfilter.content.codes import Bytes
from exfilter.model import Int64Array

_FIRST_MARK = 0x300
"""What is below is in NFC as it is."""
_LEAD = 0xCC
"""UTF-8: the first byte of U+0300."""
_THREE, _FOUR = 0xE0, 0xF0
"""UTF-8: from here on a character has three bytes, from there on four."""
_LOOKED_AT = (
    range(_FIRST_MARK, 0x3400),
    range(0xA000, 0xAC00),
    range(0xD7B0, 0xD800),
    range(0xF900, 0x10000),
)
"""The first plane without ideographs and Hangul syllables: NFC leaves those alone."""
_JAMO = slice(0x1160, 0x1200)
"""Hangul is composed by a rule, not by the table (Unicode, section 3.12)."""
_PICTURES = slice(0x1F000, 0x1FB00)
"""Of the characters beyond the first plane, the frequent ones. NFC leaves them alone."""
_DENSE = 16
"""Fewer bytes than that for each character from U+0300 on: then all characters are looked at."""
_NOWHERE: Int64Array = np.empty(0, dtype=np.int64)
_RUN = 30
"""Combining marks in a row that are normalised together."""


def composed(text: str) -> str:
    """Return the text in NFC.

    Sorting marks is quadratic in their number behind one letter (CPython's insertion sort), so
    longer runs than any language has are normalised piecewise (UAX #15, stream-safe format).
    """
    if text.isascii():
        return text
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
    if not _unsettled()[codes].any():
        return text
    marks = np.flatnonzero(_combining()[codes])
    if len(marks) < _RUN or not (marks[_RUN - 1 :] - marks[: 1 - _RUN] == _RUN - 1).any():
        return unicodedata.normalize("NFC", text)
    order = np.arange(len(marks))
    first = np.maximum.accumulate(np.where(np.diff(marks, prepend=-2) != 1, order, 0))
    cuts = marks[((order - first) % _RUN == 0) & (order > first)]
    pieces = (text[start:end] for start, end in itertools.pairwise([0, *cuts.tolist(), len(text)]))
    return "".join(unicodedata.normalize("NFC", piece) for piece in pieces)


def decoded(data: bytes) -> str:
    """Return the text of UTF-8 in NFC. Raises UnicodeDecodeError.

    A look at the bytes costs a tenth of what normalising costs; only lines with a character that NFC
    looks at are normalised.
    """
    text = data.decode("utf-8")
    if text.isascii():
        return text
    codes = np.frombuffer(data, dtype=np.uint8)
    leads = np.flatnonzero(codes >= _LEAD) if codes.max() >= _LEAD else _NOWHERE
    if len(leads) * _DENSE > len(codes):
        return composed(text)
    places = _unsettled_places(codes, leads)
    return "".join(_pieces(data, places)) if len(places) else text


def _pieces(data: bytes, places: Int64Array) -> Iterator[str]:
    """Yield the text of `data`, with the lines around `places` in NFC.

    A piece ends before a line end: nothing composes across it, what follows begins with it.
    """
    end = 0
    for place in places.tolist():
        if place < end:
            continue
        start = max(data.rfind(b"\n", end, place), end)
        yield data[end:start].decode("utf-8")
        end = data.find(b"\n", place)
        end = len(data) if end < 0 else end
        yield composed(data[start:end].decode("utf-8"))
    yield data[end:].decode("utf-8")


def _unsettled_places(codes: Bytes, leads: Int64Array) -> Int64Array:
    """Return at which of the bytes `leads` a character begins that NFC looks at."""
    first = codes[leads]
    found = []
    for size, low, high in ((2, 0, _THREE), (3, _THREE, _FOUR), (4, _FOUR, 0x100)):
        places = leads[(first >= low) & (first < high)]
        points = (codes[places] & (0x7F >> size)).astype(np.int32)
        for step in range(1, size):
            points = points << 6 | codes[places + step] & 0x3F
        found.append(places[_unsettled()[points]])
    return np.sort(np.concatenate(found))


@functools.cache
def _combining() -> npt.NDArray[np.bool_]:
    """Return for each character of the first two planes whether it is a combining mark, and no others."""
    table = np.zeros(0x110000, dtype=bool)
    table[:0x20000] = list(map(unicodedata.combining, map(chr, range(0x20000))))
    return table


@functools.cache
def _unsettled() -> npt.NDArray[np.bool_]:
    """Return for each character whether NFC might change, move or compose it.

    Those are the marks, the characters that are never in NFC, and those that compose with the one
    before them. Beyond the first plane only pictures are known not to be among them.
    """
    table = np.zeros(0x110000, dtype=bool)
    table[0x10000:] = True
    table[_PICTURES] = False
    for code in itertools.chain(*_LOOKED_AT):
        table[code] = unicodedata.combining(chr(code))
    table[_JAMO] = True
    for code in itertools.chain(range(_FIRST_MARK), *_LOOKED_AT):
        parts = unicodedata.decomposition(chr(code))
        if parts and not parts.startswith("<"):
            table[[int(part, 16) for part in parts.split()[1:]]] = True
            table[code] |= not unicodedata.is_normalized("NFC", chr(code))
    return table
