"""``exfilter replay``: a recorded capture through the same pipeline. Nothing is sent, nothing is kept."""

from __future__ import annotations

import datetime as dt
import enum
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exfilter import flows, settings
from exfilter.cli.formats import printable
from exfilter.model import Findings, Reason, Transfer, Verdict
from exfilter.scan import Pipeline
from exfilter.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLEAN, HELD, NOT_READ = 0, 1, 2
FIELDS = ("name", "email", "ticket", "phone")
COLUMNS = ("time", "actor", "destination", "verdict", "customers", "rule", "not read", "path")
UNBOUNDED = 10_000
"""Columns where the output is not a terminal: nothing is wrapped or cut."""


class Output(enum.StrEnum):
    """How the decisions are printed."""

    TABLE = "table"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Decision:
    """What would have become of one transfer of the capture."""

    path: str
    """The capture, and the place in it."""
    captured: flows.Captured
    verdict: Verdict
    held: bool
    """Whether it would be held for what was found in it, not only for what could not be read."""
    customer_ids: tuple[str, ...]
    estimated_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replayer:
    """Turns captured transfers into decisions. Records none of them: they are not of today."""

    pipeline: Pipeline
    deadline: float
    """Seconds for one transfer."""
    placed: Callable[[Transfer], Transfer]
    """Gives a transfer its actor's groups, as they are now."""

    def decide(self, capture: Path, captured: flows.Captured) -> Decision:
        """Examine one transfer, with the capture's own time and actor."""
        transfer = self.placed(captured.transfer)
        end = time.monotonic() + self.deadline
        try:
            verdict = self.pipeline.examine(
                transfer, lambda: time.monotonic() >= end, missing=captured.missing
            )
        except Exception as error:  # noqa: BLE001 - fail closed: a defect of ours is never "nothing found"
            verdict = self.pipeline.failed(type(error).__name__, transfer, Reason.MALFORMED)
        held = self.pipeline.would_hold_what_was_read(transfer, verdict)
        path = f"{capture} > {captured.place}"
        return Decision(path, captured, verdict, held, *self._ids(verdict.findings))

    def _ids(self, found: Findings) -> tuple[tuple[str, ...], tuple[str, ...]]:
        ids = self.pipeline.engine.index.customer_ids
        return tuple(ids(found.identified)), tuple(ids(found.estimated_ordinals))


def replay(
    captures: Annotated[list[Path], typer.Argument(help="Dumps that `mitmdump -w FILE` wrote.")],
    config: Annotated[Path, typer.Option(help="Configuration folder.")] = Path(),
    output: Annotated[Output, typer.Option("--format", help="How to print the decisions.")] = Output.TABLE,
    *,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 2 if anything was not read, also if something is held."),
    ] = False,
) -> None:
    """Say what would have become of each transfer of a capture, with its own times and actors.

    Nothing is sent and nothing is held. Exit codes: 0 all read, nothing to hold; 1 something would be
    held; 2 an error, a capture that breaks off, or something could not be read.
    """
    replayer = _open(config)
    out: _Out = _Lines() if output is Output.JSONL else _Rows()
    held = unread = broken = False
    for item in _items(replayer, captures):
        if isinstance(item, str):
            typer.echo(f"exfilter: {item}", err=True)
            broken = True
            continue
        out.add(item)
        held |= item.held
        unread |= bool(item.verdict.findings.unscanned)
    out.end()
    if broken or (unread and (strict or not held)):
        raise typer.Exit(NOT_READ)
    raise typer.Exit(HELD if held else CLEAN)


def _open(folder: Path) -> Replayer:
    given = settings.load(folder)
    scanner = Scanner(given)
    return Replayer(scanner.pipeline(), given.deadline, scanner.placed)


def _items(replayer: Replayer, captures: list[Path]) -> Iterator[Decision | str]:
    """Yield decisions, and a sentence for each capture that could not be read to its end."""
    for capture in captures:
        try:
            for item in flows.read(capture):
                if isinstance(item, flows.Truncated):
                    yield f"{capture}: {item}"
                else:
                    yield replayer.decide(capture, item)
        except FileNotFoundError:
            yield f"there is no file {capture}"
        except (OSError, ValueError) as error:
            yield str(error)


class _Out(Protocol):
    def add(self, decision: Decision) -> None: ...

    def end(self) -> None: ...


class _Lines:
    """One object a transfer, as soon as it is decided."""

    def add(self, decision: Decision) -> None:
        sys.stdout.write(json.dumps(as_object(decision)) + "\n")
        sys.stdout.flush()

    def end(self) -> None:
        pass


class _Rows:
    """A table for people, one row a transfer."""

    def __init__(self) -> None:
        width = None if sys.stdout.isatty() else UNBOUNDED
        self._console = Console(highlight=False, width=width)
        self._table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in COLUMNS:
            self._table.add_column(column, overflow="fold")

    def add(self, decision: Decision) -> None:
        transfer, verdict = decision.captured.transfer, decision.verdict
        unread = sorted({item.reason.value for item in verdict.findings.unscanned})
        cells = (
            moment(transfer.time),
            verdict.shown.actor,
            verdict.shown.destination,
            verdict.action.name.lower(),
            str(verdict.findings.customers),
            verdict.rule,
            ", ".join(unread),
            decision.path,
        )
        self._table.add_row(*(Text(printable(cell)) for cell in cells))

    def end(self) -> None:
        self._console.print(self._table)


def as_object(decision: Decision) -> dict[str, Any]:
    """Return the line of ``--format jsonl``: the keys of a scan, and who, where and when."""
    transfer, found, shown = decision.captured.transfer, decision.verdict.findings, decision.verdict.shown
    return {
        "path": decision.path,
        "flow": decision.captured.flow,
        "time": moment(transfer.time),
        "actor": shown.actor,
        "destination": shown.destination,
        "method": shown.method,
        "verdict": decision.verdict.action.name.lower(),
        "rule": decision.verdict.rule,
        "customers": found.customers,
        "identified": len(found.identified),
        "estimated": found.estimated,
        "customer_ids": list(decision.customer_ids),
        "estimated_ids": list(decision.estimated_ids),
        "fields": {name: found.fields.get(name, 0) for name in FIELDS},
        "unscanned": [
            {"part": item.part, "reason": item.reason.value, "bytes": item.bytes} for item in found.unscanned
        ],
        "bytes": found.bytes,
    }


def moment(seconds: float) -> str:
    """Return a time as ISO 8601, UTC. Empty for one that no calendar has."""
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError, OSError):
        return ""
