"""The workers of a door: how many there may be, who gets which transfer, and what happens when one dies.

A small transfer takes any worker that is free, or waits a moment for one that is warm. Large ones have a
bound of their own, so that small ones never wait for them; what takes long, whatever its size, runs with
less priority. Who waits longest goes first, but those of an actor who has few under way go before those of
one who has many, and nobody gets the last worker for himself. A body that still arrives is read where a
worker has nothing else to do, and gives it back as soon as somebody waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from exfilter.door import commands, tasks
from exfilter.model import Reason

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from exfilter.door.nursery import Nursery

LARGE = 256 * 1024
"""Bytes from which on a body is large."""
LONG = 1.0
"""Seconds after which a worker loses its priority to others, and ends with its task."""
WARM = 0.01
"""Seconds that a small transfer waits for a worker that has one in hand, while few wait. Where four
processes take turns at a core, a small scan costs each nearly twice as much: its caches are cold."""
QUEUE = 128
"""Transfers that wait for a worker at a time."""
_ROUND = 1 << 16


class BusyError(Exception):
    """As many transfers wait as may."""


class LostError(Exception):
    """A worker died over its task, or took too long and was ended."""

    def __init__(self, cause: Reason) -> None:
        """Say which of both it was: malformed or deadline."""
        super().__init__(cause.value)
        self.cause = cause


@dataclass(slots=True, eq=False)
class Worker:
    """One process, for one task at a time."""

    number: int
    link: socket.socket
    answer: asyncio.Future[tasks.Outcome] | None = None
    """None: it is idle."""
    demotion: asyncio.TimerHandle | None = None
    """What takes priority from it when its task is a long one."""
    ends: bool = False
    """It has been given less priority, and ends with its task."""
    arriving: bool = False
    """It reads a body that still arrives, and may be taken away."""


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    actor: str
    large: bool
    turn: asyncio.Future[Worker]
    waits: float = 0.0
    """For a worker that is warm, until then on the loop's clock."""


class Pool:
    """Workers and those who wait for one. For one event loop."""

    def __init__(
        self,
        nursery: Nursery,
        workers: int,
        queue: int = QUEUE,
        told: Callable[[int, int], None] | None = None,
    ) -> None:
        """Take where workers come from, and how many large transfers are scanned side by side.

        ``told`` hears how many wait and how many workers are busy whenever that changes.
        """
        self._told = told
        self.workers = workers
        self.queue = queue
        self._nursery = nursery
        self._idle: list[Worker] = []
        self._busy: dict[Worker, _Wish] = {}
        self._waiting: deque[_Wish] = deque()
        self._closed = False

    @property
    def most(self) -> int:
        """Processes that scan at a time."""
        return 2 * self.workers + 2

    @property
    def waiting(self) -> int:
        """Transfers that wait for a worker."""
        return len(self._waiting)

    @property
    def busy(self) -> int:
        """Workers that have something to do."""
        return len(self._busy)

    def open(self) -> None:
        """Take transfers, from now on, in the loop that runs."""
        self._nursery.watch(self._assign)
        self._idle.extend(self._fork() for _ in range(self.workers))

    def close(self) -> None:
        """End all workers. What they had to do is lost, and not forwarded."""
        self._closed = True
        for worker in (*self._idle, *self._busy):
            self._end(worker)

    async def run(
        self, task: tasks.Task, actor: str, size: int, files: Sequence[int], until: float
    ) -> tasks.Outcome:
        """Have a task done, by ``until`` on the loop's clock. ``size``: bytes of the body.

        Raises BusyError where too many wait, LostError where there is no answer.
        """
        worker: Worker | None = None
        try:
            async with asyncio.timeout_at(until):
                worker = await self._turn(actor, large=size > LARGE)
                return await self._work(worker, task, files)
        except TimeoutError:
            raise LostError(Reason.DEADLINE) from None
        except (OSError, EOFError, msgspec.MsgspecError):
            raise LostError(Reason.MALFORMED) from None
        finally:
            if worker is not None:
                self._free(worker)

    def begin(self, task: tasks.Judge, actor: str, file: int) -> Arrival | None:
        """Let a worker read a body that still arrives. None: all have something better to do."""
        large = sum(wish.large for wish in self._busy.values())
        if self._waiting or large >= self.workers or not self._idle:
            return None
        worker = self._idle.pop()
        loop = asyncio.get_running_loop()
        self._busy[worker] = _Wish(actor, large=True, turn=loop.create_future())
        worker.answer, worker.arriving = loop.create_future(), True
        worker.demotion = loop.call_later(LONG, self._demote, worker)
        try:
            tasks.give(worker.link, task, [file])
        except OSError:
            self._free(worker)
            return None
        return Arrival(self, worker)

    async def _turn(self, actor: str, *, large: bool) -> Worker:
        if self._closed:
            raise BusyError
        loop = asyncio.get_running_loop()
        wish = _Wish(actor, large, loop.create_future(), 0.0 if large else loop.time() + WARM)
        self._waiting.append(wish)
        self._assign()
        if not (large or wish.turn.done()):
            loop.call_later(WARM, self._assign)
        if len(self._waiting) > self.queue:
            self._turn_away()
        try:
            return await wish.turn
        except asyncio.CancelledError:
            if wish in self._waiting:
                self._waiting.remove(wish)
            elif wish.turn.done() and not (wish.turn.cancelled() or wish.turn.exception()):
                self._free(wish.turn.result())
            raise

    def _turn_away(self) -> None:
        """Send away the last who came of the actor with most who wait."""
        waiting = Counter(wish.actor for wish in self._waiting)
        last = max(reversed(self._waiting), key=lambda wish: waiting[wish.actor])
        self._waiting.remove(last)
        last.turn.set_exception(BusyError())

    async def _work(self, worker: Worker, task: tasks.Task, files: Sequence[int]) -> tasks.Outcome:
        loop = asyncio.get_running_loop()
        worker.answer = loop.create_future()
        worker.demotion = loop.call_later(LONG, self._demote, worker)
        tasks.give(worker.link, task, files)
        return await worker.answer

    def _assign(self) -> None:
        """Give those who wait what is free."""
        self._give_out()
        if self._told is not None:
            self._told(len(self._waiting), len(self._busy))

    def _give_out(self) -> None:
        while (wish := self._next()) is not None:
            worker = self._available()
            if worker is None:
                return
            self._waiting.remove(wish)
            if wish.turn.cancelled():
                self._idle.append(worker)
                continue
            self._busy[worker] = wish
            wish.turn.set_result(worker)

    def _available(self) -> Worker | None:
        with contextlib.suppress(OSError):  # the process that all are forked from has died
            if self._idle:
                return self._idle.pop()
            if len(self._busy) >= self.most:
                self._take_back()
            if len(self._busy) < self.most:
                return self._fork()
        return None

    def _next(self) -> _Wish | None:
        """Return who goes first. None: nobody may."""
        if not self._waiting:
            return None
        under_way = [wish.actor for wish in self._busy.values()]
        large = sum(wish.large for wish in self._busy.values())
        if large >= self.workers and any(wish.large for wish in self._waiting):
            large -= self._take_back()
        now = self._now()
        allowed = [
            wish
            for wish in self._waiting
            if not (wish.large and large >= self.workers)
            and under_way.count(wish.actor) < self.most - 1
            and wish.waits <= now
        ]
        return min(allowed, key=lambda wish: under_way.count(wish.actor), default=None)

    def _now(self) -> float:
        """Return what time it is for those who wait for a warm worker; where none is, or many wait: late."""
        warm = any(not (wish.large or worker.ends) for worker, wish in self._busy.items())
        if not warm or len(self._waiting) > min(self.most, self.queue // 2):
            return math.inf
        return asyncio.get_running_loop().time()

    def _take_back(self) -> int:
        """End a worker that reads what still arrives: that can be read later. Return how many: 0 or 1."""
        worker = next((worker for worker in self._busy if worker.arriving), None)
        if worker is None:
            return 0
        del self._busy[worker]
        self._end(worker)
        if worker.answer is not None and not worker.answer.done():
            worker.answer.set_exception(EOFError())
            worker.answer.exception()  # whoever waits for it sees it; if nobody does, nothing is wrong
        return 1

    def _fork(self) -> Worker:
        worker = Worker(*self._nursery.fork())
        asyncio.get_running_loop().add_reader(worker.link, self._heard, worker)
        return worker

    def _heard(self, worker: Worker) -> None:
        """Take what a worker says, or that it has died."""
        try:
            data = worker.link.recv(_ROUND)
        except OSError:
            data = b""
        answer = worker.answer
        if answer is None or answer.done():
            worker.ends = True
            self._idle = [other for other in self._idle if other is not worker]
            self._end(worker)
        elif not data:
            answer.set_exception(EOFError())
        else:
            try:
                answer.set_result(tasks.answered(data))
            except msgspec.MsgspecError as error:
                answer.set_exception(error)

    def _free(self, worker: Worker) -> None:
        """Take a worker back that has answered, end one that has not."""
        if worker.demotion is not None:
            worker.demotion.cancel()
        if self._busy.pop(worker, None) is not None:
            answer, worker.answer, worker.arriving = worker.answer, None, False
            unused = answer is None
            good = answer is not None and answer.done() and not (answer.cancelled() or answer.exception())
            if (good or unused) and not worker.ends and not self._closed:
                self._idle.append(worker)
            else:
                self._end(worker)
        self._assign()

    def _demote(self, worker: Worker) -> None:
        worker.ends = True
        self._nursery.say(commands.Demote(worker.number))

    def _end(self, worker: Worker) -> None:
        if worker.link.fileno() < 0:
            return  # it has been ended already
        asyncio.get_running_loop().remove_reader(worker.link)
        worker.link.close()
        self._nursery.say(commands.End(worker.number))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A transfer that is read while it arrives."""

    pool: Pool
    worker: Worker

    @property
    def lost(self) -> bool:
        """Whether the worker was taken away or has died: then the transfer has to be judged anew."""
        return self.worker.answer is None or self.worker.answer.done()

    def more(self, size: int) -> None:
        """Say how many bytes there are by now."""
        with contextlib.suppress(OSError):  # it is behind, and will hear of the next
            tasks.give(self.worker.link, tasks.More(size))

    async def finish(self, size: int, begin: float, scan_until: float, until: float) -> tasks.Outcome:
        """Say that this is all, and wait for the outcome. Raises LostError."""
        answer = self.worker.answer
        if answer is None:
            raise LostError(Reason.MALFORMED)
        self.worker.arriving = False
        try:
            async with asyncio.timeout_at(until):
                await self._last(tasks.More(size, begin, scan_until))
                return await answer
        except TimeoutError:
            raise LostError(Reason.DEADLINE) from None
        except (OSError, EOFError, msgspec.MsgspecError):
            raise LostError(Reason.MALFORMED) from None
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Give the worker back."""
        self.pool._free(self.worker)  # noqa: SLF001 - one module

    async def _last(self, more: tasks.More) -> None:
        while True:
            try:
                tasks.give(self.worker.link, more)
            except BlockingIOError:
                await asyncio.sleep(0.01)
            else:
                return
