"""What ``exfilter trace`` prints: JSON, or tables for people. Both from the result and the names alone."""

from __future__ import annotations

import json
import math
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exfilter.cli.formats import printable
from exfilter.cli.formats.tracewords import Names, moment, number, remarks, sentence
from exfilter.ledger.guilt import Ranking
from exfilter.ledger.trace import Trace

SHOWN = 20
"""Rows of each table. JSON has ``LISTED``."""
LISTED = 100
UNBOUNDED = 10_000
"""Columns where the output is no terminal: nothing is cut."""

_NUMBERS = (
    "",
    "victims",
    "share",
    "customers",
    "log10 ratio",
    "guilt",
    "by chance",
    "corrected",
    "posterior",
)


def as_object(trace: Trace, names: Names, listed: int = LISTED) -> dict[str, Any]:
    """Return a trace as JSON has it: keys that do not change, times in UTC, null for what there is not."""
    victims, verdict, more = trace.victims, trace.verdict, trace.further
    return {
        "verdict": verdict.outcome.value,
        "why": verdict.why.value,
        "suspects": [names.actors[int(trace.actors.holder[row])] for row in verdict.suspects],
        "lead": verdict.lead if math.isfinite(verdict.lead) else None,
        "sentence": sentence(trace, names),
        "remarks": list(remarks(trace, names)),
        "victims": {
            "known": len(victims),
            "unknown": victims.unknown,
            "repeated": victims.repeated,
            "sent": trace.explained,
            "not_in_time": trace.not_in_time,
            "never_sent": trace.never_sent,
            "outside": trace.outside,
        },
        "further": None if more is None else {"settle": more.settle, "clear": more.clear},
        "pair": _pair(trace, names),
        "tried": trace.actors.tried,
        "elsewhere": trace.actors.elsewhere,
        "actors_with_victims": len(trace.actors),
        "actors": _ranked(trace.actors, names.actors, "actor", listed),
        "destinations": _ranked(trace.destinations, names.destinations, "destination", listed),
        "transfers": [
            _transfer(trace, names, row) for row in range(min(listed, len(trace.transfers.transfer)))
        ],
        "held": [names.transfers[place] for place in trace.transfers.stopped.tolist()],
    }


def _pair(trace: Trace, names: Names) -> dict[str, Any] | None:
    if trace.pair is None:
        return None
    second = int(trace.actors.holder[trace.pair.second])
    both = [names.actors[int(trace.actors.holder[0])], names.actors[second]]
    return {"actors": both, "victims": trace.pair.victims}


def _ranked(ranking: Ranking, names: Any, key: str, listed: int) -> list[dict[str, Any]]:  # noqa: ANN401
    return [
        {
            "rank": row + 1,
            key: names[int(ranking.holder[row])],
            "victims": int(ranking.held[row].sum()),
            "share": float(ranking.held[row].mean()),
            "customers": int(ranking.size[row]),
            "log10_ratio": round(float(ranking.log_ratio[row]) / math.log(10), 3),
            "guilt": float(ranking.guilt[row]),
            "chance": float(ranking.chance[row]),
            "corrected": float(ranking.corrected[row]),
            "posterior": float(ranking.posterior[row]),
            "first": moment(float(ranking.first[row])),
            "last": moment(float(ranking.last[row])),
            "bulk": bool(ranking.bulk[row]),
        }
        for row in range(min(listed, len(ranking)))
    ]


def _transfer(trace: Trace, names: Names, row: int) -> dict[str, Any]:
    found, carried = trace.transfers, trace.carried
    place = int(found.transfer[row])
    return {
        "rank": row + 1,
        "transfer": names.transfers[place],
        "time": moment(float(carried.time[place])),
        "actor": names.actors[int(carried.actor[place])],
        "destination": names.destinations[int(carried.destination[place])],
        "victims": int(found.victims[row]),
        "customers": int(carried.size[place]),
        "log10_ratio": round(float(found.log_ratio[row]) / math.log(10), 3),
        "posterior": float(found.posterior[row]),
    }


def write_json(trace: Trace, names: Names, out: TextIO) -> None:
    """Write one object."""
    out.write(json.dumps(as_object(trace, names), indent=2, allow_nan=False) + "\n")


def write_tables(trace: Trace, names: Names, out: TextIO) -> None:
    """Write the verdict, what is to be said beside it, and who and what ranks first."""
    console = Console(file=out, highlight=False, width=None if out.isatty() else UNBOUNDED)
    console.print(Text(sentence(trace, names), style="bold"))
    for remark in remarks(trace, names):
        console.print(Text(remark))
    shown = as_object(trace, names, SHOWN)
    for key, title in (("actor", "actor"), ("destination", "destination")):
        if shown[f"{key}s"]:
            console.print(_table(title, shown[f"{key}s"], key))
    if shown["transfers"]:
        console.print(_transfers(shown["transfers"]))
    for identifier in shown["held"][:SHOWN]:
        console.print(Text(f"held: {printable(identifier)}"))
    hidden = len(trace.actors) - SHOWN
    if hidden > 0:
        console.print(Text(f"{hidden:,} more actors hold victims; the JSON format lists {LISTED}"))


def _plain(columns: tuple[tuple[str, bool], ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, is_number in columns:
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    return table


def _table(title: str, rows: list[dict[str, Any]], key: str) -> Table:
    numbers = tuple((heading, True) for heading in _NUMBERS)
    ends = (("first", False), ("last", False), ("", False))
    table = _plain((numbers[0], (title, False), *numbers[1:], *ends))
    for row in rows:
        chances = (
            f"{row['guilt']:.2f}",
            number(row["chance"]),
            number(row["corrected"]),
            number(row["posterior"]),
        )
        table.add_row(
            str(row["rank"]),
            Text(printable(row[key])),
            str(row["victims"]),
            f"{row['share']:.0%}",
            f"{row['customers']:,}",
            f"{row['log10_ratio']:.1f}",
            *chances,
            row["first"],
            row["last"],
            "bulk sender" if row["bulk"] else "",
        )
    return table


def _transfers(rows: list[dict[str, Any]]) -> Table:
    table = _plain(
        (
            *(("", True), ("transfer", False), ("time", False), ("actor", False), ("destination", False)),
            *(("victims", True), ("customers", True), ("log10 ratio", True), ("posterior", True)),
        )
    )
    for row in rows:
        words = (row["transfer"], row["time"], row["actor"], row["destination"])
        counts = (f"{row['victims']}", f"{row['customers']:,}", f"{row['log10_ratio']:.1f}")
        table.add_row(
            str(row["rank"]), *(Text(printable(word)) for word in words), *counts, number(row["posterior"])
        )
    return table
