"""Compressed RTF of Outlook messages (MS-OXRTFCP)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_START = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_COMPRESSED, _PLAIN = b"LZFu", b"MELA"
_WINDOW = 1 << 12
_BATCH = 1 << 16


def expanded(data: bytes) -> Iterator[bytes]:
    """Yield the RTF. Raises ValueError for what is none."""
    size, kind = struct.unpack_from("<4xI4s", data.ljust(12, b"\0"))
    if kind == _PLAIN:
        yield data[16 : 16 + size]
        return
    if kind != _COMPRESSED:
        msg = "no compressed RTF"
        raise ValueError(msg)
    window = bytearray(_START.ljust(_WINDOW, b" "))
    at, place, made = 16, len(_START), bytearray()
    while at < len(data):
        flags = data[at]
        at += 1
        for bit in range(8):
            if flags >> bit & 1:
                word = int.from_bytes(data[at : at + 2], "big")
                at += 2
                source, length = word >> 4, (word & 15) + 2
                if source == place or at > len(data):
                    yield bytes(made)
                    return
            elif at < len(data):
                window[place] = data[at]
                source, length = place, 1
                at += 1
            else:
                break
            for step in range(source, source + length):
                window[place] = window[step % _WINDOW]
                made.append(window[place])
                place = (place + 1) % _WINDOW
        if len(made) > _BATCH:
            yield bytes(made)
            made.clear()
    yield bytes(made)
