"""``python -m bench.wire.sink CHAIN``: the far end. It reads requests to their end and keeps nothing.

Prints the ports of HTTP and HTTPS on one line, and runs until its standard input ends.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from pathlib import Path

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\narrived\n"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nnothing\n"
END = b"\r\n\r\n"
PIECE = 1 << 18
IDLE = 120.0
"""Seconds after which a silent connection is closed."""


def serve(listening: socket.socket, tls: ssl.SSLContext | None) -> None:
    """Answer every connection in a thread of its own."""
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_attend, args=(connection, tls), daemon=True).start()


def _attend(connection: socket.socket, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError), connection:
        connection.settimeout(IDLE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapped = tls.wrap_socket(connection, server_side=True) if tls else connection
        with wrapped:
            _answer(wrapped)


def _answer(connection: socket.socket) -> None:
    piece, early = memoryview(bytearray(PIECE)), b""
    while True:
        while END not in early:
            count = connection.recv_into(piece)
            if not count:
                return
            early += piece[:count]
        head, _, rest = early.partition(END)
        left = length(head) - len(rest)
        early = b"" if left >= 0 else rest[left:]
        while left > 0:
            count = connection.recv_into(piece, min(left, PIECE))
            if not count:
                return
            left -= count
        connection.sendall(MISSING if b" /missing" in head.partition(b"\r\n")[0] else ANSWER)


def length(head: bytes) -> int:
    """Return the length of the body that a head announces."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def main() -> None:
    """Serve HTTP and HTTPS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(Path(sys.argv[1]))
    ports = []
    for context in (None, tls):
        listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        ports.append(listening.getsockname()[1])
        threading.Thread(target=serve, args=(listening, context), daemon=True).start()
    print(*ports, flush=True)  # noqa: T201 - for the process that started this one
    sys.stdin.read()


if __name__ == "__main__":
    main()
