"""The report of a run as one HTML file: counts, and the files that matter most. No customer is named.

Nothing is asked of any network. A name is text in the counts, where it is escaped, and data in the list,
which the script only ever sets as text; the browser is told to refuse everything else.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html
import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from string import Template
from typing import TextIO

import sqlalchemy as sa

from exfilter import __version__
from exfilter.bulk.finished import Ranked, ranked
from exfilter.bulk.page import packing
from exfilter.bulk.state import State
from exfilter.bulk.summary import BEST, Best, Counts, Summary
from exfilter.bulk.tables import judges
from exfilter.spelled import printable

ROWS = 1_000_000
"""Files that are listed at most."""
TEXT = 256 << 20
"""Characters of names at most: from there on, no further file is listed."""
HERE = Path(__file__).parent
SHEET = HERE.parent.parent / "review" / "static" / "style.css"
"""The desk's: there is one look."""
HEADINGS = {
    "folder": ("By folder", "Folder"),
    "owner": ("By owner", "Owner"),
    "type": ("By type", "Type"),
    "rule": ("By rule", "Rule"),
    "reason": ("By reason of what was not read", "Reason"),
}
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
COLUMNS = ("Would be held", "Customers", "Not read whole", "Files", "Copies", "Bytes")


def write(state: State, counted: Summary, out: TextIO, rows: int = ROWS, text: int = TEXT) -> None:
    """Write the page. Memory: a chunk of its rows."""
    limit = min(rows, counted.all.files)
    head, tail = _page(state, counted, limit)
    out.write(head)
    listed = 0
    for chunk in _fitting(ranked(state, limit), text):
        out.write(f'<script type="text/plain" class="chunk">{chunk.packed()}</script>\n')
        listed += chunk.rows
    out.write(_left_out(counted.all.files - listed, counted.all.files))
    out.write(tail)


def _fitting(rows: Iterable[Ranked], text: int) -> Iterator[packing.Chunk]:
    """Yield chunks until so many characters are in them."""
    for chunk in packing.chunks(rows):
        yield chunk
        text -= chunk.text
        if text <= 0:
            return


def _left_out(files: int, total: int) -> str:
    if not files:
        return ""
    return (
        f'<p class="warning" id="left-out">The list holds the {total - files:,} weightiest files of '
        f"{total:,}; {files:,} are left out. All are in <code>results/</code>.</p>\n"
    )


def _page(state: State, counted: Summary, limit: int) -> tuple[str, str]:
    """Return what stands before the rows, and behind them."""
    style, script = _file("page.css"), _file("page.js")
    style = SHEET.read_text("utf-8") + style
    text = Template(_file("page.html")).substitute(
        style=style, style_hash=_hash(style), script=script, script_hash=_hash(script), rows=limit,
        about=_about(state), unfinished=_unfinished(counted), totals=_totals(counted.all),
        tables="".join(_table(kind, counted.best[kind]) for kind in HEADINGS),
    )  # fmt: skip
    head, _, tail = text.partition("<!-- rows -->\n")
    return head, tail


@cache
def _file(name: str) -> str:
    return (HERE / name).read_text("utf-8")


def _hash(text: str) -> str:
    """Return what a Content-Security-Policy calls an element with this text (CSP level 3, section 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _about(state: State) -> str:
    names = ", ".join(json.loads(state.about().get("urls", "[]")))
    made = dt.datetime.now(dt.UTC).isoformat(" ", "minutes").removesuffix("+00:00")
    shown = {
        "Scanned": names,
        "Index": _judged(state, judges.c.index),
        "Policy": _judged(state, judges.c.policy),
        "Made": f"{made} UTC, by exfilter {__version__}",
    }
    return "".join(f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in shown.items() if value)


def _judged(state: State, column: sa.Column[str]) -> str:
    """Return all that files were judged with: a run of many days sees more than one."""
    return ", ".join(name for (name,) in state.rows(sa.select(column).distinct().order_by(column)))


def _unfinished(counted: Summary) -> str:
    if not counted.left:
        return ""
    return (
        f'<p class="warning">This run is not finished: {counted.left:,} files have no result yet and are not '
        "counted here.</p>"
    )


def _totals(counts: Counts) -> str:
    return "".join(
        f"<div><dt>{name}</dt><dd>{_size(number) if name == 'Bytes' else f'{number:,}'}</dd></div>"
        for name, number in zip(COLUMNS, _numbers(counts), strict=True)
    )


def _size(number: int) -> str:
    """Return bytes as a reader takes them in; the tables have them exactly."""
    power = min(max(number, 1).bit_length() - 1, 59) // 10
    return f"{number / (1 << 10 * power):,.{bool(power):d}f} {UNITS[power]}"


def _numbers(counts: Counts) -> tuple[int, ...]:
    return (counts.held, counts.customers_by_file, counts.not_read_whole, counts.files, counts.duplicates,
            counts.bytes)  # fmt: skip


def _table(kind: str, best: Best) -> str:
    heading, word = HEADINGS[kind]
    heads = "".join(f'<th scope="col" class="number">{name}</th>' for name in COLUMNS)
    rows = "".join(_row(name, counts) for name, counts in best)
    more = f'<p class="quiet">{best.groups - BEST:,} more are in <code>summary.json</code>.</p>'
    return (
        f'<section><h2 id="by-{kind}">{heading}</h2>'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="by-{kind}">'
        f'<table data-kind="{kind}"><thead><tr><th scope="col">{word}</th>{heads}</tr></thead>'
        f"<tbody>{rows or _none()}</tbody></table></div>{more if best.groups > BEST else ''}</section>\n"
    )


def _none() -> str:
    return f'<tr><td colspan="{len(COLUMNS) + 1}" class="quiet">None.</td></tr>'


def _row(name: str, counts: Counts) -> str:
    value = html.escape(json.dumps(name))
    cells = "".join(f'<td class="number">{number:,}</td>' for number in _numbers(counts))
    shown = f"<bdi>{_text(name)}</bdi>" if name else '<span class="quiet">(none)</span>'
    return f'<tr><th scope="row" class="long" data-value="{value}">{shown}</th>{cells}</tr>\n'


def _text(text: str) -> str:
    return html.escape(printable(text))
