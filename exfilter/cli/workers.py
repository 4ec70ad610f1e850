"""Worker processes that may die: answers come in order, and a task whose worker died is named.

``concurrent.futures`` gives up the whole pool when one process dies, and cannot say over which
task. Here each worker has its own pipe and one task at a time, so the parent knows.
"""

from __future__ import annotations

import contextlib
import multiprocessing as mp
import signal
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from exfilter.model import Reason

AHEAD = 32
"""Tasks a worker that may be under way or answered before the oldest one is: bounds the memory."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer: the worker died over this task, or was ended because it took too long."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The worker could not start."""

    message: str


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    task: int = -1
    """Number of the task that it works on. -1: none."""
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
            task = pipe.recv()
        except EOFError:
            return
        pipe.send(work(task))


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
    """Seconds after which a worker that has not answered is ended."""
    _idle: list[_Worker] = field(default_factory=list)
    _busy: list[_Worker] = field(default_factory=list)
    _context: ForkServerContext | SpawnContext = field(default_factory=_context)

    def answers(self, tasks: Iterable[Task]) -> Generator[tuple[Task, Answer | Lost], None, None]:
        """Yield each task with its answer, in the order of the tasks. Raises ValueError if none can start."""
        numbered = enumerate(tasks)
        given: dict[int, Task] = {}
        done: dict[int, Answer | Lost] = {}
        oldest = 0
        try:
            while True:
                while len(self._busy) < self.size and len(given) < self.size * AHEAD:
                    number, task = next(numbered, (-1, None))
                    if task is None:
                        break
                    given[number] = task
                    self._give(number, task)
                if not given:
                    return
                if oldest not in done:
                    done.update(self._collect())
                while oldest in done:
                    yield given.pop(oldest), done.pop(oldest)
                    oldest += 1
        finally:
            self._end()

    def _give(self, number: int, task: Task) -> None:
        worker = self._idle.pop() if self._idle else self._start()
        worker.task, worker.since = number, time.monotonic()
        self._busy.append(worker)
        # A worker that is dead already is noticed when its answer is collected.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            worker.pipe.send(task)

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self.prepare), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _collect(self) -> dict[int, Answer | Lost]:
        """Wait for a worker, and return what the workers that are ready have to say."""
        left = min(worker.since for worker in self._busy) + self.patience - time.monotonic()
        ready = wait([worker.pipe for worker in self._busy], max(left, 0))
        answers: dict[int, Answer | Lost] = {}
        for worker in list(self._busy):
            if worker.pipe in ready:
                answers[worker.task] = self._receive(worker)
            elif time.monotonic() - worker.since > self.patience:
                answers[worker.task] = self._lose(worker, Reason.DEADLINE)
        return answers

    def _receive(self, worker: _Worker) -> Answer | Lost:
        try:
            answer: Answer | _Refusal = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            return self._lose(worker, Reason.MALFORMED)
        if isinstance(answer, _Refusal):
            raise ValueError(answer.message)  # noqa: TRY004 - it is the worker's ValueError
        self._busy.remove(worker)
        self._idle.append(worker)
        return answer

    def _lose(self, worker: _Worker, reason: Reason) -> Lost:
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
