"""The headers of 7z (7zFormat.txt of the LZMA SDK), as far as they are needed to decrypt an archive."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass, field

_END, _HEADER, _PROPERTIES, _STREAMS, _FILES = 0x00, 0x01, 0x02, 0x04, 0x05
_PACK, _FOLDERS, _SUBSTREAMS, _SIZE, _CRC, _FOLDER, _SIZES, _COUNTS = 6, 7, 8, 9, 10, 11, 12, 13
_EMPTY, _NAMES, ENCODED = 0x0E, 0x11, 0x17
_COMPLEX, _WITH_PROPERTIES = 0x10, 0x20
BRANCHED = b"several streams"
"""Stands for coders that are not in a row: they cannot be read here."""


@dataclass(slots=True)
class Folder:
    """Coders in a row, what goes into them and the files that come out."""

    coders: list[tuple[bytes, bytes]]
    """Method and properties, in the order in which they decode."""
    size: int
    """Bytes that come out."""
    crc: int | None = None
    start: int = 0
    packed: int = 0
    sizes: list[int] = field(default_factory=list)
    """Of the files in it."""
    crcs: list[int | None] = field(default_factory=list)
    outputs: int = 1
    """Of all coders."""
    packs: int = 1
    """Streams that go into it."""


@dataclass(slots=True)
class Head:
    """What a header says."""

    folders: list[Folder]
    names: list[str]
    """Of the files that are not empty, in the order of the folders."""


def parse(header: bytes) -> Head:
    """Return what a header says, encoded or not. Raises ValueError, IndexError, or EOFError for nonsense."""
    source = _Source(header)
    kind = source.byte()
    if kind == ENCODED:
        return Head(_streams(source), [])
    if kind != _HEADER:
        raise ValueError
    folders: list[Folder] = []
    names: list[str] = []
    while kind := source.byte():
        if kind == _PROPERTIES:
            while source.byte():
                source.take(source.number())
        elif kind == _STREAMS:
            folders = _streams(source)
        elif kind == _FILES:
            names = _files(source)
        else:
            raise ValueError
    return Head(folders, names)


class _Source(io.BytesIO):
    def take(self, size: int) -> bytes:
        found = self.read(size) if size < 1 << 40 else b""
        if len(found) < size:
            raise EOFError
        return found

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """Return a number whose first byte tells how many more there are."""
        first = self.byte()
        count = next((bit for bit in range(8) if not first & (0x80 >> bit)), 8)
        high = first & (0x7F >> count) if count < 8 else 0
        return int.from_bytes(self.take(count), "little") | high << 8 * count

    def bits(self, count: int) -> list[bool]:
        data = self.take((count + 7) // 8)
        return [bool(data[place // 8] & (0x80 >> place % 8)) for place in range(count)]

    def crcs(self, count: int) -> list[int | None]:
        defined = self.bits(count) if not self.byte() else [True] * min(count, len(self.getvalue()))
        return [int.from_bytes(self.take(4), "little") if each else None for each in defined]


def _streams(source: _Source) -> list[Folder]:
    folders: list[Folder] = []
    start = 0
    packed: list[int] = []
    while kind := source.byte():
        if kind == _PACK:
            start, packed = _packed(source)
        elif kind == _FOLDERS:
            folders = _unpacked(source)
        elif kind == _SUBSTREAMS:
            _files_of(source, folders)
        else:
            raise ValueError
    sizes = iter(packed)
    for folder in folders:
        folder.start, folder.packed = start, sum(itertools.islice(sizes, folder.packs))
        start += folder.packed
        if not folder.sizes:
            folder.sizes, folder.crcs = [folder.size], [folder.crc]
    return folders


def _packed(source: _Source) -> tuple[int, list[int]]:
    start, count = source.number(), source.number()
    sizes: list[int] = []
    while kind := source.byte():
        if kind == _SIZE:
            sizes = [source.number() for _ in range(count)]
        elif kind == _CRC:
            source.crcs(count)
        else:
            raise ValueError
    return start, sizes


def _unpacked(source: _Source) -> list[Folder]:
    if source.byte() != _FOLDER:
        raise ValueError
    count = source.number()
    if source.byte():  # elsewhere
        raise ValueError
    folders = [_folder(source) for _ in range(count)]
    while kind := source.byte():
        if kind == _SIZES:
            for folder in folders:
                sizes = [source.number() for _ in range(folder.outputs)]
                folder.size = sizes[folder.size]
        elif kind == _CRC:
            for folder, crc in zip(folders, source.crcs(count), strict=True):
                folder.crc = crc
        else:
            raise ValueError
    return folders


def _folder(source: _Source) -> Folder:
    """Return a folder whose ``size`` is for now the number of the stream that comes out last."""
    coders: list[tuple[bytes, bytes]] = []
    inputs = outputs = 0
    for _ in range(source.number()):
        flags = source.byte()
        method = source.take(flags & 0x0F)
        ways = (source.number(), source.number()) if flags & _COMPLEX else (1, 1)
        inputs, outputs = inputs + ways[0], outputs + ways[1]
        coders.append((method, source.take(source.number()) if flags & _WITH_PROPERTIES else b""))
    feeds = {}
    for _ in range(outputs - 1):
        into = source.number()
        feeds[source.number()] = into
    packs = inputs - (outputs - 1)
    for _ in range(packs if packs > 1 else 0):
        source.number()
    if inputs != len(coders) or outputs != len(coders):  # BCJ2
        last = next(number for number in range(outputs) if number not in feeds)
        return Folder([(BRANCHED, b"")], last, outputs=outputs, packs=packs)
    order = [next(number for number in range(len(coders)) if number not in feeds.values())]
    while order[-1] in feeds and len(order) < len(coders):
        order.append(feeds[order[-1]])
    return Folder([coders[number] for number in order], order[-1], outputs=outputs)


def _files_of(source: _Source, folders: list[Folder]) -> None:
    counts = [1] * len(folders)
    kind = source.byte()
    if kind == _COUNTS:
        counts = [source.number() for _ in folders]
        kind = source.byte()
    for folder, count in zip(folders, counts, strict=True):
        folder.sizes = [source.number() for _ in range(count - 1)] if kind == _SIZE else []
        if count:
            folder.sizes.append(folder.size - sum(folder.sizes))
    kind = source.byte() if kind == _SIZE else kind
    single = [len(folder.sizes) == 1 and folder.crc is not None for folder in folders]
    if kind == _CRC:
        found = iter(
            source.crcs(sum(len(f.sizes) for f, one in zip(folders, single, strict=True) if not one))
        )
        for folder, one in zip(folders, single, strict=True):
            folder.crcs = [folder.crc] if one else [next(found) for _ in folder.sizes]
        kind = source.byte()
    if kind != _END:
        raise ValueError


def _files(source: _Source) -> list[str]:
    count = source.number()
    names: list[str] = []
    empty: list[bool] = []
    while kind := source.byte():
        data = source.take(source.number())
        if kind == _NAMES:
            names = data[1:].decode("utf-16-le", "replace").split("\0")[:count]
        elif kind == _EMPTY:
            empty = _Source(data).bits(count)
    return [name for number, name in enumerate(names) if not (number < len(empty) and empty[number])]
