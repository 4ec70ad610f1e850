"""The bulk loader writes what entering one transfer after the other writes."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sqlalchemy as sa

from bench import senders
from bench.loading import load
from bench.senders import Scale, simulate
from exfilter.ledger import Ledger
from exfilter.ledger.sets import unpacked
from exfilter.ledger.tables import exposures, lifetimes, meetings, rollups, scopes, tail
from exfilter.policy import By, Past, Question, Window
from tests.ledger import postgresql
from tests.ledger.conftest import SECRET, server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from bench.senders import Year

__all__ = ["server"]

SMALL = Scale(
    customers=50_000, actors=12, groups=3, destinations=4, exposures=1500, nightly=40, monthly=900, managers=2
)


@pytest.fixture(scope="module")
def year() -> Year:
    return simulate(SMALL)


@pytest.fixture(scope="module")
def file(year: Year, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ledger that was entered transfer by transfer."""
    file = tmp_path_factory.mktemp("entered") / "ledger.sqlite"
    ledger = Ledger.open(file, SECRET)
    for number in range(len(year)):
        actor, destination = int(year.actor[number]), int(year.destination[number])
        group = int(year.group[actor])
        sent = senders.transfer(actor, destination, number.to_bytes(8), float(year.time[number]))
        verdict = senders.verdict(actor, destination, year.who(number).astype(np.int64))
        groups = () if group < 0 else (senders.group_name(group),)
        ledger.enter(sent, verdict, Question(groups, bulk=group < 0), lambda _, given=verdict: given)
    ledger.close()
    return file


@pytest.fixture
def entered(file: Path, tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(Path(shutil.copy(file, tmp_path / "entered.sqlite")), SECRET)
    yield ledger
    ledger.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def loaded(request: pytest.FixtureRequest, year: Year, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "sqlite":
        ledger = Ledger.open(tmp_path / "ledger.sqlite", SECRET)
    else:
        url = request.getfixturevalue("server").database()
        ledger = Ledger.open(url, SECRET, password=postgresql.PASSWORD)
    load(ledger, year)
    yield ledger
    ledger.close()


def content(ledger: Ledger, table: sa.Table) -> list[dict[str, object]]:
    with ledger.database.transaction() as connection:
        rows = connection.execute(sa.select(table).order_by(*table.primary_key)).mappings().all()
    opened = ("identified", "behind")
    return [{name: _plain(name in opened, value) for name, value in row.items()} for row in rows]


def _plain(is_set: bool, value: object) -> object:  # noqa: FBT001
    if is_set and value is not None:
        return unpacked(bytes(value))  # type: ignore[arg-type, call-overload]
    return bytes(value) if isinstance(value, memoryview) else value


def test_every_table_is_the_same(entered: Ledger, loaded: Ledger) -> None:
    for table in (scopes, exposures, tail, rollups, lifetimes, meetings):
        assert content(loaded, table) == content(entered, table), table.name
        assert content(loaded, table)


def test_what_is_entered_next_is_counted_the_same(entered: Ledger, loaded: Ledger, year: Year) -> None:
    dice = random.Random(1)
    windows = frozenset(Window(by, days) for by in By for days in (1, 7, 30, 365))
    for number in range(30):
        actor, destination = dice.randrange(12), dice.randrange(4)
        when = senders.START + senders.DAYS * senders.DAY + number
        sent = senders.transfer(actor, destination, b"new %d" % number, when)
        who = np.unique(np.array([dice.randrange(50_000) for _ in range(9)]))
        verdict = senders.verdict(actor, destination, who)
        question = Question((senders.group_name(int(year.group[actor])),), windows=windows)
        told: list[Past] = []
        for ledger in (entered, loaded):
            ledger.enter(sent, verdict, question, lambda past, given=verdict: told.append(past) or given)
        assert told[0] == told[1]
        assert len(told[0].counted) == 12
