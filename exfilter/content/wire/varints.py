"""Protobuf's numbers (https://protobuf.dev/programming-guides/encoding/), and which bytes are a message."""

from __future__ import annotations

import re
import struct

import numpy as np

from exfilter.content.wire.rows import plain, shown
from exfilter.content.wire.window import BrokenError

VARINT, FIXED64, SIZED, FIXED32 = 0, 1, 2, 5
"""Wire types. Groups (3 and 4) are no longer written."""
_KINDS = (VARINT, FIXED64, SIZED, FIXED32)
_FIELDS = 1 << 18
"""Numbers of fields that are in use: beyond are reserved ranges and options of descriptors."""
_LONGEST = 10
_SPACE = 0x21
"""The first size that is no control character, and what stands before a value of that size."""
_EXACT = 10**16
"""Numbers below, of 64 bits, are taken for whole numbers, those above for floats."""
_TELLING = 4
"""Bytes of the numbers of a list on average, below which it may as well be any bytes."""
_NUMBER = re.compile(rb"[\x80-\xff]{0,9}[\x00-\x7f]")
_DOUBLE = struct.Struct("<d")


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and where it ends. Raises IndexError at the end of the bytes."""
    value = shift = 0
    for place in range(at, at + _LONGEST):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place + 1
        shift += 7
    raise BrokenError(at)


def fixed(value: bytes, size: int) -> str:
    """Return the bytes of a number of some size as text. Raises IndexError where they are fewer."""
    if len(value) < size:
        raise IndexError
    number = int.from_bytes(value, "little")
    if number < _EXACT:
        return str(number)
    double = _DOUBLE.unpack(value)[0]
    return shown(double) if 1 / _EXACT < abs(double) < _EXACT else ""


def shaped(data: bytes, *, cut: bool = False, kinds: tuple[int, ...] = _KINDS) -> int:
    """Return how many fields a message has, 0 where the bytes are none. `cut`: it goes on behind them."""
    at, size, count = 0, len(data), 0
    try:
        while at < size:
            tag, at = (data[at], at + 1) if data[at] < 0x80 else varint(data, at)
            if not 8 <= tag < _FIELDS << 3 or tag & 7 not in kinds:
                return 0
            at = _after(data, at, tag & 7)
            count += 1
    except IndexError:
        return count if cut else 0
    except BrokenError:
        return 0
    return count if at == size or cut else 0


def _after(data: bytes, at: int, kind: int) -> int:
    """Return where the value of a field ends."""
    if kind == SIZED:
        size, at = (data[at], at + 1) if data[at] < 0x80 else varint(data, at)
        return at + size
    if kind == VARINT:
        return at + 1 if data[at] < 0x80 else varint(data, at)[1]
    if kind in (FIXED64, FIXED32):
        return at + (8 if kind == FIXED64 else 4)
    raise BrokenError(at)


def leaf(data: bytes) -> list[str] | None:
    """Return the values of a message in which there are only numbers and short texts; None for any other."""
    at, size = 0, len(data)
    found: list[str] = []
    try:
        while at < size:
            tag, at = (data[at], at + 1) if data[at] < 0x80 else varint(data, at)
            number, start = (data[at], at + 1) if data[at] < 0x80 else (0, at)
            if not 8 <= tag < _FIELDS << 3:
                return None
            if tag & 7 == SIZED and start > at:
                at = start + number
                text = data[start:at].decode()
                if not text.isprintable() or ambiguous(data, start, number):
                    return None
            elif tag & 7 == VARINT:
                number, at = (number, start) if start > at else varint(data, at)
                text = str(number)
            else:
                return None
            found.append(text)
    except (IndexError, UnicodeDecodeError, BrokenError):
        return None
    return found if at == size else None


def ambiguous(data: bytes, at: int, size: int) -> bool:
    """Whether a text, at a place in some bytes, may be a message all the same."""
    return size > _SPACE and data[at] & 7 == SIZED and data[at + 1] <= size - 2


def packed(data: bytes) -> list[str]:
    """Return the numbers of a list of them, nothing where the bytes are none for sure."""
    if len(data) % 8 == 0:
        found = np.frombuffer(data, dtype="<u8")
        if found.max() < _EXACT:
            return list(map(str, found.tolist()))
        floats = np.frombuffer(data, dtype="<f8")
        if np.isfinite(floats).all() and (abs(floats) < _EXACT).all() and (abs(floats) > 1 / _EXACT).all():
            return list(map(shown, floats.tolist()))
    if data[-1] >= 0x80:
        return []
    numbers = _NUMBER.findall(data)
    whole = sum(map(len, numbers)) == len(data)
    return (
        [str(varint(number, 0)[0]) for number in numbers]
        if whole and len(data) >= _TELLING * len(numbers)
        else []
    )


def floats(data: bytes) -> bool:
    """Whether bytes are floats of 32 bits, as of a sound or an embedding: none is out of the way."""
    if len(data) % 4 or len(data) < 32:
        return False
    found = np.abs(np.frombuffer(data, dtype="<f4"))
    return bool(((found == 0) | ((found > 1e-9) & (found < 1e9))).all())


def repeats(data: bytes) -> bool:
    """Whether a message has messages of one field in a row: then they are the records, and it is none."""
    at = last = 0
    try:
        while at < len(data):
            start = at
            tag, at = (data[at], at + 1) if data[at] < 0x80 else varint(data, at)
            at = _after(data, at, tag & 7)
            if tag & 7 == SIZED and tag == last and not plain(data[start + 2 : at]):
                return True
            last = tag
    except (IndexError, BrokenError):
        pass
    return False
