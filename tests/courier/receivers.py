"""Real receivers on loopback: a web server, collectors of logs, a mail server. Each keeps what it got."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import socketserver
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}\n"
PATIENCE = 20.0


def eventually[Found](look: Callable[[], Found], seconds: float = PATIENCE) -> Found:
    """Return what is found at last: the first that is not empty."""
    end = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def tls(chain: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


@dataclass
class Hook:
    """A web server that verifies what it gets by the words of the standard."""

    answers: list[int] = field(default_factory=list)
    """Statuses to give first; then 204."""
    delay: float = 0.0
    chain: Path | None = None
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        hook = self

        class Reader(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.got.append(({name.lower(): text for name, text in self.headers.items()}, body))
                time.sleep(hook.delay)
                self.send_response(hook.answers.pop(0) if hook.answers else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Reader)
        self._server.daemon_threads = True
        if self.chain:
            self._server.socket = tls(self.chain).wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{'https://localhost' if self.chain else 'http://127.0.0.1'}:{self.port}/exfilter?team=soc"

    def notices(self, kind: str = "") -> list[dict[str, Any]]:
        """Return what arrived, each with a good signature and once for each id."""
        verified = [json.loads(body) for headers, body in list(self.got) if _is_signed(headers, body)]
        assert len(verified) == len(self.got)
        once = {each["id"]: each for each in verified if kind in ("", each["type"])}
        return list(once.values())


def _is_signed(headers: dict[str, str], body: bytes) -> bool:
    what = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(KEY, what, hashlib.sha256).digest()).decode()
    is_new = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return headers["webhook-signature"] == f"v1,{wanted}" and is_new


@dataclass
class Collector:
    """A collector of logs, by ``udp``, ``tcp`` or ``tls``; ``rude``: it ends connections unread."""

    kind: str
    chain: Path | None = None
    rude: bool = False
    got: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        udp = self.kind == "udp"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
        self._socket.bind(("127.0.0.1", 0))
        if not udp:
            self._socket.listen()
        threading.Thread(target=self._datagrams if udp else self._connections, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    @property
    def url(self) -> str:
        return f"{self.kind}://localhost:{self._socket.getsockname()[1]}"

    def _datagrams(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._socket.recv(65536):
                self.got.append(data)

    def _connections(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _ = self._socket.accept()
                with contextlib.suppress(OSError, ValueError), wire:
                    self._read(tls(self.chain).wrap_socket(wire, server_side=True) if self.chain else wire)

    def _read(self, wire: socket.socket) -> None:
        if self.rude:
            wire.recv(1)
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            wire.close()
            return
        data = b""
        while more := wire.recv(65536):
            data += more
        if isinstance(wire, ssl.SSLSocket):
            wire.unwrap()
        wire.close()
        while data:  # RFC 6587, 3.4.1
            length, _, rest = data.partition(b" ")
            self.got.append(rest[: int(length)])
            assert len(self.got[-1]) == int(length)
            data = rest[int(length) :]


@dataclass
class MailServer:
    """As much of SMTP (RFC 5321) as a client needs, with STARTTLS and AUTH PLAIN."""

    chain: Path | None = None
    """None: no TLS is offered."""
    sealed: bool = False
    """TLS from the start."""
    password: str = ""
    refuses: str = ""
    """What is answered to RCPT instead of 250."""
    got: list[str] = field(default_factory=list)
    was_sealed: bool = False

    def __enter__(self) -> Self:
        outer = self

        class Talk(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    outer.talk(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"{'smtps' if self.sealed else 'smtp'}://localhost:{self._server.server_address[1]}"

    def talk(self, wire: socket.socket) -> None:
        sealed = self.sealed
        wire = tls(self.chain).wrap_socket(wire, server_side=True) if sealed and self.chain else wire
        file = wire.makefile("rwb", buffering=0)
        file.write(b"220 mail.example\r\n")
        known = not self.password
        while line := file.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            answer = "250 fine"
            if verb.upper() in ("EHLO", "HELO"):
                offers = ["STARTTLS"] if self.chain and not sealed else []
                offers += ["AUTH PLAIN"] if self.password and sealed else []
                answer = "\r\n".join([*(f"250-{word}" for word in ["mail.example", *offers]), "250 8BITMIME"])
            elif verb.upper() == "STARTTLS" and self.chain:
                file.write(b"220 go\r\n")
                wire = tls(self.chain).wrap_socket(wire, server_side=True)
                file, sealed = wire.makefile("rwb", buffering=0), True
                continue
            elif verb.upper() == "AUTH":
                given = base64.b64decode(rest.split()[1]).split(b"\0")[-1].decode()
                known = given == self.password
                answer = "235 welcome" if known else "535 no"
            elif not known and verb.upper() != "QUIT":
                answer = "530 who are you"
            elif verb.upper() == "RCPT" and self.refuses:
                answer = self.refuses
            elif verb.upper() == "DATA":
                file.write(b"354 go\r\n")
                text = b""
                while (part := file.readline()) not in (b".\r\n", b""):
                    text += part
                self.was_sealed = sealed
                self.got.append(text.decode())
            elif verb.upper() == "QUIT":
                file.write(b"221 bye\r\n")
                return
            file.write(answer.encode() + b"\r\n")
