"""``python -m bench.wire.sender``: requests through a proxy, in one process, and how long each took.

Opens its connections, says ``ready``, waits for a line, sends, and prints what it saw as one line of JSON.
"""

from __future__ import annotations

import argparse
import base64
import json
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.wire.sink import END, length

PATIENCE = 120.0
"""Seconds for one answer."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What is sent, where to, and how often."""

    proxy: tuple[str, int]
    host: str
    """With its port."""
    body: bytes
    tls: ssl.SSLContext | None
    """None: plain HTTP."""
    fresh: bool
    """A new connection for each request."""
    login: str = ""
    """USER:PASSWORD at the proxy. Empty: it knows everybody."""

    def connect(self) -> socket.socket:
        """Return a connection on which requests can be sent."""
        opened = socket.create_connection(self.proxy, PATIENCE)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.tls:
            return opened
        opened.sendall(f"CONNECT {self.host} HTTP/1.1\r\nHost: {self.host}\r\n{self._who}\r\n".encode())
        if receive(opened) != 200:
            raise ConnectionRefusedError(self.host)
        return self.tls.wrap_socket(opened, server_hostname=self.host.partition(":")[0])

    @property
    def _who(self) -> str:
        """The line that logs in, for the proxy only."""
        named = base64.b64encode(self.login.encode()).decode()
        return f"Proxy-Authorization: Basic {named}\r\n" if self.login else ""

    def request(self, path: str = "/upload") -> bytes:
        """Return the bytes of a request."""
        target = path if self.tls else f"http://{self.host}{path}"
        head = f"POST {target} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\n"
        head += "" if self.tls else self._who
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body


def receive(connection: socket.socket) -> int:
    """Read an answer to its end, and return its status. 0: there was none."""
    data = b""
    while END not in data:
        piece = connection.recv(65536)
        if not piece:
            return 0
        data += piece
    head, _, rest = data.partition(END)
    left = length(head) - len(rest)
    while left > 0 and (piece := connection.recv(65536)):
        left -= len(piece)
    return int(head.split(b" ", 2)[1])


class Lane:
    """One connection's share of the requests."""

    def __init__(self, errand: Errand, request: bytes) -> None:
        self._errand = errand
        self._request = request
        self._connection: socket.socket | None = None
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()
        if not errand.fresh:
            self._exchange()

    def run(self, requests: int, until: float) -> None:
        """Send that many, or as many as there is time for."""
        for _ in range(requests):
            begin = time.perf_counter()
            if begin >= until:
                return
            self.statuses[self._exchange()] += 1
            self.seconds.append(time.perf_counter() - begin)

    def _exchange(self) -> int:
        if self._connection is None:
            self._connection = self._errand.connect()
        self._connection.sendall(self._request)
        status = receive(self._connection)
        if self._errand.fresh or not status:
            self._connection.close()
            self._connection = None
        return status


def repeated(body: bytes, size: int) -> bytes:
    """Return that many bytes: the body, again and again."""
    return (body * -(-size // max(1, len(body))))[:size]


def main() -> None:
    """Send, and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m bench.wire.sender", description=__doc__)
    parser.add_argument("--proxy", required=True, help="HOST:PORT")
    parser.add_argument("--to", required=True, help="HOST:PORT")
    parser.add_argument("--body", type=Path, required=True)
    parser.add_argument(
        "--bytes",
        type=int,
        required=True,
        help="of the file that are sent, again and again where it is shorter",
    )
    parser.add_argument("--ca", type=Path, help="trusted for TLS; none: plain HTTP")
    parser.add_argument("--login", default="", help="USER:PASSWORD at the proxy")
    parser.add_argument("--fresh", action="store_true", help="a new connection for each request")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--requests", type=int, default=1, help="on each connection")
    parser.add_argument("--seconds", type=float, default=600.0, help="no request begins later")
    given = parser.parse_args()
    with given.body.open("rb") as file:
        body = repeated(file.read(given.bytes), given.bytes)
    host, _, port = given.proxy.rpartition(":")
    tls = ssl.create_default_context(cafile=given.ca) if given.ca else None
    if tls is not None:  # Squid's certificates have no key identifier, where it opens TLS at once.
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    errand = Errand((host, int(port)), given.to, body, tls, given.fresh, given.login)
    request = errand.request()
    lanes = [Lane(errand, request) for _ in range(given.connections)]
    print("ready", flush=True)  # noqa: T201 - for the process that started this one
    sys.stdin.readline()
    begin = time.perf_counter()
    until = begin + given.seconds
    threads = [threading.Thread(target=lane.run, args=(given.requests, until)) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = {
        "wall": time.perf_counter() - begin,
        "seconds": [second for lane in lanes for second in lane.seconds],
        "statuses": sum((lane.statuses for lane in lanes), Counter()),
    }
    print(json.dumps(seen))  # noqa: T201 - as above


if __name__ == "__main__":
    main()
