"""What others are told: composed where it is decided, written down in the same transaction.

A notice holds no customer's value and no URL: numbers, names as they are shown, a rule and its sentence. Its
id is made of what was sent and what was decided, so a retry of the same transfer is not told twice a day.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from exfilter.ledger.rows import put
from exfilter.ledger.tables import outbox
from exfilter.model import Transfer, Verdict
from exfilter.policy import CANARY, summary

VERSION = 1
PATIENCE = 30.0
"""Seconds that a notice of a held transfer waits for the id that the quarantine gives it."""
TEXT_LIMIT = 255
URGENT = frozenset({"canary", "suspended", "lifted"})
"""Types of notices that are delivered first, and dropped last where there are too many."""
ORDINARY_ID, URGENT_ID = "n-", "u-"
"""What an id begins with: by it the outbox tells them apart, without a look into each body."""

Notice = dict[str, Any]


def of_transfer(
    transfer: Transfer, verdict: Verdict, actor: str, when: float, *, outcome: str, audit_only: bool
) -> Notice:
    """Return the notice of a transfer. ``actor``: as he is called; ``outcome``: ``held`` or ``passed``."""
    told = summary(verdict)
    spoke = list(verdict.details.get("spoke", ()))
    kept = (
        "action",
        "rule",
        "reason",
        "customers",
        "identified",
        "estimated",
        "fields",
        "unscanned",
        "canaries",
        "bytes",
    )
    return {
        "version": VERSION,
        "type": "canary" if CANARY in (verdict.rule, *spoke) else "transfer",
        "time": iso(when),
        "door": transfer.door,
        "actor": actor[:TEXT_LIMIT],
        "destination": verdict.shown.destination[:TEXT_LIMIT],
        "method": verdict.shown.method,
        **{name: told[name] for name in kept},
        "rules": spoke,
        "outcome": outcome,
        "audit_only": audit_only,
        "transfer_id": "",
        "policy": verdict.versions.policy,
        "index": verdict.versions.index,
        "exfilter": verdict.versions.exfilter,
    }


def of_actor(kind: str, actor: str, when: float, *, who: str, rule: str, reason: str) -> Notice:
    """Return the notice that an actor is ``suspended`` or ``lifted``. ``who``: empty where a rule did it."""
    return {
        "version": VERSION,
        "type": kind,
        "time": iso(when),
        "actor": actor[:TEXT_LIMIT],
        "by": who,
        "rule": rule,
        "reason": reason,
    }


def name_of(secret: bytes, type_: str, *parts: str | bytes) -> str:
    """Return the id of a notice: the same for the same parts, and nobody can try contents out."""
    mac = hmac.new(secret, b"exfilter-notice-1", hashlib.sha256)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        mac.update(len(data).to_bytes(8, "big") + data)
    return (URGENT_ID if type_ in URGENT else ORDINARY_ID) + base64.b32encode(
        mac.digest()[:15]
    ).decode().lower()


def post(
    connection: sa.Connection, name: str, notice: Notice, receivers: Iterable[str], now: float, *, due: float
) -> None:
    """Put a notice into the outbox, once for each receiver. One that is there already stays as it is."""
    body = packed({"id": name} | notice)
    rows = [
        {
            "notice": name,
            "receiver": receiver,
            "made": now,
            "body": body,
            "state": "waiting",
            "due": due,
            "lease": 0.0,
            "attempts": 0,
            "error": "",
        }
        for receiver in receivers
    ]
    put(connection, outbox, rows)


def complete(connection: sa.Connection, names: Sequence[str], now: float, **more: str) -> None:
    """Add to notices what has become known of their transfer, and have them sent."""
    if not names:
        return
    mine = outbox.c.notice.in_(names) & (outbox.c.state == "waiting") & (outbox.c.attempts == 0)
    for row in connection.execute(sa.select(outbox.c.id, outbox.c.body).where(mine)).all():
        body = packed(json.loads(row.body) | more)
        change = sa.update(outbox).where(outbox.c.id == row.id, mine).values(body=body, due=now)
        connection.execute(change)


def packed(notice: Mapping[str, Any]) -> str:
    """Return a notice as JSON in ASCII: PostgreSQL takes no lone surrogates, and no line can be broken."""
    return json.dumps(notice, allow_nan=False, separators=(",", ":"))


def iso(time: float) -> str:
    """Return a time as ISO 8601."""
    return dt.datetime.fromtimestamp(time, dt.UTC).isoformat(timespec="milliseconds")
