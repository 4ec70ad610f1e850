"""One entry of a zip file: its local header and its data (APPNOTE.TXT, section 4.3)."""

from __future__ import annotations

import bz2
import lzma
import mmap
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exfilter.body import CHUNK
from exfilter.content import machines
from exfilter.content.machines import Machine, Standard, Zlib, Zstd

LOCAL = b"PK\x03\x04"
DESCRIPTOR = b"PK\x07\x08"
LONGEST_DESCRIPTOR = 24
_LOCAL = struct.Struct("<4sBB4H3L2H")
_UNKNOWN = 0xFFFFFFFF
_ENCRYPTED, _FOLLOWED, _ENDED = 1, 8, 2
"""Flags: encrypted; sizes behind the data; LZMA with an end mark."""
_NEWEST, _SYSTEMS, _METHODS, _NAME = 99, 20, 99, 4096
_STORED, _LZMA = 0, 14


@dataclass(frozen=True, slots=True)
class Entry:
    """What a header says of an entry."""

    name: bytes
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    start: int
    """Where its header begins."""
    data: int
    """Where its data begins."""
    extra: int
    """Bytes of the extra field, which ends there."""
    listed: bool = False
    """The numbers are those of the central directory."""

    @property
    def encrypted(self) -> bool:
        """Whether it says that its data is encrypted."""
        return bool(self.flags & _ENCRYPTED)

    @property
    def followed(self) -> bool:
        """Whether sizes and sum stand behind the data."""
        return bool(self.flags & _FOLLOWED)


def local(data: mmap.mmap, place: int) -> Entry | None:
    """Return the entry whose header stands there, None where what stands there is no header."""
    if place < 0 or place + _LOCAL.size > len(data):
        return None
    magic, version, system, flags, method, _, _, crc, packed, size, named, extra = _LOCAL.unpack_from(
        data, place
    )
    if magic != LOCAL or version > _NEWEST or system > _SYSTEMS or method > _METHODS or named > _NAME:
        return None
    begin = place + _LOCAL.size
    name = data[begin : begin + named]
    packed, size = _long(data[begin + named : begin + named + extra], packed, size)
    return Entry(name, method, flags, crc, packed, size, place, begin + named + extra, extra)


def _long(extra: bytes, packed: int, size: int) -> tuple[int, int]:
    """Return the sizes, which may stand in the extra field if they are long (Zip64)."""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        numbers = iter(
            struct.unpack_from(f"<{min(length, 16) // 8}Q", extra[place + 4 : place + 4 + length].ljust(16))
        )
        if kind == 1:
            size = next(numbers, size) if size == _UNKNOWN else size
            packed = next(numbers, packed) if packed == _UNKNOWN else packed
            break
        place += 4 + length
    return packed, size


def readable(entry: Entry) -> bool:
    """Whether a library for its method is here."""
    return entry.method == _STORED or entry.method in _BEGIN


class Body:
    """The data of one entry, unpacked. Iterate it once."""

    def __init__(self, data: mmap.mmap, entry: Entry) -> None:
        """Begin behind the header."""
        self.end = entry.data
        """Where the data ends, once it was iterated."""
        self.whole = False
        """It came to its end."""
        self._data = data
        self._entry = entry
        self._crc = 0
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield what comes out, also beyond the size that the header tells. Raises ValueError at the end
        where size or sum are others, and one of ``machines.ERRORS`` for data that is broken.
        """  # noqa: D205
        for piece in self._stored() if self._entry.method == _STORED else self._unpacked():
            self._crc = zlib.crc32(piece, self._crc)
            self._size += len(piece)
            yield piece
        entry, self.whole = self._entry, True
        found = (self._crc, self.end - entry.data, self._size)
        behind = self._behind(*found) if entry.followed else 0
        self.end += behind
        if not behind and entry.followed and not entry.listed:
            raise ValueError
        if found != (entry.crc, entry.packed, entry.size) and (entry.listed or not entry.followed):
            raise ValueError

    def _behind(self, crc: int, packed: int, size: int) -> int:
        """Return the size of the data descriptor: with magic or without, with long sizes or short ones."""
        told = [struct.pack("<LQQ", crc, packed, size)]
        if max(packed, size) <= _UNKNOWN:
            told.append(struct.pack("<LLL", crc, packed, size))
        for descriptor in (magic + numbers for magic in (DESCRIPTOR, b"") for numbers in told):
            if self._data[self.end : self.end + len(descriptor)] == descriptor:
                return len(descriptor)
        return 0

    def _stored(self) -> Iterator[bytes]:
        entry = self._entry
        size = entry.packed if entry.packed or not entry.followed else self._found()
        stop = min(len(self._data), entry.data + size)
        while self.end < stop:
            piece = self._data[self.end : min(stop, self.end + CHUNK)]
            self.end += len(piece)
            yield piece

    def _found(self) -> int:
        """Return the size of stored data whose size stands only behind it."""
        place = self._data.find(DESCRIPTOR, self._entry.data)
        while place >= 0:
            size = place - self._entry.data
            if self._data[place + 8 : place + 12] == struct.pack("<L", size & _UNKNOWN):
                return size
            place = self._data.find(DESCRIPTOR, place + 4)
        following = self._data.find(LOCAL, self._entry.data)
        return (following if following >= 0 else len(self._data)) - self._entry.data

    def _unpacked(self) -> Iterator[bytes]:
        begin, step = _BEGIN[self._entry.method]
        machine = begin(self._entry, self._data[self.end : self.end + _HEAD])
        if self._entry.method == _LZMA:
            self.end += 4 + self._data[self.end + 2]
        while not machine.finished:
            piece = b"" if machine.pending else self._data[self.end : self.end + step]
            self.end += len(piece)
            if not piece and not machine.pending:
                raise EOFError
            yield machine.feed(piece)
        self.end -= len(machine.unused)


_HEAD = 64


def _alone(entry: Entry, head: bytes) -> Machine:
    """Return a machine for LZMA as zip has it (section 5.8), by way of the head of ``.lzma``."""
    size = -1 if entry.flags & _ENDED or not entry.size else entry.size
    machine = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=machines.WINDOW)
    machine.decompress(head[4:9] + size.to_bytes(8, "little", signed=True))
    return Standard(machine)


_BEGIN: dict[int, tuple[Callable[[Entry, bytes], Machine], int]] = {
    8: (lambda *_: Zlib(-zlib.MAX_WBITS), 1 << 14),
    12: (lambda *_: Standard(bz2.BZ2Decompressor()), 1 << 12),
    _LZMA: (_alone, 512),
    20: (lambda *_: Zstd(), 512),
    93: (lambda *_: Zstd(), 512),
    95: (lambda *_: Standard(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=machines.WINDOW)), 512),
}
"""Methods (section 4.4.5): what begins to decode them, and how many bytes to feed at once."""
