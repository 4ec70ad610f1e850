"""Notices to a collector of logs: RFC 5424 over UDP (RFC 5426), TCP (RFC 6587, counted), TLS (RFC 5425).

Syslog has no answer. By UDP nobody knows what arrived. By TCP and TLS the courier ends its half of the
connection and waits for the collector to end the other: whoever read up to the end does so.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from exfilter.courier import wires
from exfilter.courier.cef import cef, severity
from exfilter.courier.ocsf import ocsf
from exfilter.courier.trouble import translated
from exfilter.ledger.notices import Notice
from exfilter.policy import Syslog

FACILITY = 13
"""Log audit: RFC 5424, 6.2.1."""
PORTS = {"udp": 514, "tcp": 514, "tls": 6514}
FORMATS: Mapping[str, Callable[[Notice], str]] = {
    "cef": cef,
    "ocsf": lambda notice: json.dumps(ocsf(notice), separators=(",", ":")),
}
LINGER = 2.0
"""Seconds that the collector has to end a connection. One that keeps it open has what was sent."""


@dataclass(frozen=True, slots=True)
class Logger:
    """Sends notices to one collector."""

    url: str
    style: Callable[[Notice], str]
    trust: ssl.SSLContext | None = None
    whole: float = wires.WHOLE

    @classmethod
    def of(cls, receiver: Syslog, authorities: Path | None) -> Logger:
        """Read the authorities. Raises OSError."""
        trust = wires.trusting(authorities) if receiver.url.startswith("tls:") else None
        return cls(receiver.url, FORMATS[receiver.format], trust)

    def deliver(self, notice: Notice) -> None:
        """Send a notice. Raises Unreachable."""
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        message = message_of(notice, self.style(notice))
        with translated():
            if parts.scheme == "udp":
                _throw(host, port, message)
            else:
                self._send(host, port, b"%d %b" % (len(message), message))

    def _send(self, host: str, port: int, frame: bytes) -> None:
        with wires.connected(host, port) as wire, wires.bounded(wire, self.whole):
            if self.trust is None:
                wire.sendall(frame)
                wire.shutdown(socket.SHUT_WR)
                _await_end(wire)
                return
            with self.trust.wrap_socket(wire, server_hostname=host) as sealed:
                sealed.sendall(frame)
                sealed.settimeout(LINGER)
                with contextlib.suppress(TimeoutError, ssl.SSLEOFError, ssl.SSLSyscallError):
                    sealed.unwrap()  # says close_notify, and waits for it: RFC 5425, 4.4


def message_of(notice: Notice, text: str) -> bytes:
    """Return a message of RFC 5424. Without a mark of UTF-8 in front, which collectors stumble over."""
    host = "".join(sign for sign in socket.gethostname() if "!" <= sign <= "~")[:255] or "-"
    name = notice["type"][:32]
    grave = severity(notice)
    level = 2 if grave >= 10 else 3 if grave >= 8 else 4 if grave >= 5 else 5
    head = f"<{FACILITY * 8 + level}>1 {notice['time']} {host} exfilter {os.getpid()} {name} - "
    return (head + text).encode("utf-8", "backslashreplace")


def _throw(host: str, port: int, message: bytes) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as wire:
        wire.settimeout(wires.PATIENCE)
        wire.connect(address)
        wire.send(message)


def _await_end(wire: socket.socket) -> None:
    """Read until the collector ends. An error then means that it did not read all."""
    wire.settimeout(LINGER)
    with contextlib.suppress(TimeoutError):
        while wire.recv(4096):
            pass
