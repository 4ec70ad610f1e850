"""Refuses HTTP/1 requests with trailers, which mitmproxy cannot read: it would leave the client waiting."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mitmproxy.net.http import http1
from mitmproxy.proxy import commands
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestProtocolError
from mitmproxy.proxy.layers.http._http1 import Http1Server

from addons import page

if TYPE_CHECKING:
    from collections.abc import Generator


class Trailers:
    """Has mitmproxy answer them."""

    def load(self, _loader: object) -> None:
        """Replace the reader of HTTP/1 requests: by name, in the one place where mitmproxy looks it up."""
        http.Http1Server = AnsweringServer  # type: ignore[attr-defined]


class AnsweringServer(Http1Server):
    """Answers with a page, and closes. The request is dropped: it has not been judged."""

    def read_body(self, event: Any) -> Generator[Any, Any]:  # noqa: ANN401 - mitmproxy's events
        """Take the next piece of a body."""
        try:
            yield from super().read_body(event)
        except NotImplementedError:
            accept = self.request.headers.get("accept", "") if self.request else ""
            answer = page.trailers(accept)
            answer.headers["Connection"] = "close"
            yield commands.SendData(self.conn, http1.assemble_response(answer))
            yield commands.CloseConnection(self.conn)
            reason = "a request with trailers"
            yield ReceiveHttp(RequestProtocolError(self.stream_id, reason, RequestProtocolError.code))
            self.state = self.done
