"""Long text in slices that overlap, so that nothing is lost at a seam."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exfilter.limits import Limits
from exfilter.model import Int64Array, Part

_NONE: Int64Array = np.empty(0, dtype=np.int64)


class Slicer:
    """Joins the blocks of one text to parts of about ``slice_bytes`` characters.

    Law: every window of ``overlap`` characters of the text lies in one of the parts.
    """

    def __init__(self, path: tuple[str, ...], limits: Limits) -> None:
        """Make parts with the provenance `path`."""
        self._path = path
        self._limits = limits
        self._seam = ""
        self._seam_records = _NONE
        self._blocks: list[str] = []
        self._records: list[Int64Array] = []
        self._size = 0
        self._has_records = False

    def add(self, text: str, records: Int64Array | None) -> None:
        """Append a block; `records` are offsets into it."""
        if records is not None:
            self._has_records = True
            self._records.append(records + (len(self._seam) + self._size))
        self._blocks.append(text)
        self._size += len(text)

    def parts(self, *, last: bool) -> Iterator[Part]:
        """Yield a part if enough was added, or anything if it is the `last` time."""
        if not self._size or not (last or self._size >= self._limits.slice_bytes):
            return
        text = "".join([self._seam, *self._blocks])
        records = np.concatenate([self._seam_records, *self._records])
        cut = max(0, len(text) - max(0, self._limits.overlap))
        self._seam = text[cut:]
        self._seam_records = records[np.searchsorted(records, cut) :] - cut
        self._blocks, self._records, self._size = [], [], 0
        yield Part(self._path, text, records if self._has_records else None)
