"""TIFF and EXIF: the texts of all directories (TIFF 6.0, section 2; EXIF 3.0, section 4.6)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from exfilter.content.pictures.carried import Carried, Excess, pieces

_DIRECTORIES = 1000
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4}
"""Type -> bytes of a value, for those that can hold text or a place."""
_ASCII, _LONG, _PLACE = 2, 4, 13
_POINTERS = (0x014A, 0x8769, 0x8825, 0xA005)
"""Further directories: pages inside pages, EXIF, GPS, interoperability."""
_XMP = 0x02BC
_WIDE = range(0x9C9B, 0x9CA0)
"""Title, comment, author, keywords and subject as Windows writes them, in UTF-16."""
_CODED = (0x001B, 0x001C, 0x9286)
"""Ways to find a place, its name, and the user's comment: 8 bytes name the charset."""
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+")


def walk(data: memoryview) -> Iterator[Carried | Excess]:
    """Yield the texts. See ``carried.Walk``."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]), "")
    plain: list[bytes] = []
    left = len(data)
    for tag, kind, value in _values(data, order) if order else ():
        left -= len(value)
        if left < 0:  # many fields share their bytes
            yield Excess()
            break
        if tag == _XMP:
            yield Carried("XMP", pieces(value))
        elif tag in _WIDE:
            yield Carried("EXIF", [b"\xff\xfe", *pieces(value)])
        elif tag in _CODED and bytes(value[:8]) == b"UNICODE\x00":
            yield Carried("EXIF", [_mark(value[8:], order), *pieces(value[8:])])
        elif tag in _CODED:
            plain += [bytes(value[8:]), b"\n"]
        elif kind == _ASCII:
            plain += [bytes(value), b"\n"]
    if plain:
        yield Carried("EXIF", [_CONTROLS.sub(b"\n", text) for text in plain])


def _mark(text: memoryview, order: str) -> bytes:
    """Return a byte order mark: writers do not agree whether the order is that of the file."""
    sample = bytes(text[:1024])
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return b""
    big, little = sample[::2].count(0), sample[1::2].count(0)
    return b"\xfe\xff" if big > little or (big == little and order == ">") else b"\xff\xfe"


def _values(data: memoryview, order: str) -> Iterator[tuple[int, int, memoryview]]:
    """Yield tag, type and value of the fields of all directories that can hold text."""
    waiting, seen = [_number(data, order, 4)], {0}
    while waiting and len(seen) <= _DIRECTORIES:
        at = waiting.pop()
        if at in seen or at + 2 > len(data):
            continue
        seen.add(at)
        count = struct.unpack_from(f"{order}H", data, at)[0]
        for entry in range(at + 2, min(at + 2 + 12 * count, len(data) - 11), 12):
            tag, kind, number = struct.unpack_from(f"{order}HHI", data, entry)
            size = number * _WIDTHS.get(kind, 0)
            place = entry + 8 if size <= 4 else _number(data, order, entry + 8)
            if tag in _POINTERS or kind == _PLACE:
                room = min(number, _DIRECTORIES)
                waiting += [_number(data, order, place + 4 * each) for each in range(room)]
            elif size > 4:
                yield tag, kind, data[place : place + size]
        waiting.append(_number(data, order, at + 2 + 12 * count))


def _number(data: memoryview, order: str, at: int) -> int:
    """Return the number at a place, 0 where there is none."""
    return int(struct.unpack_from(f"{order}I", data, at)[0]) if at + 4 <= len(data) else 0
