"""A year of ten thousand senders in the ledger: what a verdict waits for, and a trace of three victims.

The server is the one of ``EXFILTER_BENCH_POSTGRESQL`` (the URL of an empty database; its password as ever in
``EXFILTER_LEDGER_PASSWORD``); without it only SQLite is measured.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bench.asking import LANES, opened
from bench.lab import Lab
from bench.loading import load
from bench.measure import command
from bench.results import Figure, Table
from bench.senders import Scale, actor_name, simulate

COLUMNS = (
    "what",
    "decided, p50 ms",
    "p99",
    "most",
    "on the disk, p50 ms",
    "p99",
    "own memory, MB",
    "target",
)
SERVER = "EXFILTER_BENCH_POSTGRESQL"
TARGET = "decided, p99 5 ms"
WORDS = {
    "warm": ("200 people who go on", TARGET),
    "others": ("people a running process does not know yet", TARGET),
    "midnight": ("the first of each on a new day", ""),
    "cold": ("the first after a start", ""),
    "cold mail": ("the first after a start, to the host of half of all", ""),
    "large": ("50,000 customers at once", ""),
}
ON_SERVER = 200_000
"""Exposures of people there: what is loaded goes through the network's protocol."""


def measure(lab: Lab) -> Table:
    """Fill a ledger, then ask it in processes of their own."""
    scale = Scale()
    if lab.customers < scale.customers:
        few = max(20_000, scale.exposures * lab.customers // scale.customers)
        scale = replace(scale, exposures=few)
    rows: list[tuple[Figure, ...]] = []
    file = lab.data / "ledger.sqlite"
    notes = [_filled(file, scale), *_notes()]
    rows += _rows("SQLite", str(file))
    url = os.environ.get(SERVER)
    if url:
        fewer = replace(scale, exposures=min(ON_SERVER, scale.exposures))
        notes.append(_on_server(url, fewer))
        rows += _rows("PostgreSQL", url)
    return Table("ledger", "A year in the ledger", COLUMNS, tuple(rows), tuple(notes))


def _filled(file: Path, scale: Scale) -> str:
    for name in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        name.unlink(missing_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    many, seconds = _load(str(file), scale)
    size = file.stat().st_size
    return (
        f"SQLite: {many:,} exposures, {size / many:.0f} bytes each on the disk, all tables and indexes; "
        f"loaded in {seconds:.0f} s"
    )


def _on_server(url: str, scale: Scale) -> str:
    many, seconds = _load(url, scale)
    return f"PostgreSQL on this machine, over TCP: {many:,} exposures, loaded in {seconds:.0f} s"


def _load(place: str, scale: Scale) -> tuple[int, float]:
    year = simulate(scale)
    ledger = opened(place)
    began = time.perf_counter()
    load(ledger, year)
    ledger.close()
    return len(year), time.perf_counter() - began


def _rows(kind: str, place: str) -> Iterator[tuple[Figure, ...]]:
    for lane in LANES:
        words, target = WORDS[lane]
        yield _row(f"{kind}: {words}", _asked("bench.asking", lane, place), target)
    # The year's trace comes last: what was asked is in it too.
    yield from _traces(kind, _asked("bench.traced", place, actor_name(Scale().actors + 2)))


def _asked(*words: str) -> Mapping[str, float]:
    found: Mapping[str, float] = json.loads(command([sys.executable, "-m", *words], keep=True).output)
    return found


def _row(what: str, of: Mapping[str, float], target: str) -> tuple[Figure, ...]:
    check = (of["check p50"], of["check p99"], of["check most"])
    return (what, *check, of["whole p50"], of["whole p99"], of["memory"] / 1e6, target)


def _traces(kind: str, of: Mapping[str, float]) -> Iterator[tuple[Figure, ...]]:
    what = f"{kind}: trace of three victims, thief at rank {of['rank']}, {of['verdict']}"
    for word, target in (("first", ""), ("again", "1,000 ms")):
        took = of[f"whole {word}"] * 1000
        yield (f"{what}, {word}", took, None, None, None, None, of["peak"] / 1e6, target)


def _notes() -> tuple[str, ...]:
    scale = Scale()
    return (
        f"{scale.actors:,} actors in {scale.groups} groups, {scale.destinations} hosts (one gets half)",
        f"{scale.customers:,} customers; a sync sends {scale.nightly:,} each night",
        "a thief takes 68,000 in 90 days, six transfers a day; victims are three at random",
        "asked: 1, 7, 30 and 365 days of actor, group and destination, distinct and new; one process",
        "decided: from the beginning of the transaction; on the disk: with the commit (synchronous = FULL)",
        "own memory: what asking added; of a trace, the process's peak",
        "a trace: reading and ranking; starting Python and its modules takes half a second more",
    )
