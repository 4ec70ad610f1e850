"""``exfilter scan`` of a folder, all stages, beside the tools that search files for plain values."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import lab, peers
from bench.lab import HELD, Lab
from bench.measure import Usage, command, exfilter, interleaved
from bench.results import Figure, Table

TIMES = 6
"""The folder is given so often that the start of the processes matters little; it is subtracted besides."""
TURNS = 3
"""Of each command: the least counts, because another process on the machine only adds to the clock."""
TARGETS = {1: "70 % of the kernel's rate", 2: "1.9 × with two cores"}
"""By workers."""
KEYS = 100_000
"""Values that ripgrep and grep look for. A million of them take ripgrep 9 GB."""
COLUMNS = (
    "command",
    "looks for",
    "MB",
    "wall s",
    "CPU s",
    "start s",
    "MB/s",
    "MB a CPU s",
    "of the kernel's rate",
    "target",
)


def measure(given: Lab) -> Table:
    """Scan the folder with one worker and with two, and let the peers search it."""
    made = given.corpora
    size = made.ordinary.stat().st_size / 1e6
    stages = _stages(given)
    kernel = stages["the kernel"]
    rows: list[tuple[Figure, ...]] = [
        (f"{name}, in one process", "", size, *[None] * 4, size / spent, f"{kernel / spent:.0%}", "")
        for name, spent in stages.items()
    ]
    rates = []
    for workers, (start, used) in _commands(given).items():
        rates.append(1 / (used.wall - start.wall))
        name, target = f"exfilter scan --workers {workers}", TARGETS[workers]
        rows.append(
            _row(name, f"{given.customers:,} customers", TIMES * size, used, start, size / kernel, target)
        )
    rows += _searched(given, made.tree, size, size / kernel)
    notes = [
        f"{made.about['files']:,} files; exfilter reads the folder {TIMES} times, the peers once",
        f"exfilter: the least of {TURNS} runs",
        "start: the same command on one file; both rates are of the time without it",
        "of the kernel's rate: by CPU, over the same files, which are a slice each",
        "the workers of a scan run beside the process that lists files and prints results",
    ]
    if len(rates) == 2:
        notes.append(f"two workers: {rates[1] / rates[0]:.2f} times the rate of one")
    return Table("whole", "The whole scan of a folder", COLUMNS, tuple(rows), tuple(notes))


def _stages(given: Lab) -> dict[str, float]:
    """Return the seconds of CPU that each stage takes over the files, without the command around it."""
    transfers = [lab.transfer(file) for file in sorted(given.corpora.tree.iterdir())]
    slices = [part for some in transfers for part in lab.parts(some)]
    joined = lab.transfer(given.corpora.ordinary)
    variants: dict[str, Callable[[], int]] = {
        "the kernel": partial(lab.find, slices, given.pipeline),
        "reading to slices": lambda: sum(1 for some in transfers for _ in lab.parts(some)),
        "bytes to verdict": lambda: sum(given.pipeline.examine(some).findings.bytes for some in transfers),
        "bytes to verdict, all files as one": lambda: given.pipeline.examine(joined).findings.bytes,
    }
    return {name: found.seconds for name, found in interleaved(variants, min(3, given.repetitions)).items()}


def _commands(given: Lab) -> dict[int, tuple[Usage, Usage]]:
    """Return, by workers, what a scan of one file and one of the folder take; the least of several turns."""
    least: dict[int, tuple[Usage, Usage]] = {}
    tree = given.corpora.tree
    for _ in range(TURNS):
        for workers in [number for number in TARGETS if number <= len(os.sched_getaffinity(0))]:
            line = exfilter(
                "scan", "--config", str(given.config), "--format", "jsonl", "--workers", str(workers)
            )
            start = command([*line, str(next(tree.iterdir()))], good=HELD)
            used = command([*line, *[str(tree)] * TIMES], good=HELD)
            before = least.get(workers, (start, used))
            least[workers] = min(before[0], start, key=_wall), min(before[1], used, key=_wall)
    return least


def _wall(used: Usage) -> float:
    return used.wall


def _searched(given: Lab, tree: Path, size: float, rate: float) -> list[tuple[Figure, ...]]:
    """Let ripgrep and grep search the folder for the values of the first customers."""
    values = peers.plaintext(given.table, KEYS)
    rows: list[tuple[Figure, ...]] = []
    with tempfile.TemporaryDirectory(dir=given.data) as scratch:
        keys, empty = Path(scratch, "keys.txt"), Path(scratch, "empty.txt")
        keys.write_text("\n".join(values) + "\n", encoding="utf-8")
        empty.write_text("\n")
        for name, line in peers.commands(keys):
            looks_for = f"{len(values):,} values in plain text"
            if shutil.which(line[0]) is None:
                rows.append((f"{name}: not installed", looks_for, size, *[None] * 6, ""))
                continue
            start = command([*line, str(empty)], good=HELD)
            used = command([*line, str(tree)], good=HELD)
            rows.append(_row(name, looks_for, size, used, start, rate, ""))
    return rows


def _row(
    name: str, looks_for: str, size: float, used: Usage, start: Usage, rate: float, target: str
) -> tuple[Figure, ...]:
    cpu, idle = used.user + used.system, start.user + start.system
    by_wall, by_cpu = size / max(1e-3, used.wall - start.wall), size / max(1e-3, cpu - idle)
    return name, looks_for, size, used.wall, cpu, start.wall, by_wall, by_cpu, f"{by_cpu / rate:.0%}", target
