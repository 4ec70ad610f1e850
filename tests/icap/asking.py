"""An ICAP client of few words, and a service with the fakes of the doors behind it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from exfilter.icap.crowd import Crowd
from exfilter.icap.identity import Encoding
from exfilter.icap.service import Service
from exfilter.who.networks import Networks
from tests.addons.fakes import Door

HERE = Networks.parse(["127.0.0.0/8"])
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status line, its head, and what is encapsulated, without chunks."""

    line: str
    head: dict[str, str]
    http: bytes = b""
    body: bytes = b""
    trailers: bytes = b""

    @property
    def status(self) -> int:
        return int(self.line.split()[1])

    @property
    def http_status(self) -> int:
        """Of the page."""
        return int(self.http.split()[1])


def reqmod(
    http: bytes, body: bytes | None = None, *, allow: str = "204", trailers: bytes = b"", fields: str = ""
) -> bytes:
    """Return a request with all of its body."""
    what = "null-body" if body is None else "req-body"
    allowed = f"Allow: {allow}\r\n" if allow else ""
    head = f"REQMOD icap://here/reqmod ICAP/1.0\r\nHost: here\r\n{allowed}{fields}"
    head += f"Encapsulated: req-hdr=0, {what}={len(http)}\r\n\r\n"
    return head.encode() + http + (b"" if body is None else chunked(body) + b"0\r\n" + trailers + b"\r\n")


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def post(to: str = "paste.example", **headers: str) -> bytes:
    """Return the head of an HTTP request."""
    named = {"Host": to} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"POST http://{to}/x HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes) -> Reply:
        """Send bytes, and read one answer."""
        self.writer.write(data)
        return await self.reply()

    async def reply(self) -> Reply:
        """Read one answer."""
        async with asyncio.timeout(PATIENCE):
            raw = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = raw.removesuffix("\r\n\r\n").split("\r\n")
            head = {name.lower(): value for name, value in (each.split(": ", 1) for each in rest)}
            places = re.findall(r"([a-z]+)-(hdr|body)=(\d+)", head.get("encapsulated", ""))
            size = int(places[-1][2]) if places else 0
            http = await self.reader.readexactly(size) if size else b""
            body, trailers = b"", b""
            if places and places[-1][0] != "null" and places[-1][1] == "body":
                body, trailers = await self._body()
        return Reply(line, head, http, body, trailers)

    async def _body(self) -> tuple[bytes, bytes]:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        trailers = b""
        while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
            trailers += line
        return body, trailers

    async def is_closed(self) -> bool:
        """Whether the other side ends the connection, without another word."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


def talk(
    door: Door,
    body: Callable[[Client], Awaitable[None]],
    *,
    limit: int = 100_000,
    connections: int = 100,
    patience: float = 30.0,
    trusted: Networks = HERE,
    heard: Callable[[Service], None] = lambda _: None,
) -> None:
    """Have a client talk with a service; ``heard`` is given that."""
    service = Service(door.desk, limit, trusted, Encoding.AUTO, Crowd(connections), patience, "room 5")
    heard(service)

    async def run() -> None:
        server = await asyncio.start_server(service.attend, "127.0.0.1", 0)
        async with server:
            client = Client(*await asyncio.open_connection(*server.sockets[0].getsockname()[:2]))
            try:
                await body(client)
            finally:
                client.writer.close()
                service.crowd.close()

    asyncio.run(run())
