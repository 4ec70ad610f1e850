"""HTTP/1.1 of uvicorn with an end to patience: who connects and sends no request gives way.

uvicorn waits without end for a request's head and body, and counts those who wait among those it serves: a
few hundred silent connections would switch the desk off.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 30.0
"""Seconds for a whole request to arrive, from the connection or the answer before it on."""
SILENT, SILENT_HERE = 250, 50
"""Connections that wait for their request: of all, and of one address. Then the oldest gives way."""


class Patient(H11Protocol):
    """One connection."""

    late: asyncio.TimerHandle | None = None
    """What ends it. None: it is not waited for."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait; whoever has waited longest gives way to it."""
        super().connection_made(transport)
        self._watch()
        silent = [each for each in self.connections if isinstance(each, Patient) and each.late]
        here = [each for each in silent if each.address() == self.address()]
        # A proxy in front keeps connections for many.
        if len(here) > SILENT_HERE and not self.config.proxy_headers:
            _give_way(here)
        elif len(silent) > SILENT:
            _give_way(silent)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self.rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        """Wait while a request has not arrived whole; bytes of it are no new beginning."""
        if self.transport.is_closing() or self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self.rest()
        elif self.late is None:
            self.late = self.loop.call_later(PATIENCE, self.transport.abort)

    def rest(self) -> None:
        """Wait no more."""
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def address(self) -> str | None:
        """Return where it comes from. None: a socket without addresses."""
        return self.client[0] if self.client else None


def _give_way(waiting: list[Patient]) -> None:
    oldest = min(waiting, key=lambda each: each.late.when() if each.late else 0.0)
    oldest.rest()
    oldest.transport.abort()
