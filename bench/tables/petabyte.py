"""A petabyte on paper: the figures of the tables ``shares`` and ``driver``, and assumptions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.lab import Lab
from bench.petabyte import DAY, Assumed, Measured, Projection, project
from bench.results import Figure, Table
from bench.shared import KB, MB
from bench.tables.shares import CLUSTER

MEANS = 100 * KB, 1 * MB, 10 * MB
"""Bytes of a file."""
COLUMNS = (
    "files of",
    "files, millions",
    "CPU of workers, core days",
    "days with {} cores",
    "the driver's days",
    "the scheduler's",
    "all wait for",
    "Gbit/s from the store",
    "state, GB",
    "requests, millions",
    "requests, US$",
    "machines, US$",
)


def measure(given: Lab) -> Table:
    """Project. Raises ValueError where nothing was measured yet."""
    assumed, (measured, date) = Assumed(), _measured(given.out)
    rows = tuple(_row(project(mean, measured, assumed)) for mean in MEANS)
    columns = tuple(each.format(assumed.cores) for each in COLUMNS)
    notes = _notes(measured, assumed, date)
    return Table("petabyte", "A petabyte, on paper: computed, not measured", columns, rows, notes)


def _row(found: Projection) -> tuple[Figure, ...]:
    return (
        f"{found.mean // KB:,} KB",
        found.files / 1e6,
        found.work / DAY,
        *(found.days[name] for name in ("workers", "driver", "scheduler")),
        found.slowest,
        found.gigabits,
        found.state / 1e9,
        found.gets / 1e6,
        found.requests,
        found.machines,
    )


def _notes(measured: Measured, assumed: Assumed, date: str) -> tuple[str, ...]:
    workers = (
        f"{measured.small * 1e3:.2f} ms of CPU for a small file, {measured.documents * 1e3:.0f} ms a MB of "
        f"documents, {measured.text * 1e3:.1f} ms a MB of text"
    )
    driver = (
        f"the driver {measured.driver * 1e6:.0f} µs a file and {measured.listed:,.0f} listed a second, "
        f"{measured.state:.0f} bytes of state a file; the scheduler {measured.scheduler * 1e6:.0f} µs a file"
    )
    prices = (
        f"assumed prices, to be replaced: US$ {assumed.core_hour} a core and hour, {assumed.get} for 1,000 "
        f"requests for objects, {assumed.listing} for 1,000 that list {assumed.listed_together:,} each"
    )
    mixed = f"assumed: {assumed.documents:.0%} of the bytes are documents as in table shares, the rest text"
    alike = f"assumed: {assumed.cores} cores do as much each as the two here; the store gives all they ask"
    requests = (
        f"requests: one for every {assumed.block >> 20} MiB of a file that is begun; what is read twice, as "
        "shared ends of ranges and containers too large for memory, comes on top"
    )
    days = (
        "days: of each if it were alone; all go on side by side, and the slowest says how long it takes and "
        "what the machines cost. No failures, no nights in which a share may not be read, no report"
    )
    return (
        f"measured {date}, a cluster of two workers on one machine: {workers}", driver, mixed, alike, prices,
        requests, days,
    )  # fmt: skip


def _measured(out: Path) -> tuple[Measured, str]:
    """Return the figures of the other tables. Raises ValueError where they are missing."""
    shares, driver = _read(out, "shares"), _read(out, "driver")
    way = [CLUSTER, 2]

    def of(files: str, column: str) -> float:
        place = shares["columns"].index(column)
        return next(float(row[place]) for row in shares["rows"] if row[0] == files and row[3:5] == way)

    def a_megabyte(files: str) -> float:
        return of(files, "its workers") / 1e3 * of(files, "of them") / of(files, "MB")

    last = dict(zip(driver["columns"], driver["rows"][-1], strict=True))
    found = Measured(
        small=of("small files", "its workers") / 1e3,
        documents=a_megabyte("documents"),
        text=a_megabyte("large text"),
        driver=of("small files", "CPU ms a file: driver") / 1e3,
        scheduler=of("small files", "scheduler") / 1e3,
        listed=last["listed a second"],
        state=last["state, bytes a file"],
    )
    return found, shares["setting"]["date"][:10]


def _read(out: Path, name: str) -> dict[str, Any]:
    file = out / f"{name}.json"
    try:
        read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"{file}: nothing was measured yet; run `python -m bench shares driver petabyte`"
        raise ValueError(msg) from None
    return read
