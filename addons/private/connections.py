"""The sockets behind mitmproxy's connections."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mitmproxy import ctx

if TYPE_CHECKING:
    import asyncio

    from mitmproxy.connection import Client, Connection


def transport(client: Client, connection: Connection) -> asyncio.WriteTransport | None:
    """Return what sends to one side of a client's connections. None: it is closed."""
    server: Any = ctx.master.addons.get("proxyserver")
    handler = server.connections.get(client.id)
    io = handler and handler.transports.get(connection)
    return io.writer.transport if io and io.writer else None


def is_taken(sending: asyncio.WriteTransport) -> bool:
    """Whether the other side has taken what it was sent, but for a little."""
    low, _ = sending.get_write_buffer_limits()
    return sending.get_write_buffer_size() <= low


def abort(client: Client) -> None:
    """Break the connection with a client. What is on the way is lost; mitmproxy cleans up."""
    sending = transport(client, client)
    if sending is not None:
        sending.abort()
