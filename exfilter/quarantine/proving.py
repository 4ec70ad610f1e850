"""What the audit log can prove of a held transfer: a digest of all that was written when it was held."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.quarantine.states import State
from exfilter.quarantine.tables import moves, transfers

PROVED = (
    *("id", "digest", "time", "door", "actor", "destination", "method", "bytes", "customers", "identified"),
    *("estimated", "fields", "rule", "reason", "verdict", "exhibits", "policy", "index_id"),
    *("sealed_bytes", "sealed_sha256"),
)
"""Columns that never change again."""


@dataclass(frozen=True, slots=True)
class Proved:
    """One transfer, as its row and its moves have it now."""

    id: str
    fingerprint: str
    """SHA-256, hexadecimal."""
    state: State
    decisions: tuple[tuple[State, str], ...]
    """What was decided by whom, oldest first."""
    redeemed: bool


def fingerprint(connection: sa.Connection, transfer_id: str) -> str:
    """Return the digest of a transfer's row. Empty: there is none."""
    row = connection.execute(_wanted().where(transfers.c.id == transfer_id)).mappings().one_or_none()
    return _digest(row) if row else ""


def proved(connection: sa.Connection) -> Iterator[Proved]:
    """Yield all transfers."""
    decided: defaultdict[str, list[tuple[State, str]]] = defaultdict(list)
    steps = sa.select(moves.c.id, moves.c.state, moves.c.reviewer).order_by(moves.c.number)
    for step in connection.execute(steps.where(moves.c.state != State.HELD)):
        decided[step.id].append((State(step.state), step.reviewer))
    for row in connection.execute(_wanted()).mappings():
        done = tuple(decided.get(row["id"], ()))
        yield Proved(row["id"], _digest(row), State(row["state"]), done, row["redeemed"] is not None)


def _wanted() -> sa.Select[tuple[object, ...]]:
    return sa.select(*(transfers.c[name] for name in (*PROVED, "state", "redeemed")))


def _digest(row: sa.RowMapping) -> str:
    told = json.dumps([row[name] for name in PROVED], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode()).hexdigest()
