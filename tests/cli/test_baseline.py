"""``exfilter baseline`` on a ledger with some weeks in it."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from exfilter import settings
from exfilter.index import keys
from exfilter.ledger import open_ledger
from exfilter.ledger.days import Calendar
from tests.e2e.house import exfilter
from tests.ledger.sending import DAY, START, Sent
from tests.ledger.test_usual import routine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / settings.FILE).write_text(settings.DEFAULT_TEXT)
    keys.generate(tmp_path / "index.key")
    with closing(open_ledger(settings.load(tmp_path))) as ledger:
        routine(ledger, 60)
        Sent(frozenset(range(50_000, 53_400)), day=60).enter(ledger)
    return tmp_path


def date(day: int) -> str:
    return Calendar.date(Calendar().day(START + day * DAY))


def test_it_says_how_unusual_a_day_is(folder: Path) -> None:
    done = exfilter("baseline", "anna", "--day", date(60), "--config", folder)
    assert done.returncode == 0, done.stderr
    assert "this actor sent 3,400 customers" in done.stdout
    done = exfilter("baseline", "anna", "--day", date(60), "--config", folder, "--format", "json")
    measures = json.loads(done.stdout)["measures"]
    assert measures["new"]["seen"] == 3400
    assert measures["new"]["probability"] < 1e-4
    done = exfilter("baseline", "anna", "--day", date(59), "--config", folder, "--format", "json")
    assert json.loads(done.stdout)["measures"]["customers"]["probability"] > 1e-3


def test_it_draws_his_customers_over_time(folder: Path) -> None:
    chart = folder / "anna.svg"
    done = exfilter("baseline", "anna", "--day", date(60), "--config", folder, "--plot", chart)
    assert done.returncode == 0, done.stderr
    assert "<svg" in chart.read_text()


def test_who_is_not_known_is_an_error(folder: Path) -> None:
    done = exfilter("baseline", "nobody", "--config", folder)
    assert (done.returncode, done.stderr) == (2, "exfilter: the ledger knows nothing of nobody\n")


def test_a_day_that_is_none_is_an_error(folder: Path) -> None:
    done = exfilter("baseline", "anna", "--day", "yesterday", "--config", folder)
    assert done.returncode == 2
    assert "write a date such as 2026-11-22" in done.stderr
