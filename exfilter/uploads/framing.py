"""What the receiver takes off a piece before it keeps it: S3's chunks, the form of a browser."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator

from exfilter.body import pieces
from exfilter.content.multipart import Splitter
from exfilter.content.stream import Stream
from exfilter.content.wire.chunked import Chunks
from exfilter.model import Buffer

Data = Callable[[], Iterator[bytes | memoryview]]
"""Yields the bytes of a piece from the beginning, each time that it is called."""

_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"\r\n]+)"|([^\s;,"]+))""", re.IGNORECASE)


class Framing(enum.Enum):
    """How a piece is wrapped."""

    NONE = enum.auto()
    CHUNKS = enum.auto()
    """aws-chunked."""
    FORM = enum.auto()
    """A file in a multipart form."""


def carried(body: Buffer, framing: Framing, content_type: str) -> Data:
    """Return what yields the bytes that the receiver keeps. A frame that is not there is not taken off."""

    def plain() -> Iterator[bytes | memoryview]:
        return pieces(body)

    def chunks() -> Chunks:
        return Chunks(_stream(body))

    def file() -> Iterator[bytes]:
        return _file(_stream(body), content_type)

    if framing is Framing.CHUNKS:
        tried = chunks()
        for _ in tried.data():
            pass
        return plain if tried.broken else lambda: chunks().data()
    if framing is Framing.FORM and any(True for _ in file()):
        return file
    return plain


def _stream(body: Buffer) -> Stream:
    return Stream(bytes(piece) for piece in pieces(body))


def _file(stream: Stream, content_type: str) -> Iterator[bytes]:
    """Yield the first file in a form."""
    found = _BOUNDARY.search(content_type)
    if not found:
        return
    split = Splitter(stream, (found[1] or found[2]).encode("latin-1", "replace"))
    for _ in split.data():  # before the first part
        pass
    while split.more:
        headers = split.headers()
        if headers is not None and b"filename" in headers.lower():
            yield from split.data()
            return
        for _ in split.data():
            pass
