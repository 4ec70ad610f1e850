"""Signed messages (RFC 5652, section 5): what they hold is opened, whatever the signature says."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.body import CHUNK
from exfilter.content import sealed, sniff
from exfilter.content.binary import Strings
from exfilter.content.budget import Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.escapes import emitted
from exfilter.content.stream import Stream
from exfilter.model import Reason

_OCTETS, _PIECES, _EXPLICIT = 0x04, 0x24, 0xA0
_DATA = bytes.fromhex("06092a864886f70d0107")
"""How the object identifier of the type of what is signed begins: plain data, mostly."""
_LONGEST = 12
_REACH = 1 << 10
"""Bytes before the content: versions and the names of digests."""
_CERTIFICATES = 1 << 16
"""Bytes of certificates and signatures that are taken for such."""


def _recognises(content: Content) -> bool:
    return sniff.signature(content.stream.head()) == "cms signed"


def _read(content: Content, opened: Open) -> Iterator[Item]:
    strings = Strings(content)
    stream = strings.tee(content.stream)
    _take(stream, _start(stream.head(_REACH)))
    yield from opened(content.within(_octets(stream), "signed data"))
    rest = sum(map(len, stream))
    for part in strings.parts(last=True):
        yield from emitted(part, content.budget)
    if rest > _CERTIFICATES:
        yield content.unscanned(Reason.OPAQUE, rest)


def _start(head: bytes) -> int:
    """Return where the octets begin that are signed; where there are none, behind what was looked at."""
    inner = head.find(_DATA, head.find(sealed.SIGNED) + len(sealed.SIGNED))
    place = inner + len(_DATA) + 1
    found = _tag(head[place : place + _LONGEST]) if inner >= 0 else None
    return place + found[1] if found is not None and found[0] == _EXPLICIT else len(head)


def _tag(head: bytes) -> tuple[int, int, int] | None:
    """Return a tag (X.690, section 8.1), the bytes of it and its length, and the length; -1 if indefinite."""
    if len(head) < 2 or head[1] > 0x84:
        return None
    width = head[1] & 0x7F if head[1] & 0x80 else 0
    if head[1] == 0x80:
        return head[0], 2, -1
    size = int.from_bytes(head[2 : 2 + width]) if width else head[1]
    return head[0], 2 + width, size


def _octets(stream: Stream) -> Iterator[bytes]:
    """Yield the octets of a string that may be in pieces."""
    while (found := _tag(stream.head(_LONGEST))) and found[0] in (_OCTETS, _PIECES):
        kind, width, size = found
        _take(stream, width)
        if kind == _PIECES:
            continue
        while size > 0 and (piece := stream.take(min(size, CHUNK))):
            size -= len(piece)
            yield piece


def _take(stream: Stream, size: int) -> None:
    while size > 0 and (piece := stream.take(size)):
        size -= len(piece)


READER = Reader("cms", _recognises, _read)
