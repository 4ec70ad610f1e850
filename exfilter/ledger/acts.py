"""The audit log: what people, and the doors by themselves, did. One row each, chained, never cleared.

No customer is in it. Of an erasure the subject is a keyed digest of the customer's id, not the ordinal: with
the index an ordinal leads back to the id, and the digest does not. Who has the id and the index key can still
prove that it was erased, and when.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.ledger import passages
from exfilter.ledger.noted import note
from exfilter.ledger.store import Ledger
from exfilter.ledger.tables import acts

TIDY, ERASE, CASE, LIST, TRACE = "tidy", "erase", "open case", "list customers", "trace"
EXPORT = "export audit log"
DOOR = passages.DOOR
"""Who does what nobody asked for."""
DIGEST = 16
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Act:
    """One row."""

    time: float
    """Seconds since the epoch, UTC."""
    who: str
    act: str
    subject: str
    reason: str
    about: str = ""
    """JSON: versions and numbers that belong to it, and the OS user."""


def record(
    ledger: Ledger,
    who: str,
    act: str,
    subjects: Iterable[str],
    reason: str,
    about: Mapping[str, object] | None = None,
) -> None:
    """Write down what is done, a row for each subject. Raises OSError."""
    now = ledger.clock()
    with ledger.database.transaction(writes=True) as connection:
        note(connection, now, who, act, subjects, reason, about)


def listed(database: Database, act: str = "", limit: int = -1) -> list[Act]:
    """Return the newest first. ``act``: only such; ``limit``: so many, -1: all."""
    wanted = sa.select(acts.c.time, acts.c.who, acts.c.act, acts.c.subject, acts.c.reason, acts.c.about)
    wanted = wanted.order_by(acts.c.number.desc())
    if act:
        wanted = wanted.where(acts.c.act == act)
    if limit >= 0:
        wanted = wanted.limit(limit)
    with database.transaction() as connection:
        return [Act(row.time, *map(_text, row[1:])) for row in connection.execute(wanted)]


def _text(value: object) -> str:
    """Return a stored text. What is none was not written by exfilter: `audit verify` names it."""
    return value if isinstance(value, str) else "(no text)"


def digest(ledger: Ledger, customer_id: str) -> str:
    """Return what an erased customer is called, hexadecimal."""
    text = b"exfilter-erased-1\0" + customer_id.encode("utf-8", "surrogatepass")
    return hmac.digest(ledger.secret, text, hashlib.sha256)[:DIGEST].hex()
