"""Squid with no engine behind it, with one process of ``exfilter icap``, and with two: the same requests."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import ROOT
from bench.lab import Lab
from bench.results import Figure, Table
from bench.tables.proxy import KB, MB
from bench.wire import doors, processes
from bench.wire.doors import Door
from fixtures.farend import certify
from fixtures.squid import BINARY, PASSWORD, USER, Squid

TURNS = 3
"""Of each row, all three in each."""
LARGE, MANY = 200 * MB, 20
"""Uploads at once, for the memory that they take."""
COLUMNS = (
    "request",
    *("a second bare", "one process", "two"),
    *("MB/s bare", "one process", "two"),
    *("p50 ms bare", "one process", "two"),
    *("CPU ms of exfilter, one process", "two"),
    *("CPU ms of Squid bare", "with exfilter"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """Requests of one kind."""

    name: str
    bytes: int
    requests: int
    """On each connection, a turn."""
    tls: bool = False
    """Squid opens it."""
    connections: int = 4
    fresh: bool = False
    """A new connection for each."""


CASES = (
    Case("HTTP, 1 KB", KB, 500),
    Case("HTTP, 100 KB", 100 * KB, 80),
    Case("HTTP, 5 MB", 5 * MB, 8),
    Case("TLS, 1 KB", KB, 400, tls=True),
    Case("TLS, 100 KB", 100 * KB, 60, tls=True),
)
UPLOADS = Case("HTTP, 200 MB", LARGE, 1, connections=MANY, fresh=True)


@dataclass(frozen=True, slots=True)
class Way:
    """A Squid, and the engine that it asks."""

    squid: Squid
    engine: Door | None
    """None: it asks nobody."""

    def cpu(self) -> tuple[float, float]:
        """Return the seconds of CPU that Squid and the engine took, with all their processes."""
        return processes.cpu(self.squid.pid), processes.cpu(self.engine.process) if self.engine else 0.0


@dataclass(slots=True)
class Seen:
    """What the turns of one case took, one way."""

    rate: list[float] = field(default_factory=list)
    """Requests a second."""
    seconds: list[float] = field(default_factory=list)
    """Of every request."""
    squid: list[float] = field(default_factory=list)
    """Seconds of CPU a request."""
    engine: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wire:
    """The far end, and what is sent to it."""

    http: int
    https: int
    body: Path

    def sender(self, way: Way, case: Case) -> list[str]:
        """Return the command line that sends a turn of a case."""
        to = f"localhost:{self.https}" if case.tls else f"127.0.0.1:{self.http}"
        proxy = f"127.0.0.1:{way.squid.port}"
        line = [sys.executable, "-m", "bench.wire.sender", "--proxy", proxy, "--to", to]
        line += ["--body", str(self.body), "--bytes", str(case.bytes), "--login", f"{USER}:{PASSWORD}"]
        line += ["--connections", str(case.connections), "--requests", str(case.requests)]
        line += ["--ca", str(way.squid.ca)] if case.tls else []
        return [*line, *(("--fresh",) if case.fresh else ())]


def measure(given: Lab) -> Table:
    """Open all three ways, take turns, then upload much at once."""
    given.data.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.data) as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        ca = folder / "far-end-ca.pem"
        ports = stack.enter_context(doors.far_end(certify(folder, ca), set(processes.CORES)))
        wire = Wire(*ports, given.corpora.traffic)
        bare = Way(stack.enter_context(Squid(ca)), None)
        engines = [
            stack.enter_context(_asked(given, folder / f"house-{number}", number)) for number in (1, 2)
        ]
        ways = [Way(stack.enter_context(Squid(ca, engine.address)), engine) for engine in engines]
        rows = tuple(_row(case, _turns(case, (bare, *ways), wire)) for case in CASES)
        notes = (
            f"{_version()} with the configuration of examples/icap, one process, HTTPS opened",
            f"{TURNS} turns of each, all ways in each; rates and CPU: the middle turn; p50: all requests",
            f"client, Squid, exfilter and far end share {len(processes.CORES)} cores",
            "CPU: user and system time of all processes, a request",
            *(
                _uploads(f"{number} process{'es' * (number > 1)}", way, wire)
                for number, way in enumerate(ways, 1)
            ),
        )
    return Table("icap", "Behind Squid, over ICAP", COLUMNS, rows, notes)


def _asked(given: Lab, folder: Path, number: int) -> contextlib.AbstractContextManager[Door]:
    return doors.asked(doors.copy(given.config, folder), "--processes", str(number))


def _version() -> str:
    done = subprocess.run([BINARY, "-v"], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.partition("\n")[0].replace("Cache: Version ", "")


def _turns(case: Case, ways: Sequence[Way], wire: Wire) -> list[Seen]:
    seen = [Seen() for _ in ways]
    for turn in range(TURNS):
        pairs = list(zip(ways, seen, strict=True))
        for way, one in pairs if turn % 2 == 0 else pairs[::-1]:
            squid, engine = way.cpu()
            said = _send(way, case, wire)
            if set(said["statuses"]) != {"200"}:
                msg = f"{case.name} was answered with {said['statuses']}"
                raise RuntimeError(msg)
            after, requests = way.cpu(), len(said["seconds"])
            one.squid.append((after[0] - squid) / requests)
            one.engine.append((after[1] - engine) / requests)
            one.rate.append(requests / said["wall"])
            one.seconds += said["seconds"]
    return seen


def _send(way: Way, case: Case, wire: Wire) -> dict[str, Any]:
    """Send a turn, and return what the sender saw."""
    done = subprocess.run(  # noqa: S603 - a command of our own
        wire.sender(way, case), input="go\n", capture_output=True, text=True, cwd=ROOT, check=True
    )
    said: dict[str, Any] = json.loads(done.stdout.removeprefix("ready\n"))
    return said


def _uploads(name: str, way: Way, wire: Wire) -> str:
    """Send much at once, and return in a sentence what became of it and what memory it took."""
    assert way.engine  # noqa: S101 - as its caller has it
    before = _memory(way.engine)
    said = _send(way, UPLOADS, wire)
    answers = ", ".join(f"{count} with {status}" for status, count in said["statuses"].items())
    rate = LARGE * MANY / MB / said["wall"]
    squid = processes.resident(way.squid.pid, peak=True) // MB
    return (
        f"{MANY} uploads of {LARGE // MB} MB at once, {name}: answered {answers}, {rate:.0f} MB/s; resident "
        f"at most {_memory(way.engine)}, before {before}; Squid {squid} MB"
    )


def _memory(door: Door) -> str:
    """Return what a door's largest process had in memory at most, and all: what they share counts in each."""
    sizes = [processes.resident(each, peak=True) / MB for each in processes.tree(door.process)]
    return f"{max(sizes):.0f} MB in one process, {sum(sizes):.0f} MB in all {len(sizes)}"


def _row(case: Case, seen: Sequence[Seen]) -> tuple[Figure, ...]:
    rates = [median(one.rate) for one in seen]
    moved = [rate * case.bytes / MB for rate in rates] if case.bytes > KB else [None] * len(rates)
    return (
        case.name,
        *rates,
        *moved,
        *(median(one.seconds) * 1e3 for one in seen),
        *(median(one.engine) * 1e3 for one in seen[1:]),
        *(median(one.squid) * 1e3 for one in seen[:2]),
    )
