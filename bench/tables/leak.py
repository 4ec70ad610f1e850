"""A CSV in which every row is a customer: the kernel, all stages to the verdict, and the peers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench import lab, peers
from bench.lab import Lab
from bench.measure import interleaved
from bench.results import Figure, Table
from bench.tables.throughput import NAMED

COLUMNS = "stage", "MB/s", "× hyperscan", "rows a second", "spread", "found", "target"


def measure(given: Lab) -> Table:
    """Run the leak through the kernel, through the whole pipeline, and past the peers."""
    leak = given.corpora.leaks[0]
    some = lab.transfer(given.corpora.folder / leak.file)
    slices = list(lab.parts(some))
    bodies = [part.text.encode() for part in slices]
    pipeline = given.pipeline
    kernel, verdict = "exfilter kernel", "exfilter, from bytes to verdict"
    variants: dict[str, Callable[[], int]] = {
        kernel: partial(lab.find, slices, pipeline),
        verdict: lambda: pipeline.examine(some).findings.customers,
    }
    variants |= {peer.name: partial(peer.count, bodies) for peer in peers.peers(given.table)}
    times = interleaved(variants, given.repetitions)
    named = times.get(NAMED)
    sizes = {verdict: len(some.body) / 1e6}
    read = sum(map(len, bodies)) / 1e6
    targets = {kernel: "65 MB/s", verdict: "25 MB/s"}
    rows: list[tuple[Figure, ...]] = [
        (
            name,
            sizes.get(name, read) / found.seconds,
            named.seconds / found.seconds if named else None,
            leak.customers / found.seconds,
            f"{found.spread:.0%}",
            found.result,
            targets.get(name, ""),
        )
        for name, found in times.items()
    ]
    notes = (
        f"{leak.customers:,} customers, {len(some.body) / 1e6:.1f} MB: {', '.join(leak.fields)}",
        "found: hits in the kernel, customers in the verdict, matches of the peers",
    )
    return Table("leak", "A table in which every row is a customer, one core", COLUMNS, tuple(rows), notes)
