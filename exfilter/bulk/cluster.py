"""An engine on a Dask cluster: batches go out, few at a time, and come back in any order."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from exfilter import __version__
from exfilter.bulk import far
from exfilter.bulk.connecting import checked, connected
from exfilter.bulk.delivery import Delivery, Parcel, Told
from exfilter.bulk.messages import Locked, Missing, Opening, Refused
from exfilter.bulk.sound import sound
from exfilter.bulk.tasks import Answer, Lost, Task
from exfilter.index.keys import IndexKey
from exfilter.limits import MIB
from exfilter.model import Reason

TOGETHER = 64
"""Files of one batch: a task costs the cluster about four milliseconds."""
ENOUGH = 8 * MIB
"""Bytes from which on no further file goes with them."""
AHEAD = 2
"""Batches a thread that are under way or wait for it."""
ASKED_EVERY = 1.0
"""Seconds between two questions of how many threads there are: each costs milliseconds."""
CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)
"""What Dask says of its futures when the scheduler is gone."""
TRIES = 3
"""How often a worker is told the key, each time after its node was brought the index."""


def batches(tasks: Iterable[Task], together: int = TOGETHER, enough: int = ENOUGH) -> Iterator[list[Task]]:
    """Yield tasks in batches of so many at most, each ended by the task that makes it heavy enough."""
    some: list[Task] = []
    weight = 0
    for task in tasks:
        some.append(task)
        weight += task.weight
        if len(some) >= together or weight >= enough:
            yield some
            some, weight = [], 0
    if some:
        yield some


def _silent(_bytes: int, _total: int) -> None:
    pass


@dataclass(slots=True)
class Cluster:
    """A cluster whose scheduler is at an address. Its workers have exfilter installed."""

    address: str
    opening: Opening
    parcel: Parcel
    """The index, for nodes that lack it."""
    ordinals: int
    """Of the index: no worker can have found another one."""
    key: IndexKey = field(repr=False)
    passwords: tuple[str, ...] = field(repr=False, default=())
    told: Told = _silent

    def check(self) -> None:
        """Raise ValueError where its address is none that may be used; nothing is asked of it yet."""
        checked(self.address)

    def answers(
        self, tasks: Iterable[Task], *, alone: bool
    ) -> Generator[tuple[Task, Answer | Lost], None, None]:
        """Yield each task with its answer. Raises ValueError or OSError, also where no worker is there."""
        client = connected(self.address)
        try:
            delivery = Delivery(client, self.opening, self.parcel, self.told)
            delivery.deliver()
            yield from _Round(client, self, delivery, alone).answers(tasks)
        except CANCELLED:
            msg = f"{self.address}: the scheduler is gone; start it and scan with --resume"
            raise OSError(msg) from None
        finally:
            client.close()


@dataclass(slots=True)
class _Round:
    """Tasks under way on one connection."""

    client: Any
    cluster: Cluster
    delivery: Delivery
    alone: bool
    _batches: dict[str, tuple[list[Task], Locked | None]] = field(default_factory=dict)
    """By the key of the future: what it is about, and the worker that was brought its key just before."""
    _threads: int = 0
    _asked: float = -math.inf

    def answers(self, tasks: Iterable[Task]) -> Generator[tuple[Task, Answer | Lost], None, None]:
        """Yield each task with its answer."""
        import distributed  # noqa: PLC0415 - an extra

        waiting = batches(tasks, 1) if self.alone else batches(tasks)
        # Results are brought here while others are settled.
        how = {"loop": self.client.loop, "with_results": True, "raise_errors": False}
        done: Any = cast("Any", distributed).as_completed(**how)
        while True:
            while len(self._batches) < self._room() and (some := next(waiting, None)):
                done.add(self._submit(some))
            if not self._batches:
                return
            future, given = next(done)
            (batch, asked), found = self._batches.pop(future.key), self._result(future, given)
            future.release()  # It has been brought here: nobody computes it again.
            if isinstance(found, Locked) and not self._died(asked):
                self._unlock(found)
                done.add(self._submit(batch, found))
            else:
                yield from self._answers(batch, found)

    def _answers(self, batch: list[Task], found: object) -> Iterator[tuple[Task, Answer | Lost]]:
        """Yield each task with its answer; lost is also what no answer can be."""
        given = found if isinstance(found, list) and len(found) == len(batch) else [None] * len(batch)
        for task, each in zip(batch, given, strict=True):
            yield task, sound(task, each, self.cluster.ordinals) or Lost(Reason.MALFORMED)

    def _room(self) -> int:
        """Return how many batches may be under way: a worker that came since gets its own."""
        if self.alone:  # Two could be handed to one worker, and the wrong one be blamed for its death.
            return 1
        if time.monotonic() > self._asked + ASKED_EVERY:
            self._asked, self._threads = time.monotonic(), int(sum(self.client.nthreads().values()))
        return max(1, AHEAD * self._threads)

    def _died(self, asked: Locked | None) -> bool:
        """Whether the worker is gone that was brought its key for a batch: then it was that batch.

        To Dask, it is a new task each time that another worker asks for the key: it would never give up.
        """
        return asked is not None and asked.worker not in self.client.nthreads()

    def _submit(self, batch: list[Task], asked: Locked | None = None) -> Any:  # noqa: ANN401
        """Hand out a batch, to whoever is free."""
        future = self.client.submit(far.work, self.cluster.opening, batch, pure=False)
        self._batches[future.key] = (batch, asked)
        return future

    def _unlock(self, asked: Locked) -> None:
        """Bring a worker its key, and its node the index. One that is gone meanwhile needs none.

        A task may not be bound to a worker: where that dies, Dask would never hand it to another.
        """
        for _ in range(TRIES):
            told = self._told(asked)
            if isinstance(told, Refused):
                msg = f"{asked.worker}: {told.problem}"
                raise ValueError(msg)  # noqa: TRY004 - it is the worker's ValueError
            if not isinstance(told, Missing):
                return
            self.delivery.deliver()
        msg = f"{asked.worker}: the index does not stay there; look at that worker's disk"
        raise OSError(msg)

    def _told(self, asked: Locked) -> object:
        """Return what a worker says of its key. None: it is content, or gone."""
        if asked.worker not in self.client.nthreads():
            return None
        if asked.version != __version__:
            msg = (
                f"{asked.worker}: it has exfilter {asked.version}; install {__version__} there, as it is here"
            )
            raise ValueError(msg)
        secrets = far.sealed(self.cluster.key, self.cluster.passwords, asked.recipient)
        given = (self.cluster.opening, secrets)
        told = self.client.run(far.unlock, *given, workers=[asked.worker], on_error="ignore")
        return told.get(asked.worker)

    def _result(self, future: Any, given: object) -> object:  # noqa: ANN401
        """Return what a worker answered. None: whatever it raised, also where as many died as Dask tries."""
        if future.status == "cancelled":
            raise asyncio.CancelledError
        if future.status != "error":
            return given
        error = given[1] if isinstance(given, tuple) else None
        if isinstance(error, ImportError | AttributeError | TypeError):
            msg = f"{self.cluster.address}: its workers have no exfilter, or another one; install this there"
            raise ValueError(msg)  # noqa: TRY004 - the installation is at fault
        return None
