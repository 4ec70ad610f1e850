"""The sockets behind mitmproxy's connections."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx

if TYPE_CHECKING:
    from mitmproxy.connection import Client, Connection


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
