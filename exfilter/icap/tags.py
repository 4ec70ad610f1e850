"""The ISTag: it names what decides, and changes with the index and the policy (RFC 3507, section 4.7)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from exfilter.door.tasks import Outcome

FRESH = 2.0
"""Seconds for which nobody is asked again: each look writes to the disk, and anybody may ask."""
NONE = "exfilter"
"""While nothing can decide."""


@dataclass(slots=True)
class Tags:
    """What decides now, as far as it is known."""

    check: Callable[[], Awaitable[Outcome]]
    clock: Callable[[], float] = time.monotonic
    last: str = NONE
    _next_look: float = -1.0

    def hear(self, outcome: Outcome) -> str:
        """Take what decided on a transfer, and return the tag."""
        self.last = outcome.tag or self.last
        return self.last

    async def now(self) -> str:
        """Ask where it has not been asked lately, and return the tag."""
        if self.clock() >= self._next_look:
            self._next_look = self.clock() + FRESH
            self.hear(await self.check())
        return self.last
