"""Source code of macros (MS-OVBA, section 2.4.1): compressed inside a stream of its own."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_MARK = b"\x00Attribut"
"""A module begins with ``Attribute VB_Name``; before it stand a signature, a header and a flag."""
_CHUNK = 4096


def sources(data: bytes) -> Iterator[bytes]:
    """Yield the source of each module in a stream."""
    at = data.find(_MARK)
    while at >= 3:
        if data[at - 3] == 1:
            yield b"".join(_chunks(data, at - 2))
        at = data.find(_MARK, at + 1)


def _chunks(data: bytes, at: int) -> Iterator[bytes]:
    while at + 2 <= len(data):
        header = struct.unpack_from("<H", data, at)[0]
        if header >> 12 & 7 != 3:
            return
        end = at + 3 + (header & 0xFFF)
        chunk = data[at + 2 : end]
        yield _expanded(chunk) if header & 0x8000 else chunk[:_CHUNK]
        at = end


def _expanded(chunk: bytes) -> bytes:
    """Undo the compression of at most 4,096 bytes: letters and copies of what came before."""
    made = bytearray()
    at = 0
    while at < len(chunk):
        flags = chunk[at]
        at += 1
        for bit in range(8):
            if at >= len(chunk) or len(made) > _CHUNK:
                break
            if not flags >> bit & 1:
                made.append(chunk[at])
                at += 1
                continue
            token = int.from_bytes(chunk[at : at + 2], "little")
            at += 2
            bits = max(4, (len(made) - 1).bit_length())
            length, back = (token & 0xFFFF >> bits) + 3, (token >> 16 - bits) + 1
            if back > len(made):
                return bytes(made)
            for _ in range(length):
                made.append(made[-back])
    return bytes(made)
