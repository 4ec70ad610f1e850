"""A WebSocket client that goes through an HTTP proxy."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsproto.events import Event


class WebSocket:
    """Text messages over plain HTTP in a tunnel."""

    def __init__(self, proxy: str, host: str, port: int) -> None:
        address, _, proxy_port = proxy.removeprefix("http://").rpartition(":")
        self._socket = socket.create_connection((address, int(proxy_port)), 20)
        self._socket.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(1)
        assert b" 200 " in answer.splitlines()[0] + b" "
        self._peer = WSConnection(ConnectionType.CLIENT)
        self._events = self._read()
        self._socket.sendall(self._peer.send(Request(host=f"{host}:{port}", target="/ws")))
        assert isinstance(next(self._events), AcceptConnection)

    def _read(self) -> Iterator[Event]:
        while True:
            yield from self._peer.events()
            data = self._socket.recv(65536)
            if not data:
                return
            self._peer.receive_data(data)

    def send(self, text: str) -> None:
        self._socket.sendall(self._peer.send(TextMessage(text)))

    def receive(self) -> str:
        event = next(self._events)
        assert isinstance(event, TextMessage)
        return event.data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendall(self._peer.send(CloseConnection(1000)))
        self._socket.close()
