"""A report as one HTML file: no script, no link, nothing from elsewhere. Names in it are hostile text."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

from exfilter import __version__
from exfilter.cli.formats import printable
from exfilter.cli.formats.replays import brief, costs
from exfilter.replaying.tallies import KEPT

if TYPE_CHECKING:
    from exfilter.replaying.decisions import Decision, Gap
    from exfilter.replaying.tallies import Party, Tallies

TOP = 50
"""Actors, and destinations, that are listed."""
_STYLE = """
:root { color-scheme: light dark }
body { font: 11pt/1.45 "Liberation Sans", Arial, sans-serif; max-width: 75rem; margin: auto; padding: 0 1rem }
h1 { font-size: 18pt; margin-bottom: 0 } h2 { font-size: 13pt; margin-top: 1.6rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #8886 }
td { overflow-wrap: anywhere } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.about { opacity: .75 } .held { font-weight: bold }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class PageFormat:
    """Prints all of it at the end, out of what was counted."""

    def __init__(self, out: TextIO, *, is_diff: bool) -> None:
        self._out = out
        self._is_diff = is_diff

    def add(self, decision: Decision) -> None:
        """Leave it to the counts."""

    def gap(self, gap: Gap) -> None:
        """Leave it to the counts."""

    def end(self, tallies: Tallies) -> None:
        """Print the page."""
        for line in self._lines(tallies):
            self._out.write(line + "\n")

    def _lines(self, tallies: Tallies) -> Iterator[str]:
        total = tallies.total()
        made = dt.datetime.now(dt.UTC).isoformat(timespec="minutes")
        yield (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>Replay</title><style>{_STYLE}</style></head><body>"
        )
        about = f"exfilter {__version__}, made {made}. Times are in UTC."
        yield f'<h1>Replay</h1><p class="about">{_text(about)}</p>'
        yield from self._totals(total)
        if self._is_diff:
            yield from self._moved(tallies)
            yield from self._rows(tallies, "changed", "What would change", total.get("changed", 0))
        for kind, heading in (("actor", "Actors"), ("destination", "Destinations")):
            yield from self._parties(tallies, kind, heading)
        yield from self._rows(tallies, "held", "What would be held", None)
        yield from _unread(tallies, total)
        yield "</body></html>"

    def _totals(self, total: dict[str, int]) -> Iterator[str]:
        heads = ("", "now", "after") if self._is_diff else ("", "")
        some = (("transfers", "transfers"), ("with customers", "with customers"), ("bytes", "bytes"))
        rows: list[list[Any]] = [[label, total.get(name, 0)] for label, name in some]
        rows += [[what, now, *(() if after is None else (after,))] for what, now, after in
                 costs(total, is_diff=self._is_diff)]  # fmt: skip
        yield from _table(heads, rows)

    def _moved(self, tallies: Tallies) -> Iterator[str]:
        yield "<h2>Actors of whom something else would be held</h2>"
        heads = ("actor", "held now", "held after", "first held now", "first held after")
        yield from _table(
            heads,
            (
                [each.name, each.held, each.held_after, brief(each.first), brief(each.first_after)]
                for each in tallies.moved(TOP)
            ),
        )

    def _parties(self, tallies: Tallies, kind: str, heading: str) -> Iterator[str]:
        yield f"<h2>{heading}</h2>"
        heads = (kind, "transfers", "distinct customers", "held", *(("held after",) if self._is_diff else ()),
                 "first held")  # fmt: skip
        yield from _table(heads, (self._party(each) for each in tallies.top(kind, TOP)))
        if (count := tallies.count(kind)) > TOP:
            yield f'<p class="about">{TOP} of {count} are listed.</p>'

    def _party(self, each: Party) -> list[Any]:
        after = (each.held_after,) if self._is_diff else ()
        first = each.first_after if self._is_diff else each.first
        return [each.name, each.transfers, each.customers, each.held, *after, brief(first)]

    def _rows(self, tallies: Tallies, kind: str, heading: str, total: int | None) -> Iterator[str]:
        yield f"<h2>{heading}</h2>"
        heads = ("time", "actor", "destination", "customers", "verdict", "why", "path")
        yield from _table(heads, (_row(row) for row in tallies.kept(kind)))
        if total is not None and total > KEPT:
            yield f'<p class="about">{KEPT} of {total} are listed.</p>'


def _row(row: dict[str, Any]) -> list[Any]:
    verdict, why = " → ".join(row["verdicts"]), f"{row['rules'][-1]}: {row['reasons'][-1]}"
    who = (row["actor"], row["destination"])
    return [brief(row["time"]), *who, row["customers"][-1], verdict, why, row["path"]]


def _unread(tallies: Tallies, total: dict[str, int]) -> Iterator[str]:
    yield "<h2>What was not read</h2>"
    reasons = [
        [name.removeprefix("not read: "), count]
        for name, count in sorted(total.items())
        if name.startswith("not read: ")
    ]
    yield from _table(("parts of transfers, by reason", "transfers"), reasons)
    places = ([row["path"], row["why"]] for row in tallies.kept("unread"))
    yield from _table(("place of a capture", "why"), places)


def _table(heads: Iterable[str], rows: Iterable[list[Any]]) -> Iterator[str]:
    cells = "".join(f'<th scope="col">{_text(head)}</th>' for head in heads)
    yield f"<table><thead><tr>{cells}</tr></thead><tbody>"
    is_empty = True
    for row in rows:
        is_empty = False
        yield "<tr>" + "".join(map(_cell, row)) + "</tr>"
    yield '</tbody></table><p class="about">None.</p>' if is_empty else "</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f'<td class="n">{value:,}</td>'
    return f"<td>{_text(str(value))}</td>"


def _text(text: str) -> str:
    return html.escape(printable(text))
