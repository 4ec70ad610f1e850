"""Where a live transfer is judged: scanned off the event loop, decided, kept or let through, written down.

Knows nothing of HTTP. What it answers is final and already recorded: a journal line stands on disk before
anything is forwarded, a held body lies sealed before the sender hears of it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from exfilter.door import metrics
from exfilter.door.metrics import Refusal
from exfilter.model import Reason
from exfilter.quarantine import unbound

if TYPE_CHECKING:
    from collections.abc import Callable

    from exfilter.model import Expired, Transfer, Verdict

HOLDERS = 2
"""Threads that seal held transfers."""
GRACE = 1.0
"""Seconds past its deadline that a scan has to notice it; then it is no longer waited for."""

logger = logging.getLogger("exfilter.door")


class Scanner(Protocol):
    """The pipeline as a door sees it."""

    def examine(self, transfer: Transfer, expired: Expired) -> Verdict:
        """Scan and decide. Raising means: not scanned."""

    def failed(self, reason: str, transfer: Transfer, cause: Reason) -> Verdict:
        """Return what the policy says of a transfer that was not scanned."""


class Quarantine(Protocol):
    """Where held transfers wait. Several threads use it at once."""

    def hold(self, transfer: Transfer, verdict: Verdict) -> str:
        """Seal the body, durably, and return the transfer's id."""

    def redeem(self, transfer: Transfer, policy_digest: str, index_id: str) -> str | None:
        """Use up the release of exactly this transfer: its id, or None when there is none."""


class Journal(Protocol):
    """The decision log. Several threads write it at once."""

    def write(
        self,
        transfer: Transfer,
        verdict: Verdict,
        *,
        transfer_id: str,
        seconds: float,
        audit_only: bool,
        held: bool,
    ) -> None:
        """Append one line."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transfer."""

    forward: bool
    transfer_id: str = ""
    """Its id in the quarantine. Empty: it is not kept there."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a transfer was not scanned."""

    reason: str
    """A sentence without any value."""
    cause: Reason


@dataclass(frozen=True, slots=True)
class Scanned:
    """What came of a scan."""

    result: Verdict | Failure
    releasable: bool = False
    """Whether a release may be redeemed: what it does not cover was examined and is clean."""


class Desk:
    """Judges transfers, several at a time.

    ``audit_only`` decides and records, and never holds anything back, also not what could not be scanned.
    """

    def __init__(
        self,
        scanner: Scanner,
        quarantine: Quarantine,
        journal: Journal,
        *,
        deadline: float = 60.0,
        workers: int = 2,
        audit_only: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.audit_only = audit_only
        self._scanner = scanner
        self._quarantine = quarantine
        self._journal = journal
        self._deadline = deadline
        self._clock = clock
        self._closing = threading.Event()
        self._scanners = ThreadPoolExecutor(workers, thread_name_prefix="scan")
        # Apart from the scanners: a scan that hangs never keeps a transfer from being recorded. Apart from
        # each other: what passes does not wait until a large body is sealed.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="record")
        self._holders = ThreadPoolExecutor(HOLDERS, thread_name_prefix="hold")

    async def judge(self, transfer: Transfer) -> Outcome:
        """Scan, decide, record. Whatever goes wrong on the way, the outcome does not forward."""
        loop = asyncio.get_running_loop()
        begin = self._clock()

        def expired() -> bool:
            return self._closing.is_set() or self._clock() - begin >= self._deadline

        try:
            async with asyncio.timeout(self._deadline + 2 * GRACE):
                scanned = await loop.run_in_executor(self._scanners, self._examine, transfer, expired)
        except TimeoutError:
            scanned = Scanned(Failure(f"the scan did not end within {self._deadline:g} s", Reason.DEADLINE))
        seconds = self._clock() - begin
        settlers = self._holders if self._may_hold(scanned.result) else self._writer
        return await loop.run_in_executor(settlers, self._settle, transfer, scanned, seconds)

    async def refuse(self, transfer: Transfer, reason: str, why: Refusal = Refusal.OTHER) -> Outcome:
        """Record a transfer that cannot be scanned and whose body is not there to be kept."""
        metrics.refused(why)
        loop = asyncio.get_running_loop()
        failure = Failure(reason, Reason.OVER_BUDGET)
        return await loop.run_in_executor(self._writer, self._turn_away, transfer, failure)

    def close(self) -> None:
        """Stop the scans, finish what is being recorded."""
        self._closing.set()
        self._scanners.shutdown(wait=False, cancel_futures=True)
        for settlers in (self._writer, self._holders):
            settlers.shutdown(wait=True)

    def _may_hold(self, result: Verdict | Failure) -> bool:
        return not self.audit_only and (isinstance(result, Failure) or result.action.holds)

    def _examine(self, transfer: Transfer, expired: Expired) -> Scanned:
        result: Verdict | Failure
        try:
            result = self._scanner.examine(transfer, expired)
        except BaseException as error:  # noqa: BLE001 - fail closed, see the rules
            logger.error("scan failed: %s", blame(error))  # noqa: TRY400 - a traceback may carry values
            result = Failure(f"the scan failed ({blame(error)})", Reason.UNSUPPORTED)
        if isinstance(result, Failure) or result.action.holds:
            return Scanned(result, self._is_releasable(transfer))
        return Scanned(result)

    def _is_releasable(self, transfer: Transfer) -> bool:
        """Examine what a release does not cover: the headers that differ from one try to the next."""
        begin = self._clock()
        try:
            rest = self._scanner.examine(unbound(transfer), lambda: self._clock() - begin >= GRACE)
        except BaseException:  # noqa: BLE001 - fail closed, see the rules
            return False
        found = rest.findings
        return not (rest.action.holds and (found.customers or found.unscanned or found.terms))

    # Fail closed. Rule 1: a scan that raises or does not end is a failure, of which the policy says what
    # follows (it holds, unless it was told otherwise). Rule 2: `forward` is said after the journal line is
    # on disk; whatever is raised before that ends in `_salvage`, which keeps the transfer if it can and
    # never forwards it. Rule 3: in audit-only mode everything passes, which is the mode's meaning.

    def _settle(self, transfer: Transfer, scanned: Scanned, seconds: float) -> Outcome:
        kept = ""
        try:
            verdict = self._verdict(transfer, scanned.result)
            holds = verdict.action.holds and not self.audit_only
            released = self._redeem(transfer, verdict) if holds and scanned.releasable else None
            held = holds and released is None
            if held:
                with metrics.holding():
                    kept = self._quarantine.hold(transfer, verdict)
            self._write(transfer, verdict, released or kept, seconds, held=held)
            return Outcome(forward=not held, transfer_id=kept)
        except BaseException as error:  # noqa: BLE001 - fail closed, see the rules
            return Outcome(self.audit_only, kept or self._salvage(transfer, seconds, error))

    def _salvage(self, transfer: Transfer, seconds: float, error: BaseException) -> str:
        """Keep a transfer whose decision could not be recorded. Empty: not even that was possible."""
        logger.error("decision not recorded: %s", blame(error))
        kept = ""
        try:
            reason = f"the decision was not recorded ({blame(error)})"
            verdict = self._verdict(transfer, Failure(reason, Reason.UNSUPPORTED))
            try:
                kept = "" if self.audit_only else self._quarantine.hold(transfer, verdict)
            finally:
                self._write(transfer, verdict, kept, seconds, held=not self.audit_only)
        except BaseException as second:  # noqa: BLE001 - fail closed, see the rules
            metrics.unrecorded()
            logger.error("transfer not kept or not recorded: %s", blame(second))  # noqa: TRY400 - as above
        return kept

    def _turn_away(self, transfer: Transfer, failure: Failure) -> Outcome:
        try:
            verdict = self._verdict(transfer, failure)
            self._write(transfer, verdict, "", 0.0, held=not self.audit_only)
        except BaseException as error:  # noqa: BLE001 - it is not forwarded either way
            metrics.unrecorded()
            logger.error("refusal not recorded: %s", blame(error))  # noqa: TRY400 - as above
        return Outcome(forward=self.audit_only)

    def _verdict(self, transfer: Transfer, result: Verdict | Failure) -> Verdict:
        if isinstance(result, Failure):
            return self._scanner.failed(result.reason, transfer, result.cause)
        return result

    def _redeem(self, transfer: Transfer, verdict: Verdict) -> str | None:
        versions = verdict.versions
        return self._quarantine.redeem(transfer, versions.policy, versions.index)

    def _write(
        self, transfer: Transfer, verdict: Verdict, transfer_id: str, seconds: float, *, held: bool
    ) -> None:
        self._journal.write(
            transfer,
            verdict,
            transfer_id=transfer_id,
            seconds=seconds,
            audit_only=self.audit_only,
            held=held,
        )
        metrics.count(transfer, verdict, seconds, held=held)


def blame(error: BaseException) -> str:
    """Name an error without its message, which may quote what was being read."""
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}, {error.strerror}"
    return type(error).__name__
