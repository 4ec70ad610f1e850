"""Control frames of a WebSocket carry nothing of a client's: for pings, pongs and closes there is no hook.

A client's ping is answered here, with what it sent, and goes on empty. Its pong goes on as it is when it
repeats what the far end has asked with, else empty. Its close keeps the code and loses the reason.

A message is in memory until it is judged, so its size is bounded; one that is larger closes the connection,
and so does one that is held.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary, WeakSet

from mitmproxy.proxy import commands
from mitmproxy.proxy.layers import websocket
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Message, Ping, Pong
from wsproto.frame_protocol import CloseReason

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from mitmproxy.http import HTTPFlow
    from mitmproxy.proxy.commands import SendData
    from wsproto.events import Event

UNANSWERED = 16
"""Pings of the far end that are remembered for their pongs."""
LARGEST = 8 << 20
"""Bytes of a client's message."""
LARGEST_ANSWER = 64 << 20
"""Bytes of a far end's message."""

TOGETHER = 16 << 20
"""Bytes of all messages that are not whole yet."""
FRAGMENTS, OVERHEAD = 4096, 64
"""Pieces of a message, and the bytes that each takes beside its data."""

_closing: WeakKeyDictionary[HTTPFlow, str] = WeakKeyDictionary()


def close(flow: HTTPFlow, reason: str) -> None:
    """Close a connection as soon as mitmproxy gets to it; the client is told the reason."""
    _closing[flow] = reason


class Frames:
    """Has mitmproxy relay WebSockets without the payloads of control frames, and not without bounds."""

    def __init__(self, refused: Callable[[HTTPFlow], None]) -> None:
        """Take who is told of a message that was too large."""
        self._refused = refused

    def load(self, _loader: object) -> None:
        """Replace both classes: by name, in the places where mitmproxy looks them up."""
        EmptyingLayer.refused = [self._refused]
        websocket.WebsocketConnection = EmptyingConnection  # type: ignore[misc]
        websocket.WebsocketLayer = EmptyingLayer  # type: ignore[misc]


class EmptyingConnection(websocket.WebsocketConnection):
    """One side of the relay. What it changes, it changes on the side that faces the client."""

    partial: ClassVar[WeakSet[EmptyingConnection]] = WeakSet()
    """Those of clients that have a part of a message."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - wsproto's and mitmproxy's
        super().__init__(*args, **kwargs)
        self._asked: deque[bytes] = deque(maxlen=UNANSWERED)
        self._owed: list[Pong] = []
        self.arrived = self._fragments = 0
        self.since = self.last = 0.0
        """When the message began that is not whole yet, and when something of it arrived last."""
        self.flooded = False
        """Whether a message was too large."""

    def send2(self, event: Event) -> SendData:
        """Send to this side, and remember what a ping asks with."""
        if isinstance(event, Ping):
            self._asked.append(bytes(event.payload))
        return super().send2(event)

    def events(self) -> Generator[Event]:
        """Yield what this side sent."""
        for event in super().events():
            if isinstance(event, Message) and self._is_too_large(event):
                self.flooded = True
                yield CloseConnection(CloseReason.MESSAGE_TOO_BIG)
                return
            # `client` says what this end is: a server is what faces the client.
            yield event if self.client else self._emptied(event)

    def answers(self) -> Iterator[SendData]:
        """Answer the pings of this side."""
        owed, self._owed = self._owed, []
        for pong in owed:
            if self.state is ConnectionState.OPEN:
                yield self.send2(pong)

    def _is_too_large(self, event: Message[Any]) -> bool:
        self.last = time.monotonic()
        self.since = self.since if self.arrived else self.last
        self.arrived += len(event.data) + OVERHEAD
        self._fragments += event.frame_finished
        if event.message_finished:
            self.partial.discard(self)
        elif not self.client:
            self.partial.add(self)
        together = sum(each.arrived for each in self.partial)
        largest = LARGEST_ANSWER if self.client else LARGEST
        if self.arrived > largest or self._fragments > FRAGMENTS or together > TOGETHER:
            self.partial.discard(self)
            self.frame_buf = [b""]
            return True
        if event.message_finished:
            self.arrived = self._fragments = 0
        return False

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
    """The relay, which also answers pings, and closes."""

    refused: ClassVar[list[Callable[[HTTPFlow], None]]] = []

    def relay_messages(self, event: Any) -> Iterator[Any]:  # noqa: ANN401 - mitmproxy's events
        """Pass on what came, then answer."""
        yield from super().relay_messages(event)
        if self.client_ws.flooded:
            self.client_ws.flooded = False
            for refused in self.refused:
                refused(self.flow)
        if self.flow in _closing and self._handle_event != self.done:
            yield from self._closed(_closing.pop(self.flow))
        for side in (self.client_ws, self.server_ws):
            yield from side.answers()

    def _closed(self, reason: str) -> Iterator[Any]:
        ends = (
            (self.server_ws, CloseConnection(CloseReason.GOING_AWAY)),
            (self.client_ws, CloseConnection(CloseReason.POLICY_VIOLATION, reason)),
        )
        for side, event in ends:
            if side.state in {ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING}:
                yield side.send2(event)
            yield commands.CloseConnection(side.conn)
        yield websocket.WebsocketEndHook(self.flow)
        self.flow.live = False
        self._handle_event = self.done
