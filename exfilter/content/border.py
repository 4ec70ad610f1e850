"""Where text ends inside a content: bytes of another kind behind it are never taken for text."""

from __future__ import annotations

import codecs
import functools
import unicodedata
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from exfilter.body import CHUNK
from exfilter.content import sniff, wide
from exfilter.content.native import passes
from exfilter.content.stream import Stream

_HOLD = 1 << 13
"""Bytes at the end of a block that are judged again with the next one."""
_WINDOW = 1 << 12
_CLUSTER = 32
"""Control characters with at most so many bytes between them belong together."""
FEW = 2
"""Control characters that any text may have."""
_MARK = 40
_TAR, _BEFORE_TAR = b"ustar", 257
_ASTRAL, _LAST = 0x10000, 0x30000
"""The first character beyond 16 bits, and what comes after the last that is given out but for tags."""
_HIGH, _LOW, _BEYOND = 0xD800, 0xDC00, 0xE000
_SPACES = " \n\t,;"


class Border:
    """Passes on the text that a stream begins with, and stops where something else follows.

    Every block is judged, because the beginning of a file says nothing about its end. What is beyond
    the border stays in the source.
    """

    def __init__(self, source: Stream) -> None:
        """Look at the head of `source`."""
        self._source = source
        found = wide.charset(source.head())
        self.wide = found[0] if found else ""
        """The codec, where the text is in UTF-16 or UTF-32."""
        self._junk = found[1] % 4 if found and "32" in found[0] else 0
        """Bytes before the first whole character."""
        self.passed = 0
        """Bytes before the border."""
        self.crossed = False
        """Something else follows."""

    def text(self) -> Stream:
        """Return the stream up to the border."""
        return Stream(self._chunks(), self._source.left)

    def _chunks(self) -> Iterator[bytes]:
        while data := self._source.head(CHUNK):
            last = len(data) < CHUNK
            end = self._end(data, last=last)
            self.crossed = end >= 0
            stop = end if self.crossed else len(data) if last else CHUNK - _HOLD
            self.passed += stop
            while stop:
                piece = self._source.take(stop)
                stop -= len(piece)
                yield piece
            if self.crossed:
                return

    def _end(self, data: bytes, *, last: bool) -> int:
        """Return where the text ends in a block, or -1."""
        if self.wide:
            end = _wide_end(data[self._junk :], self.wide)
            return end + self._junk if end >= 0 else end
        magic, controls = passes.oddities(data) if passes is not None else (True, True)
        places = (sniff.embedded(data) if magic else -1, dense(data, last=last) if controls else -1)
        return min((place for place in places if place >= 0), default=-1)


def dense(data: bytes, *, last: bool) -> int:
    """Return where the first window with many control characters begins to have them, or -1."""
    controls = sniff.controls(data)
    if len(controls) <= FEW:
        return -1
    counts = np.bincount(controls // sniff.SPAN, minlength=-(-len(data) // sniff.SPAN))
    sizes = np.full(len(counts), sniff.SPAN)
    sizes[-1] = len(data) - (len(counts) - 1) * sniff.SPAN
    if not last and sizes[-1] < sniff.SPAN:
        counts, sizes = counts[:-1], sizes[:-1]
    failing = np.flatnonzero(counts > 2 + sizes // 50)
    if not len(failing):
        return -1
    at = int(np.searchsorted(controls, failing[0] * sniff.SPAN))
    gaps = np.diff(controls[: at + 1]) > _CLUSTER
    first = int(np.flatnonzero(gaps)[-1]) + 1 if gaps.any() else 0
    return _aligned(data, int(controls[first]))


def _aligned(data: bytes, place: int) -> int:
    """Return where what follows the text begins, around the first control character in it.

    A tar begins with a name; wide characters begin at an even place.
    """
    tar = data.find(_TAR, place, place + _BEFORE_TAR + len(_TAR))
    if tar >= _BEFORE_TAR:
        return tar - _BEFORE_TAR
    marks = [
        data.rfind(mark, max(0, place - _MARK), place + 2)
        for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    ]
    if max(marks) >= 0 and wide.charset(data[max(marks) :]):
        return max(marks)
    best, most = place, 0
    for start in (max(0, place - 1), place):
        sample = data[start : start + _WINDOW]
        found = wide.charset(sample)
        if found:
            text = codecs.getincrementaldecoder(found[0])("replace").decode(sample)
            score = 1 + sum(map(text.count, _SPACES))
            best, most = (start, score) if score > most else (best, most)
    return best


def _wide_end(data: bytes, name: str) -> int:
    """Return the first window that is no text in this codec, or is plain text in bytes; or -1."""
    size = 4 if "32" in name else 2
    order = "<" if name.endswith("le") else ">"
    codes = np.frombuffer(data[: len(data) // size * size], dtype=f"{order}u{size}")
    table = _unreadable()
    if size == 2:
        bad = table[codes] & ~_paired(codes)
    else:
        bad = table[np.minimum(codes, _ASTRAL - 1)] & ((codes < _ASTRAL) | (codes >= _LAST))
    step = _WINDOW // size
    for start in range(0, len(codes), step):
        window = bad[start : start + step]
        at = start * size
        if int(window.sum()) > 2 + len(window) // 20 or _bytewise(data[at : at + _WINDOW]):
            return at
    return -1


def _paired(codes: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
    high = (codes >= _HIGH) & (codes < _LOW)
    low = (codes >= _LOW) & (codes < _BEYOND)
    paired = np.zeros(len(codes), dtype=bool)
    pairs = np.flatnonzero(high[:-1] & low[1:])
    paired[pairs] = paired[pairs + 1] = True
    return paired


@functools.cache
def _unreadable() -> npt.NDArray[np.bool_]:
    """Return for each character of 16 bits whether it is none that a text has."""
    codes = map(chr, range(_ASTRAL))
    readable = (char.isprintable() or char.isspace() or unicodedata.category(char) == "Cf" for char in codes)
    return ~np.fromiter(readable, dtype=bool, count=_ASTRAL)


def _bytewise(window: bytes) -> bool:
    """Whether a window in the midst of wide text is text in single bytes."""
    if len(window) < sniff.SPAN or b"\x00" in window or len(sniff.controls(window)) > len(window) // 200:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(window)
    except UnicodeDecodeError as error:
        return error.start > len(window) - 4
    return True
