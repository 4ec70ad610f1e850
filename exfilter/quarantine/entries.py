"""What the quarantine knows of a held transfer, for reviewers: masked, and safe on a terminal."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from exfilter.body import size
from exfilter.model import Exhibit, Transfer, Verdict
from exfilter.policy import summary
from exfilter.quarantine.requests import Request
from exfilter.quarantine.states import State

TEXT_LIMIT = 255
EXHIBIT_LIMIT = 50
"""Exhibits that are kept: enough to recognise a leak by."""
_STEP = re.compile(r"(request\.)?[a-z][a-z-]{0,15}(\[\d{1,6}\])?")


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a transfer's history."""

    time: str
    state: State
    reviewer: str
    """Empty: the door."""
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer of the quarantine."""

    id: str
    state: State
    time: str
    """When it was sent, UTC, ISO 8601."""
    door: str
    actor: str
    destination: str
    method: str
    bytes: int
    customers: int
    identified: int
    estimated: int
    fields: Mapping[str, int]
    rule: str
    reason: str
    verdict: Mapping[str, Any]
    exhibits: Sequence[Mapping[str, Any]]
    """``part``, ``kind``, ``masked``, ``bearers``: never a value."""
    policy: str
    index_id: str
    attempts: int
    expires: str | None
    """When a release ends. None: not released."""
    redeemed: str | None
    """When the released retry passed. None: not yet."""
    refused: str | None
    """Why the last retry of a released transfer did not pass. None: none was refused."""
    moves: tuple[Move, ...] = ()
    """Oldest first. Empty in a list."""
    requests: tuple[Request, ...] = ()
    """What took two reviewers, oldest first. Empty in a list."""

    @classmethod
    def of(cls, row: sa.RowMapping, **more: Any) -> Entry:  # noqa: ANN401 - columns of a row
        """Return the entry of a row, which has ``COLUMNS``."""
        return cls(**{name: row[name] for name in COLUMNS} | {"state": State(row["state"])} | more)

    @property
    def waiting(self) -> tuple[Request, ...]:
        """What still waits for a second reviewer."""
        return tuple(each for each in self.requests if each.ended is None)


COLUMNS = tuple(field.name for field in fields(Entry) if field.name not in {"moves", "requests"})


def described(transfer: Transfer, verdict: Verdict, now: float) -> dict[str, Any]:
    """Return the clear columns of a transfer that is about to be held."""
    plain = summary(verdict)
    return {
        "time": utc(transfer.time or now),
        "door": printable(transfer.door),
        "actor": printable(verdict.shown.actor),
        "destination": printable(verdict.shown.destination),
        "method": printable(verdict.shown.method),
        "bytes": size(transfer.body),
        **{key: plain[key] for key in ("customers", "identified", "estimated", "fields", "rule")},
        "reason": printable(plain["reason"]),
        "verdict": plain,
        "exhibits": [_exhibit(each) for each in verdict.findings.exhibits[:EXHIBIT_LIMIT]],
        "policy": verdict.versions.policy,
        "index_id": verdict.versions.index,
    }


def utc(seconds: float) -> str:
    """Return a time as UTC in ISO 8601 with microseconds: as text it sorts like the time."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="microseconds")


def printable(text: str) -> str:
    """Return text of bounded length whose control characters are spelled out."""
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:TEXT_LIMIT])
    return shown if len(shown) <= TEXT_LIMIT else shown[: TEXT_LIMIT - 1] + "…"


def outline(provenance: str) -> str:
    """Return a provenance path without what the sender named: file names may be customers' names."""
    before, quote, rest = provenance.partition('"')
    # From the first quote to the last: a name may hold quotes and path marks of its own.
    after = rest.rpartition('"')[2] if quote and '"' in rest else ""
    steps = (step.strip() for step in f"{before}{after}".split(">"))
    return " > ".join(step if _STEP.fullmatch(step) else "…" for step in steps)


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    return {
        "part": outline(exhibit.part),
        "kind": exhibit.kind.name.lower(),
        "masked": printable(exhibit.masked),
        "bearers": int(exhibit.bearers),
    }
