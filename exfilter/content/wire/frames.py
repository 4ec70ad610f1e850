"""Messages in frames: gRPC, gRPC-Web and Connect (5 bytes before each), and protobuf streams (a varint).

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md and PROTOCOL-WEB.md,
https://connectrpc.com/docs/protocol. What compresses a message is told by a header, which a body does
not have and which may lie: it is found out by the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from exfilter.content import sniff, wide
from exfilter.content.budget import Budget, Item
from exfilter.content.codings import BROTLI, DEFLATE, GZIP, ZSTD, Coder, Expansion
from exfilter.content.content import Content, Open, Reader
from exfilter.content.documents import transfer
from exfilter.content.stream import HEAD, Stream
from exfilter.content.wire import protobuf, walk
from exfilter.content.wire.protobuf import NEVER, Messages
from exfilter.content.wire.rows import AFTER_VALUE, SHORT, Rows, plain, written
from exfilter.content.wire.varints import leaf, repeats, shaped, varint
from exfilter.content.wire.window import BrokenError, Window
from exfilter.model import Reason

_FLAGS = (0, 1, 2, 3, 0x80, 0x81)
"""Bit 0: compressed. Connect, bit 1: the end of the stream. gRPC-Web, bit 7: trailers."""
_JUDGED = 8
"""Messages that are looked at to recognise a stream of them."""
_SEVERAL = 2
"""Messages that a stream without flags has at least."""
_FIRST = 16
_LETTERS = re.compile(rb"(?:A[AQgw]|g[AQ])[A-Za-z0-9+/=\r\n]{6,}\Z")


class Frame(NamedTuple):
    """One message."""

    compressed: bool
    start: int
    size: int


Header = Callable[[bytes, int], Frame]
"""Reads a frame at a place. Raises IndexError at the end of the bytes, BrokenError for what is none."""


def flagged(data: bytes, at: int) -> Frame:
    """Return a frame of gRPC, gRPC-Web or Connect."""
    if data[at] not in _FLAGS:
        raise BrokenError(at)
    if at + 5 > len(data):
        raise IndexError
    return Frame(bool(data[at] & 1), at + 5, int.from_bytes(data[at + 1 : at + 5]))


def delimited(data: bytes, at: int) -> Frame:
    """Return a frame that has only its size before it."""
    size, start = varint(data, at)
    return Frame(False, start, size)  # noqa: FBT003


def _frames(head: bytes, header: Header) -> int:
    """Return how many frames some bytes are, the last one maybe cut; 0 where they are none."""
    at = count = empty = 0
    try:
        while at < len(head):
            frame = header(head, at)
            at = frame.start + frame.size
            value = head[frame.start : at]
            sound = shaped(value, cut=at > len(head)) > 0 or (header is flagged and _other(frame, value))
            if count < _JUDGED and not sound:
                return 0
            count += 1
            empty += not value
    except (IndexError, BrokenError):
        at = -1
    sure = at == len(head) or len(head) == HEAD or count > _JUDGED
    # Five zeros are an empty message, and many of them are nothing.
    return count if sure and 2 * empty <= count else 0


def _other(frame: Frame, value: bytes) -> bool:
    """Whether something else than a message may be in a frame: nothing, JSON, compressed bytes."""
    if frame.compressed:
        return len(value) == frame.size or value.startswith((sniff.GZIP, sniff.ZSTD, b"\x78"))
    return not value or written(value)


def _recognises(content: Content) -> bool:
    first = content.stream.head(_FIRST)
    if len(first) < 5 or first[0] not in _FLAGS or sniff.signature(first):
        return False
    head = content.stream.head()
    count = _frames(head, flagged)
    if count != 1 or len(head) < HEAD or flagged(head, 0).compressed:
        return count > 0
    value = head[5:]
    return written(value) or walk.sensible(content.again(Stream(iter([value]))), protobuf.values)


def _recognises_delimited(content: Content) -> bool:
    first = content.stream.head(_FIRST)
    try:
        frame = delimited(first, 0)
    except (BrokenError, IndexError):
        return False
    if not frame.size or not shaped(first[frame.start : frame.start + frame.size], cut=True):
        return False
    head = content.stream.head()
    enough = _frames(head, delimited) >= _SEVERAL and not written(head)
    return enough and not wide.charset(head) and not sniff.signature(head)


class Stretch:
    """Goes through the frames of a content."""

    def __init__(self, content: Content, opened: Open, header: Header) -> None:
        """Begin at the first one."""
        self._content = content
        self._opened = opened
        self._header = header
        self._window: Window
        self._rows: Rows

    def walk(self, window: Window, rows: Rows) -> Iterator[Item]:
        """Walk through all of them: a walk (see ``walk.Walk``)."""
        self._window, self._rows = window, rows
        while not rows.overdue():
            if window.at + HEAD > len(window.data) and not window.whole:
                yield from rows.parts(last=False)
                window.slide(window.at, 2 * HEAD)
            if window.at >= len(window.data):
                return
            yield from self._frame()

    def _frame(self) -> Iterator[Item]:
        window, rows = self._window, self._rows
        try:
            frame = self._header(window.data, window.at)
        except IndexError:
            raise BrokenError(window.at, short=True) from None
        value = window.data[frame.start : frame.start + min(frame.size, HEAD)]
        end = window.start + frame.start + frame.size
        if frame.compressed:
            yield from self._compressed(window.run(frame.start, frame.size), value)
        elif frame.size <= SHORT and (text := plain(value)):
            rows.pieces += (text, "\n")
            window.at = frame.start + frame.size
        elif (found := leaf(value)) is not None and len(value) == frame.size:
            rows.message(repeated=True)
            rows.pieces += (AFTER_VALUE.join(found), "\n")
            rows.end()
            window.at = frame.start + frame.size
        elif shaped(value, cut=len(value) < frame.size):
            window.at = frame.start
            yield from self._message(window, value, end)
        elif value:
            yield from rows.large(window.run(frame.start, frame.size))
        else:
            window.at = frame.start
        window.reached(end)

    def _message(self, window: Window, head: bytes, end: int) -> Iterator[Item]:
        """Read a message: a record, or one that holds records."""
        self._rows.message(repeated=not repeats(head))
        yield from Messages(window, self._rows, end).walk()
        self._rows.end()

    def _compressed(self, chunks: Iterator[bytes], head: bytes) -> Iterator[Item]:
        """Read a compressed message."""
        source, budget = Stream(chunks), self._content.budget
        coder = _coder(head, budget)
        if coder is None:
            yield from self._rows.large(iter(source))
            return
        stream = Stream(iter(Expansion(coder, source, budget)))
        value = stream.head()
        if shaped(value, cut=len(value) == HEAD):
            try:
                yield from self._message(Window(stream), value, NEVER)
            except BrokenError:
                self._rows.leave(Reason.MALFORMED, len(value))
        elif value:
            yield from self._opened(self._content.within(iter(stream), "message", coder.name))
        for chunk in source:  # what stands behind the compressed bytes
            self._rows.odd(chunk)
        if stream.trouble is not None:
            self._rows.leave(stream.trouble.reason, stream.trouble.left)


def _coder(head: bytes, budget: Budget) -> Coder | None:
    """Return what undoes the compression that some bytes begin with."""
    for coder in (GZIP, ZSTD):
        if coder.recognises(head):
            return coder
    for coder in (DEFLATE, BROTLI):
        probe = Stream(iter(Expansion(coder, Stream(iter([head])), budget)))
        value = probe.head()
        sound = probe.trouble is None or len(head) == HEAD
        if value and sound and (written(value) or shaped(value, cut=len(value) == HEAD)):
            return coder
    return None


def _recognises_letters(content: Content) -> bool:
    first = content.stream.head(_FIRST)
    if not _LETTERS.match(first):
        return False
    inner = content.within(transfer.base64(iter([content.stream.head()])))
    return len(inner.stream.head()) > 5 and _recognises(inner)


def _read_letters(content: Content, opened: Open) -> Iterator[Item]:
    """Read gRPC-Web in base64: each message may have been encoded by itself, with padding."""
    yield from opened(content.within(transfer.base64(content.stream), "base64"))


def _reader(name: str, recognises: Callable[[Content], bool], header: Header) -> Reader:
    def read(content: Content, opened: Open) -> Iterator[Item]:
        return walk.read(content, opened, name, Stretch(content, opened, header).walk)

    return Reader(name, recognises, read)


GRPC = _reader("grpc", _recognises, flagged)
LETTERS = Reader("grpc-web-text", _recognises_letters, _read_letters)
READERS = (GRPC, _reader("protobuf stream", _recognises_delimited, delimited))
