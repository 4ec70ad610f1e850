"""Counts of a run: of all files, and by folder, owner, type, rule and reason of what was not read."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass, field
from typing import Any, TextIO

import sqlalchemy as sa

from exfilter.bulk.finished import HAS_RESULT, IS_COPY, RULE
from exfilter.bulk.state import State, as_name
from exfilter.bulk.tables import items

BEST = 50
"""Groups of a kind that are kept in memory: the weightiest."""
KINDS: dict[str, sa.ColumnElement[Any]] = {
    "folder": items.c.folder, "owner": items.c.owner, "type": items.c.type, "rule": RULE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted of some files."""

    files: int = 0
    bytes: int = 0
    held: int = 0
    not_read_whole: int = 0
    duplicates: int = 0
    customers_by_file: int = 0
    """Customers of each file, added up; copies count none."""

    def __add__(self, other: Counts) -> Counts:
        """Return the counts of both."""
        return Counts(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    @property
    def weight(self) -> tuple[int, ...]:
        """What comes first: held, then most customers, then unread, then most files."""
        return self.held, self.customers_by_file, self.not_read_whole, self.files


@dataclass(slots=True)
class Best:
    """The weightiest groups of all that went by."""

    groups: int = 0
    """That went by."""
    _heap: list[tuple[tuple[int, ...], int, str, Counts]] = field(default_factory=list)

    def add(self, name: str, counts: Counts) -> None:
        """Take the next group."""
        entry = (counts.weight, -self.groups, name, counts)
        self.groups += 1
        if len(self._heap) < BEST:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def __iter__(self) -> Iterator[tuple[str, Counts]]:
        """Yield them, the weightiest first."""
        yield from ((name, counts) for _, _, name, counts in sorted(self._heap, reverse=True))


@dataclass(frozen=True, slots=True)
class Summary:
    """What is small enough to be kept, however many files and folders there are."""

    all: Counts
    left: int
    """Files that have no result yet."""
    best: dict[str, Best]
    """By kind of group: those of ``KINDS``, and ``reason``."""


def write(state: State, out: TextIO) -> Summary:
    """Write the counts as JSON, group by group, and return the weightiest."""
    total = next((counts for _, counts in _groups(state, sa.literal(b""))), Counts())
    totals = state.totals()
    left = totals.files - totals.done_files
    out.write(f'{{\n  "all": {json.dumps(asdict(total))},\n  "unfinished": {left},\n')
    best = {kind: _write(kind, _groups(state, column), out) for kind, column in KINDS.items()}
    reasons = _reasons(state)
    best["reason"] = Best()
    for name, counts in reasons.items():
        best["reason"].add(name, counts)
    files = {name: counts.files for name, counts in reasons.items()}
    out.write(f'  "unscanned": {json.dumps(files)}\n}}\n')
    return Summary(total, left, best)


def _write(kind: str, groups: Iterator[tuple[str, Counts]], out: TextIO) -> Best:
    best = Best()
    out.write(f'  "{kind}": {{')
    for name, counts in groups:
        out.write(f"{',' if best.groups else ''}\n    {json.dumps(name)}: {json.dumps(asdict(counts))}")
        best.add(name, counts)
    out.write("},\n")
    return best


def _reasons(state: State) -> dict[str, Counts]:
    """Return the counts by reason. A file that was not read for two counts for both."""
    found: dict[str, Counts] = {}
    for reasons, counts in _groups(state, items.c.unread):
        for reason in reasons.split(",") if reasons else ():
            found[reason] = found.get(reason, Counts()) + counts
    return found


def _groups(state: State, column: sa.ColumnElement[Any]) -> Iterator[tuple[str, Counts]]:
    for row in state.rows(_counted(column)):
        name, *numbers = tuple(row)
        yield as_name(name) if isinstance(name, bytes) else name, Counts(*map(int, numbers))


def _counted(column: sa.ColumnElement[Any]) -> sa.Select[Any]:
    files = (
        sa.select(
            column.label("name"), items.c.size, items.c.held, items.c.customers,
            (items.c.unread != "").label("unread"), IS_COPY.label("copied"),
        )
        .where(HAS_RESULT)
        .limit(-1)  # All of them: but SQLite does not merge the two questions, and looks for copies once.
        .subquery()
    ).c  # fmt: skip
    return sa.select(
        files.name,
        sa.func.count(),
        sa.func.sum(files.size),
        sa.func.count().filter(files.held),
        sa.func.count().filter(files.unread),
        sa.func.count().filter(files.copied),
        sa.func.sum(sa.case((files.copied, 0), else_=files.customers)),
    ).group_by(files.name)
