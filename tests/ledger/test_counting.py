"""What the ledger counts, on SQLite and PostgreSQL, against plain sets."""

from __future__ import annotations

import functools
import random
import tempfile
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from exfilter.ledger import Ledger
from exfilter.ledger.rollup import AFTER
from exfilter.ledger.tables import exposures, meetings, other_ids, rollups, tail, unread
from exfilter.ledger.transfers import show
from exfilter.model import Action, Reason, Unscanned
from exfilter.policy import RESPONSE, By, Past, Question, Window
from tests.ledger.conftest import SECRET
from tests.ledger.sending import DAY, START, WINDOWS, Plain, Sent

if TYPE_CHECKING:
    from exfilter.model import Verdict
    from tests.ledger.conftest import Opened

TODAY = Window(By.ACTOR, 1)
_UNCHAINED = (
    *(f"DROP TABLE {table}" for table in ("chain", "checkpoints")),
    "DROP INDEX acts_by_subject",
    *(f"ALTER TABLE acts DROP COLUMN {column}" for column in ("about", "previous", "hash")),
)
FIRST = {
    "sqlite": (
        *_UNCHAINED,
        "DROP TABLE other_ids",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, ' ''exempt'',', '') WHERE name = 'scopes'",
        "PRAGMA schema_version = 100",
        "PRAGMA writable_schema = OFF",
        "PRAGMA user_version = 1",
    ),
    "postgresql": (
        *_UNCHAINED,
        "DROP TABLE other_ids",
        "ALTER TABLE scopes DROP CONSTRAINT scopes_kind_check",
        "ALTER TABLE scopes ADD CONSTRAINT scopes_kind_check CHECK (kind <> 'exempt')",
        "UPDATE exfilter_schema SET version = 1",
    ),
}
"""What makes a ledger one of schema 1."""


def rows(ledger: Ledger, table: sa.Table) -> list[sa.RowMapping]:
    with ledger.database.transaction() as connection:
        return list(connection.execute(sa.select(table)).mappings())


def today(past: Past, name: str = "anna") -> tuple[int, int]:
    counted = past.counted[TODAY, name]
    return counted.sent, counted.new


def _always(verdict: Verdict, _: Past) -> Verdict:
    return verdict


def check(ledger: Ledger, sent: list[Sent]) -> None:
    plain = Plain()
    for each in sorted(sent, key=lambda each: each.day):
        past, _ = each.enter(ledger)
        assert past.counted == plain.counted(each)
        plain.enter(each)


sendings = st.builds(
    Sent,
    customers=st.frozensets(st.integers(0, 30), min_size=1, max_size=6),
    day=st.integers(0, 400),
    actor=st.sampled_from(["anna", "boris"]),
    destination=st.sampled_from(["mail.example", "crm.example"]),
    groups=st.sampled_from([(), ("support",), ("sales", "support")]),
    holds=st.booleans(),
)


@given(st.lists(sendings, max_size=25))
def test_windows_are_those_of_plain_sets(sent: list[Sent]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Ledger.open(Path(folder) / "ledger.sqlite", SECRET)) as ledger,
    ):
        check(ledger, sent)


def test_they_are_so_also_when_they_are_rolled_up(opened: Opened) -> None:
    dice = random.Random(5)
    first, second = opened(), opened()
    plain = Plain()
    for number in range(3 * AFTER):
        each = Sent(
            frozenset(dice.sample(range(200_000), dice.randint(1, 9))) | frozenset(dice.sample(range(50), 2)),
            day=number // 4,
            actor=dice.choice(["anna", "boris"]),
            groups=dice.choice([(), ("support",)]),
        )
        # Two doors by turns: what one of them has kept in mind, the other has rolled up.
        past, _ = each.enter(dice.choice([first, second]))
        assert past.counted == plain.counted(each)
        plain.enter(each)
    assert rows(first, rollups)
    assert len(rows(first, tail)) < 4 * AFTER


class TestOnce:
    def test_a_retry_is_the_same_exposure(self, ledger: Ledger) -> None:
        sent = Sent(frozenset({1, 2}), body=b"one")
        sent.enter(ledger)
        past, _ = sent.enter(ledger)
        assert today(past) == (2, 2)
        (row,) = rows(ledger, exposures)
        assert (row["attempts"], row["customers"]) == (2, 2)

    def test_pieces_of_one_upload_are_one_exposure(self, ledger: Ledger) -> None:
        for number in range(3):
            Sent(frozenset(range(number + 2)), body=b"%d" % number, thread="upload").enter(ledger)
        (row,) = rows(ledger, exposures)
        assert (row["attempts"], row["customers"]) == (3, 4)

    def test_another_body_is_another_exposure(self, ledger: Ledger) -> None:
        for body in (b"one", b"two"):
            Sent(frozenset({1}), body=body).enter(ledger)
        assert len(rows(ledger, exposures)) == 2

    def test_a_thread_that_lives_on_is_another_exposure_on_another_day(self, ledger: Ledger) -> None:
        for day in (0, 40):
            past, _ = Sent(frozenset(range(day, day + 5)), day=day, thread="stream").enter(ledger)
        assert today(past) == (5, 5)
        assert len(rows(ledger, exposures)) == 2


class TestHeld:
    def test_of_an_upload_only_what_passed_was_sent(self, ledger: Ledger) -> None:
        Sent(frozenset({1}), body=b"one", thread="upload").enter(ledger)
        _, entry = Sent(frozenset(range(9)), body=b"two", thread="upload", holds=True).enter(ledger)
        past, _ = Sent(frozenset({90}), body=b"three").enter(ledger)
        assert today(past) == (2, 2)
        assert sorted((row["sent"], row["customers"]) for row in rows(ledger, exposures)) == [
            (False, 9),
            (True, 1),
            (True, 1),
        ]
        ledger.clock = lambda: START + 2 * 3600
        ledger.sent(entry)
        past, _ = Sent(frozenset({91}), body=b"four").enter(ledger)
        assert today(past) == (11, 11)
        assert sorted(row["customers"] for row in rows(ledger, exposures)) == [1, 1, 9]

    def test_what_was_taken_back_is_with_what_was_held_before(self, ledger: Ledger) -> None:
        sent = Sent(frozenset(range(9)), body=b"one")
        replace(sent, holds=True).enter(ledger)
        _, entry = sent.enter(ledger)
        ledger.stays(entry)
        assert [(row["sent"], row["attempts"]) for row in rows(ledger, exposures)] == [(False, 2)]

    def test_what_is_held_does_not_count_until_it_is_released(self, ledger: Ledger) -> None:
        _, entry = Sent(frozenset(range(10)), holds=True).enter(ledger)
        past, _ = Sent(frozenset({90}), body=b"two").enter(ledger)
        assert today(past) == (1, 1)
        ledger.sent(entry)
        past, _ = Sent(frozenset({91}), body=b"three").enter(ledger)
        assert today(past) == (12, 12)

    def test_what_is_released_counts_on_the_day_on_which_it_leaves(self, ledger: Ledger) -> None:
        _, entry = Sent(frozenset(range(10)), holds=True).enter(ledger)
        ledger.clock = lambda: START + 3 * DAY
        ledger.sent(entry)
        past, _ = Sent(frozenset({90}), day=3, body=b"two").enter(ledger)
        assert today(past) == (11, 11)
        assert {row["first"] for row in rows(ledger, exposures) if row["customers"] == 10} == {
            START + 3 * DAY
        }
        assert [row["day"] for row in rows(ledger, meetings)] == [ledger.calendar.day(START + 3 * DAY)]

    def test_what_was_not_forwarded_after_all_does_not_count(self, ledger: Ledger) -> None:
        _, entry = Sent(frozenset(range(10))).enter(ledger)
        ledger.stays(entry)
        past, _ = Sent(frozenset({90}), body=b"two").enter(ledger)
        assert today(past) == (1, 1)

    def test_a_retry_that_fails_leaves_what_was_sent_before(self, ledger: Ledger) -> None:
        sent = Sent(frozenset(range(10)), body=b"one")
        sent.enter(ledger)
        _, again = sent.enter(ledger)
        ledger.stays(again)
        past, _ = Sent(frozenset({90}), body=b"two").enter(ledger)
        assert today(past) == (11, 11)

    def test_it_names_the_entry_of_the_quarantine(self, ledger: Ledger) -> None:
        _, entry = Sent(frozenset({1}), holds=True).enter(ledger)
        ledger.kept(entry, "t-abc")
        assert [(row["transfer_id"], row["sent"]) for row in rows(ledger, exposures)] == [("t-abc", False)]

    def test_a_retry_of_another_day_that_is_not_forwarded_does_not_count(self, ledger: Ledger) -> None:
        held = Sent(frozenset(range(9)), body=b"one", holds=True)
        ledger.kept(held.enter(ledger)[1], "t-abc")
        _, retry = replace(held, day=3).enter(ledger)
        ledger.clock = lambda: START + 3 * DAY + 3600
        ledger.sent(retry, "t-abc")
        ledger.restored("t-abc")
        past, _ = Sent(frozenset({90}), day=3, body=b"two").enter(ledger)
        assert today(past) == (1, 1)

    def test_what_was_sent_before_stays_so_when_a_later_release_is_not_forwarded(
        self, ledger: Ledger
    ) -> None:
        ledger.clock = lambda: START + 3600
        held = Sent(frozenset(range(9)), body=b"one", holds=True)
        for transfer_id in ("t-abc", "t-def"):
            _, entry = held.enter(ledger)
            ledger.kept(entry, transfer_id)
            entry = ledger.sent(entry, transfer_id)
        ledger.stays(entry)
        ledger.restored("t-def")
        past, _ = Sent(frozenset({90}), body=b"two").enter(ledger)
        assert today(past) == (10, 10)
        assert [each.row.sent for each in show(ledger, "t-def")] == [True]

    def test_it_is_found_by_the_id_of_a_denied_one_after_its_retry(self, ledger: Ledger) -> None:
        ledger.clock = lambda: START + 3600
        held = Sent(frozenset({1}), body=b"one", holds=True)
        ids = ("t-denied", "t-retry", "t-retry")
        for each in ids:
            _, entry = held.enter(ledger)
            ledger.kept(entry, each)
        for each in ids:
            assert [whole.row.number for whole in show(ledger, each)] == [entry.number]
        assert len(rows(ledger, other_ids)) == 1
        ledger.sent(entry, "t-retry")
        ledger.restored("t-retry")
        assert [whole.row.sent for whole in show(ledger, "t-denied")] == [False]


def test_a_ledger_of_the_first_schema_opens(opened: Opened) -> None:
    old = opened()
    with old.database.transaction(writes=True) as connection:
        for statement in FIRST[connection.dialect.name]:
            connection.exec_driver_sql(statement)
    _, entry = Sent(frozenset({1}), holds=True).enter(old)
    ledger = opened()
    for each in ("t-abc", "t-def"):
        ledger.kept(entry, each)
    Sent(frozenset({2}), exempt=True).enter(ledger)
    assert [len(show(opened(), each)) for each in ("t-abc", "1", "2")] == [1, 1, 1]


class TestEstimates:
    def test_the_same_estimate_twice_is_not_more(self, ledger: Ledger) -> None:
        crowd = Sent(frozenset({1}), behind=frozenset(range(100, 300)), estimated=50)
        for body in (b"one", b"two"):
            past, _ = replace(crowd, body=body).enter(ledger)
        assert today(past) == (51, 51)

    def test_other_people_are_more(self, ledger: Ledger) -> None:
        for begin in (100, 300):
            past, _ = Sent(frozenset({1}), behind=frozenset(range(begin, begin + 200)), estimated=50).enter(
                ledger
            )
        assert today(past) == (101, 101)

    def test_a_crowd_sent_before_dilutes_nobody(self, ledger: Ledger) -> None:
        Sent(frozenset(), behind=frozenset(range(21_000)), estimated=19).enter(ledger)
        for begin in range(0, 190, 19):
            some = Sent(frozenset(), behind=frozenset(range(begin, begin + 19)), estimated=19)
            past, _ = some.enter(ledger)
        assert past.counted[TODAY, "anna"].sent >= 190
        later = Sent(frozenset(), day=31, behind=frozenset(range(5_000, 5_019)), estimated=19)
        assert today(later.enter(ledger)[0]) == (19, 19)

    def test_a_retry_weighs_nothing(self, ledger: Ledger) -> None:
        crowd = Sent(frozenset(), behind=frozenset(range(200)), estimated=4)
        other = Sent(frozenset(), behind=frozenset(range(500, 600)), estimated=40)
        for each in (other, crowd, crowd, crowd):
            past, _ = each.enter(ledger)
        assert today(past)[0] == 44

    def test_other_people_of_one_thread_are_more(self, ledger: Ledger) -> None:
        for begin in range(0, 150, 15):
            some = frozenset(range(begin, begin + 15))
            Sent(frozenset(), behind=some, estimated=15, thread="socket", body=b"%d" % begin).enter(ledger)
        (row,) = rows(ledger, exposures)
        assert row["customers"] == 150

    def test_who_was_identified_before_is_not_estimated_again(self, ledger: Ledger) -> None:
        Sent(frozenset(range(100, 300))).enter(ledger)
        past, _ = Sent(frozenset({1}), behind=frozenset(range(100, 300)), estimated=200).enter(ledger)
        assert today(past) == (201, 201)


def test_an_alert_is_not_overwritten_by_what_came_later(ledger: Ledger) -> None:
    loud = Sent(frozenset(range(9)), body=b"one")
    alert = replace(loud.verdict, action=Action.ALERT, rule="several")
    ledger.enter(loud.transfer, alert, Question(), functools.partial(_always, alert))
    replace(loud, customers=frozenset({1})).enter(ledger)
    assert [(row["action"], row["rule"]) for row in rows(ledger, exposures)] == [(1, "several")]


def test_a_bulk_sender_is_counted_apart(ledger: Ledger) -> None:
    Sent(frozenset(range(1000)), actor="sync", bulk=True).enter(ledger)
    past, _ = Sent(frozenset({5000}), actor="sync", destination="crm.example").enter(ledger)
    assert today(past, "sync") == (1, 1)


def test_what_an_allow_rule_lets_pass_is_counted_apart(ledger: Ledger) -> None:
    Sent(frozenset(range(1000)), exempt=True, groups=("support",)).enter(ledger)
    past, _ = Sent(frozenset({5000}), groups=("support",)).enter(ledger)
    assert today(past) == (1, 1)
    assert past.counted[Window(By.GROUP, 1), "support"].sent == 1


def test_bytes_that_were_not_read_are_counted_by_day(ledger: Ledger) -> None:
    quiet = Sent(frozenset())
    found = replace(quiet.verdict.findings, unscanned=(Unscanned("request.body", Reason.OPAQUE, 70),))
    verdict = replace(quiet.verdict, findings=found)
    for action in (Action.ALLOW, Action.QUARANTINE, Action.ALERT):
        decided = replace(verdict, action=action)
        ledger.enter(quiet.transfer, verdict, Question(), functools.partial(_always, decided))
    (row,) = rows(ledger, unread)
    assert (row["bytes"], row["transfers"]) == (140, 2)
    assert not rows(ledger, exposures)


def test_one_customer_beside_them_does_not_hide_bytes_that_were_not_read(ledger: Ledger) -> None:
    def send(body: bytes, size: int, door: str = "proxy") -> None:
        one = Sent(frozenset({1}), body=body)
        found = replace(one.verdict.findings, unscanned=(Unscanned("request.body", Reason.OPAQUE, size),))
        verdict = replace(one.verdict, findings=found)
        held = replace(verdict, action=Action.QUARANTINE)
        transfer = replace(one.transfer, door=door)
        for decided in (held, verdict, verdict):  # sent, and sent again
            ledger.enter(transfer, verdict, Question(), functools.partial(_always, decided))

    send(b"one", 70)
    send(b"two", 7)
    send(b"three", 9000, door=RESPONSE)
    assert [(row["bytes"], row["transfers"]) for row in rows(ledger, unread)] == [(77, 2)]


def test_each_piece_of_an_upload_has_unread_bytes_of_its_own(ledger: Ledger) -> None:
    for number in range(3):
        piece = Sent(frozenset({1}), body=b"%d" % number, thread="upload")
        found = replace(piece.verdict.findings, unscanned=(Unscanned("part", Reason.OPAQUE, 10),))
        verdict = replace(piece.verdict, findings=found)
        ledger.enter(piece.transfer, verdict, Question(), functools.partial(_always, verdict))
    assert [row["bytes"] for row in rows(ledger, unread)] == [30]


def test_of_many_doors_at_once_none_passes_a_threshold(opened: Opened) -> None:
    """Eight doors send ten customers each, ten times, where a hundred in a day are held."""
    ledgers = [opened() for _ in range(8)]
    failures: list[BaseException] = []

    def send(door: int) -> None:
        for number in range(10):
            sent = Sent(frozenset(range(100 * door + 10 * number, 100 * door + 10 * number + 10)))

            def decide(past: Past, verdict: Verdict = sent.verdict) -> Verdict:
                holds = past.counted[TODAY, "anna"].sent >= 100
                return replace(verdict, action=Action.QUARANTINE if holds else Action.ALLOW)

            try:
                question = Question(("support",), windows=WINDOWS)
                ledgers[door].enter(sent.transfer, sent.verdict, question, decide)
            except BaseException as error:  # noqa: BLE001 - told below
                failures.append(error)

    threads = [threading.Thread(target=send, args=(door,)) for door in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sum(row["customers"] for row in rows(ledgers[0], exposures) if row["sent"]) == 90
    assert len(rows(ledgers[0], exposures)) == 80


def test_an_error_of_the_database_carries_no_value(ledger: Ledger) -> None:
    with ledger.database.transaction(writes=True) as connection:
        connection.execute(sa.text("DROP TABLE tail"))
    with pytest.raises(OSError, match="ledger") as failed:
        Sent(frozenset({123_456_789}), actor="anna-of-the-test").enter(ledger)
    assert "anna-of-the-test" not in str(failed.value)
    assert "123456789" not in str(failed.value)
