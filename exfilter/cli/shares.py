"""``exfilter scan`` of many files as a run: here or on a cluster, resumed after whatever stopped it."""

from __future__ import annotations

import datetime as dt
import json
import shlex
import signal
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import msgspec

from exfilter import settings
from exfilter.bulk import finished, report
from exfilter.bulk.cluster import Cluster
from exfilter.bulk.delivery import Told, parcel
from exfilter.bulk.messages import Opening
from exfilter.bulk.reading import Reader, reader
from exfilter.bulk.run import Run
from exfilter.bulk.state import FILE, Settled, State
from exfilter.bulk.tasks import Answer, Engine, Lost, Task
from exfilter.cli.files import STANDARD_INPUT
from exfilter.cli.formats import Result, Wishes
from exfilter.cli.progress import shown
from exfilter.cli.scan import GRACE, Examiner, open_examiner
from exfilter.cli.workers import Crew
from exfilter.groups import Membership
from exfilter.index import keys
from exfilter.limits import MIB, Limits
from exfilter.model import Transfer, Verdict
from exfilter.scanner import Scanner
from exfilter.stores import Item
from exfilter.stores.opening import is_remote

RUNS = "runs"
"""Folder of the configuration in which runs lie that nobody has named."""
ROOM = 512 * MIB
"""Bytes of the files that are under way here, or read before the oldest one is."""


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for."""

    urls: Sequence[str]
    """Empty: those that the run began with."""
    config: Path
    run: Path | None
    """Folder of a new run. None: one is named."""
    resume: Path | None
    """Folder of a run that is there, or its name in ``RUNS``. None: it is a new one."""
    again: bool
    """Whether that is tried once more which could not be read."""
    cluster: str
    """Address of its scheduler. Empty: processes here."""
    workers: int
    wishes: Wishes

    def folder(self) -> Path:
        """Return the folder of the run. Raises ValueError where it was not asked for as a run can be."""
        if (self.run and self.resume) or (self.again and not self.resume):
            msg = (
                "--run DIR begins a run, --resume RUN goes on with one, and --again only with that: give one"
            )
            raise ValueError(msg)
        if self.wishes.reveal or self.wishes.explain or STANDARD_INPUT in self.urls:
            msg = "a run keeps no values and reads no standard input: scan the one file by itself"
            raise ValueError(msg)
        if self.resume:
            return self._known(self.resume)
        return self.run or self.config / RUNS / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())

    def _known(self, run: Path) -> Path:
        found = [each for each in (run, self.config / RUNS / run) if (each / FILE).exists()]
        if not found:
            msg = f"{run}: there is no run to resume; name the folder that was given to --run"
            raise ValueError(msg)
        return found[0]


@dataclass(frozen=True, slots=True)
class Settling:
    """Judges what was read, and records the decisions: the driver's part."""

    examiner: Examiner

    def __call__(self, item: Item, answer: Answer) -> Settled:
        """Return the result of a file, with its decision."""
        transfer, verdict = self._judged(item, answer)
        result = self.examiner.result(transfer, verdict, answer.seconds)
        return Settled(
            result=json.dumps(msgspec.to_builtins(result)),
            day=dt.datetime.now(dt.UTC).date().isoformat(),
            held=result.held,
            customers=result.customers,
            unread=",".join(sorted({part.reason.value for part in result.unscanned})),
            decision=self.examiner.decision(transfer, verdict, result),
        )

    def record(self, decisions: Iterable[bytes]) -> None:
        """Write decisions down. Raises OSError where that cannot be done."""
        self.examiner.journal.append(decisions)

    def _judged(self, item: Item, answer: Answer) -> tuple[Transfer, Verdict]:
        if answer.findings is None:
            return self.examiner.failed(item.url, item.size, answer.problem, answer.reason)
        transfer, pipeline = Transfer(door="scan", body=b"", name=item.url), self.examiner.pipeline
        # Those of all ranges: an answer that was united of several does not name them.
        return transfer, pipeline.judge(transfer, pipeline.engine.with_canaries(answer.findings))


def restored(text: str) -> Result:
    """Return a result as it was before it was kept."""
    return msgspec.convert(json.loads(text), Result)


def open_reader(folder: Path, index: str) -> Reader:
    """Return what a process of this machine reads with. Raises ValueError or OSError with the next step.

    ``index``: the id of the driver's. By another one, customers have other numbers.
    """
    given = settings.load(folder)
    pipeline = Scanner(given, Limits(), whole=False, membership=Membership()).pipeline()
    if pipeline.engine.index.id != index:
        msg = "the index was replaced while this run went on; scan with --resume: it goes on with the new one"
        raise ValueError(msg)
    return reader(pipeline.engine, pipeline.limits, given.deadline, keys.load(given.index_key))


@dataclass(frozen=True, slots=True)
class Processes:
    """An engine of processes on this machine."""

    folder: Path
    index: str
    """Id."""
    workers: int
    deadline: float

    def answers(
        self, tasks: Iterable[Task], *, alone: bool
    ) -> Generator[tuple[Task, Answer | Lost], None, None]:
        """Yield each task with its answer. One is known to be the one that a process died over."""
        del alone
        prepare = partial(open_reader, self.folder, self.index)
        crew = Crew[Task, Answer](prepare, self.workers, self.deadline + GRACE, _weight, ROOM)
        return crew.answers(tasks)


def _weight(task: Task) -> int:
    return task.weight


@contextmanager
def _engine(order: Order, examiner: Examiner, told: Told) -> Iterator[Engine]:
    """Give what reads. ``told`` hears of an index that is delivered."""
    index = examiner.pipeline.engine.index
    if not order.cluster:
        yield Processes(order.config, index.id, order.workers, examiner.deadline)
        return
    given = settings.load(order.config)
    key = keys.load(given.index_key)
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
    folder = order.folder()
    examiner = open_examiner(order.config, order.wishes)
    with closing(State(folder)) as state:
        known = state.about()
        if known and not order.resume:
            msg = f"{folder}: holds a run already; go on with it by --resume, or name a new folder"
            raise ValueError(msg)
        urls = _whole(order.urls) or json.loads(known.get("urls", "[]"))
        if not urls:
            msg = f"{folder}: holds no run; name what to scan"
            raise ValueError(msg)
        if not (order.run or order.resume):
            sys.stderr.write(f"exfilter: this run is kept in {folder}\n")
        signal.signal(signal.SIGTERM, _end)
        try:
            _go(order, examiner, state, urls, folder)
        except KeyboardInterrupt:
            _stop(order, state, folder)
            raise
        for text in finished.results(state):
            yield restored(text)
        _say(f"report: {folder / report.PAGE}")


def _whole(urls: Sequence[str]) -> list[str]:
    """Return paths from the root on: a run goes on from elsewhere, and workers stand in other folders."""
    return [url if is_remote(url) or url.startswith("file://") else str(Path(url).absolute()) for url in urls]


def _go(order: Order, examiner: Examiner, state: State, urls: Sequence[str], folder: Path) -> None:
    versions = examiner.pipeline.engine.versions(examiner.pipeline.policy.digest)
    with shown(sys.stderr) as told, _engine(order, examiner, told.delivered) as engine:
        if isinstance(engine, Cluster):
            engine.check()  # Before hours of listing.
        run = Run(state, engine, Settling(examiner))
        run.begin(urls, versions, told.listed)
        if order.again:
            run.again()
        told.begin(totals := state.totals())
        if not totals.files:
            _say("no file was found there; is the share mounted?")
        try:
            run.go(told.scanned)
        except KeyboardInterrupt:
            run.keep()
            raise
        told.writing()
        report.write(state, folder)


def _end(_number: int, _frame: object) -> NoReturn:
    """End as for Ctrl-C, so that what is finished is kept."""
    raise KeyboardInterrupt


def _stop(order: Order, state: State, folder: Path) -> None:
    """Say how to go on, and write what is finished."""
    totals = state.totals()
    listed = "" if "listed" in state.about() else " that were listed so far"
    _say(f"stopped; {totals.done_files:,} of {totals.files:,} files{listed} are finished")
    _say(f"go on with: {shlex.join(_command(order, folder))}")
    if totals.done_files:
        _say("writing the report on what is finished; Ctrl-C leaves it out")
        report.write(state, folder)


def _say(text: str) -> None:
    sys.stderr.write(f"exfilter: {text}\n")


def _command(order: Order, folder: Path) -> Iterator[str]:
    yield from ("exfilter", "scan", "--resume", str(folder))
    if order.config != Path():
        yield from ("--config", str(order.config))
    if order.cluster:
        yield from ("--cluster", order.cluster)
