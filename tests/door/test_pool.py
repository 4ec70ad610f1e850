"""Who gets a worker, and what is said where there is none. The workers are this test's own threads' ends."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from exfilter.door import commands, tasks
from exfilter.door import pool as pool_module
from exfilter.door.pool import LARGE, BusyError, LostError, Pool
from exfilter.model import Reason, Transfer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from exfilter.door.nursery import Nursery

TASK = tasks.Refuse(tasks.sent(Transfer("proxy", b"")), "why", Reason.MALFORMED)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for a warm worker."""
    monkeypatch.setattr(pool_module, "WARM", 0.0)


@dataclass
class Workers:
    """A nursery whose workers answer when they are told to."""

    links: dict[int, socket.socket] = field(default_factory=dict)
    said: list[commands.Command] = field(default_factory=list)
    forked: int = -1

    def watch(self, heir: Callable[[], None]) -> None:
        del heir

    def fork(self) -> tuple[int, socket.socket]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(0)
        theirs.settimeout(0)
        self.forked += 1
        self.links[self.forked] = theirs
        return self.forked, ours

    def say(self, command: commands.Command) -> None:
        self.said.append(command)
        if isinstance(command, commands.End):
            self.links.pop(command.number).close()

    def working(self) -> list[int]:
        """Return the workers that have been given a task since the last look, and take it from them."""
        found = []
        for number, link in self.links.items():
            try:
                data, files, _, _ = socket.recv_fds(link, 1 << 18, 2)
            except BlockingIOError:
                continue
            for file in files:
                os.close(file)
            if data:
                found.append(number)
        return found

    def answer(self, number: int) -> None:
        tasks.answer(self.links[number], tasks.Outcome(forward=True))


def run(body: Callable[[Pool, Workers], Awaitable[Any]], workers: int = 1, queue: int = 100) -> Any:  # noqa: ANN401
    async def inside() -> Any:  # noqa: ANN401 - whatever the test returns
        nursery = Workers()
        pool = Pool(cast("Nursery", nursery), workers, queue)
        pool.open()
        try:
            return await asyncio.wait_for(body(pool, nursery), 20)
        finally:
            pool.close()

    return asyncio.run(inside())


def start(pool: Pool, actor: str = "a", size: int = 10, seconds: float = 10) -> asyncio.Task[tasks.Outcome]:
    loop = asyncio.get_running_loop()
    return loop.create_task(pool.run(TASK, actor, size, (), loop.time() + seconds))


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_small_transfers_do_not_wait_for_large_ones() -> None:
    async def body(pool: Pool, nursery: Workers) -> None:
        large = [start(pool, str(number), LARGE + 1) for number in range(3)]
        await settled()
        assert (len(nursery.working()), pool.waiting) == (1, 2)
        small = start(pool, "b")
        await settled()
        (worker,) = nursery.working()
        nursery.answer(worker)
        assert (await small).forward
        for task in large:
            task.cancel()

    run(body)


def test_small_transfers_wait_for_a_warm_worker_while_few_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "WARM", 1000.0)

    async def body(pool: Pool, nursery: Workers) -> None:
        large = start(pool, "c", LARGE + 1)
        await settled()
        (busy,) = nursery.working()
        small = [start(pool, str(number)) for number in range(pool.most + 1)]
        await settled()
        (warm,) = nursery.working()
        assert (warm != busy, pool.waiting) == (True, pool.most)
        nursery.answer(warm)
        await settled()
        assert nursery.working() == [warm]
        small.append(start(pool, "one more"))
        await settled()
        assert (nursery.working(), pool.waiting) == ([], pool.most)
        small.append(start(pool, "too many to wait"))
        await settled()
        assert len(nursery.working()) == 1
        for task in (large, *small):
            task.cancel()

    run(body)


def test_small_transfers_wait_no_longer_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "WARM", 0.001)

    async def body(pool: Pool, nursery: Workers) -> None:
        small = [start(pool, str(number)) for number in range(2)]
        while pool.busy < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        await settled()
        assert len(nursery.working()) == 2
        for task in small:
            task.cancel()

    run(body)


def test_who_has_few_under_way_goes_first_and_nobody_has_all() -> None:
    async def body(pool: Pool, nursery: Workers) -> None:
        many = [start(pool, "greedy") for _ in range(6)]
        await settled()
        assert len(nursery.working()) == pool.most - 1
        other = start(pool, "modest")
        await settled()
        (worker,) = nursery.working()
        nursery.answer(worker)
        assert (await other).forward
        for task in many:
            task.cancel()
        await settled()
        assert (pool.busy, pool.waiting) == (0, 0)

    run(body)


def test_as_many_wait_as_may_and_the_next_is_told_so() -> None:
    async def body(pool: Pool, _: Workers) -> None:
        waiting = [start(pool) for _ in range(pool.most - 1 + 2)]
        await settled()
        with pytest.raises(BusyError):
            await start(pool)
        for task in waiting:
            task.cancel()

    run(body, queue=2)


def test_who_has_most_waiting_is_sent_away_when_another_comes() -> None:
    async def body(pool: Pool, _: Workers) -> None:
        first = [start(pool, "greedy") for _ in range(pool.most - 1 + 2)]
        await settled()
        modest = start(pool, "modest", LARGE + 1)
        waiting = start(pool, "modest", LARGE + 1)
        await settled()
        with pytest.raises(BusyError):
            await first[-1]
        assert not waiting.done()
        for task in (*first, modest, waiting):
            task.cancel()

    run(body, queue=2)


def test_a_worker_that_overstays_is_ended_and_its_place_taken() -> None:
    async def body(pool: Pool, nursery: Workers) -> None:
        with pytest.raises(LostError) as lost:
            await start(pool, seconds=0.05)
        assert lost.value.cause is Reason.DEADLINE
        assert commands.End(0) in nursery.said
        again = start(pool)
        await settled()
        (worker,) = nursery.working()
        nursery.answer(worker)
        assert (await again).forward

    run(body)


@pytest.mark.parametrize("answer", [b"", b"\xc1", b"nonsense"])
def test_a_worker_that_dies_or_says_nonsense_is_ended(answer: bytes) -> None:
    async def body(pool: Pool, nursery: Workers) -> None:
        task = start(pool)
        await settled()
        (worker,) = nursery.working()
        if answer:
            nursery.links[worker].send(answer)
        else:
            nursery.links.pop(worker).close()
            nursery.links[worker] = socket.socket()
        with pytest.raises(LostError) as lost:
            await task
        assert lost.value.cause is Reason.MALFORMED
        assert commands.End(worker) in nursery.said

    run(body)


def test_an_idle_worker_that_dies_is_not_asked() -> None:
    async def body(pool: Pool, nursery: Workers) -> None:
        nursery.links[0].close()
        nursery.links[0] = socket.socket()
        await asyncio.sleep(0.01)
        task = start(pool)
        await settled()
        (worker,) = nursery.working()
        assert worker != 0
        nursery.answer(worker)
        assert (await task).forward

    run(body)


def test_a_body_that_arrives_gives_its_worker_back_when_somebody_waits() -> None:
    async def body(pool: Pool, nursery: Workers) -> None:
        judge = tasks.Judge(TASK.transfer, 0.0, 0.0, -1)
        descriptor = tasks.memory(b"x")
        arrival = pool.begin(judge, "a", descriptor)
        os.close(descriptor)
        assert arrival is not None
        assert nursery.working() == [0]
        assert not arrival.lost
        large = start(pool, "b", LARGE + 1)
        await settled()
        assert arrival.lost
        (worker,) = nursery.working()
        nursery.answer(worker)
        assert (await large).forward
        with pytest.raises(LostError):
            await arrival.finish(1, 1.0, 1.0, asyncio.get_running_loop().time() + 1)

    run(body)


def test_a_task_that_nobody_waits_for_any_more_frees_its_place() -> None:
    async def body(pool: Pool, nursery: Workers) -> None:
        task = start(pool)
        await settled()
        assert nursery.working() == [0]
        task.cancel()
        await settled()
        assert (pool.busy, pool.waiting) == (0, 0)
        assert commands.End(0) in nursery.said, "what it works on is nobody's"

    run(body)
