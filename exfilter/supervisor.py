"""Several doors on one port, each a process: started, watched, replaced when they die, stopped together."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from exfilter.door import metrics
from exfilter.door.hosting import BROKEN, cannot_listen, complain, status
from exfilter.door.logs import logger
from exfilter.door.messenger import telling_others
from exfilter.door.plan import Kind, Plan
from exfilter.door.status import BEAT, READY, STARTING, STOPPING, State

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from structlog.typing import FilteringBoundLogger

DEATHS, WITHIN = 5, 60.0
"""So many deaths in so many seconds are no accident."""
AGAIN = 5.0
"""Seconds after which one that could not start is tried again, while others run."""
SILENT = 10 * BEAT
"""Seconds after which a process that says nothing is taken for hanging."""


@dataclass(slots=True)
class _Member:
    process: SpawnProcess
    talk: Connection
    word: str = STARTING
    heard: float = 0.0

    def seen(self, now: float) -> str:
        """Return why it does not serve, in one word. Empty: it does."""
        return "hanging" if self.word != STARTING and now - self.heard > SILENT else self.word


def main() -> None:
    """Run the doors of a plan until SIGTERM or SIGINT."""
    plan = Plan.given(int(sys.argv[1]))
    try:
        sys.exit(supervise(plan))
    except (ValueError, OSError) as error:
        complain(plan, logger(plan.style), error)
        sys.exit(BROKEN)


def supervise(plan: Plan) -> int:
    """Run as many doors on one port as the plan says until SIGTERM or SIGINT; return the exit code.

    Raises OSError where an address is taken.
    """
    folder = Path(tempfile.mkdtemp(prefix="exfilter-metrics-"))
    # Read by prometheus-client when a process imports it: the ones that are started from here on.
    os.environ[metrics.FOLDER] = str(folder)
    try:
        with ExitStack() as stack:
            port = stack.enter_context(_reserved((plan.host, plan.port), "--listen"))
            shared = msgspec.structs.replace(plan, port=port)
            if plan.socks:
                host = plan.socks[0]
                socks = (host, stack.enter_context(_reserved(plan.socks, "--socks")))
                shared = msgspec.structs.replace(shared, socks=socks)
            return asyncio.run(_Company(shared, folder).run())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reserved(address: tuple[str, int], option: str) -> _Port:
    """Take the port without listening: no connection comes here, and nobody else gets it in between."""
    try:
        # First as if alone: another exfilter of the same user that shares its port would let this one join.
        _bound(address).close()
        return _Port(_bound(address, socket.SO_REUSEPORT))
    except OSError as error:
        raise OSError(cannot_listen(address, option, error)) from None


def _bound(address: tuple[str, int], *options: int) -> socket.socket:
    family, *_, place = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
    taken = socket.socket(family, socket.SOCK_STREAM)
    for option in (socket.SO_REUSEADDR, *options):
        taken.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        taken.bind(place)
    except OSError:
        taken.close()
        raise
    return taken


class _Port:
    """A port that is held as long as the body runs."""

    def __init__(self, taken: socket.socket) -> None:
        self._taken = taken

    def __enter__(self) -> int:
        port: int = self._taken.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._taken.close()


class _Company:
    """The processes, and what each last said."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._log = logger(plan.style)
        self._members: list[_Member] = []
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._ended = asyncio.Event()
        self._code = 0
        self._is_stopping = False
        self._missing = 0
        """Processes that are still to be started, once the first is open."""
        self._is_announced = False

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        async with (
            status(self._plan.status, self._state, partial(metrics.merged, self._folder), self._log),
            telling_others(self._plan, self._log),
        ):
            # The first alone: it makes the certificate authority and the quarantine, where there are none.
            self._missing = self._plan.processes - 1
            self._start()
            await self._ended.wait()
        return self._code

    def _start(self) -> None:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_door, args=(self._plan, theirs))
        process.start()
        theirs.close()
        member = _Member(process, ours)
        self._members.append(member)
        loop = asyncio.get_running_loop()
        loop.add_reader(ours.fileno(), self._hear, member)
        loop.add_reader(process.sentinel, self._bury, member)

    def _hear(self, member: _Member) -> None:
        try:
            member.word, member.heard = str(member.talk.recv()), time.monotonic()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(member.talk.fileno())
            return
        if member.word == STARTING or self._is_stopping:
            return
        while self._missing:
            self._missing -= 1
            self._start()
        if not self._is_announced and all(each.word != STARTING for each in self._members):
            self._is_announced = True
            _program(self._plan).announce(self._log, self._plan)

    def _bury(self, member: _Member) -> None:
        """Take leave of a process that ended, and start another in its place."""
        process = member.process
        loop = asyncio.get_running_loop()
        loop.remove_reader(process.sentinel)
        loop.remove_reader(member.talk.fileno())
        process.join()
        member.talk.close()
        metrics.forget(process.pid or 0, self._folder)
        self._members.remove(member)
        if not self._is_stopping:
            self._replace(member)
        if self._is_stopping and not self._members:
            self._ended.set()

    def _replace(self, lost: _Member) -> None:
        code = lost.process.exitcode
        if lost.word == STARTING and code == BROKEN:
            # It has said why; another one could not start either, but those that run go on.
            if self._members:
                asyncio.get_running_loop().call_later(AGAIN, self._start_again)
            else:
                self._give_up()
            return
        self._log.error("a process of the door ended", process=lost.process.pid, code=code)
        now = time.monotonic()
        self._deaths.append(now)
        if len(self._deaths) == DEATHS and now - self._deaths[0] < WITHIN:
            self._log.error(f"{DEATHS} processes ended within {WITHIN:g} s: giving up")
            self._give_up()
            return
        self._start()

    def _start_again(self) -> None:
        if not self._is_stopping:
            self._start()

    def _give_up(self) -> None:
        self._code = BROKEN
        self._stop(signal.SIGTERM)

    def _stop(self, number: signal.Signals) -> None:
        """Pass the signal on. Each process finishes what it holds."""
        self._is_stopping = True
        for member in self._members:
            with suppress(ProcessLookupError):
                os.kill(member.process.pid or 0, number)
        if not self._members:
            self._ended.set()

    async def _state(self) -> State:
        """Return whether any process serves, and which, where not all of them do."""
        if self._is_stopping:
            return State(serves=False, text=STOPPING)
        now = time.monotonic()
        words = {each.process.pid: each.seen(now) for each in self._members}
        serving = [pid for pid, word in words.items() if not word]
        if not serving:
            return State(serves=False, text=next(iter(words.values()), STARTING))
        if len(serving) == self._plan.processes:
            return READY
        told = [f"{len(serving)} of {self._plan.processes} processes: {', '.join(map(str, serving))}"]
        told += [f"{pid} {word}" for pid, word in words.items() if word]
        return State(serves=True, text=f"ready, {'; '.join(told)}")


class _Program(Protocol):
    """A door that can be one of several."""

    def serve(self, plan: Plan, log: FilteringBoundLogger, parent: Connection | None) -> None: ...

    def announce(self, log: FilteringBoundLogger, plan: Plan) -> None: ...


def _program(plan: Plan) -> _Program:
    """Return what a process of the door runs. The other door is not loaded."""
    if plan.kind is Kind.ICAP:
        from exfilter.icap import server  # noqa: PLC0415

        return server
    from exfilter import proxy  # noqa: PLC0415

    return proxy


def _door(plan: Plan, parent: Connection) -> None:
    """Be one of the processes."""
    # Ctrl-C in a terminal reaches the whole group: it is the parent that passes it on, once.
    os.setpgrp()
    log = logger(plan.style)
    try:
        _program(plan).serve(plan, log, parent)
    except (ValueError, OSError) as error:
        complain(plan, log, error)
        sys.exit(BROKEN)


if __name__ == "__main__":
    main()
