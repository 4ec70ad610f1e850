"""Judges a transfer in a worker: scanned, decided, kept or let through, written down.

Knows nothing of HTTP. What it answers is final and already recorded: a journal line stands on disk before
anything is forwarded, a held body lies sealed before the sender hears of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from msgspec import structs

from exfilter.door.tasks import CUT, Outcome
from exfilter.ledger import Entry
from exfilter.model import Action, Reason
from exfilter.policy.rules import FAIL_CLOSED
from exfilter.quarantine import loose, unbound

if TYPE_CHECKING:
    from collections.abc import Callable

    from exfilter.model import Expired, Transfer, Verdict, Versions
    from exfilter.policy import Hindsight, Past, Question

GRACE = 1.0
"""Seconds that the parts of a transfer that a release does not cover may take to be examined."""

logger = logging.getLogger("exfilter.door")


class Scanner(Protocol):
    """The pipeline as a door sees it."""

    def examine(self, transfer: Transfer, expired: Expired) -> Verdict:
        """Scan and decide. Raising means: not scanned."""

    def may_stream(self, transfer: Transfer) -> bool:
        """Whether a request to this destination may go on message by message."""

    def versions(self) -> Versions:
        """Return what decides now. Raises where nothing could be scanned."""

    def hindsight(self, transfer: Transfer) -> Hindsight:
        """Return what the policy wants to know of the past, and makes of it."""

    def view(self, transfer: Transfer, expired: Expired, missing: int) -> Verdict:
        """Scan what an actor was shown: allow, as long as nothing is known of the past.

        ``missing``: bytes behind the body that the door never had.
        """

    def failed(self, reason: str, transfer: Transfer, cause: Reason) -> Verdict:
        """Return what the policy says of a transfer that was not scanned."""


class Quarantine(Protocol):
    """Where held transfers wait. Several processes use it at once."""

    def hold(self, transfer: Transfer, verdict: Verdict, found: bytes | None) -> str:
        """Seal the body, durably, and return the transfer's id.

        ``found``: what is in the headers that a release does not cover. None: nobody knows.
        """

    def fingerprint(self, transfer_id: str) -> str:
        """Return the digest of what was written of it."""

    def redeem(self, transfer: Transfer, policy_digest: str, index_id: str, found: bytes) -> str | None:
        """Use up the release of exactly this transfer: its id, or None when there is none.

        ``found`` must be what it was when the transfer was held.
        """

    def restore(self, transfer_id: str) -> None:
        """Let a release hold again whose transfer was not forwarded."""

    def check(self) -> None:
        """Raise where no transfer could be kept now."""


class Journal(Protocol):
    """The decision log. Several processes write it at once."""

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

    def check(self) -> None:
        """Raise where no line could be written now."""


class Ledger(Protocol):
    """Who sent whom before. Several processes use it at once."""

    def enter(
        self,
        transfer: Transfer,
        verdict: Verdict,
        question: Question,
        decide: Callable[[Past], Verdict],
        *,
        audit_only: bool,
    ) -> Entry:
        """Decide on a transfer with what was sent before, and write down who is in it."""

    def sent(self, entry: Entry, transfer_id: str) -> Entry:
        """Have it count after all: it is released. Write down that it passes."""

    def stays(self, entry: Entry) -> None:
        """Have it not count: it is not forwarded after all."""

    def restored(self, transfer_id: str) -> None:
        """Have a released transfer not count: it was not forwarded."""

    def kept(self, entry: Entry, transfer_id: str, fingerprint: str) -> None:
        """Name the quarantine's entry, and write down that it is held."""

    def check(self) -> None:
        """Raise where nothing could be written down now."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a transfer was not scanned."""

    reason: str
    """A sentence without any value."""
    cause: Reason


@dataclass(frozen=True, slots=True)
class Clerk:
    """Judges transfers, one at a time.

    ``audit_only`` decides and records, and never holds anything back, also not what could not be scanned.
    """

    scanner: Scanner
    quarantine: Quarantine
    journal: Journal
    ledger: Ledger
    audit_only: bool = False
    clock: Callable[[], float] = time.monotonic

    def judge(self, transfer: Transfer, expired: Expired, begin: float) -> Outcome:
        """Scan, decide, record. Whatever goes wrong on the way, the outcome does not forward."""
        result: Verdict | Failure
        try:
            result = self.scanner.examine(transfer, expired)
        except BaseException as error:  # noqa: BLE001 - fail closed, see the rules
            logger.error("scan failed: %s", blame(error))  # noqa: TRY400 - a traceback may carry values
            result = Failure(f"the scan failed ({blame(error)})", Reason.MALFORMED)
        return self._settle(transfer, result, begin)

    def open(self, transfer: Transfer, expired: Expired, begin: float) -> Outcome:
        """Judge the head of a request that may go on message by message; elsewhere nothing is judged yet."""
        try:
            may = self.scanner.may_stream(transfer)
        except BaseException as error:  # noqa: BLE001 - fail closed: it is held until it is whole
            logger.error("stream not opened: %s", blame(error))  # noqa: TRY400 - as above
            may = False
        return self.judge(transfer, expired, begin) if may else Outcome(forward=False)

    def view(self, transfer: Transfer, expired: Expired, begin: float, missing: int = 0) -> Outcome:
        """Count who is in a response. It has been delivered: nothing is held, a failure is only told.

        It has a line where a rule speaks, and where it was counted in part only.
        """
        try:
            verdict = self.scanner.view(transfer, expired, missing)
            behind = self.scanner.hindsight(transfer)
            entry = self.ledger.enter(
                transfer,
                verdict,
                behind.question,
                lambda past: behind.recall(verdict, past),
                audit_only=self.audit_only,
            )
            if entry.verdict.action > Action.ALLOW or _is_cut(entry.verdict):
                self._write(transfer, entry.verdict, "", self.clock() - begin, held=False)
        except BaseException as error:  # noqa: BLE001 - there is nothing to be held
            logger.error("response not counted: %s", blame(error))  # noqa: TRY400 - as above
            return Outcome(forward=True, failed=True, recorded=False)
        return _outcome(entry.verdict, forward=True)

    def check(self) -> Outcome:
        """Look whether transfers could be scanned, kept and recorded now. The rule says what could not."""
        parts = ("quarantine", self.quarantine), ("decisions", self.journal), ("ledger", self.ledger)
        word = "index"
        try:
            versions = self.scanner.versions()
            for word, part in parts:  # noqa: B007 - it is said where one raises
                part.check()
        except Exception:  # noqa: BLE001 - whatever it is, the door is not ready
            return Outcome(forward=False, rule=word)
        return Outcome(forward=True, tag=tag(versions))

    def keep(self, transfer: Transfer, failure: Failure, begin: float) -> Outcome:
        """Record a transfer that was not scanned, and seal it."""
        return self._settle(transfer, failure, begin)

    def refuse(self, transfer: Transfer, failure: Failure, *, lost: bool = False) -> Outcome:
        """Record a transfer whose body is not there to be kept; ``lost``: nor to be forwarded."""
        forward = self.audit_only and not lost
        verdict: Verdict | None = None
        try:
            verdict = self._verdict(transfer, failure)
            self._write(transfer, verdict, "", 0.0, held=not forward)
        except BaseException as error:  # noqa: BLE001 - it is not forwarded either way
            logger.error("refusal not recorded: %s", blame(error))  # noqa: TRY400 - as above
            return Outcome(forward, recorded=False)
        return _outcome(verdict, forward=forward)

    def restore(self, transfer_id: str) -> Outcome:
        """Let a release hold again whose transfer was not forwarded. Where that fails it is used up."""
        try:
            self.quarantine.restore(transfer_id)
            self.ledger.restored(transfer_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing passes by it
            logger.error("release not restored: %s", blame(error))  # noqa: TRY400 - as above
            return Outcome(forward=False, recorded=False)
        return Outcome(forward=False)

    # Fail closed. Rule 1: a scan that raises or does not end is a failure, of which the policy says what
    # follows (it holds, unless it was told otherwise). Rule 2: `forward` is said after the ledger's row and
    # the journal's line are on disk; whatever is raised before that ends in `_salvage`, which keeps the
    # transfer if it can and never forwards it. Rule 3: in audit-only mode everything passes, which is the
    # mode's meaning.

    def _settle(self, transfer: Transfer, result: Verdict | Failure, begin: float) -> Outcome:
        kept, tried, sealing = "", False, 0.0
        entry: Entry | None = None
        released: str | None = None
        try:
            entry = self._entered(transfer, self._verdict(transfer, result))
            verdict = entry.verdict
            holds = verdict.action.holds and not self.audit_only
            found = self._loose(transfer) if holds else None
            released = self._redeem(transfer, verdict, found) if found is not None else None
            held = holds and released is None
            if released:
                entry = self.ledger.sent(entry, released)
            if held:
                tried, start = True, self.clock()
                kept = self.quarantine.hold(transfer, verdict, found)
                self.ledger.kept(entry, kept, self.quarantine.fingerprint(kept))
                sealing = self.clock() - start
            self._write(transfer, verdict, released or kept, self.clock() - begin, held=held)
            outcome = _outcome(verdict, forward=not held, transfer_id=kept, sealing=sealing)
            outcome = structs.replace(outcome, released=released or "")
            return outcome if transfer.stream is None else _of_stream(outcome, verdict)
        except BaseException as error:  # noqa: BLE001 - fail closed, see the rules
            logger.error("decision not recorded: %s", blame(error))  # noqa: TRY400 - as above
            self._take_back(entry)
            if released:
                self.restore(released)
            return self._salvage(transfer, error, begin, kept, hold=not tried)

    def _entered(self, transfer: Transfer, verdict: Verdict) -> Entry:
        """Decide with what was sent before, and write down who is in it."""
        behind = self.scanner.hindsight(transfer)
        return self.ledger.enter(
            transfer,
            verdict,
            behind.question,
            lambda past: behind.recall(verdict, past),
            audit_only=self.audit_only,
        )

    def _take_back(self, entry: Entry | None) -> None:
        """Have a transfer not count that is not forwarded after all. At worst it counts."""
        if entry is not None and not self.audit_only:
            with contextlib.suppress(Exception):
                self.ledger.stays(entry)

    def _salvage(
        self, transfer: Transfer, error: BaseException, begin: float, kept: str, *, hold: bool
    ) -> Outcome:
        """Keep a transfer whose decision could not be recorded. Without an id: not even that was possible."""
        verdict: Verdict | None = None
        recorded = False
        try:
            reason = f"the decision was not recorded ({blame(error)})"
            verdict = self._verdict(transfer, Failure(reason, Reason.MALFORMED))
            try:
                if hold and not self.audit_only:
                    kept = self.quarantine.hold(transfer, verdict, self._loose(transfer))
                    with contextlib.suppress(Exception):  # It is held, whoever knows.
                        self.ledger.kept(Entry(verdict), kept, self.quarantine.fingerprint(kept))
            finally:
                self._write(transfer, verdict, kept, self.clock() - begin, held=not self.audit_only)
                recorded = True
        except BaseException as second:  # noqa: BLE001 - fail closed, see the rules
            logger.error("transfer not kept or not recorded: %s", blame(second))  # noqa: TRY400 - as above
        return _outcome(verdict, forward=self.audit_only, transfer_id=kept, recorded=recorded)

    def _verdict(self, transfer: Transfer, result: Verdict | Failure) -> Verdict:
        if isinstance(result, Failure):
            return self.scanner.failed(result.reason, transfer, result.cause)
        return result

    def _redeem(self, transfer: Transfer, verdict: Verdict, found: bytes) -> str | None:
        versions = verdict.versions
        return self.quarantine.redeem(transfer, versions.policy, versions.index, found)

    def _loose(self, transfer: Transfer) -> bytes | None:
        """Examine what a release does not cover: the headers that differ from one try to the next."""
        begin, rest = self.clock(), unbound(transfer)
        try:
            verdict = self.scanner.examine(rest, lambda: self.clock() - begin >= GRACE)
            return loose(rest, verdict.findings)
        except BaseException:  # noqa: BLE001 - fail closed, see the rules
            return None

    def _write(
        self, transfer: Transfer, verdict: Verdict, transfer_id: str, seconds: float, *, held: bool
    ) -> None:
        self.journal.write(
            transfer,
            verdict,
            transfer_id=transfer_id,
            seconds=seconds,
            audit_only=self.audit_only,
            held=held,
        )


def _is_cut(verdict: Verdict) -> bool:
    return any(item.reason in CUT for item in verdict.findings.unscanned)


def _of_stream(outcome: Outcome, verdict: Verdict) -> Outcome:
    """Add what the next message is to be judged with."""
    found = verdict.findings
    customers, unread = tuple(map(int, found.identified)), sum(max(0, each.bytes) for each in found.unscanned)
    return structs.replace(outcome, customers=customers, unread=unread)


def _outcome(
    verdict: Verdict | None,
    *,
    forward: bool,
    transfer_id: str = "",
    sealing: float = 0.0,
    recorded: bool = True,
) -> Outcome:
    if verdict is None:
        return Outcome(forward, transfer_id, recorded=recorded)
    return Outcome(
        forward,
        transfer_id,
        action=verdict.action.name.lower(),
        rule=verdict.rule,
        failed=verdict.rule == FAIL_CLOSED,
        unscanned=dict(Counter(item.reason.value for item in verdict.findings.unscanned)),
        sealing=sealing,
        recorded=recorded,
        tag=tag(verdict.versions),
    )


def tag(versions: Versions) -> str:
    """Name what decides: another policy or index has another name, which says neither."""
    told = f"{versions.exfilter}\0{versions.canonicaliser}\0{versions.policy}\0{versions.index}"
    return hashlib.blake2b(told.encode(), digest_size=12).hexdigest()


def blame(error: BaseException) -> str:
    """Name an error without its message, which may quote what was being read."""
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}, {error.strerror}"
    return type(error).__name__
