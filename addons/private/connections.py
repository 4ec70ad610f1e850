"""The sockets behind mitmproxy's connections, and how much is read from them ahead of time.

While a hook runs, mitmproxy reads on and queues what arrives, without end. Here a connection is read again
only when little is queued, so that the sender has to wait.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx
from mitmproxy.proxy import mode_servers, server

if TYPE_CHECKING:
    from mitmproxy.connection import Client, Connection


QUEUED = 1 << 20
"""Bytes that are queued for layers that wait, over all streams of a client."""
OVERHEAD = 256
"""Bytes that an event takes beside its data."""
LOOK = 0.02
"""Seconds between two looks at whether they have gone on."""


class Pressure:
    """Has mitmproxy read no faster than it can go on."""

    def load(self, _loader: object) -> None:
        """Replace what it waits for before it reads again."""
        mode_servers.ProxyConnectionHandler.drain_writers = _drained  # type: ignore[method-assign,assignment]


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
