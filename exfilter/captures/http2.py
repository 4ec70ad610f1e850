"""HTTP/2 requests out of the bytes that a client sent (RFC 9113).

Flow control and the server's half are not looked at: a capture is no server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hpack import Decoder
from hpack.exceptions import HPACKError

from exfilter.captures.http1 import HEAD, Request
from exfilter.model import Headers

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _CONTINUATION = 0, 1, 3, 9
_END_STREAM, _END_HEADERS, _PADDED, _PRIORITY = 1, 4, 8, 32
_TABLE = 1 << 24
"""Bytes of the header table that a server may have allowed."""
STREAMS = 10_000
"""That are open at a time."""


@dataclass(slots=True)
class _Stream:
    headers: Headers = ()
    trailers: Headers = ()
    body: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class Streams:
    """The requests of one client."""

    largest: int
    """Bytes of all bodies that are kept. With more the reading ends."""
    rest: bytearray = field(default_factory=bytearray)
    is_http: bool = True
    _decoder: Decoder = field(default_factory=lambda: Decoder(max_header_list_size=HEAD))
    _streams: dict[int, _Stream] = field(default_factory=dict)
    _block: bytearray = field(default_factory=bytearray)
    """Of a head that goes on in the next frame."""
    _ends: bool = False
    _preface: bool = False

    def __post_init__(self) -> None:
        self._decoder.max_allowed_table_size = _TABLE

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self.rest) + len(self._block) + sum(len(each.body) for each in self._streams.values())

    def feed(self, data: bytes) -> Iterator[Request]:
        """Take some more bytes, and yield the requests that are whole now."""
        self.rest += data
        if not self._preface and len(self.rest) >= len(PREFACE):
            del self.rest[: len(PREFACE)]
            self._preface = True
        while self._preface and self.is_http and len(self.rest) >= 9:
            length = int.from_bytes(self.rest[:3])
            if len(self.rest) < 9 + length:
                break
            kind, flags = self.rest[3], self.rest[4]
            number = int.from_bytes(self.rest[5:9]) & 0x7FFFFFFF
            payload = bytes(self.rest[9 : 9 + length])
            del self.rest[: 9 + length]
            try:
                yield from self._frame(kind, flags, number, payload)
            except (HPACKError, IndexError, ValueError):
                self.is_http = False
        if self.is_http and self.held > self.largest:
            yield from self.end()
            self.is_http = False

    def end(self) -> Iterator[Request]:
        """Yield what there is of the requests that did not end."""
        for number in sorted(self._streams):
            yield _request(self._streams[number], missing=1)
        self._streams.clear()

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> Iterator[Request]:
        if kind in {_DATA, _HEADERS} and flags & _PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        if kind == _HEADERS and flags & _PRIORITY:
            payload = payload[5:]
        if kind in {_HEADERS, _CONTINUATION}:
            self._block += payload
            self._ends = bool(flags & _END_STREAM) if kind == _HEADERS else self._ends
            if len(self._block) > HEAD:
                raise ValueError
            if flags & _END_HEADERS:
                self._head(number)
                yield from self._ended(number, ends=self._ends)
        elif kind == _DATA and number in self._streams:
            self._streams[number].body += payload
            yield from self._ended(number, ends=bool(flags & _END_STREAM))
        elif kind == _RESET and number in self._streams:
            yield _request(self._streams.pop(number), missing=1)

    def _head(self, number: int) -> None:
        pairs = self._decoder.decode(bytes(self._block), raw=True)
        self._block.clear()
        headers = tuple((_text(pair[0]), _text(pair[1])) for pair in pairs)
        if number in self._streams:
            self._streams[number].trailers = headers
        elif len(self._streams) < STREAMS:
            self._streams[number] = _Stream(headers)
        else:
            raise ValueError

    def _ended(self, number: int, *, ends: bool) -> Iterator[Request]:
        if ends and number in self._streams:
            yield _request(self._streams.pop(number), missing=0)


def _request(stream: _Stream, missing: int) -> Request:
    named = {name: value for name, value in stream.headers if name.startswith(":")}
    plain = tuple((name, value) for name, value in stream.headers if not name.startswith(":"))
    if not any(name == "host" for name, _ in plain) and named.get(":authority"):
        plain = (("host", named[":authority"]), *plain)
    method, path = named.get(":method", ""), named.get(":path", "")
    return Request(method, path, plain, bytes(stream.body), stream.trailers, missing)


def _text(raw: bytes | str) -> str:
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
