"""The process that all workers are forked from, seen from the door; it is started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from exfilter.door import commands

if TYPE_CHECKING:
    from collections.abc import Callable

    from exfilter.door.plan import Plan

PAUSE = 1.0
"""Seconds between two attempts to start it again."""
_ROUND = 1 << 16

logger = logging.getLogger("exfilter.door")


class Nursery:
    """Forks workers, ends them, lets others go before them. For one event loop."""

    def __init__(self, plan: Plan) -> None:
        """Take what the process is to load."""
        self._wanted = commands.encode(commands.Wanted(str(plan.folder), plan.audit_only, plan.style))
        self._numbers = 0
        self._closed = False
        self._again: asyncio.Task[None] | None = None
        self._heirs: list[Callable[[], None]] = []
        self._process: subprocess.Popen[bytes]
        self._control: socket.socket

    def start(self) -> None:
        """Start the process. Raises ValueError where it cannot do its work."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "exfilter.door.worker", str(number)],
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        self._control = ours
        ours.send(self._wanted)
        said = ours.recv(_ROUND)
        if said != commands.READY:
            ours.close()
            self._process.wait()
            msg = said.decode() or "the process that scans could not be started"
            raise ValueError(msg)

    def watch(self, heir: Callable[[], None]) -> None:
        """Call ``heir`` in the loop that runs whenever the process has been started again."""
        self._heirs.append(heir)
        asyncio.get_running_loop().add_reader(self._control, self._orphaned)

    def close(self) -> None:
        """End the process, and all that were forked from it."""
        self._closed = True
        if self._heirs:
            asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        self._process.wait()

    def fork(self) -> tuple[int, socket.socket]:
        """Return a new worker's number, and the door's end of its socket. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._numbers += 1
        try:
            with theirs:
                fork = commands.encode(commands.Fork(self._numbers))
                socket.send_fds(self._control, [fork], [theirs.fileno()])
        except OSError:
            ours.close()
            raise
        ours.settimeout(0)
        return self._numbers, ours

    def say(self, command: commands.Command) -> None:
        """Say something; where nobody hears it, there are no workers either."""
        with contextlib.suppress(OSError):
            self._control.send(commands.encode(command))

    def _orphaned(self) -> None:
        asyncio.get_running_loop().remove_reader(self._control)
        if not self._closed:
            logger.error("the process that scans has died; it is started again")
            self._again = asyncio.get_running_loop().create_task(self._restart())

    async def _restart(self) -> None:
        self._control.close()
        await asyncio.to_thread(self._process.wait)
        while not self._closed:
            try:
                await asyncio.to_thread(self.start)
            except (ValueError, OSError):
                logger.error("the process that scans could not be started again")  # noqa: TRY400
                await asyncio.sleep(PAUSE)
                continue
            asyncio.get_running_loop().add_reader(self._control, self._orphaned)
            for heir in self._heirs:
                heir()
            return
