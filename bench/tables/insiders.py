"""Ten insiders of different patience among 2,000 actors: who is found, when, at how many false alarms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from bench import negative_binomial, watching
from bench.insiders import BEFORE, ROLES, YEAR, Year, simulate
from bench.lab import Lab
from bench.results import Figure, Table
from bench.watching import Catch, Flags, by_day, by_sum, catches, innocent, over, together
from exfilter.ledger.normal import Floats

COLUMNS = (
    "what is looked at",
    "alarm below",
    "found",
    "day, median",
    "gone before, median",
    "gone before, mean",
    "false alarms, % of actor-days",
    "a day",
    "a day, begun",
    "innocent ever flagged",
    "target",
)
SEEDS = 21, 22, 23, 24, 25
BAR = "84% at 1.5 % (ELICIT, 2007)"
NAMES = ("customers a day", "+ new ones a day", "+ new ones in 7 and 30 days")
BULK = len(ROLES) - 1


def scores(year: Year) -> dict[str, Floats]:
    """Return log10 p by what is looked at, each with what stands before it."""
    sent = by_day(year.sent, year.group)
    new = by_day(year.new, year.group)
    sums = [by_sum(year.new, year.group, span) for span in (7, 30)]
    each = together(sent), together(sent, new), together(sent, new, *sums)
    return dict(zip(NAMES, each, strict=True))


def by_hand(year: Year) -> dict[str, Flags]:
    """Return who passes thresholds that are the same for all but the declared bulk senders."""
    declared = year.group == BULK
    day = (year.new > 500) & ~declared
    month = (over(year.new, 30) > 2000) & ~declared
    return {
        "by hand: 500 new a day": day,
        "by hand: 2,000 new in 30 days": month,
        "by hand: either": day | month,
    }


@dataclass
class Tally:
    """The sums over several years of one way to look."""

    caught: list[Catch] = field(default_factory=list)
    alarms: int = 0
    begun: int = 0
    """Alarms of actors who had none the day before."""
    days: int = 0
    flagged: int = 0
    actors: int = 0
    years: int = 0

    def add(self, flags: Flags, year: Year) -> None:
        """Add a year."""
        false, days = innocent(flags, year)
        self.caught += catches(flags, year)
        self.alarms += int(false.sum())
        self.begun += int((false[:, 1:] & ~false[:, :-1]).sum())
        self.days += int(days.sum())
        self.flagged += int(false[:, BEFORE:].any(axis=1).sum())
        self.actors += len(flags)
        self.years += 1

    def row(self, name: str, below: str) -> tuple[Figure, ...]:
        """Return the figures."""
        found = [catch.day for catch in self.caught if catch.day is not None]
        gone = [catch.gone for catch in self.caught]
        return (
            name,
            below,
            f"{len(found)} of {len(gone)}",
            float(np.median(found)) if found else None,
            int(np.median(gone)),
            int(np.mean(gone)),
            f"{self.alarms / self.days:.4%}",
            self.alarms / YEAR / self.years,
            self.begun / YEAR / self.years,
            f"{self.flagged / self.actors:.1%}",
            BAR if below == "1e-2" and name == NAMES[-1] else "",
        )


def measure(_: Lab) -> Table:
    """Simulate the years, and look at each in every way."""
    tallies: dict[tuple[str, str], Tally] = {}
    for seed in SEEDS:
        year = simulate(seed)
        for key, flags in _ways(year):
            tallies.setdefault(key, Tally()).add(flags, year)
    rows = tuple(tally.row(*key) for key, tally in tallies.items())
    actors = sum(role.actors for role in ROLES)
    notes = (
        f"{len(SEEDS)} years (seeds {SEEDS[0]} to {SEEDS[-1]}) of {actors:,} actors, after {BEFORE} days",
        f"{', '.join(f'{role.actors} {role.name}' for role in ROLES)}; 12 % join meanwhile, 2 % change teams",
        "ten insiders take 68,000 each in 1 to 365 days: steadily, ramping, on work days or among their own",
        "found: flagged while he steals; gone before: customers who left on the days before; not found: all",
        "begun: the actor was not flagged the day before",
        "the chance of the least likely of several looks is multiplied by their number",
        "by hand: thresholds that know nothing of anybody, bulk senders exempt",
        "the model was chosen and set up on seeds 1 to 15; the simulation does not draw from it",
    )
    return Table("insiders", "Ten insiders among 2,000 actors", COLUMNS, rows, notes)


def _ways(year: Year) -> Iterator[tuple[tuple[str, str], Flags]]:
    looked = scores(year)
    for name, score in looked.items():
        for power in (2, 3, 4, 5, 6):
            yield (name, f"1e-{power}"), score < -power
    textbook = watching.by_day(year.new, year.group, negative_binomial.judge)
    for power in (4, 6, 20, 40):
        yield ("new ones a day, negative binomial", f"1e-{power}"), textbook < -power
    fixed = by_hand(year)
    for name, flags in fixed.items():
        yield (name, ""), flags
    yield (
        (f"{NAMES[-1]}, or 2,000 new in 30 days", "1e-4"),
        (looked[NAMES[-1]] < -4) | fixed["by hand: 2,000 new in 30 days"],
    )
