"""Reads a body that is too large to its end and forgets it, so that the sender gets to see a page.

mitmproxy's own ``body_size_limit`` resets the connection of a chunked upload, and it would refuse large
downloads as well.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http._events import RequestData

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mitmproxy.http import HTTPFlow

_DROPPED = "exfilter.dropped"


def dropped_bytes(flow: HTTPFlow) -> int:
    """Return the length of a body that was too large to be kept in memory and is gone. 0: it is here."""
    return int(flow.metadata.get(_DROPPED, 0))


class Bounds:
    """Has mitmproxy make bounded streams. It takes no argument for them, so the limit is the class's."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit

    def load(self, _loader: object) -> None:
        """Replace the stream: by name, in the one place where mitmproxy looks it up."""
        BoundedStream.limit = self._limit
        http.HttpStream = BoundedStream  # type: ignore[misc]


class BoundedStream(http.HttpStream):
    """Counts what it drops on the flow, where the guard finds it."""

    limit: int | None = None
    """Bytes of a body. None: no bound."""

    def state_consume_request_body(self, event: Any) -> Iterator[Any]:  # noqa: ANN401 - mitmproxy's events
        """Take the next piece of a body."""
        if isinstance(event, RequestData) and self.limit is not None:
            dropped = dropped_bytes(self.flow)
            if dropped or len(self.request_body_buf) + len(event.data) > self.limit:
                self.flow.metadata[_DROPPED] = dropped + len(self.request_body_buf) + len(event.data)
                self.request_body_buf.clear()
                return
        yield from super().state_consume_request_body(event)
