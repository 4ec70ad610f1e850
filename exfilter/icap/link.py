"""One connection of an ICAP client: bytes to events, answers to bytes, and an end to patience."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exfilter.icap.parser import Parser

if TYPE_CHECKING:
    from exfilter.icap.events import Event

ROUND = 64 * 1024
"""Bytes that are read at a time."""
STUCK = 300.0
"""Seconds for which a client may take nothing of an answer."""
FAREWELL = 5.0
"""Seconds for the last bytes to leave."""


class Gone(ConnectionError):  # noqa: N818 - a client, no error
    """The client has closed the connection in the middle of a request, or of its answer."""


@dataclass(slots=True, eq=False)
class Link:
    """A connection. For one task."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    parser: Parser = field(default_factory=Parser)

    @property
    def peer(self) -> str:
        """The client's address."""
        name = self.writer.get_extra_info("peername")
        return str(name[0]) if name else ""

    @property
    def has_gone(self) -> bool:
        """Whether the client has closed the connection, as far as it is known: an answer reaches nobody."""
        return self.reader.at_eof() or self.writer.transport.is_closing()

    async def begin(self, idle: float, patience: float) -> Event | None:
        """Return the head of the next request, which may take so long from its first byte to its last.

        ``idle``: seconds until that first byte. Otherwise as ``next``.
        """
        if self.parser.is_idle:
            data = await self._read(idle)
            if not data:
                return None
            self.parser.feed(data)
        async with asyncio.timeout(patience):
            return await self.next(patience)

    async def next(self, patience: float) -> Event | None:
        """Return the next event; None: the client has closed between two requests.

        Raises Malformed; Gone; TimeoutError where for so many seconds nothing arrives.
        """
        while (event := self.parser.next()) is None:
            data = await self._read(patience)
            if data:
                self.parser.feed(data)
            elif self.parser.is_idle:
                return None
            else:
                raise Gone
        return event

    async def _read(self, patience: float) -> bytes:
        try:
            async with asyncio.timeout(patience):
                return await self.reader.read(ROUND)
        except ConnectionError:  # a proxy whose user has given up resets the connection
            raise Gone from None

    async def send(self, data: bytes) -> None:
        """Send some, and wait while the client has not taken what went before. Raises Gone, TimeoutError."""
        self.writer.write(data)
        try:
            async with asyncio.timeout(STUCK):
                await self.writer.drain()
        except ConnectionError:
            raise Gone from None

    async def close(self) -> None:
        """Close the connection; what was sent leaves first."""
        try:
            self.writer.close()
            async with asyncio.timeout(FAREWELL):
                await self.writer.wait_closed()
        except OSError:
            self.abort()

    def abort(self) -> None:
        """Close it now."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self.writer.transport.abort()
