"""Text without customers: the kernel beside the peers, all in one process and in turn."""

from __future__ import annotations

from functools import partial

from bench import lab, peers
from bench.lab import Lab
from bench.measure import interleaved
from bench.results import Figure, Table
from exfilter.model import Part

NAMED = "hyperscan, start offsets"
"""The peer that the ratio is to."""
TARGETS = {"ordinary text": "220 MB/s, 1.4 × hyperscan with start offsets", "API traffic": "280 MB/s"}
COLUMNS = "text", "MB", "engine", "finds", "MB/s", "× hyperscan", "spread", "matches", "target"


def measure(given: Lab) -> Table:
    """Run every engine over ordinary text and over API traffic."""
    about = given.corpora.about
    others = list(peers.peers(given.table))
    rows: list[tuple[Figure, ...]] = []
    for text, file in (("ordinary text", given.corpora.ordinary), ("API traffic", given.corpora.traffic)):
        rows.extend(compare(given, text, list(lab.parts(lab.transfer(file))), others, TARGETS[text]))
    notes = (
        f"{given.repetitions} repetitions of each engine, interleaved; median of the thread's CPU time",
        "all engines read the slices that exfilter's content stage makes: where escapes were undone, twice",
        f"ordinary text: {kinds(given)}, from {about['files']:,} files of this machine",
        f"SHA-256 of the ordinary text: {about['ordinary.txt']['sha256']}",
    )
    return Table("throughput", "Text without customers, one core", COLUMNS, tuple(rows), notes)


def compare(
    given: Lab, text: str, slices: list[Part], others: list[peers.Peer], target: str
) -> list[tuple[Figure, ...]]:
    """Return a row for the kernel and one for each peer."""
    bodies = [part.text.encode() for part in slices]
    size = sum(map(len, bodies)) / 1e6
    ours = f"exfilter kernel, {given.customers:,} customers"
    variants = {ours: partial(lab.find, slices, given.pipeline)}
    variants |= {peer.name: partial(peer.count, bodies) for peer in others}
    finds = {ours: "customers"} | {peer.name: peer.finds for peer in others}
    times = interleaved(variants, given.repetitions)
    named = times.get(NAMED)
    return [
        (
            text,
            size,
            name,
            finds[name],
            size / found.seconds,
            named.seconds / found.seconds if named else None,
            f"{found.spread:.0%}",
            found.result,
            target if name == ours else "",
        )
        for name, found in times.items()
    ]


def kinds(given: Lab) -> str:
    """Say what the ordinary text is made of."""
    return ", ".join(f"{size / 1e6:.0f} MB of {kind}" for kind, size in given.corpora.about["kinds"].items())
