"""Bytes of a content in memory, as a file that can be sought in and handed to another process."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Iterator

from exfilter.body import CHUNK
from exfilter.content.budget import Budget


class Spool:
    """Bytes of a content in memory that a child can read."""

    def __init__(self, budget: Budget, *, inner: bool) -> None:
        """`inner`: it lies in another content, and counts for what may be held at a time."""
        self.file = os.memfd_create("content", os.MFD_CLOEXEC)
        self.size = 0
        self.refused = 0
        """Bytes that were too many."""
        self._budget = budget
        self._inner = inner

    def add(self, chunk: bytes) -> None:
        """Append a chunk, as far as it may be held."""
        fits = len(chunk) if not self._inner else min(len(chunk), self._budget.room)
        fits = 0 if self.refused else fits
        self.refused += len(chunk) - fits
        self.size += fits
        if self._inner:
            self._budget.hold(fits)
        view = memoryview(chunk)[:fits]
        while view:
            view = view[os.write(self.file, view) :]

    @property
    def room(self) -> int:
        """Bytes that may still be added."""
        return self._budget.room if self._inner else sys.maxsize

    def chunks(self) -> Iterator[bytes]:
        """Yield what was added."""
        for start in range(0, self.size, CHUNK):
            yield os.pread(self.file, CHUNK, start)

    def view(self) -> memoryview:
        """Return what was added without a copy."""
        return memoryview(mmap.mmap(self.file, 0, prot=mmap.PROT_READ) if self.size else b"")

    def close(self) -> None:
        """Give the memory back."""
        os.close(self.file)
        if self._inner:
            self._budget.release(self.size)
