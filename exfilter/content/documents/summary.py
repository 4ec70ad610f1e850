"""The properties of a document (MS-OLEPS): title, author, keywords, and those that a user made up."""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Iterator

_TEXT = re.compile(rb"\x1e\x00\x00\x00(....)", re.DOTALL)
_WIDE = re.compile(rb"\x1f\x00\x00\x00(....)", re.DOTALL)
_UTF16, _WESTERN = 1200, 1252


def texts(data: bytes) -> Iterator[str]:
    """Yield the values that are text, and the names of a user's own properties."""
    codec = _codec(_page(data))
    for pattern, width in ((_TEXT, 1), (_WIDE, 2)):
        for value in pattern.finditer(data):
            size = struct.unpack("<I", value[1])[0] * width
            raw = data[value.end() : value.end() + size]
            if len(raw) == size:
                yield raw.decode("utf-16-le" if width == 2 else codec, "replace").rstrip("\0")


def _page(data: bytes) -> int:
    """Return the code page: property 1 of the first section (sections 2.14, 2.20, 2.21)."""
    try:
        start = struct.unpack_from("<I", data, 44)[0]
        for number in range(struct.unpack_from("<I", data, start + 4)[0]):
            key, at = struct.unpack_from("<II", data, start + 8 + 8 * number)
            if key == 1:
                return int(struct.unpack_from("<H", data, start + at + 4)[0])
    except struct.error:
        pass
    return _WESTERN


def _codec(page: int) -> str:
    try:
        return "utf-16-le" if page == _UTF16 else codecs.lookup(f"cp{page}").name
    except LookupError:
        return f"cp{_WESTERN}"
