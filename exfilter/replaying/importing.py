"""The one way from a capture into the live ledger: who is in its transfers is written down as sent.

A capture shows what left, whatever a rule says of it today: every transfer counts as sent, nobody is told,
nobody is suspended, nothing is held. It is the same exposure when it is imported again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from exfilter.captures import Captured
from exfilter.ledger import Ledger, acts
from exfilter.model import Verdict
from exfilter.policy import Hindsight, Policy
from exfilter.replaying.examining import Judged, lean

IMPORT = "import"
"""The act, as the audit log lists it."""
IMPORTED = "imported"
AHEAD = 86_400.0
"""Seconds that a capture's clock may be ahead of this one."""


@dataclass(frozen=True, slots=True)
class Importer:
    """Takes down in the live ledger what a replay decided."""

    ledger: Ledger
    policy: Policy
    clock: Callable[[], float] = time.time
    counts: Counter[str] = field(default_factory=Counter)
    """Transfers that are ``new`` in the ledger, and that were ``known`` to it."""

    def begin(self, who: str, captures: list[str], reason: str) -> None:
        """Record who imports what, before anything is. Raises OSError."""
        acts.record(self.ledger, who, IMPORT, captures, reason)

    def take(self, captured: Captured, judged: Judged, verdict: Verdict) -> str:  # noqa: ARG002 - see Kept
        """Take a transfer with customers; return why it was left out. Raises OSError."""
        if not verdict.findings.customers:
            return ""
        transfer = judged.transfer
        if transfer.time > self.clock() + AHEAD:
            return "not imported: it is of a day that has not come"
        question = Hindsight(self.policy, transfer).question
        question = replace(question, windows=frozenset(), measures=frozenset())
        plain = replace(lean(verdict), suspends=None)
        entry = self.ledger.enter(transfer, plain, question, lambda _: plain, audit_only=True)
        self.counts["new" if entry.sent else "known"] += 1
        return ""

    def end(self, who: str, captures: list[str]) -> str:
        """Record how many were taken, and return that in words. Raises OSError."""
        told = (
            f"{self.counts['new']:,} transfers with customers imported, {self.counts['known']:,} were there"
        )
        acts.record(self.ledger, who, IMPORTED, captures, told)
        return told
