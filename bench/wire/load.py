"""Mixed traffic through ``exfilter proxy`` for minutes: no verdict is missing, and nothing grows.

Exit code 1 where a verdict is missing, an answer is wrong, or memory or descriptors grow.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from bench.lab import Lab
from bench.results import Figure, Table, publish, setting
from bench.run import CUSTOMERS, WIDTH
from bench.wire import doors, lanes, processes
from bench.wire.doors import Door
from bench.wire.lanes import Errand, Lane, Site
from fixtures.farend import FarEnd, certify

KB, MB = 1000, 1_000_000
COLUMNS = "lane", "carrier", "transfers", "200", "403", "404", "others", "wrong"
MORE_MEMORY, MORE_DESCRIPTORS = 0.15, 16
"""Growth from the second to the last quarter that is still none: caches fill, connections overlap."""
SLACK = 32 * MB
SHOWN = 20
"""Of each kind of trouble."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What all processes of the door had at one moment."""

    door: int
    """Bytes of the first process that are its own."""
    children: int
    """The same of all others."""
    descriptors: int
    processes: int


def sample(door: Door) -> Sample:
    """Look at the door's process tree."""
    first, *others = processes.tree(door.process)
    return Sample(
        processes.own(first),
        sum(map(processes.own, others)),
        sum(map(processes.descriptors, (first, *others))),
        1 + len(others),
    )


def errands(given: Lab) -> tuple[tuple[Errand, ...], str]:
    """Return what is sent, 200 bytes to 20 MB, and the leak as text."""
    with given.corpora.traffic.open("rb") as file:
        text = file.read(20 * MB)
    whole = (given.corpora.folder / given.corpora.leaks[0].file).read_text("utf-8").splitlines()
    leak = "\n".join(whole[:100])
    packed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + zlib.compress(text[: 40 * KB])[2:-200]
    clean = [Errand(text[:size], 200) for size in (200, KB, 10 * KB, 10 * KB, 100 * KB, MB, 5 * MB, 20 * MB)]
    return (
        *clean,
        Errand(text[:KB], 404, "/missing"),
        Errand(leak.encode(), 403),
        Errand(leak.encode("utf-16"), 403),
        Errand(packed, 403),
    ), leak


def load(given: Lab, seconds: float, more: Sequence[str]) -> tuple[Table, list[str]]:
    """Send for that long, and return the table and what is wrong."""
    todo, leak = errands(given)
    with tempfile.TemporaryDirectory(dir=given.data) as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        ca, users = folder / "far-end-ca.pem", folder / "users"
        http, https = stack.enter_context(doors.far_end(certify(folder, ca), set(processes.CORES)))
        (folder / "ws").mkdir()
        listener = stack.enter_context(FarEnd(folder / "ws"))
        users.write_text(lanes.users(20), encoding="ascii")
        house = doors.copy(given.config, folder / "house")
        with doors.guarded(house, ca, "--auth", str(users), *more) as door:
            host, _, port = door.address.rpartition(":")
            site = Site((host, int(port)), door.ca, http, https, listener.http, todo, leak)
            everybody = lanes.lanes(site)
            samples = [sample(door) for _ in lanes.drive(everybody, seconds)]
            said = door.said.read_text("utf-8").splitlines()
        trouble = lanes.missing(everybody, house / "decisions.jsonl") + growth(samples)
        trouble += [f"the door said: {line}" for line in said if " error " in line][:SHOWN]
    for lane in everybody:
        trouble += [f"{lane.name}: {each}" for each in lane.wrong[:SHOWN]]
    rows = tuple(map(_row, everybody))
    notes = (
        f"{sum(len(lane.expected) for lane in everybody)} transfers, each compared with the decision log",
        *seen(samples),
        *(trouble or ["no verdict is missing, nothing grows"]),
    )
    return Table("load", f"Mixed traffic for {seconds:.0f} s", COLUMNS, rows, notes), trouble


def growth(samples: Sequence[Sample]) -> list[str]:
    """Return what is more in the last quarter than in the second, in sentences."""
    quarter = len(samples) // 4
    if not quarter:
        return ["too short to tell whether anything grows"]
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    said = []
    for name in ("door", "children"):
        before, after = (median(getattr(each, name) for each in some) for some in (early, late))
        if after > before * (1 + MORE_MEMORY) + SLACK:
            said.append(f"memory of the {name} grows: {before / MB:.0f} to {after / MB:.0f} MB")
    before, after = (median(each.descriptors for each in some) for some in (early, late))
    if after > before + MORE_DESCRIPTORS:
        said.append(f"descriptors grow: {before:.0f} to {after:.0f}")
    return said


def seen(samples: Sequence[Sample]) -> list[str]:
    """Return the middle of each quarter, in sentences."""
    quarter = max(1, len(samples) // 4)
    parts = [samples[start : start + quarter] for start in range(0, 4 * quarter, quarter)]
    parts = [part for part in parts if part]
    figures = {
        "MB of the door's own": [median(each.door for each in part) / MB for part in parts],
        "MB of its children's": [median(each.children for each in part) / MB for part in parts],
        "descriptors": [median(each.descriptors for each in part) for part in parts],
        "processes": [median(each.processes for each in part) for part in parts],
    }
    return [
        f"{name}, quarter by quarter: {', '.join(f'{each:.0f}' for each in row)}"
        for name, row in figures.items()
    ]


def _row(lane: Lane) -> tuple[Figure, ...]:
    known = [lane.statuses[status] for status in (200, 403, 404)]
    others = lane.statuses.total() - sum(known)
    return lane.name, lane.rounds.__name__, len(lane.expected), *known, others, len(lane.wrong)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--data", type=Path, default=Path("bench/data"))
    parser.add_argument("--out", type=Path, default=Path("bench/out"))
    parser.add_argument("options", nargs="*", help="of exfilter proxy, after --, such as --processes 2")
    given = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    table, trouble = load(Lab(given.customers, given.data.absolute()), given.seconds, given.options)
    publish(table, setting(given.customers), given.out, console)
    sys.exit(1 if trouble else 0)
