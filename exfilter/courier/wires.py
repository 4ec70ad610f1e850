"""Connections that end: each read and write has a bound, and so has the whole delivery.

Straight to the receiver: no proxy of the environment is asked, which might be exfilter itself.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 10.0
"""Seconds for a connection, a read, a write."""
WHOLE = 30.0
"""Seconds for a delivery: a receiver that answers byte by byte does not keep the courier."""


def connected(host: str, port: int) -> socket.socket:
    """Return a connection. Raises OSError."""
    return socket.create_connection((host, port), PATIENCE)


def trusting(authorities: Path | None) -> ssl.SSLContext:
    """Return what certificates are verified by: these authorities only, or the system's."""
    return ssl.create_default_context(cafile=authorities)


@contextlib.contextmanager
def bounded(wire: socket.socket, seconds: float = WHOLE) -> Iterator[None]:
    """Cut a connection off after so many seconds. Raises TimeoutError then."""
    cut = threading.Event()
    # A second handle: TLS takes the first one away.
    handle = wire.dup()

    def cut_off() -> None:
        cut.set()
        with contextlib.suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if cut.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        handle.close()
    if cut.is_set():
        raise TimeoutError
