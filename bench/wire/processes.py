"""What a process and all that it started take: CPU, memory, descriptors. From /proc, Linux."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))


def tree(root: int) -> list[int]:
    """Return a process and its living descendants, itself first."""
    children: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit() and (fields := _stat(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def cpu(root: int) -> float:
    """Return the seconds of CPU of the whole tree, with those of its children that ended."""
    return sum(sum(map(int, fields[11:15])) for each in tree(root) if (fields := _stat(each))) / TICKS


def resident(process: int, *, peak: bool = False) -> int:
    """Return the bytes that a process has in memory, or had at most. 0: it is gone."""
    wanted = "VmHWM:" if peak else "VmRSS:"
    with suppress(OSError):
        for line in (PROC / str(process) / "status").read_text("utf-8", "replace").splitlines():
            if line.startswith(wanted):
                return int(line.split()[1]) * 1024
    return 0


def own(process: int) -> int:
    """Return the bytes in memory that belong to a process alone: no mapped files."""
    with suppress(OSError):
        for line in (PROC / str(process) / "status").read_text("utf-8", "replace").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def proportional(process: int) -> int:
    """Return a process's part of the memory: what it shares is divided by its users. 0: it is gone."""
    with suppress(OSError):
        for line in (PROC / str(process) / "smaps_rollup").read_text("ascii", "replace").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def descriptors(process: int) -> int:
    """Return how many descriptors a process has open. 0: it is gone."""
    with suppress(OSError):
        return sum(1 for _ in (PROC / str(process) / "fd").iterdir())
    return 0


def pin(root: int, cores: set[int]) -> None:
    """Let a tree run on these cores only, with every thread that it has and will have."""
    for process in tree(root):
        with suppress(OSError):
            for thread in (PROC / str(process) / "task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)


def _stat(process: int) -> list[str]:
    """Return the fields after the name, the state first. Empty: it is gone."""
    with suppress(OSError):
        text = (PROC / str(process) / "stat").read_text("utf-8", "replace")
        return text[text.rindex(")") + 2 :].split()
    return []
