"""Compressed data inside documents."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from exfilter.content.machines import Zlib

_STEP = 1 << 14


def zlib_chunks(data: bytes) -> Iterator[bytes]:
    """Yield what comes out of zlib data, piece by piece. Raises zlib.error after what came before it."""
    machine = Zlib(zlib.MAX_WBITS)
    for start in range(0, len(data), _STEP):
        yield machine.feed(data[start : start + _STEP])
        while machine.pending:
            yield machine.feed(b"")
