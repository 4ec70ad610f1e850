"""Compound files (OLE, MS-CFB): storages and streams, read piece by piece. olefile reads the tables."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import olefile

from exfilter.content.archives import memory
from exfilter.content.sandbox.found import Found

_STORAGES = (olefile.STGTY_STORAGE, olefile.STGTY_ROOT)
_LAST = 0xFFFFFFFA
"""Above it are no numbers of sectors but marks (MS-CFB, section 2.1)."""
_STEP = 1 << 16


class Compound:
    """An opened compound file."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the tables of `file`. Raises what olefile raises."""
        self._ole: Any = olefile.OleFileIO(file)
        self._file = file
        self.size: int = file.seek(0, io.SEEK_END)
        self._mini = b""

    def storages(self) -> Iterator[Storage]:
        """Yield all storages, the outer before the inner ones."""
        waiting: list[tuple[tuple[str, ...], Any]] = [((), self._ole.root)]
        seen = {self._ole.root.sid}
        while waiting:
            path, entry = waiting.pop()
            streams = {}
            for kid in entry.kids:
                if kid.entry_type == olefile.STGTY_STREAM:
                    streams[kid.name] = Stream(self, kid.name, kid.isectStart, min(kid.size, self.size))
            inner = [kid for kid in entry.kids if kid.entry_type in _STORAGES and kid.sid not in seen]
            seen.update(kid.sid for kid in inner)
            waiting += [((*path, kid.name), kid) for kid in reversed(inner)]
            yield Storage(path, streams)

    def behind(self) -> Iterator[Found]:
        """Yield what lies behind the last sector that is in use."""
        fat = self._ole.fat
        last = next((number for number in reversed(range(len(fat))) if fat[number] != olefile.FREESECT), -1)
        start = min(self.size, (last + 2) * self._ole.sectorsize)
        yield from memory.rest(memory.mapped(self._file), start, self.size)

    def scattered(self, start: int, size: int) -> bool:
        """Whether the sectors of a stream do not follow each other."""
        small = size < self._ole.minisectorcutoff
        self._load(small=small)
        step = self._ole.minisectorsize if small else self._ole.sectorsize
        numbers = list(self._sectors(self._ole.minifat if small else self._ole.fat, start, size, step))
        return numbers != list(range(start, start + len(numbers)))

    def chunks(self, start: int, size: int) -> Iterator[bytes]:
        """Yield the bytes of a stream. It ends early where its sectors do."""
        small = size < self._ole.minisectorcutoff
        self._load(small=small)
        step = self._ole.minisectorsize if small else self._ole.sectorsize
        held: list[bytes] = []
        left = size
        for number in self._sectors(self._ole.minifat if small else self._ole.fat, start, size, step):
            piece = self._mini[number * step : (number + 1) * step] if small else self._sector(number)
            held.append(piece[:left])
            left -= len(held[-1])
            if len(held) * step >= _STEP:
                yield b"".join(held)
                held.clear()
        yield b"".join(held)

    def _load(self, *, small: bool) -> None:
        """Hold the sectors of small streams, once one is read."""
        if small and not self._mini:
            root = self._ole.root
            self._ole.loadminifat()
            sectors = self._sectors(self._ole.fat, root.isectStart, root.size, self._ole.sectorsize)
            self._mini = b"".join(map(self._sector, sectors))

    def _sector(self, number: int) -> bytes:
        self._file.seek((number + 1) * self._ole.sectorsize)
        return self._file.read(self._ole.sectorsize)

    def _sectors(self, table: Any, start: int, size: int, step: int) -> Iterator[int]:  # noqa: ANN401
        """Follow a chain, as long as the stream can be. Raises ValueError where it is a circle."""
        seen = bytearray(len(table))
        for _ in range(-(-min(size, self.size) // step)):
            if start > _LAST or start >= len(table):
                return
            if seen[start]:
                msg = "a chain that is a circle"
                raise ValueError(msg)
            seen[start] = 1
            yield start
            start = table[start]


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: what a file is in a folder."""

    compound: Compound
    name: str
    start: int
    size: int
    """Bytes, at most those of the whole file."""

    @property
    def scattered(self) -> bool:
        """Whether it does not lie in the file as one piece."""
        return self.compound.scattered(self.start, self.size)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes."""
        return self.compound.chunks(self.start, self.size)

    def head(self, size: int = _STEP) -> bytes:
        """Return the first bytes."""
        held = bytearray()
        for chunk in self.chunks():
            held += chunk
            if len(held) >= size:
                break
        return bytes(held[:size])

    def read(self) -> bytes:
        """Return all bytes."""
        return b"".join(self.chunks())


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage: what a folder is."""

    path: tuple[str, ...]
    """The names from the root, which has none."""
    streams: dict[str, Stream]

    def find(self, *names: str) -> Stream | None:
        """Return the first stream of one of these names, in any case."""
        held = {name.lower(): stream for name, stream in self.streams.items()}
        return next((held[name.lower()] for name in names if name.lower() in held), None)
