"""Chunks of an encapsulated body as they are written (RFC 9112, section 7.1)."""

from __future__ import annotations

LAST = b"0\r\n\r\n"


def chunk(data: bytes | memoryview) -> bytes:
    """Return bytes as one chunk; of no bytes nothing, for an empty chunk would be the last one."""
    return b"".join((b"%x\r\n" % len(data), data, b"\r\n")) if len(data) else b""


def last(trailers: bytes = b"") -> bytes:
    """Return the end of a body. Raises ValueError for trailers that are not lines without a blank one."""
    if trailers and (not trailers.endswith(b"\r\n") or b"\r\n\r\n" in trailers or trailers[:2] == b"\r\n"):
        msg = "trailers are lines that end with CRLF, none of them blank"
        raise ValueError(msg)
    return b"0\r\n" + trailers + b"\r\n"
