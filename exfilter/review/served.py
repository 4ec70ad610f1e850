"""How the desk is served: where, by which names, whether over TLS; cookies are made accordingly."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from starlette.responses import Response

from exfilter.loopback import is_here

LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Served:
    """Where the desk listens. Raises ValueError where passwords would travel in clear."""

    host: str = "127.0.0.1"
    port: int = 8600
    names: tuple[str, ...] = ()
    """Host names by which browsers may call it, besides the address itself."""
    certificate: Path | None = None
    key: Path | None = None
    proxies: tuple[str, ...] = ()
    """Addresses of the proxies in front that speak TLS, and are believed who their clients are."""

    def __post_init__(self) -> None:
        """Refuse what is not safe."""
        if (self.certificate is None) != (self.key is None):
            msg = "--certificate and --key belong together: give both, in PEM"
            raise ValueError(msg)
        for each in self.proxies:
            _check_address(each)
        if not self.secure and not is_here(self.host):
            msg = (
                f"--listen {self.host}: passwords would travel in clear; give --certificate and --key, or "
                "--behind-tls-proxy ADDRESS of the proxy that speaks TLS, or listen on 127.0.0.1"
            )
            raise ValueError(msg)
        if not self.names and not is_address(self.host, given=True):
            msg = f"--listen {self.host}: set review_hosts in exfilter.toml to the names that browsers use"
            raise ValueError(msg)

    @property
    def secure(self) -> bool:
        """Whether browsers come by HTTPS."""
        return self.certificate is not None or bool(self.proxies)

    @property
    def hosts(self) -> list[str]:
        """What may stand in the Host header: a page of another site that resolves to here has another."""
        own = LOOPBACK if is_here(self.host) else (self.host, f"[{self.host}]")
        return [*self.names, *own]

    def cookie(self, name: str) -> str:
        """Return a cookie's full name. With the prefix no neighbour of the same domain can set it.

        On plain loopback the port is in it: browsers send a cookie to all ports, so two desks on one
        machine would end each other's sessions.
        """
        return f"__Host-exfilter-{name}" if self.secure else f"exfilter-{name}-{self.port}"

    def set_cookie(
        self,
        answer: Response,
        name: str,
        value: str,
        days: float,
        same_site: Literal["strict", "lax"] = "strict",
    ) -> None:
        """Set a cookie that no script reads."""
        age = round(days * DAY)
        answer.set_cookie(
            self.cookie(name), value, max_age=age, httponly=True, secure=self.secure, samesite=same_site
        )


def _check_address(proxy: str) -> None:
    try:
        network = ipaddress.ip_network(proxy)
    except ValueError:
        network = None
    if network is None or not network.prefixlen:
        msg = f"--behind-tls-proxy {proxy}: give the address of the proxy, such as 10.0.0.2"
        raise ValueError(msg)


def is_address(host: str, *, given: bool) -> bool:
    """Whether it is a name or an address that a browser can call, and no wildcard."""
    try:
        return not ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return given
