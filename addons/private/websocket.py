"""Control frames of a WebSocket carry nothing of a client's: for pings, pongs and closes there is no hook.

A client's ping is answered here, with what it sent, and goes on empty. Its pong goes on as it is when it
repeats what the far end has asked with, else empty. Its close keeps the code and loses the reason.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from mitmproxy.proxy.layers import websocket
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Ping, Pong

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from mitmproxy.proxy.commands import SendData
    from wsproto.events import Event

UNANSWERED = 16
"""Pings of the far end that are remembered for their pongs."""


class Frames:
    """Has mitmproxy relay WebSockets without the payloads of control frames."""

    def load(self, _loader: object) -> None:
        """Replace both classes: by name, in the places where mitmproxy looks them up."""
        websocket.WebsocketConnection = EmptyingConnection  # type: ignore[misc]
        websocket.WebsocketLayer = EmptyingLayer  # type: ignore[misc]


class EmptyingConnection(websocket.WebsocketConnection):
    """One side of the relay. What it changes, it changes on the side that faces the client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - wsproto's and mitmproxy's
        super().__init__(*args, **kwargs)
        self._asked: deque[bytes] = deque(maxlen=UNANSWERED)
        self._owed: list[Pong] = []

    def send2(self, event: Event) -> SendData:
        """Send to this side, and remember what a ping asks with."""
        if isinstance(event, Ping):
            self._asked.append(bytes(event.payload))
        return super().send2(event)

    def events(self) -> Generator[Event]:
        """Yield what this side sent."""
        for event in super().events():
            # `client` says what this end is: a server is what faces the client.
            yield event if self.client else self._emptied(event)

    def answers(self) -> Iterator[SendData]:
        """Answer the pings of this side."""
        owed, self._owed = self._owed, []
        for pong in owed:
            if self.state is ConnectionState.OPEN:
                yield self.send2(pong)

    def _emptied(self, event: Event) -> Event:
        if isinstance(event, Ping):
            self._owed.append(event.response())
            return Ping()
        if isinstance(event, Pong):
            return Pong(self._repeated(bytes(event.payload)))
        if isinstance(event, CloseConnection):
            return CloseConnection(event.code)
        return event

    def _repeated(self, payload: bytes) -> bytes:
        """Return a payload that the far end knows already, or an empty one."""
        if payload not in self._asked:
            return b""
        # A pong answers the pings before its own as well (RFC 6455, section 5.5.3).
        while self._asked.popleft() != payload:
            pass
        return payload


class EmptyingLayer(websocket.WebsocketLayer):
    """The relay, which also answers pings."""

    def relay_messages(self, event: Any) -> Iterator[Any]:  # noqa: ANN401 - mitmproxy's events
        """Pass on what came, then answer."""
        yield from super().relay_messages(event)
        for side in (self.client_ws, self.server_ws):
            yield from side.answers()
