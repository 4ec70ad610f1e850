"""Which files of a RAR 5 archive are encrypted (rarlab.com/technote.htm): libarchive 3.6 takes no notice."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

from exfilter.content import sniff

_MAGIC = sniff.RAR + b"\x01\x00"
_LONGEST = 1 << 21
"""Bytes of a header (2 MiB, by the specification)."""
_FILE, _WITH_EXTRA, _WITH_DATA, _ENCRYPTION = 2, 1, 2, 1


def locked(data: mmap.mmap) -> Iterator[bool]:
    """Yield for each file in the archive whether it is encrypted."""
    place = len(_MAGIC)
    try:
        while data[: len(_MAGIC)] == _MAGIC and place < len(data):
            size, begin = _number(data, place + 4)
            if not 0 < size <= _LONGEST:
                return
            kind, at = _number(data, begin)
            flags, at = _number(data, at)
            extra, at = _number(data, at) if flags & _WITH_EXTRA else (0, at)
            packed, _ = _number(data, at) if flags & _WITH_DATA else (0, at)
            if kind == _FILE:
                yield _encrypted(data, begin + size - extra, begin + size)
            place = begin + size + packed
    except IndexError:
        return


def _encrypted(data: mmap.mmap, place: int, end: int) -> bool:
    """Whether one of the extra records is that of encryption."""
    while place < end:
        size, place = _number(data, place)
        if _number(data, place)[0] == _ENCRYPTION:
            return True
        place += size
    return False


def _number(data: mmap.mmap, place: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, the lowest first, and where it ends. Raises IndexError."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80 or shift > 63:
            return value, place
