"""Timing: variants interleaved in one process, and commands in a process of their own."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from bench import ROOT

_PR_SET_CHILD_SUBREAPER = 36
"""Of prctl(2), Linux."""
WATCHED_EVERY = 0.5
"""Seconds."""


@dataclass(slots=True)
class Times:
    """Seconds of every repetition of one variant, and what it returned."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    result: int = 0

    @property
    def seconds(self) -> float:
        """Median of the thread's CPU time: another process on the same core does not count."""
        return median(self.cpu)

    @property
    def spread(self) -> float:
        """Slowest less fastest repetition, by the median."""
        return (max(self.cpu) - min(self.cpu)) / max(self.seconds, 1e-9)


def interleaved(variants: Mapping[str, Callable[[], int]], repetitions: int) -> dict[str, Times]:
    """Run every variant ``repetitions`` times, forwards and backwards in turn, after one run unmeasured.

    What disturbs the machine for a while then disturbs all of them. Compare within one call only.
    """
    times = {name: Times() for name in variants}
    for name, run in variants.items():
        times[name].result = run()
    for repetition in range(repetitions):
        order = list(variants) if repetition % 2 == 0 else list(variants)[::-1]
        for name in order:
            wall, cpu = time.perf_counter(), time.thread_time()
            variants[name]()
            times[name].cpu.append(time.thread_time() - cpu)
            times[name].wall.append(time.perf_counter() - wall)
    return times


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command took, with all the processes that it started."""

    wall: float
    user: float
    system: float
    peak: int
    """Bytes resident at most, of the largest of its processes."""
    code: int
    output: str
    alone: float = 0.0
    """Seconds of CPU of the command itself and of what it waited for: without what it left behind."""


def command(
    arguments: Sequence[str],
    cores: int = 0,
    *,
    keep: bool = False,
    good: Sequence[int] = (0,),
    env: Mapping[str, str] | None = None,
    watch: Callable[[int], None] | None = None,
) -> Usage:
    """Run a command in the checkout, on that many cores (0: all), and return what it took.

    ``keep``: return its standard output, which else is thrown away. ``env``: what it knows besides.
    ``watch``: is called with the id of its process now and then. Raises RuntimeError where it ends with a
    code that is not ``good``.
    """
    _adopt()
    before = _children()
    allowed = sorted(os.sched_getaffinity(0))
    began = time.perf_counter()
    with (
        subprocess.Popen(  # noqa: S603 - commands of our own
            list(arguments),
            stdout=subprocess.PIPE if keep else subprocess.DEVNULL,
            preexec_fn=partial(os.sched_setaffinity, 0, allowed[-cores:]),  # noqa: PLW1509 - no threads here
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            text=True,
        ) as process,
        _watched(process.pid, watch),
    ):
        output = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in good:
        msg = f"{Path(arguments[0]).name} ended with {process.returncode}"
        raise RuntimeError(msg)
    everybody = [used, *_left_behind(before)]
    return Usage(
        wall=wall,
        user=sum(each.ru_utime for each in everybody),
        system=sum(each.ru_stime for each in everybody),
        peak=max(each.ru_maxrss for each in everybody) * 1024,
        code=process.returncode,
        output=output,
        alone=used.ru_utime + used.ru_stime,
    )


@contextmanager
def _watched(process: int, watch: Callable[[int], None] | None) -> Iterator[None]:
    over = threading.Event()

    def look() -> None:
        while watch and not over.wait(WATCHED_EVERY):
            watch(process)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _adopt() -> None:
    """Inherit the processes that a command leaves behind: its workers are children of a server of forks."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children() -> set[int]:
    """Return the processes that this one would have to wait for."""
    lists = (file.read_text(encoding="ascii") for file in Path("/proc/self/task").glob("*/children"))
    return {int(process) for listed in lists for process in listed.split()}


def _left_behind(before: set[int]) -> Iterator[resource.struct_rusage]:
    """Wait for the processes that are new since ``before``, and yield what each took."""
    while new := _children() - before:
        for process in new:
            _, _, used = os.wait4(process, 0)
            yield used


def exfilter(*arguments: str) -> list[str]:
    """Return the command line of this very exfilter."""
    return [sys.executable, "-P", "-c", "from exfilter.cli import main; main()", *arguments]
