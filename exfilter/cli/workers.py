"""Worker processes that may die: answers come in order, and a task whose worker died is named.

``concurrent.futures`` gives up the whole pool when one process dies, and cannot say over which
task. Here each worker has its own pipe. It is handed a few small tasks at once and answers each as
soon as it is done, so the parent knows: the first without an answer is the one it died over, and
the others go to another worker.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing as mp
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from exfilter.bulk.tasks import Lost
from exfilter.model import Reason

AHEAD = 32
"""Tasks a worker that may be under way or answered before the oldest one is: bounds the memory."""
TOGETHER = 16
"""Tasks that a worker is handed at once."""
ENOUGH = 1 << 18
"""Weight from which on no further task goes with them."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The worker could not start."""

    message: str


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    tasks: deque[int] = field(default_factory=deque)
    """Numbers of the tasks that it has: it works on the first."""
    since: float = 0.0


def _serve[Task, Answer](pipe: Connection, prepare: Callable[[], Callable[[Task], Answer]]) -> None:
    """Answer tasks until the parent hangs up. The parent alone reacts to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work = prepare()
    except (ValueError, OSError) as error:
        pipe.send(_Refusal(str(error)))
        return
    while True:
        try:
            tasks = pipe.recv()
        except EOFError:
            return
        for task in tasks:
            pipe.send(work(task))


def _weightless(_: object) -> int:
    return 0


def _context() -> ForkServerContext | SpawnContext:
    """Return a way to start processes that copies none of the parent's memory."""
    if "forkserver" not in mp.get_all_start_methods():
        return mp.get_context("spawn")
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["exfilter.cli.scan"])
    return context


@dataclass(slots=True)
class Crew[Task, Answer]:
    """Up to ``size`` workers. ``prepare`` runs once in each and returns the function that answers."""

    prepare: Callable[[], Callable[[Task], Answer]]
    size: int
    patience: float
    """Seconds after which a worker that has not answered a task is ended."""
    weight: Callable[[Task], int] = _weightless
    """How much work a task is: heavy ones go alone."""
    room: float = math.inf
    """Weight of all tasks that may be under way, or answered before the oldest one is."""
    _idle: list[_Worker] = field(default_factory=list)
    _busy: list[_Worker] = field(default_factory=list)
    _load: int = 0
    _again: list[int] = field(default_factory=list)
    """Tasks that a worker had when it was lost over another."""
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _context: ForkServerContext | SpawnContext = field(default_factory=_context)

    def answers(self, tasks: Iterable[Task]) -> Generator[tuple[Task, Answer | Lost], None, None]:
        """Yield each task with its answer, in the order of the tasks. Raises ValueError if none can start."""
        numbered = enumerate(tasks)
        given: dict[int, Task] = {}
        done: dict[int, Answer | Lost] = {}
        oldest = 0
        try:
            while True:
                while len(self._busy) < self.size and (numbers := self._next(numbered, given)):
                    self._give(numbers, [given[number] for number in numbers])
                if not given:
                    return
                if oldest not in done:
                    done.update(self._collect())
                while oldest in done:
                    self._load -= self.weight(given[oldest])
                    yield given.pop(oldest), done.pop(oldest)
                    oldest += 1
        finally:
            self._end()

    def _next(self, numbered: Iterator[tuple[int, Task]], given: dict[int, Task]) -> list[int]:
        """Return the numbers of the tasks that go to a worker together. New ones are put into `given`."""
        numbers, self._again = self._again, []
        weight = ENOUGH if numbers else 0
        while weight < ENOUGH and len(numbers) < TOGETHER and self._has_room(len(given)):
            number, task = next(numbered, (-1, None))
            if task is None:
                break
            given[number] = task
            numbers.append(number)
            heavy = self.weight(task)
            weight, self._load = weight + heavy, self._load + heavy
        return numbers

    def _has_room(self, tasks: int) -> bool:
        return tasks < self.size * AHEAD and (self._load < self.room or not tasks)

    def _give(self, numbers: list[int], tasks: list[Task]) -> None:
        worker = self._idle.pop() if self._idle else self._start()
        worker.tasks.extend(numbers)
        worker.since = time.monotonic()
        self._busy.append(worker)
        self._selector.register(worker.pipe, selectors.EVENT_READ)
        # A worker that is dead already is noticed when its answer is collected.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            worker.pipe.send(tasks)

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self.prepare), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _collect(self) -> dict[int, Answer | Lost]:
        """Wait for a worker, and return what the workers that are ready have to say."""
        left = min(worker.since for worker in self._busy) + self.patience - time.monotonic()
        ready = {key.fileobj for key, _ in self._selector.select(max(left, 0))}
        answers: dict[int, Answer | Lost] = {}
        for worker in list(self._busy):
            task = worker.tasks[0]
            if worker.pipe in ready:
                answers[task] = self._receive(worker)
            elif time.monotonic() - worker.since > self.patience:
                answers[task] = self._lose(worker, Reason.DEADLINE)
        return answers

    def _receive(self, worker: _Worker) -> Answer | Lost:
        try:
            answer: Answer | _Refusal = worker.pipe.recv()
        except (EOFError, OSError):  # also in the midst of an answer
            return self._lose(worker, Reason.MALFORMED)
        if isinstance(answer, _Refusal):
            raise ValueError(answer.message)  # noqa: TRY004 - it is the worker's ValueError
        worker.tasks.popleft()
        worker.since = time.monotonic()
        if not worker.tasks:
            self._selector.unregister(worker.pipe)
            self._busy.remove(worker)
            self._idle.append(worker)
        return answer

    def _lose(self, worker: _Worker, reason: Reason) -> Lost:
        worker.tasks.popleft()
        self._again.extend(worker.tasks)
        self._selector.unregister(worker.pipe)
        self._busy.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        return Lost(reason)

    def _end(self) -> None:
        for worker in self._busy:
            worker.process.kill()
        for worker in (*self._busy, *self._idle):
            worker.pipe.close()
            worker.process.join()
        self._selector.close()
