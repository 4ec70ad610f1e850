"""Breaks connections whose client takes too long: for the head of a request, or between pieces of a body.

mitmproxy waits ten minutes for the next byte, and as long again for the one after it.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from addons.private import connections
from addons.private.http1 import BoundedServer
from addons.private.stream import SpoolStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mitmproxy.connection import Client

LOOK = 1.0
"""Seconds between two looks."""
SLOWEST = 1024
"""Bytes a second that a body has to have, once its time for a beginning is over."""


class Patience:
    """Looks at all that is still arriving, every second."""

    def __init__(self, seconds: float) -> None:
        """Take the time for a head, between two pieces of a body, and for a slow body to begin."""
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def running(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    def done(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            for client in list(self._late(time.monotonic())):
                connections.abort(client)

    def _late(self, now: float) -> Iterator[Client]:
        for server in list(BoundedServer.reading):
            if now - server.since > self._seconds:
                yield server.context.client
        for stream in list(SpoolStream.arriving):
            elapsed = now - stream.since
            too_slow = elapsed > 2 * self._seconds and stream.arrived < SLOWEST * elapsed
            if now - stream.last > self._seconds or too_slow:
                yield stream.context.client
