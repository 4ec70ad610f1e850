"""Who a client's address is: with IPv6 a network, for its hosts choose the rest of their addresses freely."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

PREFIX = 64
"""Bits that a network has for itself (RFC 4291, section 2.5.4; no site gets less: RFC 6177)."""


def network(address: str) -> str:
    """Return the network of an IPv6 address, as ``2001:db8::/64``; any other text as it is.

    An IPv4 address that a socket for both kinds shows as IPv6 (RFC 4291, section 2.5.5.2) is the IPv4 one.
    """
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    if parsed.is_loopback:
        return str(parsed)
    return str(ipaddress.IPv6Network((int(parsed), PREFIX), strict=False))


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks of peers that are believed. ``in`` asks with an address as text."""

    each: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Networks:
        """Take addresses and networks, ``10.0.0.2``, ``10.1.0.0/16``.

        Raises ValueError for what is none, and for a network of everybody.
        """
        return cls(tuple(map(_parsed, texts)))

    def __contains__(self, address: str) -> bool:
        """Whether it lies in one of them. What is no address lies in none."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address):
            found = found.ipv4_mapped or found
        return any(found in network for network in self.each)


def _parsed(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        found = ipaddress.ip_network(text.strip())
    except ValueError:
        found = ipaddress.IPv4Network("0.0.0.0/0")
    mapped = found.network_address.ipv4_mapped if isinstance(found, ipaddress.IPv6Network) else None
    if mapped:
        found = ipaddress.IPv4Network((mapped, found.prefixlen - 96))
    if not found.prefixlen:
        msg = f"{text!r} is no address or network of yours: give such as 10.0.0.2 or 10.1.0.0/16"
        raise ValueError(msg)
    return found
