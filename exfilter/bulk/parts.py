"""Results as files: JSON lines and Parquet, by day of the scan, each in parts of bounded length."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TextIO

ROWS = 500_000
"""Of a part."""
WARM = 4
"""Days whose rows wait in memory for a group of them. Few come at a time: what was tried twice is later."""


class Part(Protocol):
    """A file that rows are added to."""

    def add(self, row: Mapping[str, Any]) -> None:
        """Take the next row."""

    def flush(self) -> None:
        """Write what is still in memory."""

    def close(self) -> None:
        """Finish the file."""


class Lines:
    """A file of JSON lines."""

    suffix = "jsonl"

    def __init__(self, path: Path) -> None:
        """Make it; it must not exist."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._out: TextIO = os.fdopen(descriptor, "w", encoding="ascii")

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a line."""
        self._out.write(json.dumps(row) + "\n")

    def flush(self) -> None:
        """Write what is still in memory."""
        self._out.flush()

    def close(self) -> None:
        """Finish the file."""
        self._out.close()


def kinds() -> dict[str, Any]:
    """Return how results can be written here, by the ending of their files."""
    found: dict[str, Any] = {Lines.suffix: Lines}
    if find_spec("pyarrow"):
        from exfilter.bulk.columnar import Columnar  # noqa: PLC0415 - an extra

        found[Columnar.suffix] = Columnar
    return found


@dataclass(slots=True)
class Series:
    """The rows of one day: part after part, in every kind."""

    folder: Path
    day: str
    length: int
    kinds: Mapping[str, Any]
    _parts: list[Part] = field(default_factory=list)
    _rows: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row, into the next part where this one is full."""
        if self._rows % self.length == 0:
            self.close()
            self._begin(self._rows // self.length)
        self._rows += 1
        for part in self._parts:
            part.add(row)

    def _begin(self, number: int) -> None:
        for suffix, kind in self.kinds.items():
            into = self.folder / suffix / f"day={self.day}"
            for each in (into.parent, into):
                each.mkdir(mode=0o700, exist_ok=True)
            self._parts.append(kind(into / f"part-{number}.{suffix}"))

    def flush(self) -> None:
        """Write what is still in memory."""
        for part in self._parts:
            part.flush()

    def close(self) -> None:
        """Finish the part that is being written."""
        for part in self._parts:
            part.close()
        self._parts = []


@dataclass(slots=True)
class Days:
    """The series of all days: those of one run are few, and all are open until the end."""

    folder: Path
    length: int
    _series: dict[str, Series] = field(default_factory=dict)
    _warm: dict[str, None] = field(default_factory=dict)
    """Days that were written to last, in that order."""
    _kinds: Mapping[str, Any] = field(default_factory=kinds)

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row to its day."""
        day = row["day"]
        if day not in self._series:
            self._series[day] = Series(self.folder, day, self.length, self._kinds)
        self._warm[day] = self._warm.pop(day, None)
        if len(self._warm) > WARM:
            coldest = next(iter(self._warm))
            del self._warm[coldest]
            self._series[coldest].flush()
        self._series[day].add(row)

    def close(self) -> None:
        """Finish all of them."""
        for each in self._series.values():
            each.close()


def write(rows: Iterable[Mapping[str, Any]], folder: Path, length: int = ROWS) -> None:
    """Write rows into an empty folder. Memory: a group of rows for each of a few days."""
    with closing(Days(folder, length)) as days:
        for row in rows:
            days.add(row)
