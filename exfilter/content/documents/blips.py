"""Pictures in legacy documents (MS-ODRAW, section 2.2.23), found by the records that hold them."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from exfilter.content.documents import inflate
from exfilter.content.sandbox.found import Member

_RECORD = re.compile(rb"[\x1a-\x1f\x29\x2a]\xf0(....)", re.DOTALL)
_MAGIC = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|II\*\x00|MM\x00\*|\x28\x00\x00\x00")
_ENDINGS = {
    0x1A: "emf",
    0x1B: "wmf",
    0x1C: "pict",
    0x1D: "jpg",
    0x1E: "png",
    0x1F: "bmp",
    0x29: "tif",
    0x2A: "jpg",
}
_DIB = b"\x28\x00\x00\x00"
_METAFILES = (0x1A, 0x1B, 0x1C)
_STARTS = (50, 66)
"""Bytes before a compressed metafile: one identifier or two, and a header."""
_NEAR = 64


def pictures(data: bytes) -> Iterator[Member]:
    """Yield the pictures."""
    at = number = 0
    while found := _RECORD.search(data, at):
        at = found.start() + 1
        kind, size = found[0][0], struct.unpack("<I", found[1])[0]
        end = found.end() + size
        start = _start(data, found.end(), kind) if end <= len(data) else -1
        if 0 <= start < end:
            number += 1
            at = end
            raw = data[start:end]
            chunks = inflate.zlib_chunks(raw) if kind in _METAFILES else [bitmap(raw), raw]
            yield Member(f"picture {number}.{_ENDINGS[kind]}", chunks)


def bitmap(data: bytes) -> bytes:
    """Return the header that a bitmap has in a file and nowhere else."""
    if not data.startswith(_DIB) or len(data) < 40:
        return b""
    depth, colours = struct.unpack_from("<H16xI", data, 14)
    colours = colours or (1 << depth if depth <= 8 else 0)
    return struct.pack("<2sIII", b"BM", 14 + len(data), 0, 54 + 4 * min(colours, 256))


def _start(data: bytes, start: int, kind: int) -> int:
    """Return where the picture itself begins, or -1: many bytes look like the record of one."""
    if kind not in _METAFILES:
        found = _MAGIC.search(data, start, start + _NEAR)
        return found.start() if found else -1
    for before in _STARTS:
        try:
            if zlib.decompressobj().decompress(data[start + before : start + before + 4096], 1):
                return start + before
        except zlib.error:
            continue
    return -1
