"""One year of what a company sends, exposure by exposure: ten thousand people, bulk senders, and a thief.

Not the year of ``bench.insiders``: that one counts, this one says who was in each transfer, for the ledger.
Seeded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from exfilter.model import Int64Array, Ordinals, Transfer, Verdict
from exfilter.model import Action, Findings, Shown, Versions  # isort: skip

Floats = NDArray[np.float64]

DAYS = 365
DAY = 86_400.0
START = 20_000 * DAY
"""Midnight, UTC."""
STOLEN, PATIENCE = 68_000, 90
FIELDS = "email", "name"
MAIL = 0
"""The destination that gets half of all transfers."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the company is."""

    customers: int = 12_000_000
    actors: int = 10_000
    groups: int = 20
    destinations: int = 500
    exposures: int = 2_000_000
    """Of people; those of the bulk senders and of the thief come on top."""
    nightly: int = 50_000
    """Customers that a sync sends every night."""
    monthly: int = 2_000_000
    """Customers that get the newsletter, twelve times a year."""
    managers: int = 40


@dataclass(frozen=True, slots=True)
class Year:
    """All exposures, by time. Actor numbers: people, then the sync, the newsletter and the thief."""

    scale: Scale
    group: Int64Array
    """Of each actor; -1: a declared bulk sender [actors]."""
    time: Floats
    """[exposures]"""
    actor: Int64Array
    destination: Int64Array
    start: Int64Array
    """Where its customers begin in ``customers`` [exposures + 1]."""
    customers: NDArray[np.uint32]
    """Ascending and each once within an exposure."""

    def __len__(self) -> int:
        """Return how many exposures."""
        return len(self.time)

    @property
    def thief(self) -> int:
        """Number of the thief."""
        return self.scale.actors + 2

    def who(self, number: int) -> NDArray[np.uint32]:
        """Return the customers of an exposure."""
        return self.customers[self.start[number] : self.start[number + 1]]

    def day(self) -> Int64Array:
        """Return the day of each exposure, from 0."""
        days: Int64Array = ((self.time - START) // DAY).astype(np.int64)
        return days


def actor_name(number: int) -> str:
    """Return what an actor is called."""
    return f"agent{number:05}"


def destination_name(number: int) -> str:
    """Return what a destination is called."""
    return f"host{number:03}.example"


def group_name(number: int) -> str:
    """Return what a group is called."""
    return f"team{number:02}"


def transfer(actor: int, destination: int, body: bytes, time: float) -> Transfer:
    """Return a transfer as the door hands it over."""
    host = destination_name(destination)
    return Transfer(
        "proxy",
        body,
        actor=actor_name(actor),
        destination=host,
        method="POST",
        url=f"https://{host}/upload",
        time=time,
    )


def verdict(actor: int, destination: int, who: Ordinals) -> Verdict:
    """Return a verdict on a transfer with these customers."""
    found = Findings(
        identified=who,
        estimated=0,
        estimated_ordinals=np.empty(0, dtype=np.int64),
        fields=dict.fromkeys(FIELDS, len(who)),
        terms={},
        unscanned=(),
        bytes=1000,
        exposed=dict.fromkeys(FIELDS, who),
    )
    versions = Versions("0.1.0", 1, "native", "00112233445566778899", "sha256:0011")
    shown = Shown(actor_name(actor), destination_name(destination), "POST")
    return Verdict(Action.ALLOW, "default", "", versions, found, shown=shown)


def simulate(scale: Scale, seed: int = 31) -> Year:
    """Draw the year."""
    dice = np.random.default_rng(seed)
    group = np.concatenate((dice.integers(0, scale.groups, scale.actors), [-1, -1, 0]))
    rows = [_people(dice, scale, group), *_bulk(dice, scale), _thief(dice, scale)]
    time, actor, destination = (np.concatenate([row[at] for row in rows]) for at in range(3))
    pieces = [piece for row in rows for piece in row[3]]
    order = np.argsort(time, kind="stable")
    sizes = np.array([len(pieces[place]) for place in order], dtype=np.int64)
    return Year(
        scale,
        group,
        time[order],
        actor[order],
        destination[order],
        np.concatenate(([0], np.cumsum(sizes))),
        np.concatenate([pieces[place] for place in order]),
    )


type _Rows = tuple[Floats, Int64Array, Int64Array, list[NDArray[np.uint32]]]


def _people(dice: Generator, scale: Scale, group: Int64Array) -> _Rows:
    """Everybody writes to customers of a book of his own, which are of his group's region as a rule."""
    books = np.maximum(3, dice.lognormal(4.6, 1.0, scale.actors)).astype(np.int64)
    managers = dice.choice(scale.actors, scale.managers, replace=False)
    books[managers] = dice.integers(5_000, 40_000, len(managers))
    busy = dice.lognormal(0.0, 0.6, scale.actors)
    actor = dice.choice(scale.actors, scale.exposures, p=busy / busy.sum())
    many = dice.geometric(0.35, scale.exposures)
    many[np.isin(actor, managers)] *= 30
    who = np.repeat(actor, many)
    entry = (dice.random(len(who)) * books[who]).astype(np.int64)
    inside = group[who] + scale.groups * _hashed(who, entry, scale.customers // scale.groups)
    outside = _hashed(entry, who, scale.customers)
    customers = np.where(entry % 20 == 0, outside, inside)
    rows = np.unique(np.repeat(np.arange(scale.exposures), many) << 32 | customers)
    ends = np.searchsorted(rows, np.arange(1, scale.exposures) << 32)
    pieces = np.split((rows & 0xFFFFFFFF).astype(np.uint32), ends)
    work = np.array([day for day in range(DAYS) if day % 7 < 5])
    time = START + dice.choice(work, scale.exposures) * DAY + dice.uniform(7, 19, scale.exposures) * 3600
    return time, actor, _destinations(dice, scale, scale.exposures), pieces


def _hashed(one: Int64Array, other: Int64Array, below: int) -> Int64Array:
    """Return numbers that look drawn, the same for the same two."""
    mixed = (one.astype(np.uint64) << np.uint64(32)) ^ other.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(31))) % np.uint64(below)).astype(np.int64)


def _destinations(dice: Generator, scale: Scale, many: int) -> Int64Array:
    weights = 1.0 / np.arange(1, scale.destinations + 1)
    weights[MAIL] = weights[1:].sum()
    return dice.choice(scale.destinations, many, p=weights / weights.sum())


def _bulk(dice: Generator, scale: Scale) -> list[_Rows]:
    night = START + np.arange(DAYS) * DAY + 3 * 3600
    month = START + np.arange(12) * 30 * DAY + 8 * 3600
    plans = ((night, scale.nightly), (month, scale.monthly))
    return [
        (
            times,
            np.full(len(times), scale.actors + number),
            np.full(len(times), scale.destinations + number),
            [np.unique(dice.integers(0, scale.customers, size, dtype=np.uint32)) for _ in times],
        )
        for number, (times, size) in enumerate(plans)
    ]


def _thief(dice: Generator, scale: Scale) -> _Rows:
    """756 customers a day over 90 days, six transfers a day."""
    stolen = dice.choice(scale.customers, min(STOLEN, scale.customers // 4), replace=False)
    pieces = [np.sort(piece).astype(np.uint32) for piece in np.array_split(stolen, PATIENCE * 6)]
    day = 200 + np.arange(len(pieces)) // 6
    time = START + day * DAY + dice.uniform(7, 19, len(pieces)) * 3600
    many = len(pieces)
    return time, np.full(many, scale.actors + 2), np.full(many, scale.destinations + 2), pieces
