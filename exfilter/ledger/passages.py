"""What the audit log says of a transfer's way through a door: held, let pass by a release, not delivered."""

from __future__ import annotations

import sqlalchemy as sa

from exfilter.ledger.noted import note
from exfilter.ledger.tables import acts
from exfilter.model import Verdict

HOLD, PASS, RETURN = "hold", "let pass", "take back"
DOOR = "exfilter"
"""Who does what nobody asked for."""


def held(
    connection: sa.Connection, when: float, transfer_id: str, verdict: Verdict, fingerprint: str
) -> None:
    """Write down that a transfer was held, once: its retries are the same transfer.

    ``fingerprint``: of what the quarantine has written of it.
    """
    known = sa.select(acts.c.number).where(acts.c.subject == transfer_id, acts.c.act == HOLD).limit(1)
    if connection.execute(known).first() is None:
        found, versions = verdict.findings, verdict.versions
        about = {
            "held": fingerprint,
            "rule": verdict.rule,
            "verdict": verdict.action.name.lower(),
            "customers": found.customers,
            "identified": len(found.identified),
            "index": versions.index,
            "policy": versions.policy,
            "kernel": versions.kernel,
            "canonicaliser": versions.canonicaliser,
        }
        note(connection, when, DOOR, HOLD, [transfer_id], verdict.reason, about)


def passed(connection: sa.Connection, when: float, transfer_id: str, verdict: Verdict) -> None:
    """Write down that the retry of a released transfer passes."""
    about = {"index": verdict.versions.index, "policy": verdict.versions.policy}
    note(connection, when, DOOR, PASS, [transfer_id], "", about)


def returned(connection: sa.Connection, when: float, transfer_id: str) -> None:
    """Write down that it was not forwarded after all: the release holds again."""
    note(connection, when, DOOR, RETURN, [transfer_id], "the destination was not reached")
