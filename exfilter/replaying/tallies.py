"""What came of a replay, counted where it survives an interruption: by actor and destination, and in all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from pyroaring import BitMap

from exfilter.ledger.rows import put
from exfilter.ledger.sets import unpacked
from exfilter.ledger.tables import exposures, scopes
from exfilter.replaying.decisions import Decision, Gap
from exfilter.replaying.scratch import Scratch
from exfilter.replaying.tables import parties, rows, totals

KEPT = 5000
"""Rows of a kind that are kept for a report. Those beyond are counted."""
KINDS = ("actor", "destination")


@dataclass(frozen=True, slots=True)
class Party:
    """An actor or a destination."""

    name: str
    transfers: int
    held: int
    held_after: int
    first: float | None
    """When the first of his would have been held. None: none would."""
    first_after: float | None
    customers: int = 0
    """Distinct ones in all transfers, the held ones too; suspects of an estimate are not counted."""


@dataclass(slots=True)
class _Sum:
    transfers: int = 0
    held: int = 0
    held_after: int = 0
    first: float | None = None
    first_after: float | None = None

    def add(self, decision: Decision) -> None:
        self.transfers += 1
        if decision.now.verdict.action.holds:
            self.held += 1
            self.first = min(decision.time, self.first if self.first is not None else decision.time)
        if decision.after.verdict.action.holds:
            self.held_after += 1
            known = self.first_after
            self.first_after = min(decision.time, known if known is not None else decision.time)


@dataclass(slots=True)
class Tallies:
    """The counts of a replay, in its scratch ledger."""

    scratch: Scratch
    _parties: dict[tuple[str, str], _Sum] = field(default_factory=dict)
    _totals: Counter[str] = field(default_factory=Counter)
    _rows: list[dict[str, str]] = field(default_factory=list)
    _kept: dict[str, int] = field(default_factory=dict)

    def add(self, decision: Decision) -> None:
        """Count a transfer."""
        shown, found = decision.now.verdict.shown, decision.now.verdict.findings
        for kind, name in zip(KINDS, (shown.actor, shown.destination), strict=True):
            self._parties.setdefault((kind, name), _Sum()).add(decision)
        self._totals.update(_counts(decision))
        self._totals.update({f"not read: {item.reason.value}": 1 for item in found.unscanned})
        if decision.is_changed:
            self._keep("changed", _row(decision))
        elif decision.after.verdict.action.holds:
            self._keep("held", _row(decision))

    def gap(self, gap: Gap) -> None:
        """Count a place that could not be read."""
        self._totals["gaps"] += 1
        self._keep("unread", {"path": gap.path, "why": gap.why})

    def flush(self) -> None:
        """Write down what was counted: part of the batch that it belongs to."""
        with self.scratch.transaction(writes=True) as connection:
            for name, count in self._totals.items():
                put(connection, totals, [{"name": name, "count": count}], count=totals.c.count + count)
            for (kind, name), each in self._parties.items():
                _join(connection, kind, name, each)
            if self._rows:
                connection.execute(sa.insert(rows), self._rows)
        self._totals.clear()
        self._parties.clear()
        self._rows.clear()

    def _keep(self, kind: str, row: dict[str, Any]) -> None:
        if kind not in self._kept:
            with self.scratch.transaction() as connection:
                wanted = sa.select(sa.func.count()).where(rows.c.kind == kind)
                self._kept[kind] = int(connection.execute(wanted).scalar_one())
        if self._kept[kind] < KEPT:
            self._kept[kind] += 1
            self._rows.append({"kind": kind, "row": json.dumps(row)})

    # What a report asks

    def total(self) -> dict[str, int]:
        """Return all counts by name."""
        held = sa.select(sa.func.count()).where(parties.c.kind == "actor")
        with self.scratch.transaction() as connection:
            found = {name: count for name, count in connection.execute(sa.select(totals))}  # noqa: C416 - rows
            for name in ("held", "held_after"):
                actors = connection.execute(held.where(parties.c[name] > 0)).scalar_one()
                found[f"actors {name}".replace("_", " ")] = actors
        return found

    def kept(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a kind, in the order of the captures."""
        with self.scratch.transaction() as connection:
            wanted = sa.select(rows.c.row).where(rows.c.kind == kind).order_by(rows.c.number)
            for text in connection.execute(wanted).scalars():
                yield json.loads(text)

    def count(self, kind: str) -> int:
        """Return how many actors, or destinations, there were."""
        with self.scratch.transaction() as connection:
            wanted = sa.select(sa.func.count()).where(parties.c.kind == kind)
            return int(connection.execute(wanted).scalar_one())

    def top(self, kind: str, most: int) -> list[Party]:
        """Return those of whom most would be held, then those who sent most."""
        order = (
            parties.c.held_after.desc(),
            parties.c.held.desc(),
            parties.c.transfers.desc(),
            parties.c.name,
        )
        return self._parties_of(sa.select(parties).where(parties.c.kind == kind).order_by(*order).limit(most))

    def moved(self, most: int) -> list[Party]:
        """Return the actors of whom another number would be held, or from another time on."""
        of = parties.c
        differs = (of.held != of.held_after) | (of.first.is_distinct_from(of.first_after))
        wanted = sa.select(parties).where(of.kind == "actor", differs).order_by(of.first_after, of.name)
        return self._parties_of(wanted.limit(most))

    def _parties_of(self, wanted: sa.Select[Any]) -> list[Party]:
        with self.scratch.transaction() as connection:
            return [
                Party(**{k: v for k, v in row.items() if k != "kind"}, customers=_distinct(connection, row))
                for row in connection.execute(wanted).mappings().all()
            ]


def _counts(decision: Decision) -> dict[str, int]:
    now, after = decision.now, decision.after
    return {
        "transfers": 1,
        "bytes": now.verdict.findings.bytes,
        "held": now.verdict.action.holds,
        "held for what was found": now.held,
        "held after": after.verdict.action.holds,
        "held for what was found after": after.held,
        "alerts": now.verdict.action.name == "ALERT",
        "alerts after": after.verdict.action.name == "ALERT",
        "with customers": bool(now.verdict.findings.customers),
        "not read whole": bool(now.verdict.findings.unscanned),
        "changed": decision.is_changed,
    }


def _row(decision: Decision) -> dict[str, Any]:
    shown, sides = decision.now.verdict.shown, decision.sides
    return {
        "path": decision.path,
        "time": decision.time,
        "actor": shown.actor,
        "destination": shown.destination,
        "customers": [side.verdict.findings.customers for side in sides],
        "verdicts": [side.verdict.action.name.lower() for side in sides],
        "rules": [side.verdict.rule for side in sides],
        "reasons": [side.verdict.reason for side in sides],
    }


def _join(connection: sa.Connection, kind: str, name: str, each: _Sum) -> None:
    of = parties.c
    row = {"kind": kind, "name": name, "transfers": each.transfers, "held": each.held}
    row |= {"held_after": each.held_after, "first": each.first, "first_after": each.first_after}
    put(
        connection,
        parties,
        [row],
        transfers=of.transfers + each.transfers,
        held=of.held + each.held,
        held_after=of.held_after + each.held_after,
        first=_least(of.first, each.first),
        first_after=_least(of.first_after, each.first_after),
    )


def _least(column: sa.Column[Any], value: float | None) -> sa.ColumnElement[Any]:
    if value is None:
        return column
    return sa.func.min(sa.func.coalesce(column, value), value)


def _distinct(connection: sa.Connection, row: sa.RowMapping) -> int:
    """Return how many customers are identified in all transfers of somebody."""
    kinds = ("actor", "bulk") if row["kind"] == "actor" else ("destination",)
    column = exposures.c.actor if row["kind"] == "actor" else exposures.c.destination
    mine = sa.select(scopes.c.id).where(scopes.c.kind.in_(kinds), scopes.c.name == row["name"][:255])
    all_of = BitMap()
    for blob in connection.execute(sa.select(exposures.c.identified).where(column.in_(mine))).scalars():
        all_of |= unpacked(blob)
    return len(all_of)
