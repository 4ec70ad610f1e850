"""Requests that go on while they are answered (gRPC, Connect), message by message where the policy allows it.

Elsewhere they are held until they end, like all others. Each message is judged before it goes on, together
with those before it; one that is held ends the call.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

from mitmproxy.proxy import commands
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseProtocolError,
)

from addons.private.stream import SpoolStream, mark_sent

if TYPE_CHECKING:
    from collections.abc import Generator

    from mitmproxy.http import HTTPFlow, Response

PREFIX = 5
"""Bytes before each message: flags, and its length in four (gRPC over HTTP/2, "Length-Prefixed-Message")."""
LARGEST = 8 << 20
"""Bytes of a message."""
TOGETHER = 16 << 20
"""Bytes of all messages that are not whole yet."""


@dataclass
class Opening:
    """A call that has begun, and whether it may go on message by message."""

    flow: HTTPFlow
    granted: bool = False


@dataclass
class Piece:
    """Whole messages of a call."""

    flow: HTTPFlow
    data: bytes
    too_large: bool = False
    """Whether it is the beginning of a message that is larger than any may be."""
    passes: bool = False
    refusal: Response | None = None
    """What the client is answered where they do not pass."""


@dataclass
class ExfilterOpeningHook(commands.StartHook):
    """A call has begun."""

    opening: Opening


@dataclass
class ExfilterPieceHook(commands.StartHook):
    """Messages of a call have arrived."""

    piece: Piece


class Calls:
    """Has mitmproxy treat calls like that."""

    def load(self, _loader: object) -> None:
        """Replace the stream once more: it is loaded after ``stream.Streams``."""
        http.HttpStream = CallStream  # type: ignore[misc]


class CallStream(SpoolStream):
    """A request that may be a call."""

    partial: ClassVar[WeakSet[CallStream]] = WeakSet()
    """Those that have a part of a message."""

    def __init__(self, context: Any, stream_id: int) -> None:  # noqa: ANN401 - mitmproxy's
        super().__init__(context, stream_id)
        self._rest = bytearray()
        self._wanted = PREFIX
        """Bytes from which on it is worth a look whether a message is whole."""
        self._unread = 0
        """Bytes still to come of a message that is too large and passes all the same."""

    def state_wait_for_request_headers(self, event: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401 - as above
        """Take the head, and ask what follows from it."""
        yield from super().state_wait_for_request_headers(event)
        if self.client_state == self.state_consume_request_body and not event.end_stream and self._is_call():
            opening = Opening(self.flow)
            yield ExfilterOpeningHook(opening)
            if opening.granted:
                yield from self._opened()

    def state_call(self, event: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401 - as above
        """Take more of an open call."""
        if isinstance(event, RequestData):
            self.last = time.monotonic()
            self.since = self.since if self._rest else self.last
            self._rest += yield from self._passed_on(event.data)
            self.partial.add(self)
            together = sum(len(each._rest) for each in self.partial)  # noqa: SLF001 - of its own kind
            if together > TOGETHER:
                yield from self._too_large()
            elif len(self._rest) >= self._wanted:
                yield from self._looked_at()
            if not self._rest:
                self.partial.discard(self)
        elif isinstance(event, RequestTrailers):
            self.flow.request.trailers = event.trailers
        elif isinstance(event, RequestEndOfMessage):
            if self._rest or self.flow.request.trailers:
                yield from self._judged(bytes(self._rest))
            if self.client_state == self.state_call:
                yield from self._ended(event)

    def _looked_at(self) -> Generator[Any, Any, Any]:
        """Have judged what is whole, and note how much more it takes until there is more."""
        size, end = _whole(self._rest)
        data = bytes(self._rest[:size])
        del self._rest[:size]
        self._wanted = end - size
        if data and not (yield from self._judged(data)):
            return
        if self._wanted > LARGEST + PREFIX:
            yield from self._too_large()

    def _too_large(self) -> Generator[Any, Any, Any]:
        """End the call or, where everything passes, send on what came: nothing of it is kept any longer."""
        _, end = _whole(self._rest)
        if (yield from self._judged(b"", too_large=True)):
            self._unread = end - len(self._rest)
            data, self._wanted = bytes(self._rest), PREFIX
            self._rest.clear()
            yield http.SendHttp(RequestData(self.stream_id, data), self.context.server)

    def _passed_on(self, data: bytes) -> Generator[Any, Any, bytes]:
        """Send on what is of a message that passes unread, and return what is behind it."""
        unread, behind = data[: self._unread], data[self._unread :]
        self._unread -= len(unread)
        if unread:
            yield http.SendHttp(RequestData(self.stream_id, unread), self.context.server)
        return behind

    @property
    def arrived(self) -> int:
        """How many bytes of what is not whole yet have arrived."""
        return len(self._rest) or super().arrived

    def _is_call(self) -> bool:
        kind = self.flow.request.headers.get("content-type", "").lower()
        return kind.startswith(("application/grpc", "application/connect+")) and self.flow.response is None

    def _opened(self) -> Generator[Any, Any, Any]:
        self.arriving.discard(self)
        if (yield from self.make_server_connection()):
            mark_sent(self.flow)
            head = RequestHeaders(self.stream_id, self.flow.request, end_stream=False)
            yield http.SendHttp(head, self.context.server)
            self.client_state = self.state_call
        else:
            self.client_state = self.state_errored

    def _judged(self, data: bytes, *, too_large: bool = False) -> Generator[Any, Any, bool]:
        """Have messages judged, then send them or end the call. Return whether they pass."""
        piece = Piece(self.flow, data, too_large)
        yield ExfilterPieceHook(piece)
        if self.is_broken:
            return False
        if piece.passes:
            if data:
                yield http.SendHttp(RequestData(self.stream_id, data), self.context.server)
            return True
        yield from self._held(piece)
        return False

    def _held(self, piece: Piece) -> Generator[Any, Any, Any]:
        """End the call."""
        self._rest.clear()
        kill = RequestProtocolError(self.stream_id, "held", ErrorCode.KILL)
        yield http.SendHttp(kill, self.context.server)
        if self.server_state == self.state_wait_for_response_headers and piece.refusal is not None:
            self.client_state = self.state_done
            self.flow.response = piece.refusal
            yield from self.send_response()
        else:
            self.client_state = self.server_state = self.state_errored
            error = ResponseProtocolError(self.stream_id, "held", ErrorCode.KILL)
            yield http.SendHttp(error, self.context.client)
            self.flow.live = False
            yield http.DropStream(self.stream_id)

    def _ended(self, event: RequestEndOfMessage) -> Generator[Any, Any, Any]:
        self.client_state = self.state_done
        if self.flow.request.trailers:
            trailers = RequestTrailers(self.stream_id, self.flow.request.trailers)
            yield http.SendHttp(trailers, self.context.server)
        yield http.SendHttp(event, self.context.server)
        if self.server_state == self.state_done:
            yield from self.flow_done()


def _whole(data: bytearray) -> tuple[int, int]:
    """Return how many bytes of whole messages are at the beginning, and how many there are with the next."""
    at = 0
    while len(data) - at >= PREFIX:
        end = at + PREFIX + int.from_bytes(data[at + 1 : at + PREFIX])
        if end > len(data):
            return at, end
        at = end
    return at, at + PREFIX
