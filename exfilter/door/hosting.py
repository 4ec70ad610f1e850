"""A door as a process, whatever it speaks: what it starts with, how it is watched, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import resource
import signal
import stat
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exfilter.door import metrics
from exfilter.door.desk import RECORDERS, Desk
from exfilter.door.logs import Format, logger
from exfilter.door.messenger import telling_others
from exfilter.door.nursery import Nursery
from exfilter.door.plan import Plan
from exfilter.door.pool import Pool
from exfilter.door.spool import Spool
from exfilter.door.status import Readiness, State, serving, telling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

BROKEN = 2
"""Exit code of every error."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO
LOOK = 0.05
"""Seconds between two looks at what is left."""
LAST = 0.2
"""Seconds for the last answers to leave."""


def program(serve: Callable[[Plan, FilteringBoundLogger], None]) -> None:
    """Be the process of a door: ``serve`` runs it until SIGTERM or SIGINT, and finishes what it holds."""
    plan = Plan.given(int(sys.argv[1]))
    log = logger(plan.style)
    try:
        serve(plan, log)
    except (ValueError, OSError) as error:
        complain(plan, log, error)
        sys.exit(BROKEN)


def complain(plan: Plan, log: FilteringBoundLogger, error: Exception) -> None:
    """Say why it cannot start: on a terminal as all commands do."""
    if plan.style is Format.JSON:
        log.error(str(error))
    else:
        sys.stderr.write(f"exfilter: {error}\n")
        sys.stderr.flush()


def cannot_listen(address: tuple[str, int], option: str, error: object) -> str:
    """Say why nothing listens on an address, which option named it, and what to do."""
    # asyncio names no number where no address that a name stands for is one of this machine.
    number = error.errno or errno.EADDRNOTAVAIL if isinstance(error, OSError) else None
    # Below zero: from looking up the name.
    # Without one: from asyncio, of an address that is another machine's.
    why = os.strerror(number) if number and number > 0 else "this machine has no such address"
    return f"cannot listen on {address[0]}:{address[1]}: {why}; choose another {option} HOST:PORT"


def location(host: str, port: int, scheme: str = "http") -> str:
    """Return the URL of an address."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def private(folder: Path) -> Path:
    """Return a folder that only its owner can read, made if need be. Raises PermissionError otherwise."""
    folder.mkdir(mode=0o700, exist_ok=True)
    mode = folder.stat().st_mode
    if mode & OTHERS:
        msg = f"{folder} can be read by others (mode {stat.S_IMODE(mode):04o}): run `chmod 700 {folder}`"
        raise PermissionError(msg)
    return folder


def prepare(plan: Plan) -> None:
    """Set what all of the process share: where bodies wait, how many files may be open. Raises OSError."""
    Spool.folder, Spool.room = private(plan.spool), plan.spool_bytes
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@dataclass(frozen=True, slots=True)
class Staff:
    """Those who judge for one door."""

    nursery: Nursery
    pool: Pool
    recorders: Pool
    desk: Desk

    @classmethod
    def hired(cls, plan: Plan, nursery: Nursery) -> Staff:
        """Put them together; ``nursery`` has started."""
        pool = Pool(nursery, plan.workers, plan.queue, _figures)
        recorders = Pool(nursery, RECORDERS)
        return cls(nursery, pool, recorders, Desk(pool, recorders, plan.deadline, plan.audit_only))

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Have them work while the body runs."""
        self.pool.open()
        self.recorders.open()
        try:
            gc.freeze()  # what is here stays: it need not be gone through again and again
            yield
        finally:
            self.pool.close()
            self.recorders.close()
            self.nursery.close()


def _figures(waiting: int, busy: int) -> None:
    metrics.queued(waiting)
    metrics.busy(busy)


@asynccontextmanager
async def status(
    address: tuple[str, int] | None,
    state: Callable[[], Awaitable[State]],
    figures: Callable[[], bytes],
    log: FilteringBoundLogger,
) -> AsyncIterator[None]:
    """Answer probes while the body runs, where an address for them was given."""
    if address is None:
        yield
        return
    async with contextlib.AsyncExitStack() as stack:
        try:
            place = await stack.enter_async_context(serving(address, state, figures))
        except OSError as error:
            raise OSError(cannot_listen(address, "--status", error)) from None
        log.info("status on %s", location(*place))
        yield


@asynccontextmanager
async def watched(
    plan: Plan,
    readiness: Readiness,
    log: FilteringBoundLogger,
    parent: Connection | None,
    closing: Closing,
) -> AsyncIterator[None]:
    """Tell who asks how it is, and others of what was held, while the body runs.

    ``parent``: of one of several processes, which does both for all of them. When it is gone this one ends.
    """
    if parent is None:
        async with (
            telling_others(plan, log),
            status(plan.status, readiness.state, metrics.text, log),
        ):
            yield
        return
    loop = asyncio.get_running_loop()

    def orphaned() -> None:
        loop.remove_reader(parent.fileno())
        closing.begin()

    # It never writes: what can be read is its end.
    loop.add_reader(parent.fileno(), orphaned)
    async with telling(parent, readiness.word):
        yield


@dataclass(slots=True)
class Closing:
    """Lets what is held have its answer before the door ends. A second signal ends it at once."""

    held: Callable[[], int]
    """How many requests have no answer yet."""
    shut: Callable[[], Awaitable[object]]
    """Takes no more connections."""
    end: Callable[[], object]
    patience: float
    log: FilteringBoundLogger
    has_begun: bool = False
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    def listen(self) -> None:
        """Begin on a signal."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.begin)

    def begin(self) -> None:
        """Take no more connections, and end when nothing is held any more."""
        if self.has_begun:
            self.end()
            return
        self.has_begun = True
        self._task = asyncio.get_running_loop().create_task(self._finish())

    async def _finish(self) -> None:
        self.log.info("stopping: what is held has its answer first", held=self.held())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                await self.shut()
                while self.held():  # noqa: ASYNC110 - it ends in many places
                    await asyncio.sleep(LOOK)
                await asyncio.sleep(LAST)
        self.end()
