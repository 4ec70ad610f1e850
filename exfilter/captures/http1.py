"""HTTP/1 requests out of the bytes that a client sent (RFC 9112), as far as they go.

A capture is no server: what is odd is read as well as it can be, and what is not HTTP is said to be none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from exfilter.model import Headers

HEAD = 1 << 20
"""Bytes of a head at most."""
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) (\S+) HTTP/\d(?:\.\d)?\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_END = re.compile(rb"\r?\n\r?\n")
# The line that ends a chunk may come later than the chunk: it is read with the next size.
_SIZE = re.compile(rb"(?:\r?\n)?[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a client sent it."""

    method: str
    target: str
    headers: Headers
    body: bytes
    trailers: Headers = ()
    absent: int = 0
    """Bytes of the body that are not there, as far as they are known."""

    def header(self, name: str) -> str:
        """Return the first header of that name, in lower case, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(slots=True)
class _Begun:
    """A request of which the head is there."""

    method: str
    target: str
    headers: Headers
    at: int
    """Byte at which its body begins, or the next chunk of it."""
    length: int
    """Of the body; -1: it comes in chunks."""
    kept: bytearray = field(default_factory=bytearray)
    """Of chunks."""
    trailers: Headers = ()


@dataclass(slots=True)
class Requests:
    """The requests of one client, read as its bytes come. Holds one of them in memory."""

    largest: int
    """Bytes of a body that are kept. With a larger one the reading ends."""
    rest: bytearray = field(default_factory=bytearray)
    """What belongs to a request that is not whole; when ``is_http`` is false, all that is none."""
    is_http: bool = True
    _from: int = 0
    """Byte from which on an end of the head is looked for."""
    _begun: _Begun | None = None

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self.rest) + (len(self._begun.kept) if self._begun else 0)

    def feed(self, data: bytes) -> Iterator[Request]:
        """Take some more bytes, and yield the requests that are whole now."""
        self.rest += data
        while self.is_http and (found := self._next(is_end=False)):
            yield found
        if self.is_http and self.held > self.largest + HEAD:
            yield from self.end()
            self.is_http = False

    def end(self) -> Iterator[Request]:
        """Yield what there is of the last request: no more bytes come."""
        while self.is_http and (self._begun or self.rest.strip(b"\r\n")):
            found = self._next(is_end=True)
            if found is None:
                return
            yield found

    def _next(self, *, is_end: bool) -> Request | None:
        self._begun = self._begun or self._head(is_end=is_end)
        if self._begun is None:
            return None
        missing = self._chunks(self._begun) if self._begun.length < 0 else self._rest_of(self._begun)
        if missing and not is_end:
            return None
        return self._done(self._begun, missing)

    def _head(self, *, is_end: bool) -> _Begun | None:
        while self.rest[:2] == b"\r\n" or self.rest[:1] == b"\n":
            del self.rest[: 2 if self.rest[:1] == b"\r" else 1]
        end = _END.search(self.rest, max(0, self._from - 4))
        self._from = len(self.rest)
        if not self.rest or (end is None and not is_end and len(self.rest) <= HEAD):
            self.is_http = not self.rest or _may_be_request(self.rest)
            return None
        line = _REQUEST.match(self.rest)
        if line is None:
            self.is_http = False
            return None
        stop = end.start() if end else len(self.rest)
        headers = fields(bytes(self.rest[line.end() : stop]))
        method, target = line[1].decode("ascii"), text(line[2])
        return _Begun(method, target, headers, end.end() if end else len(self.rest), _length(headers))

    def _rest_of(self, begun: _Begun) -> int:
        """Return how many bytes of a body are missing."""
        return max(0, begun.at + begun.length - len(self.rest))

    def _chunks(self, begun: _Begun) -> int:
        """Take the chunks that are there; return how many bytes are missing, 1 where nobody knows."""
        data = self.rest
        while size := _SIZE.match(data, begun.at):
            length, start = int(size[1], 16), size.end()
            if not length:
                end = _END.search(data, start - 2)
                if end is None:
                    return 1
                begun.trailers = fields(bytes(data[start : end.start()])) if end.start() > start else ()
                begun.at, begun.length = end.end(), 0
                return 0
            if start + length > len(data):
                return start + length - len(data)
            begun.kept += data[start : start + length]
            del data[: start + length]
            begun.at = 0
        return 1

    def _done(self, begun: _Begun, missing: int) -> Request:
        stop = len(self.rest) if missing else begun.at + max(0, begun.length)
        is_plain = begun.length > 0 or missing
        tail = bytes(self.rest[begun.at : stop]) if is_plain else b""
        if missing and begun.length < 0:
            tail = _SIZE.sub(b"", tail, count=1)
        del self.rest[:stop]
        self._begun, self._from = None, 0
        body = bytes(begun.kept) + tail
        return Request(begun.method, begun.target, begun.headers, body, begun.trailers, missing)


def _length(headers: Headers) -> int:
    coding = [value.lower() for name, value in headers if name.lower() == "transfer-encoding"]
    if coding and coding[-1].rpartition(",")[2].strip() == "chunked":
        return -1
    said = [value for name, value in headers if name.lower() == "content-length"]
    return int(said[0][:18]) if said and said[0].isascii() and said[0].isdigit() else 0


def _may_be_request(data: bytearray) -> bool:
    line, newline, _ = bytes(data[:4096]).partition(b"\n")
    if newline:
        return _REQUEST.match(line + newline) is not None
    return re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}(?: \S*(?: [HTTP/0-9.]*\r?)?)?", line) is not None


def fields(block: bytes) -> Headers:
    """Read the lines of a head or of trailers, whatever they are. What has no colon is a name."""
    found: list[tuple[str, str]] = []
    for line in re.split(rb"\r?\n", _FOLD.sub(b" ", block)):
        if line:
            name, _, value = line.partition(b":")
            found.append((text(name.strip()), text(value.strip())))
    return tuple(found)


def text(raw: bytes) -> str:
    """Read bytes as UTF-8, and what is none as Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
