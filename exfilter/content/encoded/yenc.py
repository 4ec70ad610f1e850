"""Files in yEnc (http://www.yenc.org/yenc-draft.1.3.txt): each byte moved by 42, a few of them escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exfilter.content.budget import Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.stream import Stream

_BEGIN = re.compile(rb"^=ybegin [^\r\n]{5,400}\r?\n(?:=ypart [^\r\n]{1,100}\r?\n)?", re.MULTILINE)
_END = b"=yend"
_REACH = 1 << 11
"""Bytes within which a file begins."""
_PLAIN = bytes((byte - 42) & 0xFF for byte in range(256))
_ESCAPED = 64


def _recognises(content: Content) -> bool:
    head = content.stream.head(_REACH)
    return b"=ybegin " in head and _BEGIN.search(head) is not None


def _read(content: Content, opened: Open) -> Iterator[Item]:
    found = _BEGIN.search(content.stream.head(_REACH))
    start, end = found.span() if found else (0, 0)
    before = content.stream.take(start) + content.stream.take(end - start).removeprefix(b"=ybegin ")
    yield from opened(content.within(iter([before]), "beginning"))
    yield from opened(content.within(_decoded(content.stream), "yenc"))
    if content.stream.head(1):
        yield from opened(content.within(iter(content.stream), "rest"))


def _decoded(stream: Stream) -> Iterator[bytes]:
    """Yield the bytes up to the line that ends the file, which stays in the stream."""
    while chunk := stream.take(1 << 16):
        end = (chunk + stream.head(len(_END))).find(_END)
        if end >= 0:
            stream.push(chunk[end:])
            chunk = chunk[:end]
        elif chunk.endswith(b"="):
            chunk += stream.take(1)
        first, *escaped = chunk.translate(None, b"\r\n").split(b"=")
        pieces = (bytes([(piece[0] - _ESCAPED) & 0xFF]) + piece[1:] for piece in escaped if piece)
        yield b"".join([first, *pieces]).translate(_PLAIN)
        if end >= 0:
            return


READER = Reader("yenc", _recognises, _read)
