"""What the driver of a run does beside all reading: how many files a second it lists and settles at most."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.lab import Lab
from bench.measure import command
from bench.results import Figure, Table
from bench.wire.doors import copy

FILES = 20_000, 200_000
"""The smaller number in several turns, the larger one once: does it become slower?"""
TURNS = 3
HUNDRED_MILLION = 100_000_000
COLUMNS = (
    "files",
    "listed a second",
    "settled a second",
    "CPU µs to settle one",
    "state, bytes a file",
    "s until a run goes on that has 100 left",
    "hours for 100,000,000 files",
)


def measure(given: Lab, files: tuple[int, ...] = FILES) -> Table:
    """List and settle files that are nowhere, with an engine that answers at once."""
    rows = tuple(_row(given, count, TURNS if count == min(files) else 1) for count in files)
    notes = (
        "listed: items into the state of the run; what the store needs to list them comes on top",
        "settled: judged by the policy, decision and result written down, nobody in them; one core",
        "hours: listing and settling, one after the other, at these rates; no report is written",
        f"{min(files):,} files: the middle of {TURNS} turns; more: once",
    )
    return Table("driver", "The driver of a run alone", COLUMNS, rows, notes)


def _row(given: Lab, files: int, turns: int) -> tuple[Figure, ...]:
    seen = [_turn(given, files) for _ in range(turns)]
    found = {name: median(each[name] for each in seen) for name in seen[0]}
    listed, settled = files / found["listed"], files / found["settled"]
    return (
        files,
        listed,
        settled,
        found["cpu"] / files * 1e6,
        found["state"] / files,
        found["resumed"],
        HUNDRED_MILLION * (1 / listed + 1 / settled) / 3600,
    )


def _turn(given: Lab, files: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=given.data) as scratch:
        house = copy(given.config, Path(scratch, "house"))
        run = [sys.executable, "-m", "bench.settling", str(house), str(Path(scratch, "run")), str(files)]
        said: dict[str, float] = json.loads(command(run, keep=True).output)
        return said
