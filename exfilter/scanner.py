"""A pipeline as a configuration folder describes it, always with the newest index."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from detectors.terms import Terms
from exfilter import kernel, policy
from exfilter.index import arrays, keys, store
from exfilter.limits import PROXY, Limits
from exfilter.model import Expired, Reason, Transfer, Verdict
from exfilter.scan import Engine, Pipeline
from exfilter.settings import Settings

SLOW = (
    "the slow reference kernel runs: exfilter was installed where there is no C compiler"
    if kernel.NAME == "reference"
    else ""
)
"""What an operator should know. Empty: nothing."""


class Scanner:
    """The pipeline with the newest index: a rebuilt one is opened between transfers, whole or not at all.

    A transfer keeps the index that it began with. Safe to use from several threads.
    """

    CHECK = 1.0
    """Seconds between two looks at the index on disk."""

    def __init__(
        self,
        settings: Settings,
        limits: Limits | None = None,
        *,
        whole: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read policy and key, open the index. Raises ValueError or OSError.

        Without ``limits`` it is for a door that holds a sender waiting. ``whole``: as for ``Index.open``.
        """
        self._path = settings.index
        self._policy = policy.load(settings.policy)
        self._terms = Terms(self._policy.terms)
        self._key = keys.load(settings.index_key)
        given = limits or replace(PROXY, bytes_in=settings.max_body)
        self._limits = replace(given, passwords=settings.passwords, ocr=settings.ocr)
        self._clock = clock
        self._lock = threading.Lock()
        self._version = self._look()
        self._last = self._open(whole=whole)
        """The last that was good: names of transfers are masked by it also while there is none."""
        self._good = True
        self._next_look = clock() + self.CHECK

    def pipeline(self) -> Pipeline:
        """Return the pipeline on the index as it is on disk. Raises ValueError or OSError without one."""
        with self._lock:
            if not self._good or self._clock() >= self._next_look:
                # Fail closed: there is none until the one on disk has been found good.
                good, self._good = self._good, False
                version = self._look()
                if not good or version != self._version:
                    self._last, self._version = self._open(), version
                self._good = True
                self._next_look = self._clock() + self.CHECK
            return self._last

    def examine(self, transfer: Transfer, expired: Expired) -> Verdict:
        """Scan and decide. Raises ValueError or OSError without an index."""
        return self.pipeline().examine(transfer, expired)

    def failed(self, reason: str, transfer: Transfer, cause: Reason) -> Verdict:
        """Return what the policy says of a transfer that was not scanned."""
        good, last = self._good, self._last
        verdict = last.failed(reason, transfer, cause)
        return verdict if good else replace(verdict, versions=replace(verdict.versions, index=""))

    def check(self) -> None:
        """Raise ValueError or OSError where nothing could be scanned now."""
        self.pipeline()

    def _look(self) -> tuple[object, ...]:
        """Return what changes with the index on disk, also when a file of it is altered in its place."""
        version = store.version(self._path, self._key)
        return version.directory, version.mac, arrays.identities(version.directory, version.about)

    def _open(self, *, whole: bool = True) -> Pipeline:
        engine = Engine(store.Index.open(self._path, self._key, whole=whole), self._terms)
        return Pipeline(engine, self._policy, self._limits)
