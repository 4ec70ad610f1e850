"""How far a run is: one moving line on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from exfilter.bulk.state import Totals
from exfilter.limits import MIB

EVERY = 60.0
"""Seconds between two lines where there is no terminal."""


@dataclass(slots=True)
class Line:
    """What is told of a run while it goes on."""

    progress: Progress
    out: TextIO
    every: float
    """Seconds between two lines. 0: it is a terminal, where one line moves."""
    files: int = 0
    _next: float = 0.0

    def listed(self, files: int, _bytes: int) -> None:
        """Take how many files more were listed."""
        self.files += files
        self._say(f"{self.files} files listed")

    def delivered(self, size: int, total: int) -> None:
        """Take how many bytes of the index have arrived everywhere."""
        self._say(f"index delivered to the nodes: {size / MIB:.0f} of {total / MIB:.0f} MiB")

    def begin(self, totals: Totals) -> None:
        """Show what there is to do."""
        self.files = totals.done_files
        self.progress.reset(self.progress.task_ids[0], total=totals.bytes, completed=totals.done_bytes)

    def scanned(self, files: int, size: int) -> None:
        """Take what was scanned."""
        self.files += files
        self.progress.advance(self.progress.task_ids[0], size)
        self._say(f"{self.files} files scanned", rate=True)

    def writing(self) -> None:
        """Say that all is scanned."""
        self._say("writing the report")

    def _say(self, text: str, *, rate: bool = False) -> None:
        self.progress.update(self.progress.task_ids[0], description=text)
        if self.every and time.monotonic() >= self._next:
            self._next = time.monotonic() + self.every
            self.out.write(f"exfilter: {text}{self._rate() if rate else ''}\n")
            self.out.flush()

    def _rate(self) -> str:
        """Return how much is done, how fast, and how long the rest takes at that rate."""
        task = self.progress.tasks[0]
        done = f", {task.completed / MIB:.0f} of {(task.total or 0) / MIB:.0f} MiB"
        if not task.speed or task.time_remaining is None:
            return done
        return f"{done}, {task.speed / MIB:.1f} MiB/s, {timedelta(seconds=int(task.time_remaining))} left"


@contextmanager
def shown(out: TextIO, every: float = EVERY) -> Iterator[Line]:
    """Give what shows how far a run is."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    moves = out.isatty()
    with Progress(*columns, console=Console(file=out), transient=True, disable=not moves) as progress:
        progress.add_task("listing", total=None)
        yield Line(progress, out, 0.0 if moves else every, _next=time.monotonic() + every)
