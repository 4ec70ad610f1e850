"""The same files by the plain scan, by a run here and by a run on a cluster; from a folder and from S3."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import median

from bench import measure as measuring
from bench.lab import HELD, Lab
from bench.measure import exfilter
from bench.results import Figure, Table
from bench.shared import MB, Share, Sizes, make, store
from bench.wire import processes
from bench.wire.doors import copy
from fixtures import servers

TURNS = 3
"""Fewer with ``--repetitions``."""
LEAST = 0.1
"""Seconds beyond the start from which on a rate is told."""
SCAN, RUN, CLUSTER, READ = "scan", "run", "run on a cluster", "reading alone"
COLUMNS = (
    "files",
    "of them",
    "MB",
    "way",
    "workers",
    "files a second",
    "MB/s",
    "× scan",
    "overhead, ms a file",
    *("CPU ms a file: driver", "its workers", "scheduler", "S3 server"),
    *("PSS MB: driver", "workers together"),
    "left unread, MB",
)
BARE = """import sys
from exfilter.stores import listed, opened
for item in listed(sys.argv[1]):
    with opened(item) as body:
        list(body.pieces())
    print(item.key)"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One that runs."""

    address: str
    nanny: int
    scheduler: int


@dataclass(frozen=True, slots=True)
class Way:
    """How files are scanned."""

    name: str
    workers: int
    runs: bool = True
    cluster: Cluster | None = None

    def line(self, house: Path, where: str, run: Path) -> list[str]:
        """Return the command line."""
        if self.name == READ:
            return [sys.executable, "-c", BARE, where]
        line = ["scan", where, "--config", str(house), "--format", "jsonl", "--workers", str(self.workers)]
        line += ["--run", str(run)] if self.runs else []
        return exfilter(*line, *(("--cluster", self.cluster.address) if self.cluster else ()))


@dataclass(frozen=True, slots=True)
class Took:
    """What a scan took. Seconds, by the clock and of CPU, and bytes."""

    wall: float
    driver: float
    workers: float
    scheduler: float
    server: float
    memory: float
    """PSS of the driver, at most."""
    theirs: float
    """Of its workers together."""
    unread: float
    """Of the files."""

    def beyond(self, start: Took) -> Took:
        """Return it without what starting takes."""
        spent = {name: max(0.0, getattr(self, name) - getattr(start, name)) for name in TIMES}
        return replace(self, **spent)


TIMES = tuple(each.name for each in fields(Took))[:5]


@dataclass(slots=True)
class Memory:
    """Looks at the processes of a scan while it runs."""

    nanny: int
    """Whose children the workers are. 0: they are the driver's own."""
    driver: int = 0
    workers: int = 0

    def look(self, driver: int) -> None:
        """Keep the most that was seen."""
        others = processes.tree(self.nanny or driver)[1:]
        self.driver = max(self.driver, processes.proportional(driver))
        self.workers = max(self.workers, sum(map(processes.proportional, others)))


@dataclass(frozen=True, slots=True)
class Place:
    """What scans, and what it scans with."""

    house: Path
    scratch: Path
    env: Mapping[str, str]
    server: int
    """Process of the object store."""

    def took(self, way: Way, share: Share, number: int) -> Took:
        """Scan a share. Raises RuntimeError where a file has no result."""
        memory = Memory(way.cluster.nanny if way.cluster else 0)
        run = self.scratch / f"run-{number}"
        before = self._others(way)
        used = measuring.command(
            way.line(self.house, share.where, run), keep=True, good=HELD, env=self.env, watch=memory.look
        )
        scheduler, workers, server = (
            after - each for after, each in zip(self._others(way), before, strict=True)
        )
        results = used.output.splitlines()
        if len(results) != share.files:
            msg = f"{way.name}: {len(results)} results of {share.files} files"
            raise RuntimeError(msg)
        unread = 0 if way.name == READ else sum(map(_unread, results))
        return Took(
            wall=used.wall,
            driver=used.alone,
            workers=used.user + used.system - used.alone + workers,
            scheduler=scheduler,
            server=server,
            memory=memory.driver,
            theirs=memory.workers,
            unread=unread,
        )

    def _others(self, way: Way) -> tuple[float, float, float]:
        cluster = (way.cluster.scheduler, way.cluster.nanny) if way.cluster else (0, 0)
        scheduler, workers, server = (
            processes.cpu(each) if each else 0.0 for each in (*cluster, self.server)
        )
        return scheduler, workers, server


def measure(given: Lab, sizes: Sizes | None = None, turns: int = 0) -> Table:
    """Make the shares, open the servers, take turns."""
    sizes, turns = sizes or Sizes(), turns or min(TURNS, given.repetitions)
    shares = make(given, sizes)
    with tempfile.TemporaryDirectory(dir=given.data) as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        env, (server,) = _opened(stack, servers.object_store(folder))
        stored = [store(share, sizes.stored, env) for share in shares[:3]]
        ways = [Way(SCAN, number, runs=False) for number in (1, 2)]
        ways += [Way(RUN, number) for number in (1, 2)]
        ways += [Way(CLUSTER, number, cluster=_cluster(stack, folder, env, number)) for number in (1, 2)]
        remote = [Way(READ, 1, runs=False), ways[3], ways[5]]
        place = Place(copy(given.config, folder / "house"), folder, env, server)
        seen = _turns(place, [(shares, ways), (stored, remote)], turns)
        rows = (*_rows(shares, ways, seen), *_rows(stored, remote, seen))
    return Table("shares", "File shares and object stores", COLUMNS, rows, _notes(turns))


def _notes(turns: int) -> tuple[str, ...]:
    return (
        f"the middle of {turns} turns, all ways in each; what a scan of one empty file takes is taken off",
        "overhead: by the clock, against the plain scan of the same files with as many workers",
        "CPU: user and system time; MB: of the files as they lie there, 10^6 bytes",
        "PSS: at most, looked at twice a second; what several share is divided by their number",
        f"driver, workers, scheduler and server share the {len(processes.CORES)} cores of this machine",
        "S3: the server of moto, in Python, one process; reading alone: its objects one after the other",
        "text: 64 MiB are a range; documents: " + "text, HTML, mail with a zip, docx, xlsx, xls, rtf, pdf",
    )


def _opened[Opened](
    stack: contextlib.ExitStack, server: contextlib.AbstractContextManager[Opened]
) -> tuple[Opened, list[int]]:
    """Open a server. Return it and its processes."""
    before = set(servers.children(os.getpid()))
    opened = stack.enter_context(server)
    return opened, sorted(set(servers.children(os.getpid())) - before)


def _cluster(stack: contextlib.ExitStack, folder: Path, env: Mapping[str, str], workers: int) -> Cluster:
    below = folder / f"cluster-{workers}"
    below.mkdir()
    opened, found = _opened(stack, servers.cluster(below, env, "--nworkers", str(workers)))
    (nanny,) = opened.nannies
    (scheduler,) = (each for each in found if each != nanny)
    return Cluster(opened.address, nanny, scheduler)


def _unread(result: str) -> int:
    return sum(int(part["bytes"]) for part in json.loads(result)["unscanned"])


Seen = dict[tuple[str, str, int], list[Took]]
"""By share, way and number of workers."""


def _turns(place: Place, tours: Sequence[tuple[Sequence[Share], Sequence[Way]]], turns: int) -> Seen:
    seen: Seen = {}
    pairs = [(share, way) for shares, ways in tours for share in shares for way in ways]
    for turn in range(turns):
        for number, (share, way) in enumerate(pairs if turn % 2 == 0 else pairs[::-1]):
            took = place.took(way, share, turn * len(pairs) + number)
            seen.setdefault((share.name, way.name, way.workers), []).append(took)
    return seen


def _middle(some: Sequence[Took]) -> Took:
    return Took(*(median(getattr(each, one.name) for each in some) for one in fields(Took)))


def _rows(shares: Sequence[Share], ways: Sequence[Way], seen: Seen) -> Iterator[tuple[Figure, ...]]:
    """Yield a row for each share and way; the first share is that of an empty file."""

    def of(share: Share, way: Way) -> Took:
        key = way.name, way.workers
        return _middle(seen[(share.name, *key)]).beyond(_middle(seen[(shares[0].name, *key)]))

    for share in shares[1:]:
        plain = {way.workers: of(share, way).wall for way in ways if way.name == SCAN}
        for way in ways:
            yield _row(share, way, of(share, way), plain.get(way.workers))


def _row(share: Share, way: Way, took: Took, plain: float | None) -> tuple[Figure, ...]:
    wall, files = took.wall, share.files
    told = wall > LEAST
    return (
        share.name,
        files,
        share.bytes / MB,
        way.name,
        way.workers,
        files / wall if told else None,
        share.bytes / MB / wall if told else None,
        plain / wall if told and plain else None,
        (wall - plain) / files * 1e3 if told and plain and way.runs else None,
        *(each / files * 1e3 for each in (took.driver, took.workers)),
        took.scheduler / files * 1e3 if way.cluster else None,
        took.server / files * 1e3 if "S3" in share.name else None,
        took.memory / MB,
        took.theirs / MB if way.name != READ else None,
        took.unread / MB if way.name != READ else None,
    )
