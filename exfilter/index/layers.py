"""Writing a layer of the index: keys come sorted, in stretches, so that it may be larger than memory."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import numpy as np

from exfilter.kernel.layer import (
    FILTER_BITS,
    RECORD_WORDS,
    RECORDS_A_BUCKET,
    SHARED,
    filter_mask,
    filter_word,
    shifted,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from exfilter.model import Int64Array, Uint64Array

STRETCH = 1 << 20
"""Records that are read again together, for the filter and the buckets."""


class ArrayWriter:
    """An ``.npy`` file that grows by rows, mode 0600. The length is put in at the end."""

    def __init__(self, file: Path, dtype: str, width: int = 0) -> None:
        """``width``: columns of a two-dimensional array; 0: it has one dimension."""
        self._dtype, self._width, self._rows = np.dtype(dtype), width, 0
        self._file = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
        self._begin = self._header()

    def add(self, rows: NDArray[np.generic]) -> None:
        """Append rows."""
        self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).data)
        self._rows += len(rows)

    def close(self, *, whole: bool = True) -> None:
        """Close the file; ``whole``: all of it is on the disk then."""
        with self._file:
            if whole:
                self._file.seek(0)
                if self._header() != self._begin:
                    msg = "the header of an array has changed its length"
                    raise RuntimeError(msg)
                self._file.flush()
                os.fsync(self._file.fileno())

    def _header(self) -> int:
        """Write it. numpy leaves room in it for the first dimension to grow."""
        shape = (self._rows, self._width) if self._width else (self._rows,)
        about = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, about)
        return self._file.tell()


class LayerWriter:
    """Writes the arrays of one layer into a directory: ``{prefix}records.npy`` and so on.

    A context: at its end the layer is whole and on the disk, unless it was left by an exception.
    """

    def __init__(self, directory: Path, prefix: str = "") -> None:
        """``prefix``: of the files' names."""
        self._directory, self._prefix = directory, prefix
        self._records = ArrayWriter(self._path("records"), "<u4", RECORD_WORDS)
        self._starts = ArrayWriter(self._path("postings_start"), "<i8")
        self._postings = ArrayWriter(self._path("postings"), "<u4")
        self._starts.add(np.zeros(1, dtype=np.int64))
        self.records = self._rows = self._bearers = 0
        self._last = -1

    def _path(self, name: str) -> Path:
        return self._directory / f"{self._prefix}{name}.npy"

    def add(self, tags: Uint64Array, ordinals: NDArray[np.uint32]) -> None:
        """Append bearers: sorted by tag, then ordinal, each pair once.

        All of a tag come in one call, and no later call has a lower tag. The only bearer may be
        ``NOBODY``. Raises ValueError where the order is another one.
        """
        if not len(tags):
            return
        new = np.ones(len(tags), dtype=np.bool_)
        new[1:] = tags[1:] != tags[:-1]
        begin = np.flatnonzero(new)
        bearers = np.diff(begin, append=len(tags))
        distinct = tags[begin]
        if int(distinct[0]) <= self._last or bool((distinct[1:] < distinct[:-1]).any()):
            msg = "keys of a layer come by ascending tag"
            raise ValueError(msg)
        self._last = int(distinct[-1])
        values = ordinals[begin].astype(np.uint32)
        shared = np.flatnonzero(bearers > 1)
        values[shared] = SHARED | (self._rows + np.arange(len(shared))).astype(np.uint32)
        self._records.add(_records(distinct, values))
        self._starts.add(self._bearers + np.cumsum(bearers[shared]))
        self._postings.add(ordinals[np.repeat(bearers > 1, bearers)])
        self.records += len(distinct)
        self._rows += len(shared)
        self._bearers += int(bearers[shared].sum())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        with ExitStack() as closing:
            for array in (self._records, self._starts, self._postings):
                closing.callback(array.close, whole=kind is None)
        if kind is None:
            self._finish()

    def _finish(self) -> None:
        """Write the filter and the buckets: one more pass over the records."""
        records = np.load(self._path("records"), mmap_mode="r") if self.records else np.empty((0, 3), "<u4")
        bits = max(0, (self.records // RECORDS_A_BUCKET).bit_length() - 1)
        words = max(1, -(-self.records * FILTER_BITS // 64))
        counts = np.zeros((1 << bits) + 1, dtype=np.uint32)
        filter_ = np.zeros(words, dtype="<u8")
        for start in range(0, self.records, STRETCH):
            tags = np.ascontiguousarray(records[start : start + STRETCH, :2]).view("<u8")[:, 0]
            _count(counts[1:], shifted(tags, 64 - bits).astype(np.int64))
            _mark(filter_, tags)
        for name, array in (("buckets", np.cumsum(counts, dtype="<u4")), ("filter", filter_)):
            writer = ArrayWriter(self._path(name), array.dtype.str)
            writer.add(array)
            writer.close()


def _records(tags: Uint64Array, values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    records = np.empty((len(tags), RECORD_WORDS), dtype="<u4")
    records[:, :2] = np.ascontiguousarray(tags, dtype="<u8").view("<u4").reshape(-1, 2)
    records[:, 2] = values
    return records


def _count(counts: NDArray[np.uint32], ascending: Int64Array) -> None:
    first = int(ascending[0])
    found = np.bincount(ascending - first)
    counts[first : first + len(found)] += found.astype(np.uint32)


def _mark(filter_: Uint64Array, tags: Uint64Array) -> None:
    """Set the bits of ascending tags."""
    word = filter_word(tags, len(filter_))
    begin = np.flatnonzero(np.diff(word, prepend=-1))
    filter_[word[begin]] |= np.bitwise_or.reduceat(filter_mask(tags), begin)
