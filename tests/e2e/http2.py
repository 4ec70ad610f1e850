"""HTTP/2 by hand: a client that sends what it is told when it is told, and a far end that echoes a call."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from fixtures.farend import certify
from tests.e2e.websocket import tunnel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.house import Proxy


class Call:
    """One request over HTTP/2 through a proxy."""

    def __init__(self, proxy: Proxy, port: int, **headers: str) -> None:
        context = ssl.create_default_context(cafile=str(proxy.ca))
        context.set_alpn_protocols(["h2"])
        opened = tunnel(proxy.address, "localhost", port)
        self._socket = context.wrap_socket(opened, server_hostname="localhost")
        self._socket.settimeout(30)
        self._peer = H2Connection(H2Configuration(client_side=True))
        self._peer.initiate_connection()
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        head = [(":method", "POST"), (":scheme", "https"), (":path", "/call"), (":authority", "localhost")]
        self._peer.send_headers(1, head + named)
        self._events: Iterator[Any] = self._read()
        self._flush()

    def send(self, data: bytes, *, last: bool = False) -> None:
        while len(data) > 16384:
            self._wait_for_room()
            self._peer.send_data(1, data[:16384])
            self._flush()
            data = data[16384:]
        self._wait_for_room()
        self._peer.send_data(1, data, end_stream=last)
        self._flush()

    def raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def event(self, *kinds: type) -> Any:  # noqa: ANN401 - one of h2's events
        """Return the next event of these kinds, None when the connection ends."""
        return next((event for event in self._events if isinstance(event, kinds)), None)

    def status(self) -> int:
        event = self.event(ResponseReceived, StreamReset)
        return int(dict(event.headers)[b":status"]) if isinstance(event, ResponseReceived) else 0

    def _wait_for_room(self) -> None:
        """Read until the proxy takes as much as a frame holds; what it says meanwhile is still to be had."""
        said, events = [], self._events
        while self._peer.local_flow_control_window(1) < 16384 and (event := next(events, None)):
            said.append(event)
        self._events = chain(said, events)

    def _flush(self) -> None:
        self._socket.sendall(self._peer.data_to_send())

    def _read(self) -> Iterator[Any]:
        while True:
            try:
                data = self._socket.recv(65536)
                if not data:
                    return
                events = self._peer.receive_data(data)
            except (OSError, ProtocolError):
                return
            for event in events:
                if isinstance(event, DataReceived):
                    self._peer.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                yield event
            with contextlib.suppress(OSError):
                self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


class Echo:
    """A far end of one connection that answers a call at once, and each piece with itself."""

    def __init__(self, folder: Path, *, echoes: bool = True) -> None:
        folder.mkdir()
        self._echoes = echoes
        self.ca = folder / "echo-ca.pem"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certify(folder, self.ca))
        self._context.set_alpn_protocols(["h2"])
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.connections = 0
        self.received = bytearray()
        self.heads: list[dict[bytes, bytes]] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listening.accept()
                self.connections += 1
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    self._talk(connection)

    def _talk(self, connection: ssl.SSLSocket) -> None:
        peer = H2Connection(H2Configuration(client_side=False))
        peer.initiate_connection()
        connection.sendall(peer.data_to_send())
        while data := connection.recv(65536):
            for event in peer.receive_data(data):
                if isinstance(event, RequestReceived):
                    self.heads.append(dict(event.headers))
                    peer.send_headers(event.stream_id, [(":status", "200")])
                elif isinstance(event, DataReceived):
                    self.received.extend(event.data)
                    peer.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    if self._echoes:
                        peer.send_data(event.stream_id, event.data)
                elif isinstance(event, StreamEnded):
                    peer.end_stream(event.stream_id)
            connection.sendall(peer.data_to_send())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
