"""The same ledger on a file and on a server."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from exfilter.ledger import Ledger
from tests.ledger import postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

type Opened = Callable[[], Ledger]
SECRET = bytes(32)


@pytest.fixture(scope="session")
def server() -> Iterator[postgresql.Server]:
    yield from postgresql.running()


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Return what opens one ledger, as several doors do."""
    if request.param == "sqlite":
        ready = functools.partial(Ledger.open, tmp_path / "ledger.sqlite", SECRET)
    else:
        url = request.getfixturevalue("server").database()
        ready = functools.partial(Ledger.open, url, SECRET, password=postgresql.PASSWORD)
    all_opened: list[Ledger] = []

    def one() -> Ledger:
        all_opened.append(ready())
        return all_opened[-1]

    yield one
    for each in all_opened:
        each.close()


@pytest.fixture
def ledger(opened: Opened) -> Ledger:
    return opened()
