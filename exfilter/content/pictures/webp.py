"""WebP: EXIF and XMP in its chunks (RFC 9649, section 2.7.1.5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from exfilter.content.pictures import tiff
from exfilter.content.pictures.carried import Carried, Excess, pieces

_HEADER, _HEAD = 12, 8
_PREFIX = b"Exif\x00\x00"
"""Some write it in front, as in JPEG."""


def walk(data: memoryview) -> Iterator[Carried | Excess]:
    """Yield the texts. See ``carried.Walk``."""
    at = _HEADER
    while at + _HEAD <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        body = data[at + _HEAD : at + _HEAD + size]
        at += _HEAD + size + size % 2
        if kind == b"EXIF":
            prefixed = bytes(body[: len(_PREFIX)]) == _PREFIX
            yield from tiff.walk(body[len(_PREFIX) :] if prefixed else body)
        elif kind == b"XMP ":
            yield Carried("XMP", pieces(body))
