"""A table for people: one row for each file that holds customers or could not be read whole."""

from __future__ import annotations

from collections import Counter
from typing import TextIO

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exfilter.cli.formats import Result, Wishes, printable
from exfilter.model import Action

STYLES = {Action.ALLOW: "green", Action.ALERT: "yellow", Action.QUARANTINE: "red", Action.BLOCK: "bold red"}
UNBOUNDED = 10_000
"""Columns where the output is not a terminal: nothing is wrapped or cut."""
SHOWN = 20
"""Customers, and places, that are shown for one file. The others are counted."""


def _plain(*headings: tuple[str, bool]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, is_number in headings:
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    return table


def _unread(result: Result) -> str:
    reasons = Counter(item.reason.value for item in result.unscanned)
    return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))


def _judged(result: Result) -> Table:
    table = _plain(
        ("shape", False), ("distinct", True), ("hits", True), ("by chance", True), ("log10 p", True),
        ("counted", True),
    )  # fmt: skip
    for item in result.judgements:
        numbers = (item.candidates, item.hits, f"{item.expected:.2f}", f"{item.log10_p:.1f}", item.estimated)
        table.add_row(Text(item.shape), *map(str, numbers))
    return table


def _weighed(result: Result) -> Table:
    table = _plain(("customer", False), ("bits", True), ("needed", True), ("because", False))
    for item in sorted(result.weighed, key=lambda item: item.needed - item.bits)[:SHOWN]:
        because = Text("; ".join(item.because))
        table.add_row(Text(item.customer_id), f"{item.bits:.1f}", f"{item.needed:.1f}", because)
    return table


class TableFormat:
    """Collects the rows that say something, and prints them at the end."""

    def __init__(self, out: TextIO, wishes: Wishes) -> None:
        self._console = Console(file=out, highlight=False, width=None if out.isatty() else UNBOUNDED)
        self._wishes = wishes
        self._files = self._held = self._partly = 0
        self._table = _plain(
            ("verdict", False), ("customers", True), ("identified", True), ("estimated", True),
            ("fields", False), ("not read", False), ("path", False),
        )  # fmt: skip

    def add(self, result: Result) -> None:
        """Keep a row. What was asked for besides is printed at once."""
        self._files += 1
        self._held += result.held
        self._partly += bool(result.unscanned)
        if result.customers or result.unscanned or result.action != Action.ALLOW:
            self._table.add_row(
                Text(result.action.name.lower(), style=STYLES[result.action]),
                str(result.customers),
                str(result.identified),
                str(result.estimated),
                ", ".join(f"{name} {count}" for name, count in result.fields.items() if count),
                _unread(result),
                Text(printable(result.path)),
            )
        if self._wishes.explain:
            self._explain(result)
        if self._wishes.reveal:
            self._show(result)

    def _explain(self, result: Result) -> None:
        self._console.print(Text(printable(result.path), style="bold"))
        self._console.print(Text(f"  {result.action.name.lower()} by rule {result.rule}: {result.reason}"))
        for item in result.unscanned:
            unread = f"  not read: {printable(item.part)}, {item.reason.value}, {item.bytes} bytes"
            self._console.print(Text(unread))
        if result.judgements:
            self._console.print(Padding(_judged(result), (0, 0, 0, 2), expand=False))
        if result.weighed:
            self._console.print(Padding(_weighed(result), (0, 0, 0, 2), expand=False))
            if len(result.weighed) > SHOWN:
                self._console.print(f"  ... and {len(result.weighed) - SHOWN} more")

    def _show(self, result: Result) -> None:
        if not result.seen:
            return
        shown = _plain(("kind", False), ("value", False), ("customer", False), ("part", False))
        for seen in result.seen[:SHOWN]:
            others = f" and {seen.bearers - 1} more" if seen.bearers > 1 else ""
            shown.add_row(
                seen.kind,
                Text(printable(seen.text)),
                Text(seen.customer_id + others),
                Text(printable(seen.part)),
            )
        self._console.print(Text(printable(result.path), style="bold"))
        self._console.print(Padding(shown, (0, 0, 0, 2), expand=False))

    def end(self) -> None:
        """Print the table, and the counts of all files."""
        if self._table.row_count:
            self._console.print(self._table)
        files = "1 file" if self._files == 1 else f"{self._files} files"
        self._console.print(f"{files}: {self._held} would be held, {self._partly} not read whole")
