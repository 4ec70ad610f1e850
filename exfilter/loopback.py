"""Whether a host is this machine: then nobody on the way can read along or answer in its place."""

from __future__ import annotations

import ipaddress


def is_here(host: str | None) -> bool:
    """Whether a host is this machine by its very name or address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
