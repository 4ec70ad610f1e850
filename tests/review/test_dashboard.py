"""The dashboard's figures: as they are counted one by one, and kept while new ones are made."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from exfilter.ledger.choosing import SENDERS
from exfilter.ledger.store import Ledger
from exfilter.ledger.tables import exposures, scopes
from exfilter.quarantine import Quarantine
from exfilter.review.dashboard import FRESH, OLD, TOP, Kept, dashboard
from tests.quarantine.filling import fill
from tests.test_quarantine import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = ("actor", "bulk", "exempt", "reader")


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(tmp_path: Path, clock: Clock) -> Iterator[Kept]:
    with (
        Quarantine.open(tmp_path / "quarantine") as quarantine,
        closing(Ledger.open(tmp_path / "ledger.sqlite", b"k" * 32)) as ledger,
    ):
        ledger.clock = clock
        found = Kept(quarantine, ledger)
        yield found
        found.wait()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return that of the quarantine."""
    return tmp_path / "quarantine" / "quarantine.sqlite"


def held(kept: Kept) -> int:
    return sum(kept.dashboard(7).counts.values())


def test_figures_of_what_passed_are_those_of_the_rows(kept: Kept) -> None:
    chance, ledger = random.Random(7), kept.ledger
    today = ledger.calendar.day(NOW)
    whose = [{"kind": KINDS[n % 4], "name": f"a{n}", "turn": 0, "through": 0} for n in range(60)]
    where = [{"kind": "destination", "name": f"d{n}", "turn": 0, "through": 0} for n in range(20)]
    rows: list[dict[str, Any]] = [
        {
            "key": bytes([n // 256, n % 256]), "day": today - chance.randrange(40), "first": NOW, "last": NOW,
            "attempts": 1, "actor": chance.randrange(1, 61), "destination": chance.randrange(61, 81),
            "door": "proxy", "action": 0, "rule": "", "sent": chance.random() < 0.8, "transfer_id": "",
            "index_id": "", "customers": chance.randrange(50), "estimated": 0, "identified": b"",
            "fields": b"",
        }
        for n in range(900)
    ]  # fmt: skip
    with ledger.database.transaction(writes=True) as connection:
        connection.execute(sa.insert(scopes), whose + where)
        connection.execute(sa.insert(exposures), rows)
    counted = [
        row
        for row in rows
        if row["sent"] and row["day"] > today - 30 and KINDS[(row["actor"] - 1) % 4] in SENDERS
    ]
    found = dashboard(kept.quarantine, ledger, 30)
    days = Counter(row["day"] for row in counted)
    assert [each.sent for each in found.days] == [days[day] for day in range(today - 29, today + 1)]
    for column, shares, letter in (("actor", found.senders, "a"), ("destination", found.receivers, "d")):
        customers, transfers = Counter[int](), Counter[int]()
        for row in counted:
            customers[row[column]] += row["customers"]
            transfers[row[column]] += 1
        most = sorted(customers, key=lambda number: (-customers[number], number))[:TOP]
        first = 1 if letter == "a" else 61
        expected = [(f"{letter}{number - first}", transfers[number], customers[number]) for number in most]
        assert [(each.name, each.transfers, each.customers) for each in shares] == expected


def test_kept_figures_are_shown_at_once_and_made_anew_behind(kept: Kept, clock: Clock, file: Path) -> None:
    assert held(kept) == 0
    fill(file, 3)
    assert held(kept) == 0
    clock.now += FRESH + 1
    assert held(kept) == 0
    kept.wait()
    assert held(kept) == 3
    assert kept.dashboard(7).made == clock.now


def test_figures_of_last_night_are_shown_to_nobody_in_the_morning(
    kept: Kept, clock: Clock, file: Path
) -> None:
    assert held(kept) == 0
    fill(file, 3)
    clock.now += OLD + 1
    assert held(kept) == 3


def test_what_is_made_ready_is_there_for_the_first_who_asks(kept: Kept, file: Path) -> None:
    kept.renew(30, 7)
    kept.wait()
    fill(file, 3)
    assert [sum(kept.dashboard(days).counts.values()) for days in (7, 30, 90)] == [0, 0, 3]


def test_figures_that_cannot_be_made_anew_are_not_shown_for_good(
    kept: Kept, clock: Clock, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert held(kept) == 0
    clock.now += FRESH + 1

    def broken(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(type(kept.quarantine), "figures", broken)
        assert held(kept) == 0
        kept.wait()
        with pytest.raises(OSError):  # noqa: PT011 - it has no words
            held(kept)
    fill(file, 3)
    assert held(kept) == 3
