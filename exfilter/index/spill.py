"""Records that need not fit into memory: kept in parts by the first bits of their tags.

Part of them waits on disk in a file without a name, which is gone with the process, whatever ends it.
It holds tags and numbers only, as the index does.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from exfilter.index import records
from exfilter.model import Int64Array, Uint64Array

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BITS = 8
PARTS = 1 << BITS
WORD_BYTES = 8


class Spill:
    """Takes records in any order and gives them back by ascending part."""

    def __init__(self, folder: Path, width: int, memory: int) -> None:
        """``width``: words of a record. ``memory``: bytes that are kept before they go to disk."""
        self._folder, self._width, self._memory = folder, width, memory
        self._waiting: list[Uint64Array] = []
        self._held = 0
        self._file: BinaryIO | None = None
        self._runs: list[Int64Array] = []
        """Where the parts of what was written together begin, in records, and where the last ends."""
        self._counts: Int64Array = np.zeros(PARTS, dtype=np.int64)

    def __len__(self) -> int:
        return int(self._counts.sum()) + self._held // (self._width * WORD_BYTES)

    def add(self, found: Uint64Array) -> None:
        """Take records, [n, width]."""
        self._waiting.append(found)
        self._held += found.nbytes
        if self._held > self._memory:
            self._flush()

    def groups(self, least: int) -> Iterator[Uint64Array]:
        """Yield all records, those with lower tags first; ``least`` together, where there are as many.

        Records with one tag come together. Can be asked for more than once.
        """
        ordered, starts = self._settle()
        begin = 0
        total = np.cumsum(self._counts + np.diff(starts))
        while begin < PARTS:
            before = int(total[begin - 1]) if begin else 0
            end = min(PARTS, int(np.searchsorted(total, before + least)) + 1)
            pieces = [*self._read(begin, end), ordered[starts[begin] : starts[end]]]
            yield np.concatenate(pieces)
            begin = end

    def close(self) -> None:
        """Give everything up."""
        self._waiting, self._held = [], 0
        if self._file is not None:
            self._file.close()

    def _settle(self) -> tuple[Uint64Array, Int64Array]:
        """Return what never went to disk, in order, and where its parts begin."""
        if self._file is not None and self._waiting:
            self._flush()
        ordered, starts = self._ordered()
        self._waiting = [ordered]
        return ordered, starts

    def _ordered(self) -> tuple[Uint64Array, Int64Array]:
        none = np.empty((0, self._width), dtype=np.uint64)
        together = np.concatenate([none, *self._waiting])
        self._waiting = []
        return records.scatter(together, BITS)

    def _flush(self) -> None:
        ordered, starts = self._ordered()
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - see close
        first = self._runs[-1][-1] if self._runs else 0
        self._file.seek(0, os.SEEK_END)
        view = memoryview(ordered).cast("B") if len(ordered) else memoryview(b"")
        while len(view):
            view = view[self._file.write(view) :]
        self._runs.append(starts + first)
        self._counts += np.diff(starts)
        self._held = 0

    def _read(self, begin: int, end: int) -> Iterator[Uint64Array]:
        """Yield the records of some parts that were written together, for each time."""
        for starts in self._runs:
            size = int(starts[end] - starts[begin])
            piece = np.empty((size, self._width), dtype=np.uint64)
            if size and self._file is not None:
                self._file.seek(int(starts[begin]) * self._width * WORD_BYTES)
                view = memoryview(piece).cast("B")
                while len(view):
                    got = self._file.readinto(view)  # type: ignore[attr-defined]
                    if not got:
                        msg = "a temporary file has lost its end: is the disk full?"
                        raise OSError(msg)
                    view = view[got:]
            yield piece
