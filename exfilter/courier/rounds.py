"""Goes round for each receiver in a thread of its own: one that is dead or slow delays no other.

A receiver that cannot be reached is left alone for a while that doubles, up to five minutes, whatever waits
for it: thousands of notices are not thousands of attempts. A notice that it refuses waits by itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from exfilter.courier.channel import Channel, Refused, Unreachable, channel
from exfilter.latest import Latest
from exfilter.ledger import Outbox, Waiting
from exfilter.ledger.outbox import pause
from exfilter.policy import Policy, Receiver

logger = logging.getLogger("exfilter.courier")

LOOK = 1.0
"""Seconds between two looks at the outbox."""
TIDY = 60.0
LONGEST = 300.0
"""Seconds for which a receiver is left alone at most."""

type Opened = Callable[[Receiver, Path], Channel]


@dataclass(slots=True)
class Round:
    """The way to one receiver, and how it went lately."""

    name: str
    outbox: Outbox
    receiver: Callable[[], Receiver | None]
    """As the policy says now. None: there is none of this name any more."""
    folder: Path
    opened: Opened = channel
    clock: Callable[[], float] = time.monotonic
    _failures: int = 0
    _until: float = 0.0
    _said: str = ""

    def go(self) -> bool:
        """Deliver what is due. True: there may be more."""
        receiver = self.receiver()
        if receiver is None or self.clock() < self._until:
            return False
        claimed = self.outbox.claim(self.name)
        if not claimed:
            return False
        try:
            way = self.opened(receiver, self.folder)
        except (ValueError, OSError) as error:
            # Ours, without a value: it names a file and what is wrong with it.
            self._leave_alone(str(error))
            self.outbox.back(claimed)
            return False
        return self._deliver(way, claimed)

    def _deliver(self, way: Channel, claimed: list[Waiting]) -> bool:
        end = self.clock() + self.outbox.lease / 2
        while claimed and self.clock() < end:
            one, *claimed = claimed
            try:
                way.deliver(one.notice)
            except Refused as error:
                self.outbox.failed([one], str(error))
                self._say(f"refuses a notice: {error}")
            except Unreachable as error:
                self.outbox.failed([one], str(error))
                self.outbox.back(claimed)
                self._leave_alone(str(error))
                return False
            except Exception as error:  # noqa: BLE001 - one notice that cannot be written does not stop the others
                self.outbox.failed([one], type(error).__name__)
                self._say(f"could not be told: {type(error).__name__}")
            else:
                self.outbox.sent([one])
                self._arrived()
        self.outbox.back(claimed)
        return True

    def _leave_alone(self, why: str) -> None:
        self._until = self.clock() + min(LONGEST, pause(self._failures))
        self._failures += 1
        self._say(f"cannot be told anything: {why}; it is tried again")

    def _arrived(self) -> None:
        self._failures = 0
        if self._said:
            self._said = ""
            logger.error("receiver %s: can be told again", self.name)

    def _say(self, what: str) -> None:
        if what != self._said:
            self._said = what
            logger.error("receiver %s: %s", self.name, what)


@dataclass(slots=True)
class Courier:
    """All receivers of a policy, which may change while it runs."""

    policy: Latest[Policy]
    outbox: Outbox
    folder: Path
    """Where the policy's files are."""
    stopping: threading.Event = field(default_factory=threading.Event)
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    _is_broken: bool = False

    def run(self) -> None:
        """Deliver until it is stopped."""
        next_tidy = 0.0
        while not self.stopping.is_set():
            for name in self.policy().receivers:
                if name not in self._threads:
                    self._start(name)
            if time.monotonic() >= next_tidy:
                next_tidy = time.monotonic() + TIDY
                self._guarded(self._tidy)
            self.stopping.wait(LOOK)
        for thread in self._threads.values():
            thread.join()

    def _start(self, name: str) -> None:
        thread = threading.Thread(target=self._serve, args=(name,), name=f"to {name}", daemon=True)
        self._threads[name] = thread
        thread.start()

    def _serve(self, name: str) -> None:
        way = Round(name, self.outbox, lambda: self.policy().receivers.get(name), self.folder)
        while not self.stopping.is_set():
            if not self._guarded(way.go):
                self.stopping.wait(LOOK)

    def _tidy(self) -> bool:
        lost = self.outbox.tidy()
        if lost:
            logger.error("%d notices were given up: see `exfilter notices list --state failed`", lost)
        return True

    def _guarded(self, step: Callable[[], bool]) -> bool:
        """Take a step; a database that is away is no end."""
        try:
            done = step()
        except OSError:
            if not self._is_broken:
                self._is_broken = True
                logger.error("the outbox cannot be read or written; it is tried again")  # noqa: TRY400 - no values
            return False
        self._is_broken = False
        return done
