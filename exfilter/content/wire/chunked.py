"""Chunks as of HTTP/1.1 (RFC 9112, section 7.1) and of S3 (aws-chunked), left in a captured body.

They cut a text, and what is compressed, at places of their own. What stands in their lines beside the
sizes and the signatures, and in the trailers, is read as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from exfilter.body import CHUNK
from exfilter.content.budget import Item
from exfilter.content.charset import clean
from exfilter.content.content import Content, Open, Reader
from exfilter.content.escapes import emitted
from exfilter.content.slices import Slicer
from exfilter.content.stream import HEAD, Stream
from exfilter.model import Reason

_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]{0,16}(;[^\r\n]{0,4096})?(\r?\n)")
_SIGNED = re.compile(rb";chunk-signature=[0-9a-f]{1,200}\Z")
_END = re.compile(rb"(?:[!-9;-~]{1,100}:[^\r\n]{0,2000}\r?\n){0,20}(?:\r?\n|\Z)")
_FIRST = 128
_LONGEST = 1 << 13
"""Bytes of a line at most."""
_FAR = 1 << 23
"""Bytes of a first chunk whose end is looked for, if its line has no signature."""
_SURE = 8
"""Chunks from which on a content is in chunks although it breaks off."""
_GATHERED = 1 << 16


def recognises(content: Content) -> bool:
    """Whether the first line says where the next one is, and so on through the head."""
    line = _LINE.match(content.stream.head(_FIRST)) or _LINE.match(content.stream.head(_LONGEST))
    if line is None:
        return False
    size = int(line[1], 16)
    signed = line[2] is not None and _SIGNED.match(line[2]) is not None
    far = line.end() + size + _FIRST if size < _FAR and not signed else 0
    return _chained(content.stream.head(max(HEAD, far)), signed=signed)


def _chained(head: bytes, *, signed: bool) -> bool:
    """Whether every line in a head stands where the one before says; the last chunk may be cut."""
    at = count = 0
    while line := _LINE.match(head, at):
        size, at = int(line[1], 16), line.end()
        if not size:
            return signed or (count > 0 and _END.match(head, at) is not None)
        at += size
        if at + 2 > len(head):
            return signed or count > (len(head) <= HEAD)
        if not head.startswith((b"\r\n", b"\n"), at):
            break
        at += 2 if head.startswith(b"\r", at) else 1
        count += 1
    return signed or count >= _SURE or (count > 1 and len(head) - at < _FIRST and len(head) >= HEAD)


class Chunks:
    """Puts the chunks of a stream together."""

    def __init__(self, stream: Stream) -> None:
        """Begin at the first line."""
        self._stream = stream
        self.lines: list[bytes] = []
        """What stands between the chunks, sizes and signatures apart. The caller takes it."""
        self.broken = False
        """A line is not where it should be: the stream is at that place."""

    def data(self) -> Iterator[bytes]:
        """Yield what is in the chunks."""
        held: list[bytes] = []
        size = 0
        for piece in self._pieces():
            held.append(piece)
            size += len(piece)
            if size >= _GATHERED:
                yield b"".join(held)
                held, size = [], 0
        yield b"".join(held)

    def _pieces(self) -> Iterator[bytes]:
        stream = self._stream
        while head := stream.head(_LONGEST):
            line = _LINE.match(head)
            if line is None:
                self.broken = True
                return
            stream.take(line.end())
            if line[2] and not _SIGNED.match(line[2]):
                self.lines.append(line[2])
            left = int(line[1], 16)
            if not left:
                self._trailers()
                return
            while left and (piece := stream.take(min(left, CHUNK))):
                left -= len(piece)
                yield piece
            after = stream.head(2)
            stream.take(2 if after == b"\r\n" else after.startswith(b"\n"))

    def _trailers(self) -> None:
        """Take the lines up to an empty one."""
        while head := self._stream.head(_LONGEST):
            line = head[: head.find(b"\n") + 1 or len(head)]
            field = line.strip()
            if field and b":" not in field:
                return
            self._take(len(line))
            if not field:
                return
            self.lines.append(field)

    def _take(self, size: int) -> None:
        while size and (piece := self._stream.take(size)):
            size -= len(piece)


def read(content: Content, opened: Open) -> Iterator[Item]:
    """Read what is in the chunks as one content, then what stands between them and behind."""
    chunks = Chunks(content.stream)
    slicer = Slicer((*content.path, "chunk lines"), content.budget.limits)

    def lines(*, last: bool) -> Iterator[Item]:
        if chunks.lines:
            slicer.add(clean(b"\n".join(chunks.lines).decode("utf-8", "surrogateescape")) + "\n", None)
            chunks.lines.clear()
        for part in slicer.parts(last=last):
            yield from emitted(part, content.budget)

    inner = content.within(chunks.data(), "chunked", declared=content.declared)
    for item in opened(inner):
        yield item
        yield from lines(last=False)
    for _ in inner.stream:  # what a reader left
        pass
    yield from lines(last=True)
    if content.budget.late or not content.stream.head(1):
        return
    rest = content.within(iter(content.stream), f"from byte {content.stream.taken}")
    yield from opened(rest)
    if chunks.broken:
        yield content.unscanned(Reason.MALFORMED, rest.stream.taken)


READER = Reader("chunked", recognises, read)
