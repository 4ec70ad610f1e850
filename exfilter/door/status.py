"""Whether a door lives and can do its work, and its figures: ``/healthz``, ``/readyz``, ``/metrics``.

In the door's own event loop, so that a loop that hangs is no healthy one. An answer is one word; it says
nothing that passed through.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exfilter.door.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from multiprocessing.connection import Connection

HEAD_LIMIT, PATIENCE = 8192, 5.0
"""Bytes and seconds of a request. One that is larger or slower is no probe."""
LOOK = 2.0
"""Seconds between two looks: each writes to the disk, and anybody may ask."""
BEAT = 1.0
"""Seconds between two words of a process to the one that started it."""
STARTING, STOPPING = "starting", "stopping"

_REQUEST = re.compile(rb"(GET|HEAD) (/[a-z]*)(?:\?\S*)? HTTP/1\.[01]\r?\n")
_TEXTS = {
    200: "OK",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class State:
    """What a probe is told."""

    serves: bool
    text: str
    """One line."""


READY = State(serves=True, text="ready")


class Readiness:
    """Why a door could not do its work now, in one word."""

    def __init__(self, look: Callable[[], Awaitable[str]], state: Callable[[], str]) -> None:
        self._look = look
        """Says why the door would have to refuse all; nothing where it would not."""
        self._state = state
        """Says `STARTING` or `STOPPING`; nothing in between."""
        self._last = STARTING
        self._next_look = 0.0

    async def word(self) -> str:
        """Return the word. Empty: it is ready."""
        if state := self._state():
            return state
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK
            self._last = await self._look()
        return self._last

    async def state(self) -> State:
        """Return what a probe is told."""
        why = await self.word()
        return State(serves=False, text=why) if why else READY


@asynccontextmanager
async def serving(
    address: tuple[str, int], state: Callable[[], Awaitable[State]], figures: Callable[[], bytes]
) -> AsyncIterator[tuple[str, int]]:
    """Answer probes while the body runs, and yield the address. Raises OSError where none can listen."""

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\n\r\n")
                writer.write(await _answer(head, state, figures))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(attend, *address, limit=HEAD_LIMIT)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        yield host, port


@asynccontextmanager
async def telling(parent: Connection, word: Callable[[], Awaitable[str]]) -> AsyncIterator[None]:
    """Tell the process that started this one, again and again, whether this one is ready."""

    async def tell() -> None:
        with contextlib.suppress(OSError):
            while True:
                parent.send(await word())
                await asyncio.sleep(BEAT)

    beating = asyncio.create_task(tell())
    try:
        yield
    finally:
        beating.cancel()


async def _answer(head: bytes, state: Callable[[], Awaitable[State]], figures: Callable[[], bytes]) -> bytes:
    asked = _REQUEST.match(head)
    if not asked:
        return _response(405, b"only GET\n")
    method, path = asked.groups()
    status, body = await _found(path, state, figures)
    kind = CONTENT_TYPE if path == b"/metrics" else "text/plain; charset=utf-8"
    return _response(status, body, kind, head_only=method == b"HEAD")


async def _found(
    path: bytes, state: Callable[[], Awaitable[State]], figures: Callable[[], bytes]
) -> tuple[int, bytes]:
    if path == b"/healthz":
        return 200, b"alive\n"
    if path == b"/readyz":
        found = await state()
        return (200 if found.serves else 503), f"{found.text}\n".encode()
    if path == b"/metrics":
        return 200, await asyncio.to_thread(figures)
    return 404, b"there are /healthz, /readyz and /metrics\n"


def _response(
    status: int, body: bytes, kind: str = "text/plain; charset=utf-8", *, head_only: bool = False
) -> bytes:
    head = (
        f"HTTP/1.1 {status} {_TEXTS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if head_only else body)
