"""OpenPGP data (RFC 9580): what is encrypted is reported, what is only signed or compressed is read.

Keys and signatures hold nothing but names and numbers; more of them than a key ring has is no key ring.
"""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.body import CHUNK
from exfilter.content import codings, packets, sniff
from exfilter.content.binary import Strings
from exfilter.content.budget import Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.escapes import emitted
from exfilter.content.stream import Stream
from exfilter.model import Part, Reason

_KEYS = 1 << 16
"""Bytes of keys and signatures that are taken for such."""
_LONGEST = 16
"""Bytes that a header can have."""
_NAME = 1 << 12


def _recognises(content: Content) -> bool:
    return sniff.signature(content.stream.head()) == "pgp"


def _read(content: Content, opened: Open) -> Iterator[Item]:
    strings = Strings(content)
    yield from _packets(content.again(strings.tee(content.stream)), opened)
    for part in strings.parts(last=True):
        yield from emitted(part, content.budget)


def _packets(content: Content, opened: Open) -> Iterator[Item]:
    stream, unread = content.stream, 0
    while stream.head(1) and not content.budget.overdue():
        found = packets.header(stream.head(_LONGEST))
        if found is None:
            unread += sum(map(len, stream))
            yield content.unscanned(Reason.OPAQUE, unread)
            return
        if found.tag in packets.ENCRYPTED:
            for _ in stream:
                pass
            yield content.unscanned(Reason.ENCRYPTED, stream.taken)
            return
        _take(stream, found.body)
        body = Stream(_body(stream, found))
        if found.tag == packets.COMPRESSED:
            yield from _compressed(content, body, opened)
        elif found.tag == packets.LITERAL:
            yield from _literal(content, body, opened)
        elif found.tag == packets.USER:
            name = _take(body, _NAME).decode("utf-8", "replace")
            yield from emitted(Part((*content.path, "names"), name), content.budget)
        unread += sum(map(len, body))
    if unread > _KEYS:
        yield content.unscanned(Reason.OPAQUE, unread)


def _body(stream: Stream, found: packets.Header) -> Iterator[bytes]:
    """Yield the body of a packet, whose pieces have lengths of their own (section 4.2.1.4)."""
    size, partial = found.size, found.partial
    while size:
        piece = stream.take(CHUNK if size < 0 else min(size, CHUNK))
        if not piece:
            return
        size -= len(piece) if size > 0 else 0
        yield piece
        if not size and partial:
            following = packets.length(stream.head(_LONGEST), 0)
            if following is None:
                return
            start, size, partial = following
            _take(stream, start)


def _compressed(content: Content, body: Stream, opened: Open) -> Iterator[Item]:
    """Open compressed packets; bzip2 shows by its magic."""
    algorithm = _take(body, 1)
    deflated = algorithm in (b"\x01", b"\x02")
    plain = codings.Expansion(codings.DEFLATE, body, content.budget) if deflated else body
    yield from opened(content.within(iter(plain), "pgp compressed"))


def _literal(content: Content, body: Stream, opened: Open) -> Iterator[Item]:
    """Open the data of a message, behind its format, its file name and its date."""
    head = _take(body, 2)
    name = _take(body, head[-1] if head else 0).decode("utf-8", "replace")
    _take(body, 4)
    yield from emitted(Part((*content.path, "names"), name), content.budget)
    yield from opened(content.within(iter(body), "pgp literal"))


def _take(stream: Stream, size: int) -> bytes:
    """Take so many bytes, or all there are."""
    pieces = []
    while size > 0 and (piece := stream.take(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


READER = Reader("pgp", _recognises, _read)
