"""A spool keeps every byte or says how many it dropped, and leaves no name on the disk."""

from __future__ import annotations

import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exfilter.body import Filed, whole
from exfilter.door import spool
from exfilter.door.spool import Spool

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 20)
    monkeypatch.setattr(spool, "ALL_IN_MEMORY", 60)
    monkeypatch.setattr(Spool, "folder", tmp_path)


def test_a_body_of_many_small_pieces_takes_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 1 << 20)
    monkeypatch.setattr(spool, "ALL_IN_MEMORY", 1 << 20)
    kept = Spool()
    tracemalloc.start()
    for number in range(100_000):
        kept += b"%02d" % (number % 100)
    most = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept.file is None
    assert most < 2 * len(kept)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=15)), st.integers(0, 100) | st.none())
def test_every_byte_is_there_or_counted(pieces: list[bytes], limit: int | None) -> None:
    before = Spool.held
    kept = Spool(limit)
    for piece in pieces:
        kept += piece
    data = b"".join(pieces)
    if limit is None or len(data) <= limit:
        assert (whole(kept.body()), len(kept), kept.dropped) == (data, len(data), 0)
        assert isinstance(kept.body(), Filed) == (len(data) > 20)
    else:
        assert (len(kept), kept.dropped, kept.file) == (0, len(data), None)
    assert Spool.held - before <= 20
    kept.clear()
    assert Spool.held == before


def test_many_small_bodies_go_to_files_when_they_are_much_together() -> None:
    kept = []
    for _ in range(6):
        one = Spool()
        one += b"x" * 15
        kept.append(one)
    assert [one.file is not None for one in kept] == [False] * 4 + [True] * 2
    assert {whole(one.body()) for one in kept} == {b"x" * 15}


def test_its_file_has_no_name_and_goes_with_it(tmp_path: Path) -> None:
    kept = Spool()
    kept += b"x" * 100
    file = kept.file
    assert file is not None
    assert os.fstat(file).st_nlink == 0
    assert not list(tmp_path.iterdir())
    del kept
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


def test_all_files_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spool, "room", 100)
    first, second = Spool(), Spool()
    for _ in range(5):
        first += b"x" * 15
    for _ in range(5):
        second += b"x" * 15
    assert (len(first), len(second), second.dropped) == (75, 0, 75)
    assert second.broken
    first.clear()
    assert Spool.stored == 0


def test_where_there_is_no_room_it_says_so_and_goes_on_counting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Spool, "folder", tmp_path / "gone")
    kept = Spool()
    for _ in range(5):
        kept += b"x" * 15
    assert (kept.dropped, kept.broken, len(kept)) == (75, "No such file or directory", 0)
