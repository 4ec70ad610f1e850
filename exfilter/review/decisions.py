"""What a reviewer decides, and opens: one way for the command line, the pages and the API.

Everything is recorded in the ledger's acts before it is true: where it cannot be recorded, it is not done.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exfilter.ledger import acts
from exfilter.quarantine.store import RELEASE_LASTS

if TYPE_CHECKING:
    from exfilter.ledger import Ledger
    from exfilter.model import Transfer
    from exfilter.quarantine import Quarantine, State
    from exfilter.quarantine.store import Identities

RELEASE, DENY, CONFIRM, OPEN = "release", "deny", "confirm leak", "open body"
ASKED = "ask: "
"""Before the name of an act that waits for a second reviewer."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Those of one person."""

    quarantine: Quarantine
    ledger: Ledger
    who: str

    def release(self, transfer_id: str, reason: str, lasts: dt.timedelta = RELEASE_LASTS) -> State:
        """Let the sender's retry pass once. Returns the state now: it may wait for a second reviewer."""
        noted = self._noted(RELEASE, transfer_id, f"for {lasts}: {reason}")
        return self.quarantine.release(transfer_id, self.who, reason, lasts, noted)

    def deny(self, transfer_id: str, reason: str) -> None:
        """Keep it from its destination for good."""
        self.quarantine.deny(transfer_id, self.who, reason, self._noted(DENY, transfer_id, reason))

    def confirm(self, transfer_id: str, reason: str) -> None:
        """Keep it from its destination for good: it was a leak."""
        self.quarantine.confirm(transfer_id, self.who, reason, self._noted(CONFIRM, transfer_id, reason))

    def reveal(self, transfer_id: str, identities: Identities, reason: str) -> Transfer | None:
        """Return a transfer in clear. None: it waits for a second reviewer."""
        noted = self._noted(OPEN, transfer_id, reason)
        return self.quarantine.reveal(transfer_id, identities, self.who, reason, noted)

    def export(
        self, transfer_id: str, identities: Identities, reason: str, out: Path, *, request: bool
    ) -> bool:
        """Write a body to a new file, in clear. Returns whether it did, or waits for a second reviewer."""
        noted = self._noted(OPEN, transfer_id, reason)
        return self.quarantine.export(
            transfer_id, identities, out, request=request, reviewer=self.who, reason=reason, noted=noted
        )

    def _noted(self, act: str, transfer_id: str, reason: str) -> Callable[[bool], None]:
        """Return what writes an act down, with what was decided on. Raises ValueError for an unknown id."""
        entry = self.quarantine.show(transfer_id)
        about = {
            "rule": entry.rule, "customers": entry.customers, "policy": entry.policy, "index": entry.index_id,
        }  # fmt: skip

        def note(done: bool) -> None:  # noqa: FBT001 - a Noted
            acts.record(self.ledger, self.who, act if done else ASKED + act, [transfer_id], reason, about)

        return note
