"""What may be somebody's, and the text it stands in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from detectors.folding import fold_with_offsets
from exfilter.kernel.tables import LAST_COLUMN
from exfilter.model import Int64Array

MARKS = ",;\t|"
"""What parts the fields of a record. In other formats they are read as if they did: it only numbers."""


class Candidate(NamedTuple):
    """A span of folded text that has the shape of an identifier."""

    shape: int
    start: int
    end: int
    canonical: bytes
    lead: int = 0
    column: int = 0


@dataclass(frozen=True)
class Text:
    """A text, its fold, and where its records begin."""

    source: str
    folded: str
    sources: Int64Array | None
    """For each folded character that of the source, and the end. None: every index is its own."""
    records: Int64Array | None
    """Ascending, in characters of the source. None: there are none."""

    @classmethod
    def of(cls, source: str, records: Int64Array | None) -> Text:
        """Fold a text. No record is as good as no records."""
        folded, sources = fold_with_offsets(source)
        return cls(source, folded, sources, records if records is not None and len(records) else None)

    def place(self, at: int) -> int:
        """Return the source character of a folded one."""
        return at if self.sources is None else int(self.sources[at])

    def within(self, start: int, end: int) -> str:
        """Return the source of a folded stretch."""
        return self.source[self.place(start) : self.place(end - 1) + 1] if end > start else ""

    def record(self, at: int) -> int:
        """Return the number of the record that a folded character is in; 0 before the first."""
        return 0 if self.records is None else int(np.searchsorted(self._begins, at, side="right"))

    def column(self, at: int) -> int:
        """Return the number of the field that a folded character is in, in its record; 0: it has none."""
        if self.records is None:
            return 0
        number = self.record(at)
        begin = min(int(self._begins[number - 1]), at) if number else 0
        return min(1 + int(self._marks[at] - self._marks[begin]), LAST_COLUMN)

    @cached_property
    def _begins(self) -> Int64Array:
        """Return where records begin in the folded text."""
        if self.records is None:
            return np.empty(0, dtype=np.int64)
        if self.sources is None:
            return self.records
        return np.searchsorted(self.sources[:-1], self.records, side="left")

    @cached_property
    def _marks(self) -> Int64Array:
        """Return how many marks stand before each folded character."""
        return np.cumsum([0, *(character in MARKS for character in self.folded)], dtype=np.int64)
