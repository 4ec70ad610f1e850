"""``exfilter icap`` in a process of its own, and Squid in front of it with a user who is logged in."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from fixtures import squid
from tests.e2e.house import Proxy, Reply, Shared, curl

LOCAL = ("--trust", "127.0.0.0/8")
"""Squid may say who its users are."""
LOGGED_IN = ("-U", f"{squid.USER}:{squid.PASSWORD}")


@dataclass
class Engine(Proxy):
    """A running ``exfilter icap``; its ``address`` is the URL of the service."""

    command: ClassVar[str] = "icap"

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    def options(self) -> dict[str, str]:
        """Ask what the service offers, by a request of a few lines."""
        request = f"OPTIONS {self.address} ICAP/1.0\r\nHost: localhost\r\nEncapsulated: null-body=0\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.port), 10) as asking:
            asking.sendall(request.encode())
            answer = b""
            while b"\r\n\r\n" not in answer and (piece := asking.recv(65536)):
                answer += piece
        first, *lines = answer.decode("ascii").splitlines()
        assert first.startswith("ICAP/1.0 200 ")
        headers = dict(re.split(r": *", line, maxsplit=1) for line in lines if line)
        return {name.lower(): value for name, value in headers.items()}


@dataclass
class SharedEngine(Engine, Shared):
    """One for several tests."""


@dataclass(frozen=True)
class Office:
    """Somebody at a desk whose browser goes out through Squid."""

    squid: squid.Squid

    def curl(self, url: str, *arguments: str, data: bytes | None = None, timeout: float = 60) -> Reply:
        return self.anonymous(url, *LOGGED_IN, *arguments, data=data, timeout=timeout)

    def anonymous(self, url: str, *arguments: str, data: bytes | None = None, timeout: float = 60) -> Reply:
        ways = ("-x", self.squid.address, "--cacert", str(self.squid.ca))
        return curl(url, *ways, *arguments, data=data, timeout=timeout)
