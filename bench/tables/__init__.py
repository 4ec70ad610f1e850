"""One module a table. Each has ``measure``, from a `Lab` to a `Table`."""

from __future__ import annotations

from collections.abc import Callable

from bench.lab import Lab
from bench.results import Table
from bench.tables import (
    build,
    correctness,
    driver,
    formats,
    hits,
    icap,
    insiders,
    leak,
    ledger,
    opening,
    overhead,
    patience,
    petabyte,
    proxy,
    recall,
    replaying,
    shares,
    throughput,
    whole,
)

TABLES: dict[str, Callable[[Lab], Table]] = {
    "build": build.measure,
    "opening": opening.measure,
    "throughput": throughput.measure,
    "leak": leak.measure,
    "whole": whole.measure,
    "hits": hits.measure,
    "correctness": correctness.measure,
    "overhead": overhead.measure,
    "formats": formats.measure,
    "recall": recall.measure,
    "proxy": proxy.measure,
    "icap": icap.measure,
    "insiders": insiders.measure,
    "patience": patience.measure,
    "ledger": ledger.measure,
    "replay": replaying.measure,
    "shares": shares.measure,
    "driver": driver.measure,
    "petabyte": petabyte.measure,
}
"""By name, in the order in which they run."""
