"""Who sends: client certificate, proxy user, SOCKS user, else the client's address. No password goes further.

In place of mitmproxy's own addon, which keeps passwords on its flows and checks them on the event loop.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from OpenSSL import SSL

from addons.answers import response
from exfilter import flows
from exfilter.door import page
from exfilter.latest import Latest
from exfilter.who import certificates, signin, users

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mitmproxy.addonmanager import Loader
    from mitmproxy.connection import Client
    from mitmproxy.http import HTTPFlow, Response
    from mitmproxy.proxy.layers.modes import Socks5AuthData
    from mitmproxy.tls import TlsData

    from exfilter.who.certificates import Authorities
    from exfilter.who.signin import SignIn, Ticket

HEADER = "proxy-authorization"


@dataclass(frozen=True, slots=True)
class _Proven:
    """What a connection has proven so far. It is forgotten with the connection."""

    certificate: str = ""
    """Empty: none that is to be believed."""
    proxy: Ticket | None = None
    socks: Ticket | None = None


class Identity:
    """Admits who has proven a name, where one is asked for, and puts the name on each flow."""

    def __init__(
        self,
        sign_in: SignIn | None = None,
        authorities: Callable[[], Authorities] | None = None,
        contact: str = "",
    ) -> None:
        """None: such a proof is not taken. Neither of them: nobody has to prove anything."""
        self._contact = contact
        self._sign_in = sign_in
        self._authorities = authorities
        self._proven: WeakKeyDictionary[Client, _Proven] = WeakKeyDictionary()

    @classmethod
    def by(cls, auth: Path | None, client_ca: Path | None, contact: str = "") -> Identity:
        """Take users from an htpasswd file, authorities from a PEM file. Raises ValueError or OSError."""
        return cls(
            signin.SignIn(Latest(auth, users.read)) if auth else None,
            Latest(client_ca, certificates.read) if client_ca else None,
            contact,
        )

    def load(self, loader: Loader) -> None:
        """Have mitmproxy ask SOCKS clients for a password: it looks at this option of its own addon."""
        asks = self._sign_in is not None or self._authorities is not None
        loader.add_option("proxyauth", bool, asks, "Whether clients have to say who they are.")

    def name(self, client: Client) -> str:
        """Return the actor at the other end of a connection."""
        return _caller(self._of(client), client).name

    async def requestheaders(self, flow: HTTPFlow) -> None:
        """Admit a request, or answer it."""
        given = flow.request.headers.get_all(HEADER)
        flow.request.headers.pop(HEADER, None)
        if flow.response is not None or (self._sign_in is None and self._authorities is None):
            return
        # Fail closed: the refusal stands before anything can go wrong, and the guard leaves a flow alone
        # that has an answer. Only a proven name takes it away.
        flow.response = self._refusal(flow)
        proven = await self._admit(flow, given)
        if proven is not None:
            flow.metadata[flows.ACTOR] = _caller(proven, flow.client_conn).name
            flow.response = None

    http_connect = requestheaders
    """What is proven when a tunnel is opened holds for all requests in it."""

    def request(self, flow: HTTPFlow) -> None:
        """Take credentials out of the trailers as well, which are there now."""
        if flow.request.trailers is not None:
            flow.request.trailers.pop(HEADER, None)

    async def socks5_auth(self, data: Socks5AuthData) -> None:
        """Admit a SOCKS connection; it is refused otherwise, and by mitmproxy's default."""
        if self._sign_in is None:
            return
        given = signin.Credentials(data.username, data.password)
        ticket = await self._sign_in.check(given, _address(data.client_conn))
        if ticket is not None:
            self._remember(data.client_conn, replace(self._of(data.client_conn), socks=ticket))
            data.valid = True

    def tls_start_client(self, data: TlsData) -> None:
        """Ask for a certificate on TLS to the proxy itself, not inside a tunnel: a site asks there."""
        if self._authorities is None or not _ends_here(data) or data.ssl_conn is None:
            return
        data.ssl_conn.set_verify(SSL.VERIFY_PEER, _take_any)
        # A ticket does not hold the chain that the certificate was shown with; the proxy's memory does.
        data.ssl_conn.set_options(SSL.OP_NO_TICKET)

    def tls_established_client(self, data: TlsData) -> None:
        """Verify the certificate, and remember its name: the next TLS session in the connection erases it."""
        if self._authorities is None or not _ends_here(data):
            return
        client = data.context.client
        chain = [certificate.to_cryptography() for certificate in client.certificate_list]
        name = self._authorities().name(chain, dt.datetime.now(dt.UTC))
        if name:
            self._remember(client, replace(self._of(client), certificate=name))

    def done(self) -> None:
        """Check no more."""
        if self._sign_in is not None:
            self._sign_in.close()

    async def _admit(self, flow: HTTPFlow, given: list[str]) -> _Proven | None:
        proven = self._of(flow.client_conn)
        if proven.certificate:
            return proven
        if self._sign_in is None:
            return None
        if any(ticket and self._sign_in.honours(ticket) for ticket in (proven.proxy, proven.socks)):
            return proven
        credentials = signin.basic(given[0]) if len(given) == 1 else None
        if credentials is None:
            return None
        ticket = await self._sign_in.check(credentials, _address(flow.client_conn))
        if ticket is None:
            return None
        proven = replace(proven, proxy=ticket)
        if flow.request.method == "CONNECT":
            self._remember(flow.client_conn, proven)
        return proven

    def _refusal(self, flow: HTTPFlow) -> Response:
        accept = flow.request.headers.get("accept", "")
        asked = page.SIGN_IN if self._sign_in is not None else page.NO_CERTIFICATE
        return response(asked, accept, self._contact)

    def _of(self, client: Client) -> _Proven:
        return self._proven.get(client, _Proven())

    def _remember(self, client: Client, proven: _Proven) -> None:
        self._proven[client] = proven


def _caller(proven: _Proven, client: Client) -> flows.Caller:
    return flows.Caller(
        certificate=proven.certificate,
        proxy_user=proven.proxy.user if proven.proxy else "",
        socks_user=proven.socks.user if proven.socks else "",
        address=_address(client),
    )


def _address(client: Client) -> str:
    return str(client.peername[0]) if client.peername else ""


def _ends_here(data: TlsData) -> bool:
    """Whether it is TLS up to the proxy itself: no destination has been named yet."""
    return data.context.server.address is None


def _take_any(*_: object) -> bool:
    """Let the handshake go on: whose certificate it is, and whether that counts, is decided later."""
    return True
