"""What a client says in its TLS handshake, mitmproxy repeats to the destination: names must be known ones."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from OpenSSL import SSL

from exfilter.door.metrics import Refusal
from exfilter.model import Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mitmproxy.connection import Client
    from mitmproxy.proxy.context import Context
    from mitmproxy.tls import TlsData

    from exfilter.door.desk import Desk

PROTOCOLS = frozenset({b"h2", b"http/1.1", b"http/1.0"})
"""The protocols that a client may offer (ALPN). Others are not passed on, the door speaks none of them."""


class Handshake:
    """Refuses a server name (SNI) other than the one that the tunnel was opened to, and was judged by."""

    def __init__(self, desk: Desk, name: Callable[[Client], str]) -> None:
        """``name``: says who is at the other end of a connection."""
        self._desk = desk
        self._name = name

    async def tls_start_client(self, data: TlsData) -> None:
        """Let the handshake go on, or close the connection."""
        # Fail closed: without `ssl_conn` mitmproxy closes the connection. It is given back at the end.
        connection, data.ssl_conn = data.ssl_conn, None
        client, tunnel = data.context.client, data.context.server.address
        client.alpn_offers = [offer for offer in client.alpn_offers if offer in PROTOCOLS]
        # No address: TLS up to the proxy itself, nobody is told that name.
        if client.sni and tunnel and _plain(client.sni) != _plain(tunnel[0]):
            transfer = _transfer(data.context, self._name(client), tunnel[0])
            reason = "the server name of TLS is not that of the tunnel"
            outcome = await self._desk.refuse(transfer, reason, Refusal.SERVER_NAME)
            if not outcome.forward:
                data.ssl_conn = _without_certificate()
                return
        data.ssl_conn = connection


def _without_certificate() -> SSL.Connection:
    """Return an end with which every handshake fails, by an alert that tells the client so.

    Without any end mitmproxy closes twice, and a SOCKS connection then stays open until it times out.
    """
    end = SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD))
    end.set_accept_state()
    return end


def _plain(name: str) -> str:
    return name.lower().rstrip(".")


def _transfer(context: Context, actor: str, host: str) -> Transfer:
    return Transfer(
        door="proxy",
        body=(context.client.sni or "").encode("utf-8", "replace"),
        actor=actor,
        destination=_plain(host),
        method="TLS",
        time=time.time(),
    )
