"""A replay of small flows, on one core and on two, beside mitmproxy's own reader of the same file."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow, tutils

from bench.lab import HELD, Lab
from bench.measure import command, exfilter
from bench.results import Figure, Table

COLUMNS = "what", "cores", "flows a second", "CPU, ms a flow", "of the bare reader's speed", "peak MB"
FLOWS = 5_000
CARRYING = 500
BARE = """import sys
from mitmproxy.io import FlowReader
print(sum(1 for _ in FlowReader(open(sys.argv[1], "rb")).stream()))"""
SEED = 7


def measure(lab: Lab) -> Table:
    """Replay two captures; of each the start of the processes is taken off."""
    rows: list[tuple[Figure, ...]] = []
    empty = _dump(lab, "empty", 0, carrying=0)
    for what, carrying in (("no customers", 0), ("one in ten with customers", CARRYING)):
        dump = _dump(lab, f"replay-{carrying}", FLOWS, carrying=carrying)
        bare = command([sys.executable, "-c", BARE, str(dump)], keep=True)
        start = command([sys.executable, "-c", BARE, str(empty)], keep=True)
        speed = FLOWS / max(bare.wall - start.wall, 1e-3)
        cost = (bare.user + bare.system - start.user - start.system) / FLOWS * 1e3
        rows.append((f"{what}: FlowReader alone", 1, speed, cost, 1.0, bare.peak / 1e6))
        rows += [_replayed(lab, dump, empty, what, workers, speed) for workers in (1, 2)]
    notes = (
        f"{FLOWS} flows of a form each, the policy of `exfilter init`; {os.cpu_count()} cores",
        "CPU is that of all processes together; cores: workers, beside the process that decides",
    )
    return Table("replay", "Replay", COLUMNS, tuple(rows), notes)


def _replayed(lab: Lab, dump: Path, empty: Path, what: str, workers: int, bare: float) -> tuple[Figure, ...]:
    line = ("--config", str(lab.config), "--format", "jsonl", "--workers", str(workers))
    whole = command(exfilter("replay", str(dump), *line), keep=True, good=HELD)
    start = command(exfilter("replay", str(empty), *line), keep=True, good=HELD)
    speed = FLOWS / max(whole.wall - start.wall, 1e-3)
    cost = (whole.user + whole.system - start.user - start.system) / FLOWS * 1e3
    return f"{what}: replay", workers, speed, cost, speed / bare, whole.peak / 1e6


def _dump(lab: Lab, name: str, flows: int, *, carrying: int) -> Path:
    """Write a capture, where it is not there yet."""
    path = lab.data / f"{name}-{lab.customers}-{flows}.mitm"
    if path.exists():
        return path
    rng = random.Random(SEED)  # noqa: S311 - seeded on purpose
    rows = lab.table.read_bytes()[: 1 << 20].splitlines()
    with path.open("wb") as file:
        writer = FlowWriter(file)  # type: ignore[no-untyped-call, unused-ignore]
        for number in range(flows):
            body = b"csrf=%d&comment=please+ring+twice&quantity=%d" % (rng.getrandbits(60), number % 9)
            if number < flows and carrying and number % (flows // carrying) == 0:
                body = b"\n".join([rows[0], *rng.sample(rows[1:], 3)])
            made = tflow.tflow(
                req=tutils.treq(
                    content=body, host="paste.example", method=b"POST", timestamp_start=1.7e9 + number
                )
            )
            made.metadata["proxyauth"] = (f"user{number % 200}", "")
            writer.add(made)
    return path
