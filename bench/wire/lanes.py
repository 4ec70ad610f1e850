"""Mixed traffic: each lane is a user of its own who does one thing after the other, and notes the answers.

So what the decision log must hold of a user is known, line by line and in order.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

from bench.wire.sender import receive

PATIENCE = 120.0
SECRET = "swordfish"  # noqa: S105 - of invented users on loopback
OPENED = ("CONNECT", False)
MESSAGES = 20
"""On one WebSocket."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A request, and what has to be answered."""

    body: bytes
    status: int
    path: str = "/upload"


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything is."""

    proxy: tuple[str, int]
    ca: Path
    http: int
    https: int
    websocket: int
    errands: tuple[Errand, ...]
    leak: str
    """Text that has to be held."""


@dataclass(slots=True)
class Lane:
    """One user's requests, in order."""

    name: str
    site: Site
    rounds: Callable[[Lane], None]
    expected: list[tuple[str, bool]] = field(default_factory=list)
    """Method and whether it was held, of each transfer that was answered."""
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """Answers that were not the right ones."""

    def run(self, until: float) -> None:
        """Go on until then. What breaks is noted, and the lane goes on."""
        while time.monotonic() < until:
            try:
                self.rounds(self)
            except Exception as error:  # noqa: BLE001 - a lane that stops would hide what comes after
                self.wrong.append(f"{type(error).__name__}: {error}")
                time.sleep(0.2)

    def note(self, method: str, status: int, wanted: int) -> None:
        """Take an answer in."""
        self.statuses[status] += 1
        self.expected.append((method, status not in (200, 404)))
        if status != wanted:
            self.wrong.append(f"{method} was answered with {status} instead of {wanted}")

    @property
    def credentials(self) -> str:
        """The header that says who this is."""
        encoded = base64.b64encode(f"{self.name}:{SECRET}".encode()).decode()
        return f"Proxy-Authorization: Basic {encoded}\r\n"

    def connect(self) -> socket.socket:
        """Return a connection to the proxy."""
        opened = socket.create_connection(self.site.proxy, PATIENCE)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def tunnel(self, host: str) -> socket.socket:
        """Return a connection through the proxy."""
        opened = self.connect()
        opened.sendall(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{self.credentials}\r\n".encode())
        if receive(opened) != 200:
            raise ConnectionRefusedError(host)
        self.expected.append(OPENED)
        return opened


def users(count: int) -> str:
    """Return an htpasswd file for the lanes."""
    digest = base64.b64encode(hashlib.sha1(SECRET.encode()).digest()).decode()  # noqa: S324 - the format's
    return "".join(f"lane-{number:02}:{{SHA}}{digest}\n" for number in range(count))


def lanes(site: Site) -> list[Lane]:
    """Return one lane or two of every kind."""
    kinds = (plain, plain, tls, tls, fresh, http2, websocket, leaving)
    return [Lane(f"lane-{number:02}", site, kind) for number, kind in enumerate(kinds)]


def drive(all_lanes: list[Lane], seconds: float) -> Iterator[None]:
    """Run the lanes side by side that long, and yield about once a second."""
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=lane.run, args=(until,)) for lane in all_lanes]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        yield
        time.sleep(1)


def plain(lane: Lane) -> None:
    """HTTP, one connection."""
    host = f"127.0.0.1:{lane.site.http}"
    with lane.connect() as connection:
        for errand in _shuffled(lane):
            target = f"http://{host}{errand.path}"
            connection.sendall(_head(target, host, len(errand.body), lane.credentials) + errand.body)
            lane.note("POST", receive(connection), errand.status)


def tls(lane: Lane) -> None:
    """HTTPS, one connection."""
    host = f"localhost:{lane.site.https}"
    with _wrapped(lane, host) as connection:
        for errand in _shuffled(lane):
            connection.sendall(_head(errand.path, host, len(errand.body)) + errand.body)
            lane.note("POST", receive(connection), errand.status)


def fresh(lane: Lane) -> None:
    """HTTPS, a new connection for each small request."""
    host = f"localhost:{lane.site.https}"
    for errand in _shuffled(lane):
        if len(errand.body) < 100_000:
            with _wrapped(lane, host) as connection:
                connection.sendall(_head(errand.path, host, len(errand.body)) + errand.body)
                lane.note("POST", receive(connection), errand.status)


def http2(lane: Lane) -> None:
    """HTTP/2, by curl."""
    proxy = f"http://{lane.site.proxy[0]}:{lane.site.proxy[1]}"
    for errand in _shuffled(lane):
        with tempfile.NamedTemporaryFile() as file:
            file.write(errand.body)
            file.flush()
            line = [shutil.which("curl") or "curl", "-sS", "-q", "--noproxy", "", "--http2", "-x", proxy]
            line += ["-U", f"{lane.name}:{SECRET}", "--cacert", str(lane.site.ca), "-m", str(PATIENCE)]
            line += ["--data-binary", f"@{file.name}", "-o", os.devnull, "-w", "%{http_code}"]
            line.append(f"https://localhost:{lane.site.https}{errand.path}")
            done = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603 - curl
        lane.expected.append(OPENED)
        lane.note("POST", int(done.stdout or 0), errand.status)


def websocket(lane: Lane) -> None:
    """Messages over a WebSocket, which ends with the first that is held."""
    host = f"127.0.0.1:{lane.site.websocket}"
    peer = WSConnection(ConnectionType.CLIENT)
    with lane.tunnel(host) as connection:
        connection.sendall(peer.send(Request(host=host, target="/ws")))
        _await(connection, peer, AcceptConnection)
        lane.note("GET", 200, 200)
        for number in range(MESSAGES):
            connection.sendall(peer.send(TextMessage("good morning " * (number + 1))))
            _await(connection, peer, TextMessage)
            lane.note("WEBSOCKET", 200, 200)
        connection.sendall(peer.send(TextMessage(lane.site.leak)))
        _await(connection, peer, CloseConnection)
        lane.note("WEBSOCKET", 403, 403)


def leaving(lane: Lane) -> None:
    """Clients that hang up in the middle of a body, which is no transfer, and one that stays."""
    host = f"127.0.0.1:{lane.site.http}"
    for errand in _shuffled(lane):
        with lane.connect() as connection, suppress(OSError):
            head = _head(f"http://{host}/upload", host, 2 * len(errand.body) + 1, lane.credentials)
            connection.sendall(head + errand.body)
    body = lane.site.errands[0].body
    with lane.connect() as connection:
        connection.sendall(_head(f"http://{host}/upload", host, len(body), lane.credentials) + body)
        lane.note("POST", receive(connection), 200)


def missing(all_lanes: list[Lane], log: Path) -> list[str]:
    """Return where the decision log is not what the answers say, in sentences."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for line in log.read_text("utf-8").splitlines():
        decision = json.loads(line)
        found.setdefault(decision["actor"], []).append((decision["method"], decision["held"]))
    said = []
    for lane in all_lanes:
        lines = found.pop(lane.name, [])
        if lines != lane.expected:
            pairs = zip(lines, lane.expected, strict=False)
            first = next((number for number, (one, other) in enumerate(pairs) if one != other), "the end")
            said.append(
                f"{lane.name} ({lane.rounds.__name__}): {len(lines)} lines of "
                f"{len(lane.expected)} answers; they part at {first}"
            )
    said += [f"{len(lines)} lines of {actor}, who sent nothing" for actor, lines in found.items()]
    return said


def _shuffled(lane: Lane) -> list[Errand]:
    rng = random.Random(f"{lane.name} {len(lane.expected)}")  # noqa: S311 - seeded on purpose
    return rng.sample(lane.site.errands, len(lane.site.errands))


def _head(target: str, host: str, size: int, more: str = "") -> bytes:
    return f"POST {target} HTTP/1.1\r\nHost: {host}\r\n{more}Content-Length: {size}\r\n\r\n".encode()


def _wrapped(lane: Lane, host: str) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=lane.site.ca)
    return context.wrap_socket(lane.tunnel(host), server_hostname="localhost")


def _await(connection: socket.socket, peer: WSConnection, kind: type) -> None:
    while True:
        for event in peer.events():
            if isinstance(event, kind):
                return
        data = connection.recv(65536)
        if not data:
            raise ConnectionResetError
        peer.receive_data(data)
