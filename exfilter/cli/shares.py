"""``exfilter scan --run``: many files, here or on a cluster, resumed after whatever stopped it."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from exfilter import settings
from exfilter.bulk import report
from exfilter.bulk.cluster import Cluster
from exfilter.bulk.delivery import Told, parcel
from exfilter.bulk.messages import Opening
from exfilter.bulk.reading import Reader, reader
from exfilter.bulk.run import Run
from exfilter.bulk.state import Settled, State
from exfilter.bulk.tasks import Answer, Engine, Lost, Task
from exfilter.cli.formats import Result, Wishes
from exfilter.cli.scan import GRACE, Examiner, Unrecorded, open_examiner
from exfilter.cli.workers import Crew
from exfilter.groups import Membership
from exfilter.index import keys
from exfilter.limits import MIB, Limits
from exfilter.model import Transfer
from exfilter.scanner import Scanner
from exfilter.stores import Item

ROOM = 512 * MIB
"""Bytes of the files that are under way here, or read before the oldest one is."""


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for."""

    urls: Sequence[str]
    config: Path
    run: Path
    cluster: str
    """Address of its scheduler. Empty: processes here."""
    resume: bool
    workers: int


@dataclass(frozen=True, slots=True)
class Settling:
    """Judges what was read, and records the decision: the driver's part."""

    examiner: Examiner

    def __call__(self, item: Item, answer: Answer) -> Settled:
        """Return the result of a file. Raises OSError where the decision cannot be written down."""
        result = self._result(item, answer)
        if isinstance(result, Unrecorded):
            raise OSError(result.problem)
        return Settled(
            result=json.dumps(asdict(result)),
            day=dt.datetime.now(dt.UTC).date().isoformat(),
            held=result.held,
            customers=result.customers,
            unread=",".join(sorted({part.reason.value for part in result.unscanned})),
        )

    def _result(self, item: Item, answer: Answer) -> Result | Unrecorded:
        if answer.findings is None:
            return self.examiner.unread(item.url, item.size, answer.problem, answer.reason, answer.seconds)
        transfer = Transfer(door="scan", body=b"", name=item.url)
        verdict = self.examiner.pipeline.judge(transfer, answer.findings)
        result = self.examiner.result(transfer, verdict, answer.seconds)
        return self.examiner.recorded(transfer, verdict, result)


def restored(text: str) -> Result:
    """Return a result as it was before it was kept."""
    return msgspec.convert(json.loads(text), Result)


def open_reader(folder: Path) -> Reader:
    """Return what a process of this machine reads with. Raises ValueError or OSError with the next step."""
    given = settings.load(folder)
    pipeline = Scanner(given, Limits(), whole=False, membership=Membership()).pipeline()
    return reader(pipeline.engine, pipeline.limits, given.deadline, keys.load(given.index_key))


@dataclass(frozen=True, slots=True)
class Processes:
    """An engine of processes on this machine."""

    folder: Path
    workers: int
    deadline: float

    def answers(
        self, tasks: Iterable[Task], *, alone: bool
    ) -> Generator[tuple[Task, Answer | Lost], None, None]:
        """Yield each task with its answer. One is known to be the one that a process died over."""
        del alone
        prepare = partial(open_reader, self.folder)
        crew = Crew[Task, Answer](prepare, self.workers, self.deadline + GRACE, _weight, ROOM)
        return crew.answers(tasks)


def _weight(task: Task) -> int:
    return task.weight


@contextmanager
def _engine(order: Order, examiner: Examiner, told: Told) -> Iterator[Engine]:
    """Give what reads. ``told`` hears of an index that is delivered."""
    if not order.cluster:
        yield Processes(order.config, order.workers, examiner.deadline)
        return
    given = settings.load(order.config)
    index, key = examiner.pipeline.engine.index, keys.load(given.index_key)
    opening = Opening(
        given.index.resolve(),
        index.id,
        examiner.pipeline.policy.terms,
        replace(examiner.pipeline.limits, passwords=()),
        examiner.deadline,
    )
    with parcel(opening.index, key, index.id) as delivered:
        yield Cluster(order.cluster, opening, delivered, index.ordinals, key, given.passwords, told)


def scan(order: Order) -> Iterator[Result]:
    """Bring a run to its end, and yield its results in the order of the listing, one a file.

    Raises ValueError or OSError where it cannot begin or go on; what is finished stays finished.
    """
    examiner = open_examiner(order.config, Wishes())
    with closing(State(order.run)) as state:
        known = state.about()
        if known and not order.resume:
            msg = f"{order.run}: holds a run already; go on with it by --resume, or name a new folder"
            raise ValueError(msg)
        urls = order.urls or json.loads(known.get("urls", "[]"))
        if not urls:
            msg = f"{order.run}: there is no run to resume; name what to scan"
            raise ValueError(msg)
        versions = examiner.pipeline.engine.versions(examiner.pipeline.policy.digest)
        facts = {"index": versions.index, "policy": versions.policy, "exfilter": versions.exfilter}
        with _shown() as told, _engine(order, examiner, told.delivered) as engine:
            run = Run(state, engine, Settling(examiner))
            run.begin(urls, facts, told.listed)
            told.begin(state)
            run.go(told.scanned)
        report.write(state, order.run)
        for text in report.results(state):
            yield restored(text)


@dataclass(slots=True)
class _Line:
    """One moving line on standard error."""

    progress: Progress
    files: int = 0

    def listed(self, files: int, _bytes: int) -> None:
        """Take how many files more were listed."""
        self.files += files
        self._say(f"{self.files} files listed")

    def delivered(self, size: int, total: int) -> None:
        """Take how many bytes of the index have arrived everywhere."""
        self._say(f"index delivered to the nodes: {size / MIB:.0f} of {total / MIB:.0f} MiB")

    def begin(self, state: State) -> None:
        """Show what there is to do."""
        totals = state.totals()
        self.files = totals.done_files
        self.progress.update(self.progress.task_ids[0], total=totals.bytes, completed=totals.done_bytes)

    def scanned(self, files: int, size: int) -> None:
        """Take what was scanned."""
        self.files += files
        self.progress.advance(self.progress.task_ids[0], size)
        self._say(f"{self.files} files scanned")

    def _say(self, text: str) -> None:
        self.progress.update(self.progress.task_ids[0], description=text)


@contextmanager
def _shown() -> Iterator[_Line]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    shown = sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as progress:
        progress.add_task("listing", total=None)
        yield _Line(progress)
