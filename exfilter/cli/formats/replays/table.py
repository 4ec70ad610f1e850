"""Tables for people: the transfers, or what differs, and what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exfilter.cli.formats import printable
from exfilter.cli.formats.replays import brief, costs, moment

if TYPE_CHECKING:
    from exfilter.replaying.decisions import Decision, Gap
    from exfilter.replaying.tallies import Tallies

COLUMNS = ("time", "actor", "destination", "verdict", "customers", "rule", "not read", "path")
CHANGES = ("time", "actor", "destination", "now", "after", "customers", "rule", "path")
UNBOUNDED = 10_000
"""Columns where the output is not a terminal: nothing is wrapped or cut."""
ROWS = 1000
"""After which a table is printed and another one begins: a capture may have millions."""
MOST = 50
"""Actors that are listed."""


class TableFormat:
    """Prints some rows at a time."""

    def __init__(self, out: TextIO, *, is_diff: bool) -> None:
        self._console = Console(file=out, highlight=False, width=None if out.isatty() else UNBOUNDED)
        self._is_diff = is_diff
        self._table = self._new()

    def add(self, decision: Decision) -> None:
        """Add a row; of a difference, for what changes only."""
        if not self._is_diff or decision.is_changed:
            cells = _changed(decision) if self._is_diff else _cells(decision)
            self._table.add_row(*(Text(printable(cell)) for cell in cells))
        if self._table.row_count >= ROWS:
            self._flush()

    def gap(self, gap: Gap) -> None:
        """Leave it to standard error."""

    def end(self, tallies: Tallies) -> None:
        """Print the rest, and what it comes to."""
        self._flush()
        if self._is_diff:
            self._actors(tallies)
        self._totals(tallies)

    def _flush(self) -> None:
        if self._table.row_count or not self._is_diff:
            self._console.print(self._table)
        self._table = self._new()

    def _new(self) -> Table:
        return _plain(*(CHANGES if self._is_diff else COLUMNS))

    def _actors(self, tallies: Tallies) -> None:
        moved = tallies.moved(MOST)
        if not moved:
            return
        table = _plain("actor", "held now", "held after", "first held now", "first held after")
        for each in moved:
            cells = (
                each.name,
                str(each.held),
                str(each.held_after),
                brief(each.first),
                brief(each.first_after),
            )
            table.add_row(*(Text(printable(cell)) for cell in cells))
        self._console.print(table)

    def _totals(self, tallies: Tallies) -> None:
        total = tallies.total()
        table = _plain("of the whole", *(("now", "after") if self._is_diff else ("",)))
        table.add_row("transfers", *[str(total.get("transfers", 0))] * (2 if self._is_diff else 1))
        for label, now, after in costs(total, is_diff=self._is_diff):
            table.add_row(label, str(now), *(() if after is None else (str(after),)))
        for name in ("changed",) if self._is_diff else ():
            table.add_row("transfers of which something else becomes", "", str(total.get(name, 0)))
        table.add_row("transfers not read whole", str(total.get("not read whole", 0)))
        table.add_row("places of captures not read", str(total.get("gaps", 0)))
        self._console.print(table)


def _plain(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _cells(decision: Decision) -> tuple[str, ...]:
    verdict = decision.now.verdict
    unread = sorted({item.reason.value for item in verdict.findings.unscanned})
    return (
        moment(decision.time),
        verdict.shown.actor,
        verdict.shown.destination,
        verdict.action.name.lower(),
        str(verdict.findings.customers),
        verdict.rule,
        ", ".join(unread),
        decision.path,
    )


def _changed(decision: Decision) -> tuple[str, ...]:
    now, after = decision.now.verdict, decision.after.verdict
    return (
        moment(decision.time),
        now.shown.actor,
        now.shown.destination,
        now.action.name.lower(),
        after.action.name.lower(),
        str(after.findings.customers),
        after.rule,
        decision.path,
    )
