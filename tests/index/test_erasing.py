"""Customers who are erased from the index leave a number and a sealed id, and no hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from exfilter.index import erasing
from exfilter.index.store import Index
from exfilter.index.verify import verify
from tests.index import making


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    making.make(tmp_path)
    return tmp_path


def test_they_are_gone_and_the_others_stay_where_they_are(folder: Path) -> None:
    before = making.opened(folder)
    ids = before.customer_ids(range(4))
    key = making.key()
    assert erasing.erase(folder / "index", key, [ids[1], ids[3]]).tolist() == [1, 3]
    after = making.opened(folder)
    assert after.live.tolist() == [True, False, True, False]
    assert after.customer_ids([0, 2]) == [ids[0], ids[2]]
    assert len(after.tables.layers) == 1
    verify(folder / "index", key)


def test_who_is_gone_already_stays_so(folder: Path) -> None:
    key = making.key()
    (gone,) = making.opened(folder).customer_ids([2])
    erasing.erase(folder / "index", key, [gone])
    identity = making.opened(folder).id
    assert erasing.erase(folder / "index", key, [gone]).tolist() == [2]
    assert making.opened(folder).id == identity


@pytest.mark.parametrize("strange", [["C-none"], [""]])
def test_nothing_is_done_where_one_is_not_known(folder: Path, strange: list[str]) -> None:
    key = making.key()
    before: Index = making.opened(folder)
    with pytest.raises(ValueError, match=r"nothing was done|empty") as refused:
        erasing.erase(folder / "index", key, [*before.customer_ids([0]), *strange])
    assert "C-none" not in str(refused.value)
    assert making.opened(folder).id == before.id
