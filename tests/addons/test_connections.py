"""What mitmproxy means to close is closed, whatever arrives at that moment."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
import socket

from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server import SimpleConnectionHandler

from addons.private.connections import handled


async def closed_while_it_waits_for_its_turn(sent: bytes) -> tuple[bytes, int]:
    """Close a connection by command while its reader waits to hand on what arrived.

    Returns what the client hears of it, and how many connections the proxy keeps.
    """
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    proxy = SimpleConnectionHandler(reader, writer, Options(), ProxyMode.parse("regular"), {})
    with theirs:
        async with proxy._server_event_lock:  # as held while another event is handled
            task = asyncio.create_task(handled(proxy, proxy.client))
            proxy.transports[proxy.client].handler = task
            theirs.sendall(sent)
            theirs.shutdown(socket.SHUT_WR)
            while not proxy._server_event_lock._waiters:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
            proxy.close_connection(proxy.client)
        await asyncio.wait([task])
        theirs.setblocking(False)  # noqa: FBT003 - socket's own
        async with asyncio.timeout(5):
            heard = await asyncio.get_running_loop().sock_recv(theirs, 1)
    return heard, len(proxy.transports)


def test_a_connection_is_closed_also_when_its_end_arrives_at_that_moment() -> None:
    assert asyncio.run(closed_while_it_waits_for_its_turn(b"")) == (b"", 0)


def test_a_connection_is_closed_also_when_more_arrives_at_that_moment() -> None:
    assert asyncio.run(closed_while_it_waits_for_its_turn(b"more")) == (b"", 0)
