"""One request and its answer: the body is spooled while it arrives, held, and then sent with back-pressure.

mitmproxy keeps a body in memory two to four times, and forwards it as fast as it can be read. Here it goes
to a file (see ``exfilter.door.spool``) and from there to the destination, a piece at a time, each when the
one before it has been taken. A body that is too large is read to its end and forgotten, so that the sender
gets to see a page: mitmproxy's own ``body_size_limit`` resets the connection of a chunked upload.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary, WeakSet

from mitmproxy.proxy import commands
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook, HttpResponseHeadersHook
from mitmproxy.proxy.layers.http._http2 import Http2Client

from addons.private import connections
from exfilter.body import CHUNK
from exfilter.door.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from mitmproxy.http import HTTPFlow, Response

    from exfilter.door.pool import Arrival

STEP = 4 << 20
"""Bytes after which whoever reads a body while it arrives hears that there is more."""
ANSWER = 4 << 20
"""Bytes of an answer that are kept while the request is still being sent; then no more of that is."""
STUCK = 5.0
"""Seconds for which a destination that has answered already may leave the rest of a body untaken."""
LOOK = 0.5
"""Seconds between two looks at whether both sides are still there."""
QUEUED = 0.002
"""Seconds between two looks at whether the window of an HTTP/2 connection has opened."""

_INTERIM = frozenset(range(100, 200)) - {101}
"""Status codes of answers before the answer (RFC 9110, section 15.2), but for the one that is an answer."""
_ENDS = (ResponseEndOfMessage, RequestProtocolError, ResponseProtocolError)
_spools: WeakKeyDictionary[HTTPFlow, Spool] = WeakKeyDictionary()
_arrivals: WeakKeyDictionary[HTTPFlow, Arrival] = WeakKeyDictionary()


_sent: WeakSet[HTTPFlow] = WeakSet()


def is_sent(flow: HTTPFlow) -> bool:
    """Whether anything of a request has been sent to its destination."""
    return flow in _sent


def mark_sent(flow: HTTPFlow) -> None:
    """Note that something of a request is about to be sent."""
    _sent.add(flow)


def spool(flow: HTTPFlow) -> Spool | None:
    """Return what holds the body of a request. None: it has none."""
    return _spools.get(flow)


def arrival(flow: HTTPFlow) -> Arrival | None:
    """Return the worker that has read the body while it arrived, once."""
    return _arrivals.pop(flow, None)


class Streams:
    """Has mitmproxy spool bodies. It takes no argument for its streams, so the settings are the class's."""

    def __init__(self, limit: int | None, early: Callable[[HTTPFlow, int], Arrival | None]) -> None:
        """Take the bytes of the largest body, and who reads one in a file while it arrives."""
        self._limit = limit
        self._early = early

    def load(self, _loader: object) -> None:
        """Replace the stream: by name, in the one place where mitmproxy looks it up."""
        SpoolStream.limit = self._limit
        SpoolStream.early = [self._early]
        http.HttpStream = SpoolStream  # type: ignore[misc]

    async def exfilter_pump(self, pump: _Pump) -> None:
        """Wait until a destination has taken what it was sent, then read the next piece."""
        if await pump.is_drained():
            pump.piece = await asyncio.to_thread(os.pread, pump.file, CHUNK, pump.at)


@dataclass
class _Pump:
    """The way of one body from its file to the destination."""

    stream: SpoolStream
    file: int
    size: int
    at: int = 0
    piece: bytes = b""
    """What is sent next. Empty: nothing more can be sent."""

    async def is_drained(self) -> bool:
        """Wait; False: the destination takes no more, or the client has gone."""
        answered = 0.0
        while not self.stream.is_broken and self.stream.answered <= ANSWER:
            if await self._is_taken():
                return True
            answered = answered or (time.monotonic() if self.stream.is_answered else 0.0)
            if answered and time.monotonic() - answered > STUCK:
                return False
        return False

    async def _is_taken(self) -> bool:
        context = self.stream.context
        sending = connections.writer(context.client, context.server)
        if sending is None:
            return True  # it is closed, of which the stream hears
        if self.stream.queued:
            await asyncio.sleep(QUEUED)
            return False
        return await connections.is_taken(sending, LOOK)


@dataclass
class ExfilterPumpHook(commands.StartHook):
    """The next piece of a body is wanted."""

    pump: _Pump


@dataclass
class Failure:
    """A request that the client would be told of by mitmproxy that something went wrong with it."""

    flow: HTTPFlow
    status: int
    answer: Response | None = None
    """What the client is told instead."""


@dataclass
class ExfilterFailureHook(commands.StartHook):
    """The destination cannot be reached or breaks off, or a request or an answer is not valid."""

    failure: Failure


class SpoolStream(http.HttpStream):
    """Holds a body in a file. What is changed of mitmproxy's is marked."""

    limit: ClassVar[int | None] = None
    """Bytes of a body. None: no bound."""
    early: ClassVar[list[Callable[[HTTPFlow, int], Arrival | None]]] = []
    """Who reads a body while it arrives."""
    arriving: ClassVar[WeakSet[SpoolStream]] = WeakSet()
    """The streams of which not all has arrived."""

    def __init__(self, context: Any, stream_id: int) -> None:  # noqa: ANN401 - mitmproxy's
        super().__init__(context, stream_id)
        self.request_body_buf = Spool(self.limit)  # type: ignore[assignment]
        self.since = self.last = time.monotonic()
        """When it began, and when something of it arrived last."""
        self._offered = 0
        self._is_answering = False
        """Whether the client has been sent the head of an answer."""

    @property
    def spool(self) -> Spool:
        """What has arrived of the body."""
        return self.request_body_buf  # type: ignore[return-value]

    @property
    def arrived(self) -> int:
        """How many bytes of the body have arrived."""
        return len(self.spool) + self.spool.dropped

    @property
    def is_broken(self) -> bool:
        """Whether one of both sides has gone while this stream was waiting."""
        return any(
            isinstance(event, RequestProtocolError | ResponseProtocolError)
            for event in self._paused_event_queue
        )

    @property
    def answered(self) -> int:
        """How many bytes of an answer the destination has sent while this stream was waiting."""
        return sum(len(event.data) for event in self._paused_event_queue if isinstance(event, ResponseData))

    @property
    def is_answered(self) -> bool:
        """Whether the destination has said something while this stream was waiting."""
        return bool(self._paused_event_queue)

    @property
    def queued(self) -> bool:
        """Whether something waits for the window of an HTTP/2 connection."""
        parent: Any = self.context.layers[self.context.layers.index(self) - 1]
        connection = parent.connections.get(self.context.server)
        layer = connection.context.layers[-1] if connection else None
        if not isinstance(layer, Http2Client):
            return False
        ours = layer.our_stream_id.get(self.stream_id, 0)
        return bool(layer.stream_queue.get(self.stream_id) or layer.h2_conn.stream_buffers.get(ours))

    def state_consume_request_body(self, event: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401 - mitmproxy's events
        """Take the next piece of a body, and judge it after its last."""
        if isinstance(event, RequestData):
            self._take(event.data)
        elif isinstance(event, RequestTrailers):
            self.flow.request.trailers = event.trailers
        elif isinstance(event, RequestEndOfMessage):
            yield from self._whole()

    def state_wait_for_request_headers(self, event: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401 - as above
        """Take the head, and from then on expect a body."""
        yield from super().state_wait_for_request_headers(event)
        if self.client_state == self.state_consume_request_body:
            if self.flow.response is not None:
                self.request_body_buf = Spool(0)  # type: ignore[assignment] # it is answered: nothing is kept
            self.since = self.last = time.monotonic()
            self.arriving.add(self)

    def _handle_event(self, event: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401 - as above
        """Have a failure told in the door's own words."""
        inner, reply = super()._handle_event(event), None
        with contextlib.suppress(StopIteration):
            while True:
                command = inner.send(reply)
                sent = command.event if isinstance(command, http.SendHttp) else None
                if isinstance(sent, ResponseHeaders):
                    self._is_answering |= sent.response.status_code not in _INTERIM
                if isinstance(sent, ResponseProtocolError) and not self._is_answering:
                    reply = yield from self._told(command, sent.code.http_status_code())
                else:
                    reply = yield command

    def _told(self, command: http.SendHttp, status: int | None) -> Generator[Any, Any, Any]:
        failure = Failure(self.flow, status or 0)
        if status is not None:
            yield ExfilterFailureHook(failure)
        if (answer := failure.answer) is None:
            yield command
            return
        over_http1 = not self.flow.request.is_http2
        if over_http1:
            answer.headers["connection"] = "close"
        client, number = self.context.client, self.stream_id
        content = answer.raw_content or b""
        yield http.SendHttp(ResponseHeaders(number, answer, not content), client)
        if content:
            yield http.SendHttp(ResponseData(number, content), client)
        yield http.SendHttp(ResponseEndOfMessage(number), client)
        if over_http1:
            yield command  # it has been answered: this closes the connection

    def handle_protocol_error(self, event: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401 - mitmproxy's events
        """Let go of what was kept when a connection breaks."""
        yield from super().handle_protocol_error(event)
        if isinstance(event, RequestProtocolError):
            self._let_go()

    def _take(self, data: bytes) -> None:
        self.last = time.monotonic()
        spool = self.spool
        spool += data
        if spool.file is None or len(spool) < self._offered + STEP:
            return
        if not self._offered:
            found = [reader for early in self.early if (reader := early(self.flow, spool.file))]
            _arrivals.update((self.flow, reader) for reader in found)
        self._offered = len(spool)
        reading = _arrivals.get(self.flow)
        if reading is not None:
            reading.more(len(spool))

    def _whole(self) -> Generator[Any, Any, Any]:
        """Do what mitmproxy does with a whole request, but for the body in a file."""
        self.arriving.discard(self)
        request, spool = self.flow.request, self.spool
        request.timestamp_end = time.time()
        request.data.content = bytes(spool) if spool.file is None else None
        _spools[self.flow] = spool
        self.client_state = self.state_done
        yield HttpRequestHook(self.flow)
        if (yield from self.check_killed(emit_error_hook=True)):
            self._let_go()
        elif self.flow.response:
            self._let_go()
            self.flow.response.timestamp_start = time.time()
            yield HttpResponseHeadersHook(self.flow)
            if not (yield from self.check_killed(emit_error_hook=True)):
                yield from self.send_response()
        else:
            ok = yield from self.make_server_connection()
            if ok:
                yield from self._forward()
            self._let_go()

    def _forward(self) -> Generator[Any, Any, Any]:
        request, server, number = self.flow.request, self.context.server, self.stream_id
        content, size = request.raw_content, len(self.spool)
        if size and not {"content-length", "transfer-encoding"} & {name.lower() for name in request.headers}:
            # HTTP/2 needs no length, HTTP/1.1 would take the body for the next request.
            request.headers["content-length"] = str(size)
        done = not (size or request.trailers)
        mark_sent(self.flow)
        yield http.SendHttp(RequestHeaders(number, request, done), server)
        if content:
            self.spool.clear()
            yield http.SendHttp(RequestData(number, content), server)
        elif size and not (yield from self._pumped()):
            why = "not all was taken"
            yield http.SendHttp(RequestProtocolError(number, why, ErrorCode.KILL), server)
            if not any(isinstance(event, _ENDS) for event in self._paused_event_queue):
                # What has been answered is passed on when this is over; then nothing more comes.
                error = ResponseProtocolError(number, why, ErrorCode.GENERIC_SERVER_ERROR)
                self._paused_event_queue.append(error)
            return
        if request.trailers:
            yield http.SendHttp(RequestTrailers(number, request.trailers), server)
        yield http.SendHttp(RequestEndOfMessage(number), server)

    def _pumped(self) -> Generator[Any, Any, Any]:
        """Send the file, a piece at a time. Return whether all of it was taken."""
        file = self.spool.file
        pump = _Pump(self, -1 if file is None else file, len(self.spool))
        while pump.at < pump.size:
            pump.piece = b""
            yield ExfilterPumpHook(pump)
            if not pump.piece:
                return False
            pump.at += len(pump.piece)
            yield http.SendHttp(RequestData(self.stream_id, pump.piece), self.context.server)
        return True

    def _let_go(self) -> None:
        self.arriving.discard(self)
        reading = _arrivals.pop(self.flow, None) if hasattr(self, "flow") else None
        if reading is not None:
            reading.abandon()
        self.spool.clear()
