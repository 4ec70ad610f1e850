"""Breaks connections whose client takes too long: for a request, or between pieces of a body or a message.

mitmproxy waits ten minutes for the next byte, and as long again for the one after it.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, cast

from addons.private import connections
from addons.private.calls import CallStream
from addons.private.http1 import BoundedServer
from addons.private.stream import SpoolStream
from addons.private.websocket import EmptyingConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mitmproxy.connection import Client
    from mitmproxy.http import HTTPFlow

LOOK = 1.0
"""Seconds between two looks."""
SLOWEST = 1024
"""Bytes a second that a body has to have, once its time for a beginning is over."""


class Patience:
    """Looks at all that is still arriving, every second."""

    def __init__(self, seconds: float) -> None:
        """Take the time for a head, between two pieces of a body, and for a slow body to begin."""
        self._seconds = seconds
        self._silent: dict[Client, float] = {}
        """Clients of which no request has come yet, in their tunnel if they have one, and since when."""
        self._task: asyncio.Task[None] | None = None

    def running(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    def done(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()

    def client_connected(self, client: Client) -> None:
        """Wait for a request."""
        self._silent[client] = time.monotonic()

    def client_disconnected(self, client: Client) -> None:
        """Wait no longer."""
        self._silent.pop(client, None)

    def http_connect(self, flow: HTTPFlow) -> None:
        """Wait for a request in the tunnel."""
        self._silent[flow.client_conn] = time.monotonic()

    def requestheaders(self, flow: HTTPFlow) -> None:
        """Wait no longer: from now on pauses are those between requests."""
        self._silent.pop(flow.client_conn, None)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            for client in list(self._late(time.monotonic())):
                connections.abort(client)

    def _late(self, now: float) -> Iterator[Client]:
        for client, since in list(self._silent.items()):
            if now - since > self._seconds:
                yield client
        for server in list(BoundedServer.reading):
            if now - server.since > self._seconds:
                yield server.context.client
        for stream in (*SpoolStream.arriving, *CallStream.partial):
            if self._is_late(now, stream.since, stream.last, stream.arrived):
                yield stream.context.client
        for message in list(EmptyingConnection.partial):
            if self._is_late(now, message.since, message.last, message.arrived):
                yield cast("Client", message.conn)

    def _is_late(self, now: float, since: float, last: float, arrived: int) -> bool:
        elapsed = now - since
        return now - last > self._seconds or (elapsed > 2 * self._seconds and arrived < SLOWEST * elapsed)
