"""TCP connections of a packet capture, and the requests in what their clients sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from exfilter.captures.captured import DOOR, Captured, absent
from exfilter.captures.http1 import Request, Requests
from exfilter.captures.http2 import PREFACE, Streams
from exfilter.limits import MIB
from exfilter.model import Reason, Transfer, Unscanned

LARGEST = 256 * MIB
"""Bytes of a body that are kept."""
WINDOW = 4 * MIB
"""Bytes of a connection that may wait for a lost packet. Then it is taken for lost."""
OVERHEAD = 4096
"""Bytes of a TLS connection that are no data of the client's, beside one in eight."""

End = tuple[str, int]
"""Address and port."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What one packet brings to a connection."""

    time: float
    sender: End
    receiver: End
    sequence: int
    """Of the first byte, 32 bits."""
    payload: bytes
    """As it was sent."""
    opened: bytes
    """What tshark made of it: TLS records that end here, opened. Empty: none do, or there is no key."""
    sni: str
    opens: bool
    """Whether it opens the connection."""
    closes: bool


@dataclass(slots=True)
class Connection:
    """One connection; of its two halves, the client's."""

    number: int
    client: End
    server: End
    name: str = ""
    """Whom it goes to: what the client asked for, else its address."""
    began: float = 0.0
    is_tls: bool = False
    requests: int = 0
    sent: int = 0
    """Bytes of the client."""
    opened: int = 0
    """Of a TLS connection, bytes that could be read."""
    lost: int = 0
    """Bytes that the capture did not see."""
    last: float = 0.0
    _next: int = -1
    _waiting: dict[int, bytes] = field(default_factory=dict)
    _start: bytes = b""
    _reader: Requests | Streams | None = None
    _tunnel: int = 0

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return sum(map(len, self._waiting.values())) + (self._reader.held if self._reader else 0)

    def take(self, segment: Segment) -> Iterator[Captured]:
        """Take a packet of the client's, and yield the requests that are whole now."""
        self.last = segment.time
        self.name = segment.sni or self.name
        self.sent += len(segment.payload)
        if segment.opens:
            self._next = (segment.sequence + 1) % 2**32
        data = self._ordered(segment.sequence, segment.payload) if segment.payload else b""
        if data and not self._start:
            self.is_tls = data[:2] == b"\x16\x03"
            self._start = data[: len(PREFACE)]
        if self.is_tls:
            self.opened += len(segment.opened)
            data = segment.opened
        if data:
            yield from self._read(data)

    def is_over(self, segment: Segment) -> bool:
        """Whether a packet of the client's ends the connection, and nothing is missing before it."""
        after = segment.sequence + len(segment.payload)
        return segment.closes and (self._next < 0 or _ahead(self._next, after % 2**32) <= 0)

    def end(self) -> Iterator[Captured]:
        """Yield what there is of the last request, and a value for what was not read."""
        while self._waiting:
            yield from self._read(self._over_gap())
        if self._reader and self._reader.is_http:
            yield from (self._captured(request) for request in self._reader.end())
        unread = list(self._unread())
        rest = bytes(self._reader.rest) if self._reader and not self._reader.is_http else b""
        if unread or rest:
            yield self._raw(rest, tuple(unread))

    def _read(self, data: bytes) -> Iterator[Captured]:
        if self._tunnel:
            self._tunnel += len(data)
            return
        if self._reader is None:
            self._reader = Streams(LARGEST) if data.startswith(PREFACE[:8]) else Requests(LARGEST)
        if not self._reader.is_http and len(self._reader.rest) >= LARGEST:
            self.lost += len(data)
            return
        for request in self._reader.feed(data) if self._reader.is_http else self._more(data):
            yield self._captured(request)
            if request.method == "CONNECT" and isinstance(self._reader, Requests):
                self._tunnel = max(1, len(self._reader.rest))
                self._reader.rest.clear()
                return

    def _more(self, data: bytes) -> Iterator[Request]:
        if self._reader is not None:
            self._reader.rest += data
        yield from ()

    def _ordered(self, sequence: int, payload: bytes) -> bytes:
        """Return what follows on what was read; what comes too early waits, what came before is dropped."""
        if self._next < 0:
            self._next = sequence
        self._waiting[sequence] = max(payload, self._waiting.get(sequence, b""), key=len)
        data = self._following()
        if sum(map(len, self._waiting.values())) > WINDOW:
            data += self._over_gap()
        return data

    def _following(self) -> bytes:
        pieces = []
        while self._waiting:
            at = min(self._waiting, key=lambda each: _ahead(self._next, each))
            ahead = _ahead(self._next, at)
            if ahead > 0:
                break
            payload = self._waiting.pop(at)[-ahead if ahead else 0 :]
            pieces.append(payload)
            self._next = (self._next + len(payload)) % 2**32
        return b"".join(pieces)

    def _over_gap(self) -> bytes:
        at = min(self._waiting, key=lambda each: _ahead(self._next, each))
        self.lost += max(0, _ahead(self._next, at))
        self._next = at
        return self._following()

    def _unread(self) -> Iterator[Unscanned]:
        if self.is_tls and self.opened < self.sent - self.sent // 8 - OVERHEAD:
            yield Unscanned("TLS connection (no key)", Reason.ENCRYPTED, self.sent - self.opened)
        elif self.is_tls and not self.opened and self.sent:
            yield Unscanned("TLS connection (no key)", Reason.ENCRYPTED, self.sent)
        if self._tunnel:
            yield Unscanned("tunnel", Reason.ENCRYPTED, self._tunnel)
        if self.lost:
            yield absent(self.lost, "connection")

    def _captured(self, request: Request) -> Captured:
        self.requests += 1
        host = request.header("host")
        scheme = "https" if self.is_tls else "http"
        is_absolute = "://" in request.target[:16]
        url = request.target if is_absolute else f"{scheme}://{host or self.name}{request.target}"
        named = _host(request.target) if is_absolute else ""
        if request.method == "CONNECT":
            url, named = "", request.target.rpartition(":")[0]
        transfer = Transfer(
            door=DOOR,
            body=request.body,
            actor=self.client[0],
            destination=(named or self.name or self.server[0]).strip("[]").lower().rstrip("."),
            method=request.method,
            url=url,
            headers=request.headers,
            trailers=request.trailers,
            time=self.last,
        )
        missing = (absent(request.absent),) if request.absent else ()
        return Captured(transfer, "", f"connection {self.number} request {self.requests}", missing)

    def _raw(self, body: bytes, missing: tuple[Unscanned, ...]) -> Captured:
        """Return what was no HTTP as one transfer."""
        transfer = Transfer(
            door=DOOR,
            body=body,
            actor=self.client[0],
            destination=(self.name or self.server[0]).lower().rstrip("."),
            method="TLS" if self.is_tls else "TCP",
            time=self.last,
        )
        return Captured(transfer, "", f"connection {self.number}", missing)


def _host(url: str) -> str:
    rest = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return rest.partition("]")[0] if rest.startswith("[") else rest.partition(":")[0]


def _ahead(now: int, sequence: int) -> int:
    """Return how far a sequence number is ahead, below zero behind; they go round at 2^32."""
    return (sequence - now + 2**31) % 2**32 - 2**31
