"""Who is found: nobody in text that holds no customer, and the whole leak by whatever field it has."""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np

from bench import lab
from bench.lab import Lab
from bench.leaks import Leak
from bench.results import Figure, Table
from exfilter.model import Findings, Transfer

COLUMNS = (
    "transfer",
    "transfers",
    "customers in it",
    "identified",
    "of them wrong",
    "estimated",
    "found",
    "of them listed",
    "seconds",
    "target",
)


def measure(given: Lab) -> Table:
    """Examine clean text whole and by the file, and every file of the leak."""
    made = given.corpora
    answers = made.traffic.read_bytes().splitlines(keepends=True)
    pages = [Transfer(door="scan", body=answer, name="answer.json") for answer in answers]
    files = (lab.transfer(file) for file in sorted(made.tree.iterdir()))
    rows = [
        _clean(given, "ordinary text, whole", [lab.transfer(made.ordinary)]),
        _clean(given, "ordinary text, file by file", files),
        _clean(given, "API traffic, whole", [lab.transfer(made.traffic)]),
        _clean(given, "API traffic, answer by answer", pages),
    ]
    leaked = made.leaked
    rows += [_leaked(given, leak, leaked) for leak in made.leaks]
    notes = (
        "customers in it: those of the leak's 68,000 who have the fields that the file holds",
        "wrong: identified and not in the leak, such as those who share an address with somebody in it",
        "listed: customers of the leak whom the verdict names, as identified or behind the estimate",
        f"customers' addresses taken out of the text: {made.about['addresses of customers removed']:,}",
        "a plain comparison with every row of the table finds no address of a customer in clean text",
    )
    return Table("correctness", "Who is found", COLUMNS, tuple(rows), notes)


def _clean(given: Lab, name: str, transfers: Iterable[Transfer]) -> tuple[Figure, ...]:
    """Return the sums over the transfers. Identified and estimated must be 0 in each."""
    count = identified = estimated = 0
    began = time.thread_time()
    for some in transfers:
        found = given.pipeline.examine(some).findings
        count += 1
        identified += len(found.identified)
        estimated += found.estimated
    spent = time.thread_time() - began
    return name, count, 0, identified, identified, estimated, None, None, spent, "0 identified, 0 estimated"


def _leaked(given: Lab, leak: Leak, leaked: set[str]) -> tuple[Figure, ...]:
    began = time.thread_time()
    found = given.pipeline.examine(lab.transfer(given.corpora.folder / leak.file)).findings
    spent = time.thread_time() - began
    index = given.pipeline.engine.index
    wrong = sum(customer not in leaked for customer in index.customer_ids(found.identified))
    listed = sum(customer in leaked for customer in index.customer_ids(_named(found)))
    return (
        f"leak: {', '.join(leak.fields)}",
        1,
        leak.customers,
        len(found.identified),
        wrong,
        found.estimated,
        f"{found.customers / leak.customers:.1%}",
        f"{listed / leak.customers:.1%}",
        spent,
        f"{leak.customers:,} customers",
    )


def _named(found: Findings) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.union1d(found.identified, found.estimated_ordinals)
