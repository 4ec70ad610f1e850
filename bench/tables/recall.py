"""Whatever it is wrapped in: customers found in the files of the catalogue, by family, beside the peers."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench import clamav, plain
from bench.lab import Lab
from bench.measure import command, exfilter
from bench.results import Figure, Table
from exfilter import settings
from exfilter.limits import Limits
from exfilter.model import Findings
from exfilter.scan import Pipeline
from exfilter.scanner import Scanner
from fixtures.customers import Customer, customers, write_csv
from fixtures.wrapped import CLEAN, catalogue
from fixtures.wrapped.made import Wrapped
from fixtures.wrapped.sent import transfer

CUSTOMERS, SEED = 5_000, 11
HELD = 20
"""Customers from which on a file is held, by a peer as by the policy of a fresh folder."""
COLUMNS = "family", "files", "customers", "exfilter", "ClamAV", "raw bytes", "held by exfilter", "target"


@dataclass(slots=True)
class Counts:
    """What came of the files of one family."""

    files: int = 0
    customers: int = 0
    found: Counter[str] = field(default_factory=Counter)
    """By scanner."""
    held: Counter[str] = field(default_factory=Counter)
    """Files, by scanner."""

    def add(self, other: Counts) -> None:
        """Add the counts of another family."""
        self.files += other.files
        self.customers += other.customers
        self.found += other.found
        self.held += other.held


def measure(given: Lab) -> Table:
    """Scan the catalogue with exfilter and with the peers."""
    pipeline = _pipeline(given)
    people = list(customers(CUSTOMERS, SEED))
    files = catalogue(people, SEED)
    bearers = _bearers(people)
    began = time.perf_counter()
    ours = _exfilter(pipeline, files)
    seconds = time.perf_counter() - began
    peers = {"raw bytes": _raw(bearers, files)}
    if clamav.version():
        peers["ClamAV"] = _clamscan(bearers, files)
    counted: dict[str, Counts] = {}
    for wrapped in files:
        counts = counted.setdefault(wrapped.family, Counts())
        counts.files += 1
        counts.customers += len(wrapped.expected)
        ids, held = ours[_key(wrapped)]
        counts.found["exfilter"] += len(ids & wrapped.expected)
        counts.held["exfilter"] += held
        for name, found in peers.items():
            ids = found[_key(wrapped)]
            counts.found[name] += len(ids & wrapped.expected)
            counts.held[name] += len(ids) >= HELD
    return Table(
        "recall", "Whatever it is wrapped in", COLUMNS, tuple(_rows(counted)), _notes(counted, seconds)
    )


def _key(wrapped: Wrapped) -> str:
    return f"{wrapped.family} {wrapped.name}"


def _pipeline(given: Lab) -> Pipeline:
    table = given.data / f"wrapped-{CUSTOMERS}-{SEED}.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    write_csv(table, CUSTOMERS, SEED)
    folder = given.house(table)
    command(exfilter("index", "build", str(table), "--config", str(folder), "--fresh"))
    return Scanner(settings.load(folder), Limits()).pipeline()


def _bearers(people: Sequence[Customer]) -> dict[str, set[str]]:
    """Return who bears each value in plain text: one signature an identifier."""
    found: dict[str, set[str]] = {}
    for each in people:
        for value in (each.email, each.phone, each.ticket_id, each.name):
            if value:
                found.setdefault(value, set()).add(each.customer_id)
    return found


def _exfilter(pipeline: Pipeline, files: Iterable[Wrapped]) -> dict[str, tuple[set[str], bool]]:
    seen = {}
    for wrapped in files:
        verdict = pipeline.examine(transfer(wrapped))
        seen[_key(wrapped)] = (_named(pipeline, verdict.findings), verdict.action.holds)
    return seen


def _named(pipeline: Pipeline, found: Findings) -> set[str]:
    ordinals = np.union1d(found.identified, found.estimated_ordinals)
    return set(pipeline.engine.index.customer_ids(ordinals))


def _whole(wrapped: Wrapped) -> bytes:
    """Return what a peer gets to see: the body, or where there is none, what stands beside it."""
    beside = "\n".join([wrapped.url, *(value for _, value in (*wrapped.headers, *wrapped.trailers))])
    return wrapped.data if len(wrapped.data) > len(beside) else beside.encode()


def _whose(numbers: Iterable[int], whose: Sequence[set[str]]) -> set[str]:
    return set().union(*(whose[number] for number in numbers))


def _raw(bearers: Mapping[str, set[str]], files: Iterable[Wrapped]) -> dict[str, set[str]]:
    made, whose = plain.automaton(bearers), list(bearers.values())
    return {_key(wrapped): _whose(plain.matches(made, _whole(wrapped)), whose) for wrapped in files}


def _clamscan(bearers: Mapping[str, set[str]], files: Sequence[Wrapped]) -> dict[str, set[str]]:
    whose = list(bearers.values())
    with tempfile.TemporaryDirectory() as scratch:
        signatures = clamav.database(bearers, Path(scratch, "signatures"))
        folder = Path(scratch, "files")
        folder.mkdir()
        for number, wrapped in enumerate(files):
            (folder / str(number)).write_bytes(_whole(wrapped))
        said = command(clamav.command(signatures, folder), keep=True, good=clamav.ENDS).output
    found = clamav.matches(said)
    return {_key(wrapped): _whose(found.get(str(n), ()), whose) for n, wrapped in enumerate(files)}


def _rows(counted: Mapping[str, Counts]) -> Iterable[tuple[Figure, ...]]:
    everything = Counts()
    for family, counts in counted.items():
        if family in CLEAN:
            continue
        everything.add(counts)
        yield _row(family, counts, "")
    yield _row("all that carry customers", everything, "97 %")
    for family in CLEAN & set(counted):
        yield _row(family, counted[family], "0 held")


def _row(family: str, counts: Counts, target: str) -> tuple[Figure, ...]:
    shares: dict[str, Figure] = {
        name: f"{counts.found[name] / counts.customers:.1%}" if counts.customers else None
        for name in ("exfilter", "ClamAV", "raw bytes")
    }
    if not clamav.version():
        shares["ClamAV"] = clamav.MISSING
    return family, counts.files, counts.customers, *shares.values(), counts.held["exfilter"], target


def _notes(counted: Mapping[str, Counts], seconds: float) -> tuple[str, ...]:
    clean = Counts()
    for family in CLEAN & set(counted):
        clean.add(counted[family])
    peers = ", ".join(f"{name} {clean.held[name]}" for name in ("raw bytes", "ClamAV"))
    return (
        f"{CUSTOMERS:,} customers, 30 to 60 of them in most files; found: identified or behind an estimate",
        "files of look-alikes, figures and strangers carry nobody, or the one or two of a day's business",
        f"of their {clean.files} files the peers find {HELD} customers and more in: {peers}",
        "the peers look for every e-mail address, phone, ticket and name as the table spells it",
        f"ClamAV: {clamav.version() or clamav.MISSING}; it opens archives and documents, raw bytes nothing",
        f"exfilter reads all of it in {seconds:.0f} s, one process and its parsers",
    )
