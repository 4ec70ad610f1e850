"""The driver: list, hand out, settle, keep. The same for processes here and for a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Protocol

from exfilter.bulk.ranges import RANGE, head, ranges, splits
from exfilter.bulk.state import Settled, State, urls_as_text
from exfilter.bulk.tasks import Answer, Engine, Lost, Task
from exfilter.model import Versions
from exfilter.stores import Item, Unreadable, again, listed, opened

FIRST, AGAIN, ALONE = range(3)
"""Turns: of every file; of those that their store did not give; of those that lost their worker, which are
few and go one at a time. What fails in its last one is set aside."""
KEPT_TOGETHER = 256
"""Results of one transaction, which waits for the disk,"""
KEPT_AFTER = 1.0
"""or of so many seconds."""

Told = Callable[[int, int], None]
"""Hears of each step: files and bytes."""


class Settle(Protocol):
    """What becomes of a file that was read."""

    def __call__(self, item: Item, answer: Answer) -> Settled:
        """Judge a file by the policy."""

    def record(self, decisions: Iterable[bytes]) -> None:
        """Write decisions down. Raises OSError where not all of them are there afterwards."""


def _ignore(_files: int, _bytes: int) -> None:
    pass


@dataclass(slots=True)
class Run:
    """One scan of many files, in its folder's state."""

    state: State
    engine: Engine
    settle: Settle
    length: int = RANGE
    """Bytes of a range of large text."""
    _kept: list[tuple[Task, bytes, Settled]] = field(default_factory=list)
    _since: float = 0.0

    def begin(self, urls: Sequence[str], versions: Versions, told: Told = _ignore) -> None:
        """List what is to be scanned, unless that was done. Raises ValueError for another run's folder."""
        text, before = urls_as_text(urls), self.state.about()
        if before and before.get("urls") != text:
            msg = "this run began with other files: scan these into a new folder"
            raise ValueError(msg)
        found = [listed(url) for url in urls]  # A mistake in a URL is told before the run has begun.
        self.state.tell({"urls": text})
        self.state.judged_by(versions)
        if "listed" in before:
            return
        for count in self.state.list((item, self._ranges(item)) for some in found for item in some):
            told(count, 0)
        self.state.tell({"listed": "yes"})

    def again(self) -> None:
        """List once more what was finished without being read; ``go`` scans it."""
        for number, item in self.state.unread():
            self.state.replace(number, ((found, self._ranges(found)) for found in again(item)))

    def _ranges(self, item: Item) -> list[tuple[int, int]]:
        """Return the ranges that a file is read in. Empty: as a whole, as are those that cannot be opened."""
        if item.problem or item.size <= self.length:
            return []
        try:
            with opened(item) as body:
                is_split = splits(head(body))
        except (Unreadable, OSError, EOFError):
            return []
        return ranges(item.size, self.length) if is_split else []

    def go(self, told: Told = _ignore) -> None:
        """Finish every file. What lost its worker, or was not given by its store, is tried twice."""
        for task, answer in self.state.unjudged():
            self._finish(task, answer)
        for turn in (FIRST, AGAIN, ALONE):
            tasks = self.state.todo(turn)
            some = list(islice(tasks, 1))
            if not some:  # No engine has to start for nothing.
                continue
            with closing(self.engine.answers(chain(some, tasks), alone=turn == ALONE)) as answers:
                for task, got in answers:
                    found = self._answer(task, got, turn)
                    if found:
                        self._take(task, found)
                        told(0 if task.ranged else 1, task.weight)
        self.keep()

    def _answer(self, task: Task, answer: Answer | Lost, turn: int) -> Answer | None:
        """Return the answer on a task, also on one that is set aside. None: it has another turn."""
        if isinstance(answer, Lost) and turn == ALONE:
            return Answer(None, "the scan of it broke off 2 times", answer.reason)
        if isinstance(answer, Lost):
            self.state.put_off(task, ALONE)
            return None
        if answer.passing and turn == FIRST:
            self.state.put_off(task, AGAIN)
            return None
        return answer

    def _take(self, task: Task, answer: Answer) -> None:
        if not task.ranged:
            self._finish(task, answer)
        elif whole := self.state.read(task, answer):
            self._finish(task, whole)

    def _finish(self, task: Task, answer: Answer) -> None:
        self._since = self._since if self._kept else time.monotonic()
        self._kept.append((task, answer.digest, self.settle(task.item, answer)))
        if len(self._kept) >= KEPT_TOGETHER or time.monotonic() > self._since + KEPT_AFTER:
            self.keep()

    def keep(self) -> None:
        """Keep what is judged already; also when the run is broken off."""
        # First the decisions, then the results: a result that is kept has its decision in the log.
        if self._kept:
            self.settle.record([settled.decision for _, _, settled in self._kept])
            self.state.finish(self._kept)
            self._kept = []
