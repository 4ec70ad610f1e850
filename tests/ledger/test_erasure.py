"""A customer who was erased is in no set of any table; all else counts as before."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from exfilter.ledger.erasure import erase
from exfilter.ledger.rollup import AFTER
from exfilter.ledger.sets import packed, unpacked, unpacked_fields
from exfilter.ledger.tables import exposures, metadata, rollups
from tests.ledger.sending import Sent
from tests.ledger.test_counting import rows, sendings, today
from tests.ledger.test_retention import TODAY, at, counts, many, opened_in, sent_ever

if TYPE_CHECKING:
    from pathlib import Path

    from exfilter.ledger import Ledger
    from tests.ledger.conftest import Opened


def everybody(ledger: Ledger) -> set[int]:
    """Everybody in any column of any table that holds sets."""
    found = set[int]()
    for table in metadata.sorted_tables:
        for row in rows(ledger, table):
            for name, value in row.items():
                if name in ("identified", "behind"):
                    found |= set(unpacked(value))
                elif name == "fields":
                    found |= set().union(*unpacked_fields(value, BitMap()).values())
                elif isinstance(value, bytes) and name not in ("key", "name"):
                    raise AssertionError(table.name, name)
    return found


def check(whole: Ledger, without: Ledger, sent: list[Sent], gone: int) -> None:
    for each in sorted(sent, key=lambda each: each.day):
        each.enter(whole)
        if left := each.customers - {gone}:
            replace(each, customers=left).enter(without)
    before = [row["customers"] for row in rows(whole, exposures)]
    erase(whole, BitMap([gone]))
    assert gone not in everybody(whole)
    assert sent_ever(whole) == sent_ever(without)
    assert [row["customers"] for row in rows(whole, exposures)] == before
    assert counts(whole) == counts(without)


@settings(max_examples=25)
@given(st.lists(sendings, max_size=15), st.integers(0, 30))
def test_it_is_in_no_set_and_all_else_counts_as_before(sent: list[Sent], gone: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(opened_in(folder, "whole")) as whole,
        closing(opened_in(folder, "without")) as without,
    ):
        check(whole, without, sent, gone)


def test_so_it_is_with_what_was_rolled_up(ledger: Ledger, tmp_path: Path) -> None:
    with closing(opened_in(str(tmp_path), "without")) as without:
        check(at(ledger, TODAY), without, many(4 * AFTER), 3)
    assert rows(ledger, rollups)


def test_also_behind_an_estimate_and_in_each_field(ledger: Ledger) -> None:
    sent = Sent(frozenset({1, 2}), behind=frozenset({3, 4, 5}), estimated=2, fields=("email", "name"))
    sent.enter(ledger)
    assert erase(ledger, BitMap([1, 4])).exposures == 1
    (row,) = rows(ledger, exposures)
    assert (set(unpacked(row["identified"])), set(unpacked(row["behind"]))) == ({2}, {3, 5})
    assert set(msgspec.msgpack.decode(row["fields"])) == {"email", "name"}
    assert everybody(ledger) == {2, 3, 5}


def test_also_where_it_was_held(ledger: Ledger) -> None:
    Sent(frozenset({1, 2}), holds=True).enter(ledger)
    erase(ledger, BitMap([1]))
    assert everybody(ledger) == {2}


def test_another_door_forgets_it_too(opened: Opened) -> None:
    first, second = opened(), opened()
    past, _ = Sent(frozenset({1, 2}), body=b"one").enter(second)
    erase(first, BitMap([1]))
    past, _ = Sent(frozenset({3}), body=b"two").enter(second)
    assert today(past) == (2, 2)


def test_no_byte_of_it_is_left_in_the_file(tmp_path: Path) -> None:
    gone = frozenset(range(1_000_003, 3_000_000, 71))
    needle = packed(BitMap(gone))[40:72]
    with closing(opened_in(str(tmp_path), "ledger.sqlite")) as ledger:
        for number in range(AFTER + 5):
            Sent(gone | {number}, body=b"%d" % number).enter(ledger)
        assert any(needle in file.read_bytes() for file in tmp_path.iterdir())
        assert erase(ledger, BitMap(gone)).overwritten
        assert not any(needle in file.read_bytes() for file in tmp_path.iterdir())
        assert everybody(ledger) == set(range(AFTER + 5))


def test_who_is_nowhere_changes_nothing(ledger: Ledger) -> None:
    for each in many(20):
        each.enter(ledger)
    with ledger.database.transaction() as connection:
        before = connection.execute(sa.select(exposures)).all()
    assert erase(ledger, BitMap([777])).exposures == 0
    with ledger.database.transaction() as connection:
        assert connection.execute(sa.select(exposures)).all() == before
