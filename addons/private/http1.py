"""What mitmproxy's reader of HTTP/1 requests has no bounds for, and the trailers that it cannot read.

It buffers the head of a request, and what a client sends behind a request that is still held, without end;
on trailers it leaves the client waiting.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestProtocolError
from mitmproxy.proxy.layers.http._http1 import Http1Server

from addons.answers import response
from exfilter.door import page

if TYPE_CHECKING:
    from collections.abc import Generator

    from mitmproxy.http import Response

HEAD = 64 * 1024
"""Bytes of a request's head."""
BEHIND = 256 * 1024
"""Bytes that a client may send behind a request before it has its answer."""


class Servers:
    """Has mitmproxy read requests within bounds."""

    def load(self, _loader: object) -> None:
        """Replace the reader of HTTP/1 requests: by name, in the one place where mitmproxy looks it up."""
        http.Http1Server = BoundedServer  # type: ignore[attr-defined]
        _http1.make_error_response = _failed


def _failed(status_code: int, message: str = "") -> bytes:  # noqa: ARG001 - it tells too much
    """Answer, mostly a head that cannot be read, without a word of mitmproxy's."""
    answer = response(page.MALFORMED if status_code < page.BROKEN_OFF.status else page.BROKEN_OFF)
    answer.headers["Connection"] = "close"
    assembled: bytes = http1.assemble_response(answer)
    return assembled


class BoundedServer(Http1Server):
    """Answers what it does not take with a page, and closes. Such a request is dropped, not judged."""

    reading: ClassVar[WeakSet[BoundedServer]] = WeakSet()
    """Those that have a part of a head."""

    def __init__(self, context: Any) -> None:  # noqa: ANN401 - mitmproxy's
        super().__init__(context)
        self.since = 0.0
        """When the head began that is being read."""

    def read_headers(self, event: Any) -> Generator[Any, Any]:  # noqa: ANN401 - mitmproxy's events
        """Take the next piece of a head."""
        yield from super().read_headers(event)
        if self.state != self.read_headers or not self.buf:
            self.reading.discard(self)
            return
        if self not in self.reading:
            self.since = time.monotonic()
            self.reading.add(self)
        if len(self.buf) > HEAD:
            yield from self._answered(response(page.HEAD_TOO_LARGE))
            self.state = self.done

    def read_body(self, event: Any) -> Generator[Any, Any]:  # noqa: ANN401 - mitmproxy's events
        """Take the next piece of a body."""
        self.reading.discard(self)
        try:
            yield from super().read_body(event)
        except NotImplementedError:
            accept = self.request.headers.get("accept", "") if self.request else ""
            yield from self._answered(response(page.TRAILERS, accept))
            reason = "a request with trailers"
            yield ReceiveHttp(RequestProtocolError(self.stream_id, reason, RequestProtocolError.code))
            self.state = self.done

    def wait(self, event: Any) -> Generator[Any, Any]:  # noqa: ANN401 - mitmproxy's events
        """Take what comes while a request is held: no more than a little."""
        if isinstance(event, events.DataReceived) and len(self.buf) > BEHIND:
            yield commands.CloseConnection(self.conn)
            reason = "too much behind a request"
            yield ReceiveHttp(RequestProtocolError(self.stream_id, reason, RequestProtocolError.code))
            self.state = self.done
        else:
            yield from super().wait(event)

    def _answered(self, answer: Response) -> Generator[Any, Any]:
        self.reading.discard(self)
        answer.headers["Connection"] = "close"
        yield commands.SendData(self.conn, http1.assemble_response(answer))
        yield commands.CloseConnection(self.conn)
