"""The same insiders one by one, and those who are hard to see."""

from __future__ import annotations

import numpy as np

from bench.insiders import HARD, ORDINARY, Case, simulate
from bench.lab import Lab
from bench.results import Figure, Table
from bench.tables.insiders import NAMES, SEEDS, by_hand, scores
from bench.watching import Catch, catches

COLUMNS = (
    "insider",
    "found",
    "day, median",
    "day, worst",
    "gone before, median",
    "gone before, worst",
    "found by hand",
    "gone before that",
)
BELOW = -4


def measure(_: Lab) -> Table:
    """Look at each case alone."""
    rows: list[tuple[Figure, ...]] = []
    for cases in (ORDINARY, HARD):
        model: list[Catch] = []
        fixed: list[Catch] = []
        for seed in SEEDS:
            year = simulate(seed, cases)
            model += catches(scores(year)[NAMES[-1]] < BELOW, year)
            fixed += catches(by_hand(year)["by hand: either"], year)
        rows += [_row(case, model, fixed) for case in cases]
    notes = (
        f"alarm below 1e{BELOW}, customers a day and new ones in 1, 7 and 30 days; the years of `insiders`",
        "by hand: more than 500 new customers a day or 2,000 in 30 days; bulk senders exempt",
        "the last eight cases are in years of their own; of several accounts one that is flagged is enough",
        "who sends what cannot be read is not in these figures: his bytes are a measure of their own",
    )
    return Table("patience", "Insiders one by one", COLUMNS, tuple(rows), notes)


def _row(case: Case, model: list[Catch], fixed: list[Catch]) -> tuple[Figure, ...]:
    caught = [catch for catch in model if catch.case == case]
    theirs = [catch for catch in fixed if catch.case == case]
    days = [catch.day for catch in caught if catch.day is not None]
    gone = [catch.gone for catch in caught]
    return (
        case.name,
        _found(caught),
        float(np.median(days)) if days else None,
        max(days, default=None),
        int(np.median(gone)),
        max(gone),
        _found(theirs),
        int(np.median([catch.gone for catch in theirs])),
    )


def _found(some: list[Catch]) -> str:
    return f"{sum(catch.day is not None for catch in some)} of {len(some)}"
