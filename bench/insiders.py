"""A simulated year of a company: who sends how many customers on each day, and ten insiders among them.

Nothing here comes from the model that is measured: counts are Poisson variables whose means are gamma
variables, with calendars, absences, on-call weeks, campaigns and month-ends on top. Seeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from exfilter.model import Int64Array

Floats = NDArray[np.float64]

BEFORE, YEAR = 90, 365
"""Days of history before the year that is counted, and the days of that."""
DAYS = BEFORE + YEAR
STOLEN = 68_000
MANNERS = "steady", "ramping", "working hours", "among own"


@dataclass(frozen=True, slots=True)
class Role:
    """What people of one group do. Rates are customers a day."""

    name: str
    actors: int
    rate: float
    spread: float
    """Standard deviation of log rate from actor to actor."""
    shape: float
    """Of the gamma variable by which one actor's days differ."""
    works: float
    """Chance to send anything on a work day."""
    weekend: float
    new: float
    """Share of customers that he never sent before, once he is settled."""
    rare: float = 0.0
    """Chance of a day of a campaign or an export."""
    size: float = 1.0
    """Median of its factor."""
    on_call: float = 1.0
    """Factor in one week of eight."""
    month_end: float = 1.0


ROLES = (
    Role("support", 900, 14, 0.4, 4, 0.97, 0.15, 0.3, 0.005, 5, 2.5),
    Role("sales", 500, 25, 0.7, 1.5, 0.9, 0.03, 0.5, 0.01, 10),
    Role("engineers", 450, 1.5, 0.5, 1, 0.05, 0.005, 0.8, 0.02, 30, 1.5),
    Role("office", 130, 8, 0.6, 1, 0.6, 0.01, 0.05, month_end=30),
    Role("bulk", 20, 60_000, 1, 10, 1, 1, 0.1),
)
"""``bulk``: mail provider and CRM sync, declared as such."""


@dataclass(frozen=True, slots=True)
class Case:
    """A way to take 68,000 customers out."""

    name: str
    patience: int
    """Days that it takes."""
    role: int | None = None
    """None: drawn, six of ten in support, two in sales, an engineer, one in the office."""
    manner: str | None = None
    """None: drawn."""
    accounts: int = 1
    joins: bool = False
    """It begins on the first day at work."""


ORDINARY = tuple(
    Case(f"{days} day{'s' * (days > 1)}", days) for days in (1, 3, 7, 14, 30, 60, 90, 180, 270, 365)
)
"""The ten insiders of the year."""
HARD = (
    Case("90 days, by five accounts of support", 90, 0, "steady", accounts=5),
    Case("365 days, five accounts of sales, among own", 365, 1, "among own", accounts=5),
    Case("365 days, sales, ramping", 365, 1, "ramping"),
    Case("365 days, support, ramping", 365, 0, "ramping"),
    Case("365 days, support, from the first day at work", 365, 0, "steady", joins=True),
    Case("365 days, sales, from the first day at work", 365, 1, "steady", joins=True),
    Case("30 days, engineer, working hours", 30, 2, "working hours"),
    Case("90 days, in the account of a bulk sender", 90, 4, "steady"),
)
"""Those who are hard to see, in a year of their own."""


@dataclass(frozen=True, slots=True)
class Insider:
    """An account that sends stolen customers on top of its work."""

    actor: int
    case: Case
    manner: str
    start: int
    taken: Int64Array
    """Customers by day. [DAYS]"""


@dataclass(frozen=True, slots=True)
class Year:
    """What the ledger would hold. Arrays of [actors, DAYS]; -1 where the actor was not there yet."""

    sent: Int64Array
    """Distinct customers."""
    new: Int64Array
    """Those of them whom the actor never sent before."""
    group: Int64Array
    """Number of the role that is declared for the actor on a day."""
    insiders: tuple[Insider, ...]


def simulate(seed: int, cases: Sequence[Case] = ORDINARY) -> Year:
    """Return a year with its insiders."""
    rng = np.random.default_rng(seed)
    off = _holidays(rng)
    group = np.repeat(np.arange(len(ROLES)), [role.actors for role in ROLES])
    parts = [_work(rng, role, off) for role in ROLES]
    sent = np.concatenate([sent for sent, _ in parts])
    share = np.concatenate([share for _, share in parts])
    groups = np.repeat(group[:, None], DAYS, axis=1)
    joined = np.where(rng.random(len(group)) < 0.12, rng.integers(0, DAYS - 30, len(group)), 0)
    settled = np.repeat(joined[:, None], DAYS, axis=1)
    _move(rng, sent, share, groups, settled)
    age = np.maximum(np.arange(DAYS) - settled, 0)
    new = rng.binomial(sent, share + (1 - share) * np.exp(-age / 30))
    stay = (joined == 0) & (groups == groups[:, :1]).all(axis=1)
    insiders = _insiders(rng, cases, np.where(stay, group, -1), sent)
    for insider in insiders:
        sent[insider.actor] += insider.taken
        new[insider.actor] += insider.taken
        if insider.case.joins:
            joined[insider.actor] = insider.start
    gone = np.arange(DAYS) < joined[:, None]
    sent[gone] = new[gone] = -1
    return Year(sent, new, groups, insiders)


def _holidays(rng: Generator) -> NDArray[np.bool_]:
    """Return which days are holidays on work days: twelve a year and a week of them. Shape [DAYS]."""
    off = np.zeros(DAYS, dtype=np.bool_)
    off[rng.choice(DAYS, 15, replace=False)] = True
    week = int(rng.integers(BEFORE, DAYS - 10))
    off[week : week + 8] = True
    return off & (np.arange(DAYS) % 7 < 5)


def _work(rng: Generator, role: Role, off: NDArray[np.bool_]) -> tuple[Int64Array, Floats]:
    """Return customers by day and the share of new ones of a role's actors. Day 0 is a Monday."""
    size = role.actors, DAYS
    day = np.arange(DAYS)
    weekend = day % 7 >= 5
    rate = role.rate * np.exp(role.spread * rng.normal(size=(role.actors, 1)))
    mean = rate * rng.gamma(role.shape, 1 / role.shape, size)
    if role.name != "bulk":
        away = _away(rng, role.actors)
        idle = off | weekend
        back = np.zeros(size, dtype=np.bool_)
        back[:, 1:] = (away | off)[:, :-1] & ~(away | off)[:, 1:]
        mean *= np.where(back, 1.8, 1.0)
        works = np.where(idle, role.weekend, role.works)
        mean *= (rng.random(size) < works) & ~away
    week = (day // 7 + rng.integers(0, 8, (role.actors, 1))) % 8 == 0
    mean *= np.where(week, role.on_call, 1.0)
    incident = (rng.random(DAYS) < 6 / YEAR) & (role.on_call > 1)
    mean *= np.where(incident, rng.uniform(2, 5), 1.0)
    rare = rng.random(size) < role.rare
    mean *= np.where(rare, role.size * np.exp(0.6 * rng.normal(size=size)), 1.0)
    ends = (day % 30 == 29) & (rng.random(size) < 0.5)
    mean *= np.where(ends, role.month_end, 1.0)
    share = rng.beta(8 * role.new, 8 * (1 - role.new), (role.actors, 1)) * np.ones(DAYS)
    return rng.poisson(mean), share


def _away(rng: Generator, actors: int) -> NDArray[np.bool_]:
    """Return who is on leave: five weeks a year, each by itself."""
    away = np.zeros((actors, DAYS), dtype=np.bool_)
    for _ in range(6):
        first = rng.integers(0, DAYS - 7, (actors, 1))
        day = np.arange(DAYS)
        away |= (day >= first) & (day < first + 7)
    return away


def _move(rng: Generator, sent: Int64Array, share: Floats, groups: Int64Array, settled: Int64Array) -> None:
    """Let one in fifty change to another team on some day."""
    people = np.flatnonzero(groups[:, 0] < len(ROLES) - 1)
    work, usual = sent.copy(), share.copy()
    movers = rng.choice(people, len(people) // 50, replace=False)
    for one, like in zip(movers, rng.permutation(movers), strict=True):
        day = int(rng.integers(BEFORE, DAYS - 30))
        sent[one, day:], share[one, day:] = work[like, day:], usual[like, day:]
        if groups[one, 0] != groups[like, 0]:
            settled[one, day:] = day
        groups[one, day:] = groups[like, 0]


def _insiders(
    rng: Generator, cases: Sequence[Case], group: Int64Array, sent: Int64Array
) -> tuple[Insider, ...]:
    """Choose the insiders among those whose ``group`` is not -1."""
    drawn = iter(rng.permutation([0] * 6 + [1] * 2 + [2, 3]).tolist())
    free = group.copy()
    made: list[Insider] = []
    for case in cases:
        role = next(drawn) if case.role is None else case.role
        actors = rng.choice(np.flatnonzero(free == role), case.accounts, replace=False)
        free[actors] = -1
        start = int(rng.integers(BEFORE, DAYS - case.patience + 1))
        manner = case.manner or (str(rng.choice(MANNERS)) if case.patience > 1 else "steady")
        for actor in actors.tolist():
            taken = _taken(manner, start, case.patience, sent[actor]) // case.accounts
            made.append(Insider(actor, case, manner, start, taken))
    return tuple(made)


def _taken(manner: str, start: int, patience: int, own: Int64Array) -> Int64Array:
    """Spread the stolen customers over an insider's days. Shape [DAYS]."""
    day = np.arange(DAYS)
    weight = np.where((day >= start) & (day < start + patience), 1.0, 0.0)
    if manner == "ramping":
        weight *= day - start + 1
    elif manner == "working hours" and (weight * (day % 7 < 5)).any():
        weight *= day % 7 < 5
    elif manner == "among own" and (weight * own).any():
        weight *= own
    edges = np.round(STOLEN * np.cumsum(weight) / weight.sum()).astype(np.int64)
    taken: Int64Array = np.diff(edges, prepend=0)
    return taken
