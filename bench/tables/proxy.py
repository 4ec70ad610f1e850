"""``exfilter proxy`` beside mitmdump of the same version: the same requests through both, turn by turn."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench import ROOT
from bench.lab import Lab
from bench.peers import installed
from bench.results import Figure, Table
from bench.wire import doors, processes
from bench.wire.doors import Door
from fixtures.farend import certify

KB, MB = 1000, 1_000_000
TURNS = 3
"""Of each row, both doors in each."""
WHILE = 12.0
"""Seconds of small requests beside large ones."""
COLUMNS = (
    "request",
    "CPU ms bare",
    "CPU ms",
    "more CPU",
    "a second bare",
    "a second",
    "p50 / p99 ms bare",
    "p50 / p99 ms",
    "MB/s bare",
    "MB/s",
    "of its rate",
    "target",
)
CPU, RATE = "15 % more CPU", "85 % of its rate"


@dataclass(frozen=True, slots=True)
class Case:
    """Requests of one kind."""

    name: str
    bytes: int
    tls: bool
    requests: int
    """On each connection, a turn."""
    connections: int = 4
    fresh: bool = False
    """A new connection for each."""
    curl: bool = False
    """HTTP/2, by curl."""
    everywhere: bool = False
    """The door runs on all cores; otherwise on one that client and far end do not use."""
    target: str = ""


CASES = (
    Case("HTTP, 1 KB", KB, tls=False, requests=150, target=CPU),
    Case("HTTP, 10 KB", 10 * KB, tls=False, requests=150, target=CPU),
    Case("TLS, 1 KB", KB, tls=True, requests=100, target=CPU),
    Case("TLS, 10 KB", 10 * KB, tls=True, requests=100, target=CPU),
    Case("TLS, 1 KB, new connections", KB, tls=True, requests=15, fresh=True),
    Case("HTTP/2, 1 KB", KB, tls=True, requests=100, connections=1, curl=True),
    Case("HTTP, 1 MB", MB, tls=False, requests=15),
    Case("TLS, 1 MB", MB, tls=True, requests=15),
    Case("HTTP, 50 MB, one core", 50 * MB, tls=False, requests=3, connections=2),
    Case("TLS, 50 MB, one core", 50 * MB, tls=True, requests=2, connections=2),
    Case("HTTP, 50 MB", 50 * MB, tls=False, requests=3, connections=2, everywhere=True, target=RATE),
    Case("TLS, 50 MB", 50 * MB, tls=True, requests=2, connections=2, everywhere=True, target=RATE),
    Case("HTTP/2, 50 MB", 50 * MB, tls=True, requests=2, connections=1, curl=True, everywhere=True),
)


@dataclass(slots=True)
class Seen:
    """What the turns of one case took at one door."""

    cpu: list[float] = field(default_factory=list)
    """Seconds a request, the door's whole process tree."""
    rate: list[float] = field(default_factory=list)
    """Requests a second."""
    seconds: list[float] = field(default_factory=list)
    """Of every request."""

    def add(self, requests: int, cpu: float, wall: float, seconds: Sequence[float]) -> None:
        """Take a turn in."""
        self.cpu.append(cpu / requests)
        self.rate.append(requests / wall)
        self.seconds += seconds

    @property
    def waits(self) -> str:
        """The middle and the 99th percentile, in milliseconds."""
        return f"{1e3 * median(self.seconds):.1f} / {1e3 * quantiles(self.seconds, n=100)[-1]:.1f}"


@dataclass(frozen=True, slots=True)
class Wire:
    """The far end, and what is sent to it."""

    http: int
    https: int
    body: Path
    cores: list[int]

    def sender(self, door: Door, case: Case, seconds: float = 600.0) -> list[str]:
        """Return the command line that sends a turn of a case."""
        to = f"localhost:{self.https}" if case.tls else f"127.0.0.1:{self.http}"
        line = [sys.executable, "-m", "bench.wire.sender", "--proxy", door.address, "--to", to]
        line += ["--body", str(self.body), "--bytes", str(case.bytes), "--seconds", str(seconds)]
        line += ["--connections", str(case.connections), "--requests", str(case.requests)]
        return [*line, *(("--ca", str(door.ca)) if case.tls else ()), *(("--fresh",) if case.fresh else ())]


def measure(given: Lab) -> Table:
    """Open both doors, then take turns."""
    given.data.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.data) as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        far_ca = folder / "far-end-ca.pem"
        wire = stack.enter_context(_wire(certify(folder, far_ca), given.corpora.traffic))
        both = (
            stack.enter_context(doors.bare(folder / "bare", far_ca)),
            stack.enter_context(doors.guarded(doors.copy(given.config, folder / "house"), far_ca)),
        )
        rows = [_row(case, *_turns(case, both, wire)) for case in CASES]
        small = memory(both[1])
        rows.append(_beside(both, wire))
        notes = (
            f"mitmproxy {installed('mitmproxy')} in both",
            f"bare: mitmdump -q without a script, {', '.join(doors.SAME)}",
            f"{TURNS} turns of each, both doors in each; CPU and rates: the middle turn; waits: all requests",
            "CPU: user and system time of all processes of the door, a request",
            "client and far end on one core, the door on another, unless the row says 50 MB without one core",
            "HTTP/2: one connection of curl, its start and handshake included; HTTP/1.1 to the far end",
            *(
                f"resident at most, {name}"
                for name in (*memories(both), f"exfilter before the last row: {small}")
            ),
        )
    return Table("proxy", "The proxy beside a bare one", COLUMNS, tuple(rows), notes)


def memories(both: Sequence[Door]) -> Iterator[str]:
    """Yield what each door had in memory at most."""
    for door in both:
        yield f"{door.name}: {memory(door)}"


def memory(door: Door) -> str:
    """Return what the door's process and its children had in memory at most."""
    first, *others = (processes.resident(each, peak=True) / MB for each in processes.tree(door.process))
    more = " + ".join(f"{each:.0f}" for each in others)
    return f"{first:.0f} MB" + (f", its children {more} MB" if more else "")


@contextlib.contextmanager
def _wire(chain: Path, body: Path) -> Iterator[Wire]:
    """Run the far end, on the first core."""
    cores = sorted(os.sched_getaffinity(0))
    with doors.far_end(chain, {cores[0]}) as (http, https):
        yield Wire(http, https, body, cores)


def _turns(case: Case, both: Sequence[Door], wire: Wire) -> tuple[Seen, ...]:
    seen = {door.name: Seen() for door in both}
    for door in both:
        processes.pin(door.process, set(wire.cores) if case.everywhere else {wire.cores[-1]})
    for turn in range(TURNS):
        for door in both if turn % 2 == 0 else both[::-1]:
            (_curl if case.curl else _send)(door, case, wire, seen[door.name])
    return tuple(seen[door.name] for door in both)


def _send(door: Door, case: Case, wire: Wire, seen: Seen) -> None:
    with _started(wire.sender(door, case), wire) as sender:
        before = processes.cpu(door.process)
        said = _go(sender)
        used = processes.cpu(door.process) - before
    _check(door, case, said["statuses"])
    seen.add(len(said["seconds"]), used, said["wall"], said["seconds"])


@contextlib.contextmanager
def _started(line: Sequence[str], wire: Wire) -> Iterator[subprocess.Popen[str]]:
    """Start a sender, and wait until its connections are open."""
    with subprocess.Popen(  # noqa: S603 - a command of our own
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as sender:
        processes.pin(sender.pid, {wire.cores[0]})
        assert sender.stdout  # noqa: S101 - it is a pipe
        if sender.stdout.readline() != "ready\n":
            msg = "a client could not open its connections"
            raise RuntimeError(msg)
        yield sender


def _go(sender: subprocess.Popen[str]) -> dict[str, Any]:
    said, _ = sender.communicate("go\n")
    seen: dict[str, Any] = json.loads(said)
    return seen


def _check(door: Door, case: Case, statuses: dict[str, int]) -> None:
    if set(statuses) != {"200"}:
        msg = f"{door.name} answered {case.name} with {statuses}; {door.said.read_text()[-500:]}"
        raise RuntimeError(msg)


def _curl(door: Door, case: Case, wire: Wire, seen: Seen) -> None:
    with tempfile.NamedTemporaryFile() as cut, wire.body.open("rb") as file:
        cut.write(file.read(case.bytes))
        cut.flush()
        curl = shutil.which("curl") or "curl"
        line = [curl, "-sS", "-q", "--noproxy", "", "--http2", "-x", f"http://{door.address}"]
        line += ["--cacert", str(door.ca), "-H", "Content-Type: application/json", "-H", "Expect:"]
        line += ["--data-binary", f"@{cut.name}", "-w", "%{http_code} %{time_total} %{http_version}\n"]
        line += ["-o", os.devnull, f"https://localhost:{wire.https}/upload?[1-{case.requests}]"]
        before = processes.cpu(door.process)
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=600)  # noqa: S603
        used = processes.cpu(door.process) - before
    answers = [answer.split() for answer in done.stdout.split("\n") if answer]
    _check(door, case, {status if version == "2" else version: 1 for status, _, version in answers})
    seconds = [float(second) for _, second, _ in answers]
    seen.add(len(seconds), used, sum(seconds), seconds)


def _beside(both: Sequence[Door], wire: Wire) -> tuple[Figure, ...]:
    """Send small requests while four large uploads are under way."""
    small = Case("HTTP, 1 KB, beside four of 50 MB", KB, tls=False, requests=1_000_000, connections=2)
    large = Case("", 50 * MB, tls=False, requests=1_000_000, connections=4)
    seen = []
    for door in both:
        processes.pin(door.process, set(wire.cores))
        one = Seen()
        with (
            _started(wire.sender(door, small, WHILE), wire) as quick,
            _started(wire.sender(door, large, WHILE), wire) as slow,
        ):
            assert slow.stdin  # noqa: S101 - it is a pipe
            slow.stdin.write("go\n")
            slow.stdin.flush()
            said = _go(quick)
            slow.communicate()
        one.add(max(1, len(said["seconds"])), 0.0, said["wall"], said["seconds"])
        seen.append(one)
    bare, ours = seen
    rates = median(bare.rate), median(ours.rate)
    return (small.name, None, None, "", *rates, bare.waits, ours.waits, None, None, "", "")


def _row(case: Case, bare: Seen, ours: Seen) -> tuple[Figure, ...]:
    cpu = median(bare.cpu) * 1e3, median(ours.cpu) * 1e3
    rate = median(bare.rate), median(ours.rate)
    large = case.bytes >= MB
    moved = tuple(each * case.bytes / MB if large else None for each in rate)
    return (
        case.name,
        *cpu,
        f"{cpu[1] / cpu[0] - 1:+.0%}",
        *rate,
        bare.waits,
        ours.waits,
        *moved,
        f"{rate[1] / rate[0]:.0%}",
        case.target,
    )
