"""The sockets behind mitmproxy's connections, how much is read from them ahead of time, and their end.

While a hook runs, mitmproxy reads on and queues what arrives, without end. Here a connection is read again
only when little is queued, so that the sender has to wait.

A connection that mitmproxy closes just when the other side has sent something, or its end, it leaves open:
the task that reads then waits for its turn (`server_event` has a lock), and nobody expects it to be
cancelled there. The client waits for ever. Here what its reader leaves open is closed.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import events, mode_servers, server

if TYPE_CHECKING:
    from mitmproxy.connection import Client, Connection

QUEUED = 1 << 20
"""Bytes that are queued for layers that wait, over all streams of a client."""
OVERHEAD = 256
"""Bytes that an event takes beside its data."""
LOOK = 0.02
"""Seconds between two looks at whether they have gone on."""


class Pressure:
    """Has mitmproxy read no faster than it can go on, and close what it means to close."""

    def load(self, _loader: object) -> None:
        """Replace what it waits for before it reads again, and wrap what reads a connection to its end."""
        mode_servers.ProxyConnectionHandler.drain_writers = _drained  # type: ignore[method-assign,assignment]
        mode_servers.ProxyConnectionHandler.handle_connection = handled  # type: ignore[method-assign,assignment]


async def handled(handler: server.ConnectionHandler, connection: Connection) -> None:
    """Read a connection to its end, and close it also where the reader was cancelled out of its turn."""
    try:
        await server.ConnectionHandler.handle_connection(handler, connection)
    finally:
        io = handler.transports.get(connection)
        if io is not None:
            connection.state = ConnectionState.CLOSED
            if io.writer is not None:
                io.writer.close()
            await handler.server_event(events.ConnectionClosed(connection))
            handler.transports.pop(connection, None)


async def _drained(handler: mode_servers.ProxyConnectionHandler) -> None:
    await server.ConnectionHandler.drain_writers(handler)
    while _queued(handler.layer) > QUEUED and _is_open(handler):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(LOOK)


def _is_open(handler: mode_servers.ProxyConnectionHandler) -> bool:
    io = handler.transports.get(handler.client)
    return bool(io and io.writer and not io.writer.is_closing())


def _queued(root: Any) -> int:  # noqa: ANN401 - mitmproxy's layers
    """Return how much waits in a layer and those inside it."""
    total, seen, inside = 0, set[int](), [root]
    while inside:
        layer = inside.pop()
        if layer is None or id(layer) in seen:
            continue
        seen.add(id(layer))
        for event in getattr(layer, "_paused_event_queue", ()):
            total += OVERHEAD + len(getattr(event, "data", b""))
        inside += [getattr(layer, "layer", None), getattr(layer, "child_layer", None)]
        inside += getattr(getattr(layer, "context", None), "layers", ())
        for name in ("streams", "connections"):
            found = getattr(layer, name, None)
            inside += found.values() if isinstance(found, dict) else ()
    return total


def writer(client: Client, connection: Connection) -> asyncio.StreamWriter | None:
    """Return what sends to one side of a client's connections. None: it is closed."""
    server: Any = ctx.master.addons.get("proxyserver")
    handler = server.connections.get(client.id)
    io = handler and handler.transports.get(connection)
    return io.writer if io else None


async def is_taken(sending: asyncio.StreamWriter, seconds: float) -> bool:
    """Wait until the other side has taken what it was sent, but for a little. False: it has not."""
    try:
        async with asyncio.timeout(seconds):
            await sending.drain()
    except TimeoutError:
        return False
    except OSError:
        return True  # it is broken, which is noticed where it is read
    return True


def abort(client: Client) -> None:
    """Break the connection with a client. What is on the way is lost; mitmproxy cleans up."""
    sending = writer(client, client)
    if sending is not None:
        sending.transport.abort()
