"""Lets several processes listen on one port; the kernel spreads the connections among them."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mitmproxy.proxy import mode_servers

if TYPE_CHECKING:
    from mitmproxy.proxy.mode_servers import AsyncioServerInstance


class SharedPort:
    """Has mitmproxy share its port, for which it has no option."""

    def load(self, _loader: object) -> None:
        """Replace how a server listens: by name, in the class that all proxy modes over TCP inherit from."""
        mode_servers.AsyncioServerInstance.listen = _listen  # type: ignore[assignment,method-assign]


async def _listen(server: AsyncioServerInstance, host: str, port: int) -> list[asyncio.Server]:  # type: ignore[type-arg]
    return [await asyncio.start_server(server.handle_stream, host, port, reuse_port=True)]
