"""Both ends of a proxy that is measured, and what its processes take: plain sockets, loopback only."""
