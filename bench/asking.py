"""How long the ledger takes to answer, in a process of its own: what it keeps in mind is then its own too.

``python -m bench.asking LANE FILE-OR-URL``: prints figures as JSON. Customers and senders are those of
``bench.senders``; the ledger is one that ``bench.loading`` filled.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from bench import senders
from bench.senders import DAY, DAYS, MAIL, START
from exfilter.ledger import Ledger
from exfilter.ledger.tables import scopes
from exfilter.policy import By, Past, Question, Window

SECRET = bytes(32)
WINDOWS = frozenset(
    Window(by, days) for by in (By.ACTOR, By.GROUP, By.DESTINATION) for days in (1, 7, 30, 365)
)
CUSTOMERS = 12_000_000
MORNING = START + DAYS * DAY + 9 * 3600
"""The first day after the year."""


@dataclass
class Asked:
    """Seconds of each question."""

    check: list[float] = field(default_factory=list)
    """Until it is decided: the transaction's begin, the turns, and the past."""
    whole: list[float] = field(default_factory=list)
    """Until it is on the disk."""

    def milliseconds(self) -> dict[str, float]:
        """Return the median, the 99th in a hundred, and the most."""
        of = (("check", self.check), ("whole", self.whole))
        return {
            f"{name} {word}": float(np.quantile(times, part)) * 1000
            for name, times in of
            for word, part in (("p50", 0.5), ("p99", 0.99), ("most", 1.0))
        }


@dataclass
class Asker:
    """Sends transfers of a few customers, as somebody in the morning after the year."""

    ledger: Ledger
    people: list[int]
    group: dict[int, str]
    number: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(5))

    @classmethod
    def open(cls, place: str) -> Asker:
        """Open a ledger, and find out who is in it."""
        ledger = opened(place)
        with ledger.database.transaction() as connection:
            query = sa.select(scopes.c.name).where(scopes.c.kind == "actor")
            names = connection.execute(query).scalars().all()
        people = sorted(int(name.removeprefix("agent")) for name in names)
        return cls(ledger, people, {who: senders.group_name(who % 20) for who in people})

    def ask(self, asked: Asked, actor: int, destination: int, *, day: int = 0, many: int = 3) -> None:
        """Send one transfer."""
        self.number += 1
        when = MORNING + day * DAY + self.number
        who = np.unique(np.array([self.dice.randrange(CUSTOMERS) for _ in range(many)]))
        sent = senders.transfer(actor, destination, b"%f %d" % (time.time(), self.number), when)
        verdict = senders.verdict(actor, destination, who)
        question = Question((self.group[actor],), windows=WINDOWS)
        decided: list[float] = []

        def decide(_: Past) -> object:
            decided.append(time.perf_counter())
            return verdict

        began = time.perf_counter()
        self.ledger.enter(sent, verdict, question, decide)  # type: ignore[arg-type]
        asked.whole.append(time.perf_counter() - began)
        asked.check.append(decided[0] - began)

    def somebody(self) -> int:
        """Return an actor."""
        return self.dice.choice(self.people)


def opened(place: str) -> Ledger:
    """Open the ledger in a file, or on a server."""
    if "://" not in place:
        return Ledger.open(Path(place), SECRET)
    url = sa.make_url(place)
    return Ledger.open(url.set(password=None), SECRET, password=str(url.password or ""))


def _cold(asker: Asker, many: int) -> Asked:
    """Each is the first transfer after a start: nothing is known of anybody."""
    asked = Asked()
    for _ in range(many):
        asker.ledger._forget()
        asker.ask(asked, asker.somebody(), asker.dice.randrange(1, 500))
    return asked


def _cold_mail(asker: Asker, many: int) -> Asked:
    """The same, to the destination that gets half of all transfers."""
    asked = Asked()
    for _ in range(many):
        asker.ledger._forget()
        asker.ask(asked, asker.somebody(), MAIL)
    return asked


def _others(asker: Asker, many: int) -> Asked:
    """A running process and actors of whom it knows nothing, where the others send to as well."""
    for who in asker.people[:40]:
        asker.ask(Asked(), who, who % 20)
    asked = Asked()
    for who in asker.dice.sample(asker.people, many):
        asker.ask(asked, who, asker.dice.randrange(20))
    return asked


def _warm(asker: Asker, many: int) -> Asked:
    """Two hundred people who go on sending, half of it to the destination of all."""
    few = asker.dice.sample(asker.people, 200)
    places = [MAIL if asker.dice.random() < 0.5 else asker.dice.randrange(1, 20) for _ in range(many)]
    for who in few:
        for place in {MAIL, *range(20)} if who == few[0] else (MAIL,):
            asker.ask(Asked(), who, place)
    asked = Asked()
    for place in places:
        asker.ask(asked, asker.dice.choice(few), place)
    return asked


def _midnight(asker: Asker, many: int) -> Asked:
    """The first transfers of a new day, with all of yesterday's in mind."""
    few = asker.dice.sample(asker.people, many)
    for who in few:
        asker.ask(Asked(), who, MAIL)
    asked = Asked()
    for who in few:
        asker.ask(asked, who, MAIL, day=1)
    return asked


def _large(asker: Asker, many: int) -> Asked:
    """Transfers of 50,000 customers."""
    few = asker.dice.sample(asker.people, many)
    asked = Asked()
    for who in few:
        asker.ask(asked, who, MAIL, many=50_000)
    return asked


LANES = {
    "cold": _cold,
    "cold mail": _cold_mail,
    "others": _others,
    "warm": _warm,
    "midnight": _midnight,
    "large": _large,
}
MANY = {"cold": 200, "cold mail": 200, "others": 500, "warm": 2000, "midnight": 200, "large": 20}


def memory() -> Iterator[int]:
    """Yield the bytes that are this process's own."""
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Anonymous:"):
            yield int(line.split()[1]) * 1024


def main() -> None:
    """Run one lane."""
    lane, place = sys.argv[1:3]
    asker = Asker.open(place)
    before = next(memory())
    figures = LANES[lane](asker, MANY[lane]).milliseconds()
    figures["many"], figures["memory"] = MANY[lane], next(memory()) - before
    asker.ledger.close()
    print(json.dumps(figures))  # noqa: T201


if __name__ == "__main__":
    main()
