"""A pipeline as a configuration folder describes it, always with the newest index and policy."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from detectors.terms import Terms
from exfilter import kernel, policy
from exfilter.groups import Membership
from exfilter.index import arrays, keys, store
from exfilter.latest import Latest, Once
from exfilter.limits import PROXY, Limits
from exfilter.model import Expired, Reason, Transfer, Unscanned, Verdict, Versions
from exfilter.scan import Engine, Pipeline
from exfilter.settings import Settings
from exfilter.uploads import Uploads, recognise

logger = logging.getLogger("exfilter.scanner")

SLOW = (
    "the slow reference kernel runs: exfilter was installed where there is no C compiler"
    if kernel.NAME == "reference"
    else ""
)
"""What an operator should know. Empty: nothing."""


class Scanner:
    """The pipeline with the newest index and policy: they change between transfers, whole or not at all.

    A transfer keeps those that it began with. Without a good index nothing is examined; a policy with a
    mistake is said to be one, and that before it stays in force. Safe to use from several threads.
    """

    CHECK = 1.0
    """Seconds between two looks at the index on disk."""

    def __init__(
        self,
        settings: Settings,
        limits: Limits | None = None,
        *,
        whole: bool = True,
        membership: Membership | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read policy and key, open the index. Raises ValueError or OSError.

        Without ``limits`` it is for a door that holds a sender waiting. ``whole``: as for ``Index.open``.
        Without ``membership`` groups are as the settings say.
        """
        self._path = settings.index
        self._latest = Latest(settings.policy, policy.load, clock)
        self._policy = self._latest()
        self._file, self._said = settings.policy, Once(self._policy.digest)
        self._terms = Terms(self._policy.terms)
        self._membership = membership or Membership.open(settings)
        self._key = keys.load(settings.index_key)
        given = limits or replace(PROXY, bytes_in=settings.max_body)
        self._limits = replace(given, passwords=settings.passwords, ocr=settings.ocr)
        self._uploads = Uploads(settings.uploads, self._key, settings.upload_hours, settings.upload_bytes)
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
                if self._has_new_policy() or not good or version != self._version:
                    self._last, self._version = self._open(), version
                self._good = True
                self._next_look = self._clock() + self.CHECK
            return self._last

    def examine(self, transfer: Transfer, expired: Expired) -> Verdict:
        """Scan and decide; on a piece of an upload, with what is known of the whole.

        Raises ValueError or OSError without an index, or where a piece cannot be kept.
        """
        request = recognise(transfer)
        placed = self.placed(transfer)
        if request is None:
            return self.pipeline().examine(placed, expired)
        return self._uploads.examine(self.pipeline(), placed, request, expired)

    def placed(self, transfer: Transfer) -> Transfer:
        """Return the transfer with its actor's groups, where the policy asks for any."""
        rules = self._policy.rules
        by_group = any(
            rule.group or rule.unusual or (rule.looks_back and rule.by is policy.By.GROUP) for rule in rules
        )
        return self._membership.placed(transfer) if by_group else transfer

    def may_stream(self, transfer: Transfer) -> bool:
        """Whether the policy lets a request to this destination go on message by message."""
        return policy.may_stream(self.pipeline().policy, transfer)

    def hindsight(self, transfer: Transfer) -> policy.Hindsight:
        """Return what the policy wants to know of the past. One policy asks and decides."""
        with contextlib.suppress(ValueError, OSError):
            return policy.Hindsight(self.pipeline().policy, self.placed(transfer))
        # Without an index: what was not scanned is written down all the same, by the policy that judged it.
        return policy.Hindsight(self._last.policy, self.placed(transfer))

    def view(self, transfer: Transfer, expired: Expired, missing: int = 0) -> Verdict:
        """Scan what an actor was shown. ``missing``: bytes behind the body. Raises as ``examine``."""
        rest = (Unscanned("rest of the response", Reason.OVER_BUDGET, missing),) if missing else ()
        return self.pipeline().view(transfer, expired, missing=rest)

    def failed(self, reason: str, transfer: Transfer, cause: Reason) -> Verdict:
        """Return what the policy says of a transfer that was not scanned."""
        good, last = self._good, self._last
        verdict = last.failed(reason, transfer, cause)
        return verdict if good else replace(verdict, versions=replace(verdict.versions, index=""))

    def _has_new_policy(self) -> bool:
        """Read the policy again where its file has changed."""
        found = self._latest()
        if found is self._policy:
            return False
        self._policy, self._terms = found, Terms(found.terms)
        before = self._said(found.digest)
        if before is not None:
            logger.info("%s: read again; digest %s, before %s", self._file, found.digest, before)
        return True

    def versions(self) -> Versions:
        """Return what decides now. Raises ValueError or OSError without an index."""
        pipeline = self.pipeline()
        return pipeline.engine.versions(pipeline.policy.digest)

    def follow(self) -> None:
        """Read the policy again where its file has changed, and say so, also while nothing is scanned."""
        with self._lock:
            self._has_new_policy()

    def _look(self) -> tuple[object, ...]:
        """Return what changes with the index on disk, also when a file of it is altered in its place."""
        version = store.version(self._path, self._key)
        return version.directory, version.mac, arrays.identities(version.directory, version.about)

    def _open(self, *, whole: bool = True) -> Pipeline:
        engine = Engine(store.Index.open(self._path, self._key, whole=whole), self._terms)
        return Pipeline(engine, self._policy, self._limits)
