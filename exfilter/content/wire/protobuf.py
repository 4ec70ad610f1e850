"""Protocol buffers without a schema: a tree of messages, with text where a field is text."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.body import CHUNK
from exfilter.content.binary import Strings
from exfilter.content.budget import Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.escapes import emitted
from exfilter.content.stream import HEAD
from exfilter.content.wire import walk
from exfilter.content.wire.rows import AFTER_VALUE, SHORT, Rows, plain, written
from exfilter.content.wire.varints import (
    FIXED32,
    FIXED64,
    SIZED,
    VARINT,
    ambiguous,
    fixed,
    floats,
    leaf,
    packed,
    shaped,
    varint,
)
from exfilter.content.wire.window import BrokenError, Window

_AHEAD = SHORT + 32
"""Bytes that a short field has at most."""
_DEPTH = 64
"""Messages inside each other. The libraries stop at 100."""
_FIRST = 32
_START = 256
_SORTS = 8
"""Different bytes of a head at least."""
_WRITTEN = 4
"""Fields from which on bytes without control characters are a message, and no text."""
NEVER = 1 << 62
"""The end of a message that ends with the stream."""


class Messages:
    """Goes through the fields of a message, and of the messages in it."""

    def __init__(self, window: Window, rows: Rows, end: int = NEVER) -> None:
        """Begin where the window is. `end`: where the message ends in the stream, if not with it."""
        self._window = window
        self._rows = rows
        self._outer: list[tuple[int, int]] = []
        """For each message around: where it ends, and the field before."""
        self._end = end
        self._last = 0

    def walk(self) -> Iterator[Item]:
        """Walk to the end of the message. Raises BrokenError."""
        todo: Iterator[Item] | None = iter(())
        while todo is not None:
            yield from todo
            try:
                todo = self._fields()
            except IndexError:
                raise BrokenError(self._window.at, short=True) from None
            except BrokenError:
                if not self._outer:
                    raise
                todo = self._skip()

    def _fields(self) -> Iterator[Item] | None:
        """Take fields until something has to be yielded or fetched. None: the message has ended."""
        window = self._window
        while True:
            if window.start + window.at >= self._end:
                window.at = self._end - window.start
                if not self._outer:
                    return None
                self._rows.end()
                self._end, self._last = self._outer.pop()
            elif window.at + _AHEAD > len(window.data) and not window.whole:
                return self._fetch()
            elif window.at >= len(window.data) and self._end == NEVER:
                return None
            elif (todo := self._field(window.data, window.at)) is not None:
                return todo

    def _fetch(self) -> Iterator[Item]:
        if not self._rows.overdue():
            yield from self._rows.parts(last=False)
        self._window.slide(self._window.at)

    def _field(self, data: bytes, start: int) -> Iterator[Item] | None:
        """Take a field, or the head of a message. Returns what has yet to be done for it, or None."""
        tag, at = (data[start], start + 1) if data[start] < 0x80 else varint(data, start)
        kind = tag & 7
        if kind == SIZED:
            size, at = (data[at], at + 1) if data[at] < 0x80 else varint(data, at)
            return self._sized(tag, start, at, size)
        if kind == VARINT:
            number, at = (data[at], at + 1) if data[at] < 0x80 else varint(data, at)
            text = str(number)
        elif kind in (FIXED64, FIXED32):
            text = fixed(data[at : at + (8 if kind == FIXED64 else 4)], 8 if kind == FIXED64 else 4)
            at += 8 if kind == FIXED64 else 4
            self._rows.known += at - start if text and kind == FIXED64 else 0
        else:
            raise BrokenError(start)
        self._rows.pieces += (text, AFTER_VALUE)
        self._window.at, self._last = at, tag
        return None

    def _sized(self, tag: int, start: int, at: int, size: int) -> Iterator[Item] | None:
        """Take a text, a message or bytes."""
        window = self._window
        if window.start + at + size > self._end:
            raise BrokenError(start)
        if size > SHORT:
            return self._long(tag, start, at, size)
        value = window.data[at : at + size]
        if len(value) < size:
            raise BrokenError(start, short=True)
        if text := plain(value):
            self._rows.pieces += (text, AFTER_VALUE)
            if not ambiguous(value, 0, size):
                window.at, self._last = at + size, tag
                return None
        if value and self._message(tag, start, at, value):
            return None
        window.at, self._last = at + size, tag
        return self._blob(value) if value and not text else None

    def _message(self, tag: int, start: int, at: int, value: bytes) -> bool:
        """Begin a message, or take it whole; one that may be a text is read as both."""
        leaves = leaf(value)
        if leaves is None and (len(self._outer) >= _DEPTH or not shaped(value)):
            return False
        self._begin(tag, start, at, len(value))
        if leaves is not None:
            self._rows.pieces.append(AFTER_VALUE.join(leaves))
            self._window.at = at + len(value)
        return True

    def _begin(self, tag: int, start: int, at: int, size: int) -> None:
        """Go into a message. It is a record if its neighbour is one of the same field."""
        window = self._window
        sign = window.data[start : start + (tag.bit_length() + 6) // 7]
        follows = window.start + at + size < self._end and window.data.startswith(sign, at + size)
        self._rows.message(repeated=tag == self._last or follows)
        self._outer.append((self._end, tag))
        self._end, self._last, window.at = window.start + at + size, 0, at

    def _blob(self, value: bytes) -> Iterator[Item]:
        if not self._numbers(value):
            yield from self._rows.blob(value)

    def _numbers(self, value: bytes) -> bool:
        """Take a list of numbers, if the bytes are one. Short floats are no identifiers."""
        numbers = [] if floats(value) else packed(value)
        if numbers:
            self._rows.pieces += (AFTER_VALUE.join(numbers), AFTER_VALUE)
        elif not floats(value):
            return False
        self._rows.known += len(value)
        return True

    def _long(self, tag: int, start: int, at: int, size: int) -> Iterator[Item]:
        """Take a long field, judged by how it begins."""
        window = self._window
        window.slide(start, _AHEAD + min(size, HEAD))
        at -= start
        sample = window.data[at : at + min(size, HEAD)]
        cut = len(sample) < size
        if not written(sample) and len(self._outer) < _DEPTH and shaped(sample, cut=cut):
            self._begin(tag, 0, at, size)
            return
        self._last = tag
        if size <= CHUNK and not written(sample):
            window.need(at, size)
            at = window.at
            if self._numbers(window.data[at : at + size]):
                window.at = at + size
                return
        end = window.start + at + size
        yield from self._rows.large(window.run(at, size))
        window.reached(end)

    def _skip(self) -> Iterator[Item]:
        """Leave a message that is none; what can be read in it is."""
        window = self._window
        for chunk in window.run(window.at, self._end - window.start - window.at):
            self._rows.odd(chunk)
        yield from self._rows.parts(last=False)


def values(window: Window, rows: Rows) -> Iterator[Item]:
    """Walk through a message: a walk (see ``walk.Walk``)."""
    return Messages(window, rows).walk()


def recognises(content: Content) -> bool:
    """Whether the head is a message all through, with text in it. A look at 32 bytes is enough for text."""
    if not shaped(content.stream.head(_FIRST), cut=True):
        return False
    head = content.stream.head()
    fields = shaped(head, cut=len(head) == HEAD)
    if fields and written(head):
        if len(set(head)) < _SORTS:  # one letter again and again
            return False
        return shaped(head, cut=len(head) == HEAD, kinds=(SIZED,)) >= _WRITTEN
    return (fields > 0 or not written(head[:_START])) and walk.sensible(content, values)


def _read(content: Content, opened: Open) -> Iterator[Item]:
    """Read a message. One without control characters may be a text for all that: it is read as lines, too."""
    strings = Strings(content) if written(content.stream.head()) else None
    stream = strings.tee(content.stream) if strings else content.stream
    for item in walk.read(content.again(stream), opened, "protobuf", values):
        yield item
        for part in strings.parts(last=False) if strings else ():
            yield from emitted(part, content.budget)
    for part in strings.parts(last=True) if strings else ():
        yield from emitted(part, content.budget)


READER = Reader("protobuf", recognises, _read)
