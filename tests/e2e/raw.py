"""A far end that keeps every byte, and clients that speak to a proxy byte by byte."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import ssl
import struct
import threading
from typing import TYPE_CHECKING, Self

from fixtures.farend import certify

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Sink:
    """Answers one request a connection, in plain or over TLS, and keeps what it was sent."""

    def __init__(self, folder: Path | None = None, place: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        """Speak TLS with a certificate that is written to ``folder``. None: plain."""
        self._listening = socket.create_server(place)
        self._context: ssl.SSLContext | None = None
        if folder is not None:
            self.ca = folder / "sink-ca.pem"
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certify(folder, self.ca))
        self.port: int = self._listening.getsockname()[1]
        self.connections = 0
        self.received = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        if self._context:
            connection = self._context.wrap_socket(connection, server_side=True)
        with connection:
            got = b""
            while not _is_whole(got) and (data := connection.recv(65536)):
                got += data
                self.received += data
            connection.sendall(ANSWER)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return bool(end) and len(body) >= int(length[1] if length else 0)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def dial(address: str) -> socket.socket:
    """Connect to ``http://HOST:PORT`` or the like."""
    host, _, port = address.partition("://")[2].rpartition(":")
    return socket.create_connection((host, int(port)), 20)


def head(opened: socket.socket) -> bytes:
    """Read up to the end of an HTTP answer's head, byte by byte. Empty: the other side hung up."""
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        byte = opened.recv(1)
        if not byte:
            return answer
        answer += byte
    return answer


def connect(address: str, host: str, port: int, credentials: str = "") -> tuple[socket.socket, int]:
    """Ask an HTTP proxy for a tunnel: the connection, and the status of the answer."""
    opened = dial(address)
    named = f"Proxy-Authorization: {credentials}\r\n" if credentials else ""
    opened.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}\r\n{named}\r\n".encode())
    return opened, int(head(opened).split()[1])


def socks(address: str, host: str, port: int, user: str = "", password: str = "") -> socket.socket:
    """Ask a SOCKS5 proxy for a connection (RFC 1928, RFC 1929). Raises ConnectionError when it refuses."""
    opened = dial(address)
    opened.sendall(b"\5\1\2" if user else b"\5\1\0")
    if opened.recv(2) != (b"\5\2" if user else b"\5\0"):
        raise ConnectionRefusedError
    if user:
        name, secret = user.encode(), password.encode()
        opened.sendall(b"\1" + bytes([len(name)]) + name + bytes([len(secret)]) + secret)
        if opened.recv(2) != b"\1\0":
            raise ConnectionRefusedError
    opened.sendall(b"\5\1\0\3" + bytes([len(host)]) + host.encode() + struct.pack("!H", port))
    if opened.recv(10)[:2] != b"\5\0":
        raise ConnectionRefusedError
    return opened
