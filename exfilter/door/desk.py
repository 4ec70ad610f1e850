"""Where a live transfer is judged: by a worker, within its deadline, whatever happens to the worker.

Knows nothing of HTTP, and nothing of scanning: it runs in the door's process, which has no key and reads no
content. The sender gets an answer within the deadline: the scan has 70 % of it, sealing and recording the
rest.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from exfilter.body import Filed, size
from exfilter.door import metrics, tasks
from exfilter.door.metrics import Counted, Refusal
from exfilter.door.pool import Arrival, BusyError, LostError
from exfilter.door.tasks import CUT, Outcome
from exfilter.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exfilter.model import Transfer

SCAN = 0.7
"""Share of the deadline that a scan has."""
SETTLE = 0.15
"""Share in which the outcome is recorded, and again by another worker where the first was lost."""
LEAST = 5.0
"""Seconds that recording has at least, however short the deadline."""
RECORDERS = 2
"""Workers for what was not scanned: they are never kept waiting by a scan."""
ATTEMPTS = RECORDERS + 1
"""How often that is tried: what killed one worker may have killed them all, before anybody noticed."""

RESPONSES = "\0responses"
"""For whom responses wait: one actor among others, whose requests they do not delay."""

logger = logging.getLogger("exfilter.door")


class Workers(Protocol):
    """Those who do what a desk wants done (``pool.Pool``)."""

    async def run(
        self, task: tasks.Task, actor: str, size: int, files: Sequence[int], until: float
    ) -> Outcome:
        """Have a task done. Raises BusyError or LostError."""

    def begin(self, task: tasks.Judge, actor: str, file: int) -> Arrival | None:
        """Let a worker read a body that still arrives."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Judges transfers, several at a time.

    ``audit_only`` decides and records, and never holds anything back, also not what could not be scanned.
    """

    pool: Workers
    recorders: Workers
    deadline: float = 60.0
    """Seconds in which a sender has an answer once his request is whole."""
    audit_only: bool = False

    # Fail closed. Rule 1: only an outcome that a worker has recorded forwards. Rule 2: where there is none
    # (a worker dies, a deadline passes), another worker seals and records the transfer as not scanned, and
    # where that fails too nothing is forwarded. Rule 3: in audit-only mode everything passes.

    async def judge(self, transfer: Transfer, arrival: Arrival | None = None) -> Outcome:
        """Scan, decide, record; ``arrival``: the worker that has read it while it arrived."""
        begin = time.monotonic()
        try:
            outcome = await self._judged(transfer, arrival, begin)
        except LostError as lost:
            outcome = await self._keep(transfer, lost.cause, begin)
        except BusyError:
            busy = "all workers are busy and as many transfers wait as may"
            refused = await self.refuse(transfer, busy, Refusal.SATURATED)
            return msgspec.structs.replace(refused, busy=True)
        return self._counted(transfer, outcome, time.monotonic() - begin)

    async def _judged(self, transfer: Transfer, arrival: Arrival | None, begin: float) -> Outcome:
        scanned = begin + SCAN * self.deadline
        until = scanned + self._settling
        length = size(transfer.body)
        if arrival is not None and not arrival.lost:
            return await arrival.finish(length, begin, scanned, until)
        with _files(transfer) as files:
            task = tasks.Judge(tasks.sent(transfer), begin, scanned, length, tasks.inline(transfer))
            return await self.pool.run(task, transfer.actor, length, files, until)

    async def open(self, transfer: Transfer) -> Outcome:
        """Judge a head: it forwards where the policy lets the request go on message by message."""
        begin = time.monotonic()
        scanned = begin + SCAN * self.deadline
        task = tasks.Open(tasks.sent(transfer), begin, scanned)
        try:
            outcome = await self.pool.run(task, transfer.actor, 0, (), scanned + self._settling)
        except (LostError, BusyError):
            return Outcome(forward=False)
        if outcome.action:
            self._counted(transfer, outcome, time.monotonic() - begin)
        return outcome

    def arriving(self, transfer: Transfer, file: int) -> Arrival | None:
        """Let a worker read a body while it arrives in ``file``. None: nobody has the time."""
        begin = time.monotonic()
        task = tasks.Judge(tasks.sent(transfer), begin, 0.0, -1)
        return self.pool.begin(task, transfer.actor, file)

    async def refuse(
        self, transfer: Transfer, reason: str, why: Refusal = Refusal.OTHER, *, lost: bool = False
    ) -> Outcome:
        """Record a transfer that cannot be scanned and whose body is not there to be kept.

        ``lost``: it is not there to be forwarded either, not even where everything passes.
        """
        metrics.refused(why)
        begin = time.monotonic()
        task = tasks.Refuse(tasks.sent(transfer), reason, Reason.OVER_BUDGET, lost)
        outcome = await self._record(task, transfer.actor, ())
        return self._counted(transfer, outcome, time.monotonic() - begin)

    async def view(self, transfer: Transfer, missing: int = 0) -> None:
        """Count who is in a response that has been delivered. Where nobody has time it is not counted.

        ``missing``: bytes behind the body that nobody copied.
        """
        begin = time.monotonic()
        until = begin + SCAN * self.deadline
        with _files(transfer) as files:
            size_, body = size(transfer.body), tasks.inline(transfer)
            task = tasks.View(tasks.sent(transfer), begin, until, size_, missing, body)
            try:
                outcome = await self.pool.run(task, RESPONSES, size_, files, until + self._settling)
            except (LostError, BusyError):
                metrics.viewed(Counted.NOT)
                return
        metrics.viewed(_extent(outcome))

    async def restore(self, transfer_id: str) -> None:
        """Let a release hold again: the transfer that passed by it was not forwarded."""
        with contextlib.suppress(LostError, BusyError):  # then it is used up
            await self.recorders.run(tasks.Restore(transfer_id), "", 0, (), time.monotonic() + self._settling)

    async def check(self) -> Outcome:
        """Look whether transfers could be judged now. The rule says in one word what keeps them from it."""
        until = time.monotonic() + LEAST
        try:
            return await self.recorders.run(tasks.Check(), "", 0, (), until)
        except (LostError, BusyError):
            return Outcome(forward=False, rule="workers")

    async def unready(self) -> str:
        """Return in one word why transfers could not be judged now. Empty: they can."""
        outcome = await self.check()
        return "" if outcome.forward else outcome.rule

    def _counted(self, transfer: Transfer, outcome: Outcome, seconds: float) -> Outcome:
        if outcome.recorded:
            metrics.count(transfer, size(transfer.body), outcome, seconds)
        else:
            metrics.unrecorded()
        return outcome

    async def _keep(self, transfer: Transfer, cause: Reason, begin: float) -> Outcome:
        why = {Reason.DEADLINE: f"the scan did not end within {SCAN * self.deadline:g} s"}
        reason = why.get(cause, "the process that scanned it died")
        logger.error("not scanned: %s", reason)
        with _files(transfer) as files:
            task = tasks.Keep(
                tasks.sent(transfer), begin, reason, cause, size(transfer.body), tasks.inline(transfer)
            )
            return await self._record(task, transfer.actor, files)

    async def _record(self, task: tasks.Keep | tasks.Refuse, actor: str, files: tuple[int, ...]) -> Outcome:
        until = time.monotonic() + self._settling
        for _ in range(ATTEMPTS):
            with contextlib.suppress(LostError, BusyError):
                return await self.recorders.run(task, actor, 0, files, until)
        logger.error("transfer neither kept nor recorded")
        lost = isinstance(task, tasks.Refuse) and task.lost
        return Outcome(self.audit_only and not lost, recorded=False)

    @property
    def _settling(self) -> float:
        return max(SETTLE * self.deadline, LEAST)


def _extent(outcome: Outcome) -> Counted:
    """Return how much of a response was counted."""
    if not outcome.recorded:
        return Counted.NOT
    return Counted.PART if CUT.intersection(map(Reason, outcome.unscanned)) else Counted.ALL


@contextlib.contextmanager
def _files(transfer: Transfer) -> Iterator[tuple[int, ...]]:
    """Open the file of a transfer's body, where it is too large for a message."""
    body = transfer.body
    if isinstance(body, Filed):
        yield (body.file,)
    elif tasks.inline(transfer) is not None:
        yield ()
    else:
        descriptor = tasks.memory(body)
        try:
            yield (descriptor,)
        finally:
            os.close(descriptor)
