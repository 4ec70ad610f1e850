"""The desk: the opened quarantine, ledger and cases of a folder, for the pages and the API alike."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from exfilter.ledger import Ledger, acts
from exfilter.quarantine import Quarantine, Weighed
from exfilter.review.cases import Cases
from exfilter.review.dashboard import Kept
from exfilter.review.decisions import Decisions
from exfilter.review.foreign import told
from exfilter.review.recorded import NOT_DONE
from exfilter.settings import Settings

WAITS = 30.0
"""Seconds for the opening before it to end."""


class Busy(Exception):  # noqa: N818 - no fault of anybody
    """Another body is being opened."""


@dataclass(slots=True)
class Desk:
    """Everything that reviewers look at. Several threads use it at once."""

    given: Settings
    quarantine: Quarantine
    ledger: Ledger
    """Whoever opened it closes it."""
    cases: Cases
    figures: Kept
    _opening: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, given: Settings, ledger: Ledger, weighed: Weighed) -> Desk:
        """Open the quarantine and the cases of a folder, or make them. Raises OSError or ValueError.

        ``weighed``: which two are two reviewers.
        """
        quarantine = Quarantine.open(given.quarantine, second_reviewer=given.second_reviewer, weighed=weighed)
        cases = Cases.open(given.quarantine, ledger.clock)
        return cls(given, quarantine, ledger, cases, Kept(quarantine, ledger))

    def close(self) -> None:
        """Close the quarantine and the cases."""
        self.figures.wait()
        self.quarantine.close()
        self.cases.close()

    def decisions(self, who: str) -> Decisions:
        """Return what somebody may decide."""
        return Decisions(self.quarantine, self.ledger, who)

    def record(self, who: str, act: str, subjects: Iterable[str], reason: str) -> None:
        """Write down what is about to be done. Raises OSError: then it must not be done."""
        acts.record(self.ledger, who, act, subjects, reason)

    @contextmanager
    def doing(self, who: str, act: str, subjects: Iterable[str], reason: str) -> Iterator[None]:
        """Write down what is done in the block; where it is refused, that as well."""
        what = list(subjects)
        self.record(who, act, what, reason)
        try:
            yield
        except ValueError as refused:
            self.record(who, act, what, f"{NOT_DONE}{told(refused)}")
            raise

    def begin_opening(self) -> Callable[[], None]:
        """Return what ends it. One body at a time: it lies in memory, and a passphrase takes a gigabyte.

        Raises Busy.
        """
        if not self._opening.acquire(timeout=WAITS):
            raise Busy
        return self._opening.release
