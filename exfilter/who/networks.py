"""Who a client's address is: with IPv6 a network, for its hosts choose the rest of their addresses freely."""

from __future__ import annotations

import ipaddress

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
