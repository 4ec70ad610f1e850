"""A WebSocket client that goes through an HTTP proxy, and a far end that keeps its control frames."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Message,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsproto.events import Event


class WebSocket:
    """Text messages over plain HTTP in a tunnel."""

    def __init__(self, proxy: str, host: str, port: int, subprotocols: tuple[str, ...] = ()) -> None:
        self._socket = tunnel(proxy, host, port)
        self._peer = WSConnection(ConnectionType.CLIENT)
        self._events = self._read()
        request = Request(host=f"{host}:{port}", target="/ws", subprotocols=list(subprotocols))
        self._socket.sendall(self._peer.send(request))
        first = next(self._events)
        self.status = first.status_code if isinstance(first, RejectConnection) else 101
        assert isinstance(first, AcceptConnection | RejectConnection)

    def _read(self) -> Iterator[Event]:
        while True:
            yield from self._peer.events()
            data = self._socket.recv(65536)
            if not data:
                return
            self._peer.receive_data(data)

    def send(self, text: str) -> None:
        self.frame(TextMessage(text))

    def frame(self, event: Event) -> None:
        self._socket.sendall(self._peer.send(event))

    def receive(self) -> str:
        event = self.event()
        assert isinstance(event, TextMessage)
        return event.data

    def event(self) -> Event:
        return next(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self._socket.sendall(self._peer.send(CloseConnection(1000)))
        self._socket.close()


def tunnel(proxy: str, host: str, port: int) -> socket.socket:
    """Open a tunnel through an HTTP proxy."""
    address, _, proxy_port = proxy.removeprefix("http://").rpartition(":")
    opened = socket.create_connection((address, int(proxy_port)), 20)
    opened.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += opened.recv(1)
    assert b" 200 " in answer.splitlines()[0] + b" "
    return opened


class Listener:
    """Serves one WebSocket, pings it with ``asks``, answers pings and messages, keeps control frames."""

    def __init__(self, *asks: bytes) -> None:
        self._asks = asks
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.received = b""
        """Every byte that arrived after the handshake's, unmasked by nobody: for counting."""
        self.frames: list[Event] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        peer = WSConnection(ConnectionType.SERVER)
        with connection:
            while data := connection.recv(65536):
                self.received += data
                peer.receive_data(data)
                for event in peer.events():
                    connection.sendall(self._answered(peer, event))
                    if isinstance(event, CloseConnection):
                        return

    def _answered(self, peer: WSConnection, event: Event) -> bytes:
        if isinstance(event, Request):
            return peer.send(AcceptConnection()) + b"".join(peer.send(Ping(ask)) for ask in self._asks)
        if isinstance(event, Message):
            return peer.send(TextMessage("arrived"))
        self.frames.append(event)
        return b"" if isinstance(event, Pong) else peer.send(event.response())  # type: ignore[attr-defined]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listening.close()
