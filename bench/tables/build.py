"""Building the index from CSV: time and memory, also with phones as people write them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bench import customers
from bench.customers import Spec
from bench.lab import Lab
from bench.measure import command, exfilter
from bench.results import Figure, Table

AS_WRITTEN = 1_000_000
"""Customers at most whose phones need ``phonenumbers``: the cost is the same for every row."""
COLUMNS = "table", "rows", "cores", "wall s", "CPU s", "µs a row", "peak GB", "index MB", "target"


def measure(given: Lab) -> Table:
    """Build the index anew, in processes of their own."""
    written = Spec(min(given.customers, AS_WRITTEN), phones="as written")
    tables = [
        ("phones in E.164", given.table, given.customers, 1, "60 s, 3 GB for 12,000,000 rows"),
        ("phones in E.164", given.table, given.customers, 0, ""),
        ("phones as written", customers.make(written, given.data), written.customers, 1, "report it"),
        ("phones as written", customers.make(written, given.data), written.customers, 0, ""),
    ]
    notes = ("a CSV with name, e-mail, phone, ticket and country; 60 % of the customers have a phone",)
    rows = tuple(_build(given, *each) for each in tables)
    return Table("build", "Building the index from CSV", COLUMNS, rows, notes)


def _build(given: Lab, name: str, table: Path, count: int, cores: int, target: str) -> tuple[Figure, ...]:
    house = given.house(table)
    index = house / "index"
    shutil.rmtree(index, ignore_errors=True)
    used = command(exfilter("index", "build", str(table), "--config", str(house)), cores)
    size = sum(file.stat().st_size for file in index.rglob("*") if file.is_file())
    cpu = used.user + used.system
    return (
        name,
        count,
        cores or len(os.sched_getaffinity(0)),
        used.wall,
        cpu,
        cpu / count * 1e6,
        used.peak / 1e9,
        size / 1e6,
        target,
    )
