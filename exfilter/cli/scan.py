"""``exfilter scan``: files, folders and standard input through the pipeline, on all cores."""

from __future__ import annotations

import enum
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, TextIO

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from exfilter import settings
from exfilter.bulk.tasks import Lost
from exfilter.cli import files
from exfilter.cli.files import Source
from exfilter.cli.formats import Format, Result, Seen, Weighed, Wishes, printable
from exfilter.cli.formats.jsonl import JsonLines
from exfilter.cli.formats.sarif import Sarif
from exfilter.cli.formats.table import TableFormat
from exfilter.cli.workers import Crew
from exfilter.groups import Membership
from exfilter.journal import Journal
from exfilter.limits import MIB, Limits
from exfilter.model import Findings, Ordinals, Reason, Transfer, Unscanned, Verdict
from exfilter.scan import Pipeline
from exfilter.scanner import SLOW, Scanner
from exfilter.stores import Unreadable
from exfilter.stores.opening import is_remote

WHOLE = "file: "
"""Begins the provenance of a file of which nothing could be read."""
CLEAN, HELD, NOT_READ = 0, 1, 2
GRACE = 10.0
"""Seconds beyond the deadline until a worker is ended: not every parser asks for the time."""


class Output(enum.StrEnum):
    """How the results are printed."""

    TABLE = "table"
    JSONL = "jsonl"
    SARIF = "sarif"


FORMATS: dict[Output, Callable[[TextIO, Wishes], Format]] = {
    Output.TABLE: TableFormat,
    Output.JSONL: JsonLines,
    Output.SARIF: Sarif,
}


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """A decision that could not be written down."""

    problem: str


@dataclass(frozen=True, slots=True)
class Examiner:
    """All that turns a file into a result. Each worker opens its own: the key is never handed over."""

    pipeline: Pipeline
    journal: Journal
    """A scan decides and holds nothing back; its decisions are recorded all the same."""
    deadline: float
    """Seconds for one file."""
    wishes: Wishes

    def __call__(self, source: Source) -> Result | Unrecorded:
        """Examine one file. Whatever goes wrong is a result, and recorded."""
        began = time.monotonic()
        try:
            transfer = Transfer(door="scan", body=files.read(source), name=source.path)
            verdict = self.pipeline.examine(
                transfer,
                lambda: time.monotonic() > began + self.deadline,
                explain=self.wishes.explain,
                reveal=self.wishes.reveal,
            )
            result = self.result(transfer, verdict, time.monotonic() - began)
        except Unreadable as error:
            return self.unread(
                source.path, files.size(source), str(error), error.reason, time.monotonic() - began
            )
        except Exception as error:  # noqa: BLE001 - fail closed: a defect of ours is never "nothing found"
            problem, seconds = type(error).__name__, time.monotonic() - began
            return self.unread(source.path, files.size(source), problem, Reason.MALFORMED, seconds)
        return self.recorded(transfer, verdict, result)

    def unread(
        self, path: str, size: int, problem: str, reason: Reason, seconds: float
    ) -> Result | Unrecorded:
        """Return the fail-closed result of a file of so many bytes that could not be examined at all."""
        transfer, verdict = self.failed(path, size, problem, reason)
        return self.recorded(transfer, verdict, self.result(transfer, verdict, seconds))

    def failed(self, path: str, size: int, problem: str, reason: Reason) -> tuple[Transfer, Verdict]:
        """Return a file of which nothing could be read, and the verdict on it."""
        transfer = Transfer(door="scan", body=b"", name=path)
        verdict = self.pipeline.failed(problem, transfer, reason)
        nobody = np.zeros(0, dtype=np.int64)
        unscanned = (Unscanned(f"{WHOLE}{problem}", reason, size),)
        return transfer, replace(verdict, findings=Findings(nobody, 0, nobody, {}, {}, unscanned, size))

    def recorded(self, transfer: Transfer, verdict: Verdict, result: Result) -> Result | Unrecorded:
        """Return the result once its decision is written down."""
        try:
            self.journal.append([self.decision(transfer, verdict, result)])
        except OSError as error:
            return Unrecorded(str(error))
        return result

    def decision(self, transfer: Transfer, verdict: Verdict, result: Result) -> bytes:
        """Return the line of the decision log on a file."""
        return self.journal.line(
            transfer, verdict, transfer_id="", seconds=result.seconds, audit_only=True, held=False
        )

    def result(self, transfer: Transfer, verdict: Verdict, seconds: float) -> Result:
        """Return a verdict as it is printed."""
        found = verdict.findings
        return Result(
            path=transfer.name,
            action=verdict.action,
            rule=verdict.rule,
            reason=verdict.reason,
            held=self.pipeline.would_hold_what_was_read(transfer, verdict),
            customers=found.customers,
            identified=len(found.identified),
            estimated=found.estimated,
            customer_ids=self._ids(found.identified),
            estimated_ids=self._ids(found.estimated_ordinals),
            fields=dict(found.fields),
            unscanned=found.unscanned,
            bytes=found.bytes,
            seconds=seconds,
            seen=tuple(self._seen(found)),
            judgements=found.judgements,
            weighed=tuple(self._weighed(found)),
            canaries=dict(found.canaries),
        )

    def _ids(self, ordinals: Ordinals) -> tuple[str, ...]:
        return tuple(self.pipeline.engine.index.customer_ids(ordinals)) if len(ordinals) else ()

    def _seen(self, found: Findings) -> Iterator[Seen]:
        ids = self._ids(np.array([exhibit.ordinal for exhibit in found.exhibits], dtype=np.int64))
        for exhibit, customer_id in zip(found.exhibits, ids, strict=True):
            kind = exhibit.kind.name.lower()
            yield Seen(exhibit.part, kind, exhibit.masked, customer_id, exhibit.bearers)

    def _weighed(self, found: Findings) -> Iterator[Weighed]:
        ids = self._ids(np.array([explained.ordinal for explained in found.explained], dtype=np.int64))
        for explained, customer_id in zip(found.explained, ids, strict=True):
            yield Weighed(customer_id, explained.bits, explained.needed, explained.because)


def open_examiner(folder: Path, wishes: Wishes, *, whole: bool = True) -> Examiner:
    """Return an examiner for a configuration folder. Raises ValueError or OSError with the next step.

    ``whole``: check every byte of the index.
    """
    given = settings.load(folder)
    nobody_sends = Membership()  # So no directory is asked, and its password is not needed.
    pipeline = Scanner(given, Limits(), whole=whole, membership=nobody_sends).pipeline()
    return Examiner(pipeline, Journal(given.decisions), given.deadline, wishes)


@dataclass(slots=True)
class _Tally:
    files: int = 0
    bytes: int = 0
    held: int = 0
    partly: int = 0

    def add(self, result: Result) -> None:
        self.files += 1
        self.bytes += result.bytes
        self.held += result.held
        self.partly += bool(result.unscanned)

    def __str__(self) -> str:
        return f"{self.files} files, {self.bytes / MIB:.1f} MiB, {self.held} would be held"

    def exit_code(self, *, strict: bool) -> int:
        """Return 2 where something was not read, unless something is held and that may outrank it."""
        if self.partly and (strict or not self.held):
            return NOT_READ
        return HELD if self.held else CLEAN


@contextmanager
def _progress(*, shown: bool) -> Iterator[Progress]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as progress:
        yield progress


def results(examiner: Examiner, paths: Iterable[str], folder: Path, workers: int) -> Iterator[Result]:
    """Yield one result a file, in the order of the files. Raises OSError where one cannot be recorded."""
    prepare = partial(open_examiner, folder, examiner.wishes, whole=False)
    patience = examiner.deadline + GRACE
    crew = Crew[Source, Result | Unrecorded](prepare, workers, patience, files.weight)
    with closing(crew.answers(files.sources(paths, examiner.pipeline.limits))) as answers:
        for source, answer in answers:
            found = answer
            if isinstance(found, Lost):
                size = files.size(source)
                found = examiner.unread(source.path, size, "the scan of it broke off", found.reason, 0.0)
            if isinstance(found, Unrecorded):
                raise OSError(found.problem)
            yield found


def scan(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH", help="Files and folders, also s3://, gs://, az://, https://. - is standard input."
        ),
    ] = None,
    config: Annotated[Path, typer.Option(help="Configuration folder.")] = Path(),
    output: Annotated[Output, typer.Option("--format", help="How to print the results.")] = Output.TABLE,
    *,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 2 if anything was not read, also if something is held."),
    ] = False,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show the values that were found, in clear.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show what was counted, and why.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Files side by side. Default: as in exfilter.toml.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of a scan of many files, which can be resumed. Default: CONFIG/runs/TIME."),
    ] = None,
    cluster: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Scan on the Dask cluster whose scheduler is there (tls://)."),
    ] = "",
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with a run: its folder, or its name in CONFIG/runs."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="With --resume: also try again what could not be read.")
    ] = False,
) -> None:
    """Count the customers in files and say what would be held.

    With --run, --cluster or a URL this is a run: it is kept in a folder, and --resume goes on with it.

    Exit codes: 0 all read, nothing to hold; 1 something would be held; 2 an error, or something could
    not be read.
    """
    wishes = Wishes(explain=explain, reveal=reveal)
    size = workers or settings.load(config).workers
    shows = _progress_fits(output, wishes)
    if run or cluster or resume or again or any(is_remote(path) for path in paths or ()):
        shows = False  # A run says itself how far it is.
        from exfilter.cli import shares

        found = shares.scan(shares.Order(paths or (), config, run, resume, again, cluster, size, wishes))
    else:
        if not paths:
            msg = "name the files and folders to scan"
            raise typer.BadParameter(msg)
        found = results(open_examiner(config, wishes), paths, config, size)
    began = time.monotonic()
    tally = _print(found, FORMATS[output](sys.stdout, wishes), progress=shows)
    _summarise(tally, time.monotonic() - began, sys.stderr)
    raise typer.Exit(tally.exit_code(strict=strict))


def _progress_fits(output: Output, wishes: Wishes) -> bool:
    """Whether a moving line on standard error disturbs nothing."""
    streams = output is not Output.TABLE or wishes.explain or wishes.reveal
    return sys.stderr.isatty() and not (streams and sys.stdout.isatty())


def _print(found: Iterable[Result], out: Format, *, progress: bool) -> _Tally:
    tally = _Tally()
    with _progress(shown=progress) as bar:
        line = bar.add_task("scanning", total=None)
        for result in found:
            tally.add(result)
            out.add(result)
            for part in result.unscanned:
                if part.part.startswith(WHOLE):
                    problem = part.part.removeprefix(WHOLE)
                    sys.stderr.write(f"exfilter: {printable(result.path)} was not read: {problem}\n")
            bar.update(line, description=str(tally))
    out.end()
    return tally


def _summarise(tally: _Tally, seconds: float, stream: TextIO) -> None:
    if not stream.isatty():
        return
    speed = tally.bytes / MIB / max(seconds, 1e-3)
    stream.write(f"{tally}, {tally.partly} not read whole; {seconds:.1f} s, {speed:.1f} MiB/s\n")
    if SLOW:
        stream.write(f"{SLOW}\n")
