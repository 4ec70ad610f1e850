"""The body of a request while it arrives: spooled, read by a worker meanwhile, judged when it is whole."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from exfilter.door.problems import Problem, problem
from exfilter.door.spool import Spool

if TYPE_CHECKING:
    from exfilter.door.desk import Desk
    from exfilter.door.pool import Arrival
    from exfilter.door.tasks import Outcome
    from exfilter.model import Headers, Transfer

STEP = 4 << 20
"""Bytes after which whoever reads a body while it arrives hears that there is more."""


@dataclass(slots=True)
class Intake:
    """One request that arrives."""

    desk: Desk
    transfer: Transfer
    """Without its body."""
    problem: Problem | None
    """Why it is refused, whatever its body is. None: nothing is wrong so far."""
    limit: int
    """Bytes of the largest body."""
    spool: Spool = field(init=False)
    _arrival: Arrival | None = field(default=None, init=False)
    _offered: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.spool = Spool(self.limit)

    def take(self, data: bytes) -> None:
        """Take the next piece of the body."""
        self.spool += data
        if self.spool.file is None or len(self.spool) < self._offered + STEP or self.trouble:
            return
        if not self._offered:
            self._arrival = self.desk.arriving(self.transfer, self.spool.file)
        self._offered = len(self.spool)
        if self._arrival is not None and not self._arrival.lost:
            self._arrival.more(self._offered)

    async def judge(self, trailers: Headers, *, lost: bool) -> Outcome:
        """Judge it, now that it is whole. ``lost``: nobody could send it on any more."""
        trouble, reading = self.trouble, self._arrival
        self._arrival = None
        if reading is not None and (trouble or trailers):
            reading.abandon()  # nobody waits for it, or it has read the body without its trailers
            reading = None
        if trouble:
            return await self.desk.refuse(self.transfer, trouble.reason, trouble.why, lost=lost)
        return await self.desk.judge(
            replace(self.transfer, body=self.spool.body(), trailers=trailers), reading
        )

    def close(self) -> None:
        """Forget the body; a worker that reads it is given back."""
        if self._arrival is not None:
            self._arrival.abandon()
            self._arrival = None
        self.spool.clear()

    @property
    def trouble(self) -> Problem | None:
        """Why it is refused without a look at it. None: it is judged."""
        return self.problem or problem(self.transfer.method, self.spool, self.limit)
