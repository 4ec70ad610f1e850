"""Suspensions and notices, written down with the decision: on a file and on a server."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from exfilter.ledger import Outbox, notices, retention
from exfilter.ledger.tables import acts, outbox, people, suspensions
from exfilter.model import Action, Suspending, Verdict
from exfilter.policy import RESPONSE, Past, Question, suspended
from exfilter.who.pseudonyms import Pseudonyms
from tests.ledger.sending import Sent

if TYPE_CHECKING:
    from pathlib import Path

    from exfilter.ledger import Entry, Ledger
    from tests.ledger.conftest import Opened

RULE = Suspending("many", ("siem", "soc"))
NOBODY = frozenset[int]()


def enter(
    ledger: Ledger, sent: Sent, *, audit_only: bool = False, action: Action = Action.ALLOW, **more: object
) -> Entry:
    """Enter a transfer of which a policy says so."""
    verdict = dataclasses.replace(sent.verdict, action=action, **more)  # type: ignore[arg-type]

    def decide(past: Past) -> Verdict:
        return suspended(verdict) if past.is_suspended else verdict

    return ledger.enter(sent.transfer, verdict, Question(), decide, audit_only=audit_only)


def held(ledger: Ledger, actor: str = "anna", customers: frozenset[int] = NOBODY) -> bool:
    return enter(ledger, Sent(customers, actor=actor)).verdict.rule == "suspended"


def told(ledger: Ledger) -> list[tuple[str, str]]:
    """Return type and receiver of all notices, oldest first."""
    listed = Outbox(ledger.database).listed()
    return [(each.notice["type"], each.receiver) for each in reversed(listed)]


class TestSuspensions:
    def test_a_rule_suspends_and_all_further_transfers_are_held(self, ledger: Ledger) -> None:
        assert not held(ledger)
        entry = enter(ledger, Sent(frozenset({1})), suspends=RULE)
        assert entry.verdict.rule != "suspended", "the one that suspends is judged by itself"
        assert held(ledger), "at once, also without customers"
        assert held(ledger, customers=frozenset({2}))
        assert not held(ledger, "boris")

    def test_also_one_without_customers_suspends(self, ledger: Ledger) -> None:
        enter(ledger, Sent(NOBODY, unread=5), suspends=RULE)
        assert held(ledger)

    def test_lifted_he_may_send_again(self, opened: Opened) -> None:
        door, desk = opened(), opened()
        clock = iter(range(100, 10_000, 2))
        door.response.look.clock = lambda: float(next(clock))
        enter(door, Sent(frozenset({1})), suspends=RULE)
        assert desk.response.lift("anna", "eve", "a mistake", ("duty",)) == ["anna"]
        assert desk.response.lift("anna", "eve", "again", ()) == []
        assert not held(door)
        assert not held(door, customers=frozenset({3}))
        types = ["suspended", "suspended", "lifted", "lifted", "lifted"]
        assert told(door) == list(zip(types, ["siem", "soc", "duty", "siem", "soc"], strict=True))

    def test_another_door_knows_at_once_of_customers_and_after_a_second_of_the_rest(
        self, opened: Opened
    ) -> None:
        one, other = opened(), opened()
        now = [100.0]
        other.response.look.clock = lambda: now[0]
        assert not held(other)
        enter(one, Sent(frozenset({1})), suspends=RULE)
        assert held(other, customers=frozenset({1}))
        now[0] += 0.9
        assert not held(other), "it looked less than a second ago"
        now[0] += 0.2
        assert held(other)

    def test_who_cannot_be_asked_for_raises(self, ledger: Ledger) -> None:
        with ledger.database.transaction(writes=True) as connection:
            connection.execute(sa.text("DROP TABLE suspensions"))
        for customers in (NOBODY, frozenset({1})):
            with pytest.raises(OSError, match=r"\w"):
                held(ledger, customers=customers)

    def test_what_is_held_anyhow_needs_no_look(self, ledger: Ledger) -> None:
        ledger.response.look.database.close()
        looks = iter(())
        ledger.response.look.clock = lambda: next(looks)
        assert enter(ledger, Sent(NOBODY), action=Action.BLOCK).verdict.action is Action.BLOCK

    def test_in_audit_only_mode_nobody_is_suspended_and_others_are_told(self, ledger: Ledger) -> None:
        enter(ledger, Sent(frozenset({1})), audit_only=True, suspends=RULE, tell=("soc",))
        assert ledger.response.suspended() == []
        (listed,) = Outbox(ledger.database).listed()
        assert (listed.notice["audit_only"], listed.notice["outcome"]) == (True, "passed")

    def test_nobody_is_no_actor(self, ledger: Ledger) -> None:
        enter(ledger, Sent(frozenset({1}), actor=""), suspends=RULE)
        assert ledger.response.suspended() == []
        assert not held(ledger, "")

    def test_each_act_is_recorded(self, ledger: Ledger) -> None:
        enter(ledger, Sent(frozenset({1})), suspends=RULE)
        enter(ledger, Sent(frozenset({2})), suspends=RULE)
        ledger.response.lift("anna", "eve", "a mistake", ())
        ledger.response.suspend("boris", "eve", "asked for by his manager", ())
        with ledger.database.transaction() as connection:
            rows = connection.execute(sa.select(acts).order_by(acts.c.number)).all()
        assert [(row.who, row.act, row.subject) for row in rows] == [
            ("exfilter", "suspend", "anna"),
            ("eve", "lift", "anna"),
            ("eve", "suspend", "boris"),
        ]

    def test_a_reviewer_suspends_once(self, ledger: Ledger) -> None:
        assert ledger.response.suspend("anna", "eve", "why", ("soc",)) == "anna"
        assert ledger.response.suspend("anna", "eve", "why", ("soc",)) is None
        assert held(ledger, customers=frozenset({1}))
        (one,) = ledger.response.suspended()
        assert (one.actor, one.who, one.rule, one.reason) == ("anna", "eve", "", "why")

    def test_what_he_was_shown_suspends_too_and_is_itself_never_held(self, ledger: Ledger) -> None:
        sent = Sent(frozenset({1}))
        shown = dataclasses.replace(sent.transfer, door=RESPONSE)
        verdict = dataclasses.replace(sent.verdict, action=Action.ALERT, suspends=RULE, tell=("soc",))
        ledger.enter(shown, verdict, Question(), lambda _: verdict)
        assert held(ledger)
        (listed,) = [each for each in Outbox(ledger.database).listed() if each.notice["type"] == "transfer"]
        assert (listed.notice["outcome"], listed.notice["door"]) == ("passed", RESPONSE)


class TestPseudonyms:
    @pytest.fixture
    def pseudonyms(self, tmp_path: Path) -> Pseudonyms:
        return Pseudonyms(tmp_path / "pseudonym.key")

    def ledger(self, opened: Opened, pseudonyms: Pseudonyms, *, on: bool) -> Ledger:
        plain = opened()
        return type(plain)(
            plain.database,
            plain.secret,
            called=pseudonyms if on else str,
            known_as=lambda actor: (actor, pseudonyms(actor)),
        )

    def test_name_and_pseudonym_are_both_taken(self, opened: Opened, pseudonyms: Pseudonyms) -> None:
        ledger = self.ledger(opened, pseudonyms, on=True)
        enter(ledger, Sent(frozenset({1})), suspends=RULE, tell=("soc",))
        (one,) = ledger.response.suspended()
        assert one.actor == pseudonyms("anna")
        assert ledger.response.lift("anna", "eve", "why", ()) == [one.actor]
        assert ledger.response.suspend(one.actor, "eve", "why", ()) == one.actor
        assert held(ledger, customers=frozenset({2}))
        assert ledger.response.lift(one.actor, "eve", "why", ()) == [one.actor]
        assert "anna" not in json.dumps([each.notice for each in Outbox(ledger.database).listed()])

    def test_reviewers_can_find_out_who_is_suspended_also_after_the_rest_is_gone(
        self, opened: Opened, pseudonyms: Pseudonyms
    ) -> None:
        ledger = self.ledger(opened, pseudonyms, on=True)
        ledger.sealed = lambda pseudonym, name: f"{pseudonym} {name}".encode()
        enter(ledger, Sent(NOBODY), suspends=RULE)
        enter(ledger, Sent(frozenset({1}), actor="boris"), suspends=RULE)
        enter(ledger, Sent(frozenset({2}), actor="carla"))
        retention.tidy(ledger, 1)
        with ledger.database.transaction() as connection:
            names = connection.execute(sa.select(people.c.name)).scalars().all()
        assert sorted(bytes(name).split()[1] for name in names) == [b"anna", b"boris"]

    @pytest.mark.parametrize("before", [True, False])
    def test_who_is_suspended_stays_so_when_they_are_switched(
        self, opened: Opened, pseudonyms: Pseudonyms, *, before: bool
    ) -> None:
        first, then = (self.ledger(opened, pseudonyms, on=on) for on in (before, not before))
        enter(first, Sent(frozenset({1})), suspends=RULE)
        assert held(then)
        assert held(then, customers=frozenset({2}))


class TestNotices:
    def test_a_retry_is_not_told_twice(self, ledger: Ledger) -> None:
        sent = Sent(frozenset({1, 2}))
        for _ in range(3):
            enter(ledger, sent, tell=("soc",))
        enter(ledger, sent, tell=("duty", "soc"))
        assert told(ledger) == [("transfer", "soc"), ("transfer", "duty")]
        enter(ledger, Sent(frozenset({1, 2}), body=b"another"), tell=("soc",))
        enter(ledger, dataclasses.replace(sent, day=1, body=repr(sent).encode()), tell=("soc",))
        assert len(told(ledger)) == 4

    def test_one_without_customers_is_told_too(self, ledger: Ledger) -> None:
        enter(ledger, Sent(NOBODY), tell=("soc",))
        assert told(ledger) == [("transfer", "soc")]

    def test_what_is_held_waits_for_its_id(self, ledger: Ledger) -> None:
        box = Outbox(ledger.database)
        entry = enter(ledger, Sent(frozenset({1})), action=Action.QUARANTINE, tell=("soc",))
        assert box.claim("soc") == []
        ledger.kept(entry, "T-1")
        (one,) = box.claim("soc")
        assert (one.notice["transfer_id"], one.notice["outcome"]) == ("T-1", "held")

    def test_a_crash_before_that_keeps_it_back_for_a_while_only(self, ledger: Ledger) -> None:
        enter(ledger, Sent(NOBODY), action=Action.QUARANTINE, tell=("soc",))
        later = Outbox(ledger.database, clock=lambda: ledger.clock() + notices.PATIENCE + 1)
        (one,) = later.claim("soc")
        assert (one.notice["transfer_id"], one.notice["outcome"]) == ("", "held")

    def test_what_is_released_is_told_as_released(self, ledger: Ledger) -> None:
        entry = enter(ledger, Sent(NOBODY), action=Action.QUARANTINE, tell=("soc",))
        ledger.sent(entry, "T-1")
        (one,) = Outbox(ledger.database).claim("soc")
        assert (one.notice["transfer_id"], one.notice["outcome"]) == ("T-1", "released")

    def test_it_holds_no_url_and_no_ordinal(self, ledger: Ledger) -> None:
        enter(ledger, Sent(frozenset({123_456_789})), tell=("soc",), suspends=RULE)
        for each in Outbox(ledger.database).listed():
            text = json.dumps(each.notice)
            assert "://" not in text
            assert "123456789" not in text

    def test_a_name_of_any_letters_is_written_down(self, ledger: Ledger) -> None:
        odd = Sent(frozenset({1}), actor="a'\"\\;--\u202e")
        enter(ledger, odd, tell=("soc",), suspends=RULE)
        assert len(told(ledger)) == 3

    def test_where_the_exposure_is_not_written_nobody_is_told(self, ledger: Ledger) -> None:
        with ledger.database.transaction(writes=True) as connection:
            connection.execute(sa.text("DROP TABLE outbox"))
        with pytest.raises(OSError, match=r"\w"):
            enter(ledger, Sent(frozenset({1})), suspends=RULE, tell=("soc",))
        with ledger.database.transaction() as connection:
            assert connection.execute(sa.select(suspensions)).first() is None
            assert connection.execute(sa.text("SELECT count(*) FROM exposures")).scalar() == 0


DAY = 86_400.0


class TestOutbox:
    def filled(self, ledger: Ledger, count: int, receiver: str = "soc") -> None:
        with ledger.database.transaction(writes=True) as connection:
            for number in range(count):
                notices.post(connection, f"n-{number}", {"type": "test"}, [receiver], 100.0, due=100.0)

    def test_two_couriers_never_have_the_same(self, opened: Opened) -> None:
        self.filled(opened(), 30)
        one, other = (Outbox(opened().database, clock=lambda: 200.0) for _ in range(2))
        numbers = [each.number for box in (one, other) for each in box.claim("soc")]
        assert len(numbers) == len(set(numbers)) == 30

    def test_after_the_lease_it_is_anybodys_and_the_first_has_no_say(self, ledger: Ledger) -> None:
        self.filled(ledger, 1)
        now = [200.0]
        box = Outbox(ledger.database, clock=lambda: now[0], lease=10)
        (first,) = box.claim("soc")
        assert box.claim("soc") == []
        now[0] = 211
        (second,) = box.claim("soc")
        assert second.notice == first.notice
        box.failed([first], "too late")
        assert box.listed()[0].error == ""
        box.sent([second])
        assert box.listed()[0].state == "sent"

    def test_it_waits_longer_each_time_and_is_given_up_after_a_week(self, ledger: Ledger) -> None:
        self.filled(ledger, 1)
        now = [100.0]
        box = Outbox(ledger.database, clock=lambda: now[0])
        pauses = []
        while now[0] < 100 + 8 * DAY and (claimed := box.claim("soc")):
            box.failed(claimed, "away")
            pauses.append(box.listed()[0].due - now[0])
            now[0] = box.listed()[0].due
            box.tidy()
        assert 1 <= pauses[0] <= 2
        assert all(pause <= 3600 for pause in pauses)
        assert max(pauses[3:6]) > max(pauses[:2])
        assert 100 < len(pauses) < 500
        (listed,) = box.listed()
        assert (listed.state, listed.error, listed.attempts) == ("failed", "away", len(pauses))
        assert box.retry(()) == 1
        assert len(box.claim("soc")) == 1

    def test_it_forgets_what_ended_long_ago_and_keeps_within_bounds(self, ledger: Ledger) -> None:
        self.filled(ledger, 12)
        now = [200.0]
        box = Outbox(ledger.database, clock=lambda: now[0], room=5)
        assert box.tidy() == 7, "the oldest that wait are given up"
        assert [each.id for each in box.listed()] == [f"n-{number}" for number in (11, 10, 9, 8, 7)]
        box.sent(box.claim("soc"))
        now[0] += 31 * DAY
        assert (box.tidy(), box.listed()) == (0, [])

    def test_a_flood_drops_no_suspension_and_no_canary_and_delays_neither(self, ledger: Ledger) -> None:
        enter(ledger, Sent(frozenset({1})), suspends=RULE)
        enter(ledger, Sent(frozenset({2}), actor="boris"), rule="canary", tell=("soc",))
        for number in range(9):
            sent = Sent(frozenset({3}), actor="clara", body=b"%d" % number)
            enter(ledger, sent, rule="many", tell=("soc",))
        box = Outbox(ledger.database, room=5)
        assert box.tidy() == 6
        claimed = [each.notice["type"] for each in box.claim("soc")]
        assert claimed == ["suspended", "canary", "transfer", "transfer", "transfer"]

    def test_one_receiver_is_not_anothers(self, ledger: Ledger) -> None:
        self.filled(ledger, 1)
        box = Outbox(ledger.database)
        assert box.claim("siem") == []
        with ledger.database.transaction() as connection:
            assert connection.execute(sa.select(outbox.c.lease)).scalar_one() == 0
