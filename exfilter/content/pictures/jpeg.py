"""JPEG: comments, EXIF and XMP (ITU T.81, section B; EXIF 3.0, section 4.7; XMP part 3, section 1.1.3)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from exfilter.content.pictures import tiff
from exfilter.content.pictures.carried import Carried, Excess

_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
"""One that stands for something: within the samples, FF is followed by 00 or by a restart."""
_START, _END, _APP1, _COMMENT = 0xD8, 0xD9, 0xE1, 0xFE
_FULL = (1 << 16) - 3
"""Bytes of a segment that is full: what it says goes on in the next one."""
_EXIF = b"Exif\x00"
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_MORE = b"http://ns.adobe.com/xmp/extension/\x00"
_MORE_HEAD = len(_MORE) + 32 + 4
"""Then comes where the piece belongs: 32 letters name the whole, 4 bytes say its length."""


def walk(data: memoryview) -> Iterator[Carried | Excess]:
    """Yield the texts. See ``carried.Walk``."""
    comments: list[bytes] = []
    extended: dict[bytes, list[tuple[int, bytes]]] = {}
    for marker, body in _segments(data):
        if marker == _COMMENT:
            comments.append(bytes(body) if len(body) == _FULL else bytes(body) + b"\n")
        elif marker == _APP1:
            head = bytes(body[:_MORE_HEAD])
            if head.startswith(_EXIF):
                yield from tiff.walk(body[len(_EXIF) + 1 :])
            elif head.startswith(_XMP):
                yield Carried("XMP", [bytes(body[len(_XMP) :])])
            elif head.startswith(_MORE) and len(body) >= _MORE_HEAD + 4:
                place = struct.unpack_from(">I", body, _MORE_HEAD)[0]
                whole = extended.setdefault(head[len(_MORE) : -4], [])
                whole.append((place, bytes(body[_MORE_HEAD + 4 :])))
    if comments:
        yield Carried("comment", comments)
    for whole in extended.values():
        yield Carried("XMP", [piece for _, piece in sorted(whole)])


def _segments(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield marker and body of each segment, up to what no longer is a JPEG."""
    found = _MARKER.search(data) if bytes(data[:2]) == bytes([0xFF, _START]) else None  # or JPEG 2000
    while found:
        marker, at = found[1][0], found.end()
        if marker == _END and bytes(data[at : at + 2]) != bytes([0xFF, _START]):
            return
        if marker not in (_START, _END) and at + 2 <= len(data):
            size = struct.unpack_from(">H", data, at)[0]
            yield marker, data[at + 2 : at + size]
            at += max(2, size)
        found = _MARKER.search(data, at)
