"""``exfilter replay``: recorded traffic through the same pipeline. Nothing is sent, nothing is kept."""

from __future__ import annotations

import enum
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from exfilter import settings
from exfilter.bulk.tasks import Lost
from exfilter.cli.formats import printable
from exfilter.cli.formats.replays import Format
from exfilter.cli.formats.replays.lines import LinesFormat
from exfilter.cli.formats.replays.page import PageFormat
from exfilter.cli.formats.replays.table import TableFormat
from exfilter.cli.quarantine import os_user
from exfilter.cli.workers import Crew
from exfilter.limits import MIB
from exfilter.replaying.decisions import Gap
from exfilter.replaying.examining import UNIT, Answer, Wanted, open_examiner, views
from exfilter.replaying.importing import Importer
from exfilter.replaying.run import Run
from exfilter.replaying.side import Side
from exfilter.replaying.units import Unit

if TYPE_CHECKING:
    from exfilter.replaying.decisions import Decision

CLEAN, HELD, NOT_READ = 0, 1, 2
GRACE = 30.0
"""Seconds that a worker may take beyond all deadlines of a unit."""
ROOM = 256 * MIB
"""Bytes of units, about, that are under way at a time. A larger one goes alone."""


class Output(enum.StrEnum):
    """How the decisions are printed."""

    TABLE = "table"
    JSONL = "jsonl"
    HTML = "html"


FORMATS: dict[Output, type[TableFormat | LinesFormat | PageFormat]] = {
    Output.TABLE: TableFormat,
    Output.JSONL: LinesFormat,
    Output.HTML: PageFormat,
}


@dataclass(slots=True)
class _Outcome:
    held: bool = False
    unread: bool = False
    is_broken: bool = False

    def add(self, item: Decision | Gap) -> None:
        if isinstance(item, Gap):
            self.is_broken = True
        else:
            self.held |= item.after.held
            self.unread |= bool(item.after.verdict.findings.unscanned)

    def code(self, *, strict: bool) -> int:
        if self.is_broken or (self.unread and (strict or not self.held)):
            return NOT_READ
        return HELD if self.held else CLEAN


def replay(
    captures: Annotated[
        list[Path],
        typer.Argument(help="Dumps of mitmproxy, HAR, WARC, pcap or pcapng: known by their content."),
    ],
    config: Annotated[Path, typer.Option(help="Configuration folder.")] = Path(),
    output: Annotated[Output, typer.Option("--format", help="How to print the decisions.")] = Output.TABLE,
    *,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Show what would differ with this policy.")
    ] = None,
    index: Annotated[
        Path | None, typer.Option("--index", help="Show what would differ with this index (same key).")
    ] = None,
    actor: Annotated[
        str,
        typer.Option("--actor", help="Who sent what is in HAR and WARC. Default: the file's name."),
    ] = "",
    keys: Annotated[
        Path | None, typer.Option("--keys", help="TLS key log (SSLKEYLOGFILE) of pcap captures.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Folder to keep the state in: an interrupted replay goes on from it."),
    ] = None,
    imports: Annotated[
        bool,
        typer.Option("--import", help="Write who was sent into the ledger, as sent, under the door replay."),
    ] = False,
    reason: Annotated[str, typer.Option(help="Why it is imported; it stays in the ledger.")] = "",
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 2 if anything was not read, also if something is held."),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Processes that scan. Default: as in exfilter.toml.")
    ] = None,
) -> None:
    """Say what would have become of each transfer of captures, with their own times and actors.

    What they showed before counts as the ledger would have counted it. Nothing is sent, held or recorded,
    unless --import. With --policy or --index: what would differ. Exit codes (of the other policy or index,
    where one is named): 0 all read, nothing to hold; 1 something would be held; 2 an error, a capture that
    breaks off, or something could not be read.
    """
    wanted = Wanted(config, policy, index)
    if imports and wanted.is_diff:
        msg = "--import goes by the policy and the index of the folder: leave out --policy and --index"
        raise ValueError(msg)
    outcome, began = _Outcome(), time.monotonic()
    signal.signal(signal.SIGTERM, _end)
    with ExitStack() as stack:
        run = _run(stack, wanted, state, actor, keys, workers)
        importer = _importer(stack, run, config, captures, reason) if imports else None
        run.taker = importer
        out = FORMATS[output](sys.stdout, is_diff=wanted.is_diff)
        for item in _followed(run, captures, shown=sys.stderr.isatty() and not sys.stdout.isatty()):
            outcome.add(item)
            _print(out, item)
        outcome = _resumed(run, outcome, is_kept=state is not None)
        out.end(run.tallies)
        _summarise(run, time.monotonic() - began)
        if importer:
            typer.echo(f"exfilter: {importer.end(os_user(), [str(each) for each in captures])}", err=True)
    raise typer.Exit(outcome.code(strict=strict))


def _end(_number: int, _frame: object) -> NoReturn:
    """End as for Ctrl-C, so that the scratch ledger goes."""
    raise KeyboardInterrupt


def _print(out: Format, item: Decision | Gap) -> None:
    if isinstance(item, Gap):
        typer.echo(f"exfilter: {printable(str(item))}", err=True)
        out.gap(item)
    else:
        out.add(item)


def _run(
    stack: ExitStack, wanted: Wanted, state: Path | None, actor: str, keys: Path | None, workers: int | None
) -> Run:
    """Open all that a replay needs. Raises OSError or ValueError."""
    given = wanted.given()
    folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="exfilter-replay-")))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen = views(given, whole=True)
    names = ("now.sqlite", "after.sqlite")
    sides = []
    for name, each, view in zip(names, given, seen, strict=False):
        sides.append(Side.open(folder / name, each, view))
        stack.callback(sides[-1].close)
    crew = Crew[Unit, Answer](
        partial(open_examiner, wanted),
        workers or given[0].workers,
        UNIT * given[0].deadline + GRACE,
        lambda unit: unit.weight,
        room=ROOM,
    )
    run = Run(tuple(sides), _examined(crew), actor, keys)
    versions = [view.pipeline.engine.versions(view.pipeline.policy.digest) for view in seen]
    run.begin({"policies": " ".join(each.policy for each in versions),
               "indexes": " ".join(each.index for each in versions), "actor": actor})  # fmt: skip
    return run


def _examined(crew: Crew[Unit, Answer]) -> Callable[[Iterable[Unit]], Iterator[tuple[Unit, Answer | None]]]:
    def examined(units: Iterable[Unit]) -> Iterator[tuple[Unit, Answer | None]]:
        with closing(crew.answers(units)) as answers:
            for unit, answer in answers:
                yield unit, None if isinstance(answer, Lost) else answer

    return examined


def _importer(stack: ExitStack, run: Run, config: Path, captures: list[Path], reason: str) -> Importer:
    from exfilter.ledger import open_ledger

    ledger = open_ledger(settings.load(config))
    stack.callback(ledger.close)
    importer = Importer(ledger, run.sides[0].view.pipeline.policy)
    importer.begin(os_user(), [str(each) for each in captures], reason)
    return importer


def _resumed(run: Run, outcome: _Outcome, *, is_kept: bool) -> _Outcome:
    """Return what came of all of it, also of what an earlier run did."""
    if not is_kept:
        return outcome
    total = run.tallies.total()
    outcome.held |= bool(total.get("held for what was found after"))
    outcome.unread |= bool(total.get("not read whole"))
    outcome.is_broken |= bool(total.get("gaps"))
    return outcome


@contextmanager
def _bar(*, shown: bool) -> Iterator[Progress]:
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}% {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as progress:
        yield progress


def _followed(run: Run, captures: list[Path], *, shown: bool) -> Iterator[Decision | Gap]:
    transfers = held = 0
    with _bar(shown=shown) as bar:
        line = bar.add_task("reading", total=None)
        for item in run.decisions(captures):
            yield item
            if not isinstance(item, Gap):
                transfers, held = transfers + 1, held + item.after.verdict.action.holds
            if shown and transfers % 50 == 0:
                about = f"{transfers} transfers, {held} would be held"
                bar.update(line, total=run.where.size, completed=run.where.done, description=about)


def _summarise(run: Run, seconds: float) -> None:
    if sys.stderr.isatty():
        count = run.tallies.total().get("transfers", 0)
        sys.stderr.write(f"{count} transfers in {seconds:.1f} s\n")
