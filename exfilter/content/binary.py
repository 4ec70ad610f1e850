"""Content that no reader can open: reported as unscanned, its strings are read, and what begins inside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from exfilter.body import CHUNK
from exfilter.content import border, sniff, wide
from exfilter.content.budget import Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.escapes import emitted
from exfilter.content.slices import Slicer
from exfilter.content.stream import Stream
from exfilter.model import Part, Reason

STRINGS = "strings"
"""The step of provenance of what was found in bytes that are no text."""
RUN = 6
"""Characters from which on a run of printable ones is a string."""
_HOLD = 1 << 12
"""Bytes of an unfinished run that wait for the next chunk."""
_OPEN_RUN = re.compile(rb"[\x00\t -~\x80-\xf4]*\Z")
_PRINTABLE = np.zeros(256, dtype=bool)
_PRINTABLE[[ord("\t"), *range(0x20, 0x7F)]] = True
_C1 = 0xA0
_FOLLOWERS = np.zeros(256, dtype=np.uint8)
"""Bytes that follow the first one of a UTF-8 character (RFC 3629, section 4)."""
_FOLLOWERS[0xC2:0xE0], _FOLLOWERS[0xE0:0xF0], _FOLLOWERS[0xF0:0xF5] = 1, 2, 3


class Strings:
    """Collects the printable runs of bytes that come in chunks."""

    def __init__(self, content: Content) -> None:
        """Collect for the place of `content`."""
        self._slicer = Slicer((*content.path, STRINGS), content.budget.limits)
        self._carry = b""

    def tee(self, stream: Stream) -> Stream:
        """Return the same stream; what passes is collected."""

        def chunks() -> Iterator[bytes]:
            for chunk in stream:
                self.add(chunk)
                yield chunk
            if stream.trouble is not None:
                raise stream.trouble

        return Stream(chunks(), stream.left)

    def parts(self, *, last: bool) -> Iterator[Part]:
        """Yield what was collected, if there is enough of it or it is the `last` time."""
        if last:
            self._find(self._carry)
            self._carry = b""
        yield from self._slicer.parts(last=last)

    def add(self, chunk: bytes) -> None:
        """Look through the next bytes."""
        data = self._carry + chunk
        start = max(0, len(data) - _HOLD)
        found = _OPEN_RUN.search(data, start)
        cut = found.start() if found else len(data)
        if cut == start:  # the run is longer than the hold: cut it between two words
            cut = max(data.rfind(b" ", start), data.rfind(b"\n", start), data.rfind(b",", start)) + 1 or cut
        self._find(data[:cut])
        self._carry = data[cut:]

    def _find(self, data: bytes) -> None:
        text = "\n".join(strings(data))
        if text:
            self._slicer.add(text + "\n", None)


def strings(data: bytes) -> list[str]:
    """Return the printable runs of bytes, of 8 bits and then of 16."""
    found = [data[start:end].decode(errors="replace") for start, end in _runs(_narrow(data), RUN)]
    codes = np.frombuffer(data, dtype=np.uint8)
    for odd in (0, 1):
        zeros = _eroded(codes[odd + 1 :: 2] == 0, RUN).any()
        places = _runs(_wide(data[odd:]), RUN) if zeros else []
        found += [data[odd + 2 * start : odd + 2 * end : 2].decode("latin-1") for start, end in places]
    return [run for run in found if len(run) >= RUN]


def _narrow(data: bytes) -> npt.NDArray[np.bool_]:
    """Return which bytes belong to a printable character of UTF-8."""
    codes = np.frombuffer(data, dtype=np.uint8)
    printable = _PRINTABLE[codes]
    followers = _FOLLOWERS[codes]
    trail = (codes & 0xC0) == 0x80
    for count in (1, 2, 3):
        first = np.flatnonzero(followers[: len(codes) - count] == count) if len(codes) > count else codes[:0]
        for step in range(1, count + 1):
            first = first[trail[first + step]]
        for step in range(count + 1):
            printable[first + step] = True
    marked: npt.NDArray[np.bool_] = printable
    return marked


def _wide(data: bytes) -> npt.NDArray[np.bool_]:
    """Return which pairs of bytes are a printable character of Latin-1 in UTF-16LE."""
    pairs = np.frombuffer(data[: len(data) // 2 * 2], dtype=np.uint8).reshape(-1, 2)
    marked: npt.NDArray[np.bool_] = (_PRINTABLE[pairs[:, 0]] | (pairs[:, 0] > _C1)) & (pairs[:, 1] == 0)
    return marked


def _runs(mask: npt.NDArray[np.bool_], least: int) -> list[tuple[int, int]]:
    """Return beginnings and ends of the runs of at least that length."""
    inner = _eroded(mask, least)
    if not inner.any():
        return []
    edges = np.flatnonzero(np.diff(inner, prepend=False, append=False)).reshape(-1, 2)
    return [(start, end + least - 1) for start, end in edges.tolist()]


def _eroded(mask: npt.NDArray[np.bool_], least: int) -> npt.NDArray[np.bool_]:
    """Return where a run of at least that length goes on for so long. Most of binary data has none."""
    have = 1
    while have < least:
        step = min(have, least - have)
        mask = mask[:-step] & mask[step:]
        have += step
    return mask


def opaque(content: Content, reason: Reason | None, opened: Open | None = None) -> Iterator[Item]:
    """Yield the strings of a content that cannot be opened, and that it was not scanned.

    Without a `reason` only its strings: what it is was read, or reported, by the caller.

    With `opened` only up to where a container begins in it, a zip behind a picture; that is opened.
    """
    strings = Strings(content)
    size, zeros = 0, True
    for chunk in content.stream if opened is None else _front(content.stream):
        size += len(chunk)
        blank = chunk == bytes(len(chunk))
        strings.add(bytes(RUN) if blank else chunk)
        zeros = zeros and blank
        for part in strings.parts(last=False):
            yield from emitted(part, content.budget)
    for part in strings.parts(last=True):
        yield from emitted(part, content.budget)
    if reason is not None and size and not zeros:
        yield content.unscanned(reason, size)
    if opened is not None and content.stream.head(1):
        yield from opened(content.within(iter(content.stream), f"from byte {size}"))


def _front(stream: Stream) -> Iterator[bytes]:
    """Yield what comes before a container that does not stand at the beginning."""
    start = 1
    while data := stream.head(CHUNK):
        place = -1 if data == bytes(len(data)) else sniff.container(data, start)
        last = len(data) < CHUNK
        stop = place if place >= 0 else len(data) if last else CHUNK - sniff.SEAM
        while stop:
            piece = stream.take(stop)
            stop -= len(piece)
            yield piece
        if place >= 0:
            return
        start = 0


def _before(head: bytes) -> int:
    """Return how many bytes stand before something that can be read, 0 where there is none."""
    found = sniff.container(head, 1)
    if 0 < found <= sniff.SPAN:
        return found
    start = border.dense(head, last=False)
    return start if 0 < start < sniff.SPAN and wide.charset(head[start:]) else 0


def _read(content: Content, opened: Open) -> Iterator[Item]:
    head = content.stream.head()
    before = 0 if sniff.signature(head) else _before(head)
    if before:
        yield from opened(content.within(iter([content.stream.take(before)]), "beginning"))
        yield from opened(content.within(iter(content.stream), f"from byte {before}"))
        return
    yield from opaque(content, sniff.reason(head), opened)


READER = Reader("binary", lambda content: sniff.opaque(content.stream.head()), _read)
