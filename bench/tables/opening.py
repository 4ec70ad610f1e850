"""A fresh process: imports, opening the index, the first scan, and the memory that is its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from statistics import median

from bench.lab import Lab
from bench.measure import command
from bench.results import Figure, Table

COLUMNS = "what", "median", "worst", "unit", "target"
ROWS = (
    ("imports", "imports", "ms", 1e3, ""),
    ("Index.open, first in the process", "open", "ms", 1e3, "10 ms"),
    ("Index.open, again", "again", "ms", 1e3, ""),
    ("first scan, of one page", "first", "ms", 1e3, ""),
    ("imports, opening and first scan", "ready", "ms", 1e3, "300 ms"),
    ("the whole process, from start to end", "wall", "ms", 1e3, ""),
    ("memory of its own, after one page", "own", "MB", 1e-6, "60 MB"),
    ("memory of its own, after 20 MB of text", "own later", "MB", 1e-6, "60 MB"),
    ("resident in all, after 20 MB of text", "resident", "MB", 1e-6, ""),
)


def measure(given: Lab) -> Table:
    """Start processes one after the other; the index is in the page cache."""
    line = [sys.executable, "-m", "bench.fresh", str(given.config), str(given.corpora.ordinary)]
    command(line)
    seen: list[Mapping[str, float]] = []
    for _ in range(max(5, given.repetitions)):
        short = command(line[:-1], keep=True)
        long = command(line, keep=True)
        seen.append({**json.loads(long.output), **json.loads(short.output), "wall": short.wall})
    rows: list[tuple[Figure, ...]] = []
    for what, name, unit, scale, target in ROWS:
        values = [figures[name] * scale for figures in seen]
        rows.append((what, median(values), max(values), unit, target))
    notes = (
        f"{len(seen)} processes, the index in the page cache",
        "memory of its own: anonymous pages; index and libraries are mapped files that all share",
    )
    return Table("opening", "A fresh process", COLUMNS, tuple(rows), notes)
