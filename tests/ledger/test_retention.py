"""What is too old is as if it had never been entered, and out of the file."""

from __future__ import annotations

import functools
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from exfilter.ledger import Ledger, acts, retention
from exfilter.ledger.erasure import erase
from exfilter.ledger.rollup import AFTER
from exfilter.ledger.sets import packed, unpacked
from exfilter.ledger.tables import (
    exposures,
    lifetimes,
    meetings,
    people,
    rollups,
    scopes,
    tail,
    unread,
)
from exfilter.model import Reason, Unscanned
from exfilter.policy import Question
from tests.ledger.conftest import SECRET
from tests.ledger.sending import DAY, START, Sent
from tests.ledger.test_counting import rows, sendings, today

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exfilter.model import Verdict
    from exfilter.policy import Counted, Past, Window
    from tests.ledger.conftest import Opened

TODAY = 401
type Counts = dict[tuple[Window, str], Counted]


def at(ledger: Ledger, day: int) -> Ledger:
    ledger.clock = lambda: START + day * DAY + 7200
    return ledger


def counts(ledger: Ledger) -> list[Counts]:
    """Return what a transfer of today counts, from every actor to everywhere."""
    probes = [
        Sent(frozenset({999}), TODAY, actor, where, ("sales", "support"), body=b"probe")
        for actor in ("anna", "boris")
        for where in ("mail.example", "crm.example")
    ]
    return [dict(probe.enter(ledger)[0].counted) for probe in probes]


def sent_ever(ledger: Ledger) -> dict[tuple[str, str], frozenset[int]]:
    """Who was ever sent, by scope: what is rolled up, and what is not yet."""
    names = {row["id"]: (row["kind"], row["name"]) for row in rows(ledger, scopes)}
    found: dict[tuple[str, str], set[int]] = {}
    for row in rows(ledger, lifetimes):
        found.setdefault(names[row["scope"]], set()).update(unpacked(row["identified"]))
    sets = {row["id"]: unpacked(row["identified"]) for row in rows(ledger, exposures) if row["sent"]}
    for row in rows(ledger, tail):
        found.setdefault(names[row["scope"]], set()).update(sets.get(row["exposure"], ()))
    return {name: frozenset(who) for name, who in found.items() if who}


def met(ledger: Ledger) -> set[tuple[str, str, int]]:
    names = {row["id"]: row["name"] for row in rows(ledger, scopes)}
    return {(names[row["actor"]], names[row["destination"]], row["day"]) for row in rows(ledger, meetings)}


def known(ledger: Ledger) -> set[str]:
    """Return who is known. A group of which all was held may be, or not: nothing is counted for it."""
    return {row["name"] for row in rows(ledger, scopes) if row["kind"] != "group"}


def opened_in(folder: str, name: str) -> Ledger:
    return at(Ledger.open(Path(folder) / name, SECRET), TODAY)


def check(whole: Ledger, young: Ledger, sent: list[Sent], days: int) -> None:
    for each in sorted(sent, key=lambda each: each.day):
        each.enter(whole)
        if each.day > TODAY - days:
            each.enter(young)
    retention.tidy(whole, days)
    assert sent_ever(whole) == sent_ever(young)
    assert met(whole) == met(young)
    assert known(whole) == known(young)
    assert len(rows(whole, exposures)) == len(rows(young, exposures))
    assert counts(whole) == counts(young)


@settings(max_examples=15)
@given(st.lists(sendings, max_size=15), st.integers(7, 500))
def test_every_count_is_that_of_a_ledger_of_what_is_younger(sent: list[Sent], days: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(opened_in(folder, "whole")) as whole,
        closing(opened_in(folder, "young")) as young,
    ):
        check(whole, young, sent, days)


def _decided(verdict: Verdict, _: Past) -> Verdict:
    return verdict


def many(count: int) -> list[Sent]:
    return [
        Sent(
            frozenset({number, number % 7}),
            day=number * TODAY // count,
            actor=("anna", "boris")[number % 3 == 0],
            groups=("support",) * (number % 2),
            holds=number % 11 == 0,
        )
        for number in range(count)
    ]


@pytest.fixture
def young(tmp_path: Path) -> Iterator[Ledger]:
    with closing(opened_in(str(tmp_path), "young")) as ledger:
        yield ledger


def test_so_it_is_with_what_was_rolled_up(ledger: Ledger, young: Ledger) -> None:
    check(at(ledger, TODAY), young, many(2 * AFTER), 150)
    assert rows(ledger, rollups)


def test_another_door_forgets_it_too(opened: Opened) -> None:
    first, second = at(opened(), TODAY), opened()
    Sent(frozenset(range(10)), day=0).enter(first)
    past, _ = Sent(frozenset({1}), day=TODAY, body=b"one").enter(second)
    assert today(past) == (1, 0)
    retention.tidy(first, 365)
    past, _ = Sent(frozenset({1, 2}), day=TODAY, body=b"two").enter(second)
    assert today(past) == (2, 2)


def test_names_go_and_come_back(opened: Opened) -> None:
    first, second = at(opened(), TODAY), opened()
    Sent(frozenset({1}), day=0, groups=("support",)).enter(second)
    assert retention.tidy(first, 365).names == 3
    assert not rows(first, scopes)
    past, _ = Sent(frozenset({2}), day=TODAY, groups=("support",)).enter(second)
    assert today(past) == (1, 1)
    assert len(rows(first, scopes)) == 3


def test_two_doors_that_find_the_same_name_gone_do_not_lock_each_other_out(opened: Opened) -> None:
    doors = opened(), opened()
    for day in range(0, 12 * 400, 400):
        Sent(frozenset({1}), day=day).enter(at(doors[0], day))
        retention.tidy(doors[0], 365)
        later = [Sent(frozenset({2}), day=day, destination="x.example", body=b"%d" % n) for n in range(2)]
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda each, door: each.enter(door), later, doors))


def test_a_name_that_came_anew_has_another_number(ledger: Ledger) -> None:
    _, before = Sent(frozenset({1}), day=0).enter(at(ledger, TODAY))
    retention.tidy(ledger, 365)
    _, after = Sent(frozenset({1}), day=TODAY, actor="boris").enter(ledger)
    assert after.number != before.number
    assert not set(after.scopes) & set(before.scopes)


def test_the_pseudonym_goes_with_its_name(ledger: Ledger) -> None:
    at(ledger, TODAY).called, ledger.sealed = str.upper, lambda *texts: "/".join(texts).encode()
    Sent(frozenset({1}), day=0).enter(ledger)
    Sent(frozenset({1}), day=TODAY, actor="boris").enter(ledger)
    assert {row["name"] for row in rows(ledger, people)} == {b"ANNA/anna", b"BORIS/boris"}
    retention.tidy(ledger, 365)
    assert [row["pseudonym"] for row in rows(ledger, people)] == ["BORIS"]


def test_unread_bytes_go_too(ledger: Ledger) -> None:
    for day in (0, TODAY):
        quiet = Sent(frozenset(), day)
        found = replace(quiet.verdict.findings, unscanned=(Unscanned("body", Reason.OPAQUE, 70),))
        verdict = replace(quiet.verdict, findings=found)
        ledger.enter(quiet.transfer, verdict, Question(), functools.partial(_decided, verdict))
    retention.tidy(at(ledger, TODAY), 365)
    assert len(rows(ledger, unread)) == 1


def test_no_byte_of_it_is_left_in_the_file(tmp_path: Path) -> None:
    marked = frozenset(range(1_000_003, 3_000_000, 71))
    needle = packed(BitMap(marked))[4000:4032]  # within the sorted numbers
    with closing(opened_in(str(tmp_path), "ledger.sqlite")) as ledger:
        # More than are rolled up at a time, so that sets were also written over.
        for number in range(AFTER + 5):
            Sent(marked, day=0, body=b"%d" % number).enter(ledger)
        Sent(frozenset({5}), day=TODAY).enter(ledger)
        assert any(needle in file.read_bytes() for file in tmp_path.iterdir())
        size = sum(file.stat().st_size for file in tmp_path.iterdir())
        assert retention.tidy(ledger, 365).overwritten
        assert not any(needle in file.read_bytes() for file in tmp_path.iterdir())
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) < size / 10


def test_one_of_the_doors_does_it_once_a_day(opened: Opened) -> None:
    first, second = at(opened(), 1), at(opened(), 1)
    assert [retention.claim(first), retention.claim(second), retention.claim(first)] == [True, False, False]
    retention.give_back(first)
    assert retention.claim(second)
    assert retention.claim(at(first, 2))


def test_it_is_recorded(ledger: Ledger) -> None:
    Sent(frozenset({1}), day=0).enter(at(ledger, TODAY))
    retention.tidy(ledger, 365, "olga", "the yearly one")
    (act,) = acts.listed(ledger.database)
    assert (act.who, act.act, act.reason) == ("olga", "tidy", "the yearly one")
    assert act.subject.endswith("1 transfers, 2 names")


def test_it_goes_on_where_it_was_broken_off(
    ledger: Ledger, young: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(retention, "_meet_anew", breaks)
        with pytest.raises(OSError):  # noqa: PT011 - it has no message
            check(at(ledger, TODAY), young, many(50), 150)
    retention.tidy(ledger, 150)
    assert met(ledger) == met(young)
    assert counts(ledger) == counts(young)


def test_nothing_is_left_that_nothing_refers_to(ledger: Ledger) -> None:
    for each in many(100):
        each.enter(ledger)
    retention.tidy(at(ledger, TODAY + 1000), 365)
    for table in (exposures, tail, rollups, lifetimes, meetings, unread, scopes):
        with ledger.database.transaction() as connection:
            assert not connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_doors_go_on_meanwhile(opened: Opened, young: Ledger) -> None:
    """Three doors send while what is old is removed again and again; nothing young is lost."""
    old, new = many(60), [replace(each, day=TODAY, body=b"%d" % n) for n, each in enumerate(many(90))]
    clearing, doors, failures = at(opened(), TODAY), [opened() for _ in range(3)], list[BaseException]()
    for each in old:
        each.enter(clearing)

    def send(door: int) -> None:
        try:
            for each in new[door::3]:
                each.enter(doors[door])
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=send, args=(door,)) for door in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        retention.tidy(clearing, 30)
        erase(clearing, BitMap([3]))
    for thread in threads:
        thread.join()
    assert not failures
    for each in old + new:
        if each.day > TODAY - 30 and (left := each.customers - {3}):
            replace(each, customers=left).enter(young)
    retention.tidy(clearing, 30)
    erase(clearing, BitMap([3]))
    assert sent_ever(clearing) == sent_ever(young)
    assert counts(clearing) == counts(young)
