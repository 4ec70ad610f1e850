"""One of the doors tidies the ledger, once a day."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from exfilter import settings
from exfilter.cli.init import make
from exfilter.door import chores
from exfilter.ledger import acts, open_ledger, retention
from exfilter.ledger.opening import narrow
from exfilter.ledger.tables import exposures
from tests.ledger.sending import Sent
from tests.ledger.test_counting import rows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def given(tmp_path: Path) -> settings.Settings:
    make(tmp_path)
    return settings.load(tmp_path)


def test_it_is_done_once(given: settings.Settings) -> None:
    with closing(open_ledger(given)) as ledger:
        Sent(frozenset({1})).enter(ledger)
        assert [chores.upkeep(given), chores.upkeep(given)] == [True, False]
        assert not rows(ledger, exposures)  # it was sent in 2024
        assert [(act.who, act.act) for act in acts.listed(ledger.database)] == [("exfilter", "tidy")]


def test_who_fails_leaves_it_to_another(given: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(retention, "tidy", breaks)
        with pytest.raises(OSError):  # noqa: PT011 - it has no message
            chores.upkeep(given)
    assert chores.upkeep(given)


@pytest.mark.parametrize(("days", "said"), [(400, False), (365, True), (30, True)])
def test_what_shortens_the_view_of_rules_is_said(given: settings.Settings, days: int, *, said: bool) -> None:
    assert bool(narrow(given.model_copy(update={"retention_days": days}))) is said
