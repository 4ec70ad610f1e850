"""What ``exfilter index`` prints for people: numbers, lines, names of columns, no values."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detectors import CANONICALISER
from exfilter.index import manifest
from exfilter.index.report import learnt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exfilter.index.merge import MergeReport
    from exfilter.index.report import Learnt, Omitted, Report
    from exfilter.index.store import Index
    from exfilter.index.update_report import UpdateReport

UNBOUNDED = 10_000
"""Columns where the output is not a terminal: nothing is wrapped or cut."""


def build_report(report: Report) -> None:
    """Print what a build read, left out and made."""
    _source(report)
    _numbers(
        (
            ("rows", report.rows, f"{report.rows_used:,} used"),
            ("customers", report.customers, f"{report.customers_new:,} new, {report.customers_gone:,} gone"),
            ("without identifier", report.customers_without_identifier, "customers that nothing can find"),
            ("duplicate rows", report.rows_merged, f"{report.rows_identical:,} repeat another row in full"),
        ),
        report.keys,
        report.shapes,
    )
    _canaries(report.canaries)
    _left_out(Rows=report.rows_left_out, Cells=report.cells_left_out)
    _notes(report.notes)


def update_report(report: UpdateReport) -> None:
    """Print what an update read, left out and changed."""
    _source(report)
    unknown = report.unknown
    _numbers(
        (
            ("rows", report.rows, f"{report.rows_used:,} used"),
            ("customers", report.customers, f"{report.added:,} added, {report.changed:,} changed"),
            ("removed", report.removed, f"{report.gone_before:,} more were gone already"),
            ("keys changed", report.keys_changed, f"of {report.keys_built:,} in the base"),
        ),
        report.keys,
        report.shapes,
    )
    _canaries(report.canaries)
    _left_out(
        Rows=report.rows_left_out,
        Cells=report.cells_left_out,
        Removals=(*((unknown,) if unknown.count else ()), *report.ids_left_out),
    )
    _notes(report.notes)


def merge_report(report: MergeReport) -> None:
    """Print what a merge did."""
    if report.merged:
        changed, keys = f"{report.keys_changed:,} changed keys", f"{report.keys:,} keys"
        _console().print(f"Index {report.index}: {changed} folded in, {keys} now", markup=False)
    else:
        _console().print(f"Index {report.index}: nothing has changed since it was built", markup=False)


def about(index: Index) -> dict[str, object]:
    """Return what an index holds, as numbers."""
    return {
        "index": index.id,
        "format": manifest.FORMAT,
        "canonicaliser": CANONICALISER,
        "customers": index.customers,
        "customers_gone": index.ordinals - index.customers,
        "keys": index.keys,
        "layers": [{"keys": len(layer.records), "shared_keys": layer.rows} for layer in index.tables.layers],
        "canaries": index.planted.counts,
        "updated": index.updated or {"added": 0, "changed": 0, "removed": 0},
    }


def info(index: Index) -> None:
    """Print what an index holds."""
    table = _plain("", "")
    for name, value in about(index).items():
        if isinstance(value, (int, str)):
            table.add_row(name.replace("_", " "), str(value))
    for name, layer in zip(("base", "changes"), index.tables.layers, strict=False):
        table.add_row(f"keys of the {name}", f"{len(layer.records):,}")
    for name, count in index.updated.items():
        table.add_row(f"customers {name} since the build", f"{count:,}")
    for team, count in index.planted.counts.items():
        table.add_row(f"canaries of team {team}", f"{count:,}")
    for kind, count in index.keys.items():
        table.add_row(f"{kind} keys", f"{count:,}")
    for shape in learnt(index.tables.shapes):
        table.add_row(f"{shape.kind} {escape(shape.shape)}", f"{shape.keys:,}")
    _console().print(table)


def _source(report: Report | UpdateReport) -> None:
    out = _console()
    charset = f", {report.charset}" if report.charset else ""
    source = f" from {report.format}{charset}" if report.format else ""
    out.print(f"Index {report.index}{source}", markup=False)
    for use, columns in report.columns.items():
        out.print(f"  {use} from {', '.join(columns)}", markup=False)
    if report.columns_unused:
        out.print(f"  not used: {', '.join(report.columns_unused)}", markup=False)


def _numbers(
    rows: Iterable[tuple[str, int, str]], keys: Mapping[str, int], shapes: tuple[Learnt, ...]
) -> None:
    table = _plain("", "", "")
    for label, count, note in rows:
        table.add_row(label, f"{count:,}", note)
    for kind, count in keys.items():
        some = [f"{shape.shape} ({shape.keys:,})" for shape in shapes if shape.kind == kind]
        table.add_row(f"{kind} keys", f"{count:,}", escape(", ".join(some)))
    _console().print(table)


def _canaries(teams: Mapping[str, int]) -> None:
    for team, count in teams.items():
        _console().print(f"  {count:,} canaries of team {team}", markup=False)


def _left_out(**titles: tuple[Omitted, ...]) -> None:
    for title, entries in titles.items():
        if not entries:
            continue
        table = _plain(f"{title} left out", "count", "lines")
        for entry in entries:
            more = ", ..." if entry.count > len(entry.lines) else ""
            table.add_row(entry.reason, f"{entry.count:,}", ", ".join(map(str, entry.lines)) + more)
        _console().print(table)


def _notes(notes: Iterable[str]) -> None:
    for note in notes:
        _console().print(f"Note: {note}", markup=False)


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else UNBOUNDED)


def _plain(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(headings))
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number == 1 else "left", overflow="fold")
    return table
