"""Many hits in one transfer: the time must grow as they do."""

from __future__ import annotations

from functools import partial

from bench import lab
from bench.corpora import MANY
from bench.lab import Lab
from bench.measure import interleaved
from bench.results import Figure, Table
from exfilter.model import Transfer

COLUMNS = "values of customers", "hits", "kernel s", "verdict s", "µs a hit", "customers", "rows", "target"


def measure(given: Lab) -> Table:
    """Run transfers of a quarter, half and a whole million values of customers."""
    pipeline = given.pipeline
    some = {count: lab.transfer(given.corpora.many(count)) for count in MANY}
    variants = {}
    for count, each in some.items():
        variants[f"kernel {count}"] = partial(lab.find, list(lab.parts(each)), pipeline)
        variants[f"verdict {count}"] = partial(_customers, given, each)
    times = interleaved(variants, min(3, given.repetitions))
    per_hit = []
    rows: list[tuple[Figure, ...]] = []
    for count in MANY:
        kernel, verdict = times[f"kernel {count}"], times[f"verdict {count}"]
        per_hit.append(verdict.seconds / max(1, kernel.result) * 1e6)
        rows.append(
            (
                count,
                kernel.result,
                kernel.seconds,
                verdict.seconds,
                per_hit[-1],
                verdict.result,
                given.corpora.about["rows of hits"][str(count)],
                "linear: the same time a hit",
            )
        )
    notes = (
        f"four times the hits cost {per_hit[-1] / per_hit[0]:.2f} times as much a hit",
        "presidio, as its users report it: 27 s for 20,000 results; not run here",
    )
    return Table("hits", "A million hits in one transfer, one core", COLUMNS, tuple(rows), notes)


def _customers(given: Lab, some: Transfer) -> int:
    return given.pipeline.examine(some).findings.customers
