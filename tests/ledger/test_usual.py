"""How unusual a day is, on what the ledger knows."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from exfilter import policy
from exfilter.ledger import Ledger, peerage
from exfilter.ledger.daily import history
from exfilter.ledger.deviation import Measure
from exfilter.ledger.rollup import AFTER, roll_up
from exfilter.ledger.tables import scopes
from exfilter.ledger.usual import known
from exfilter.model import Action
from exfilter.policy import Past, Question
from tests.ledger.sending import DAY, START, Sent

if TYPE_CHECKING:
    from exfilter.model import Verdict

ALL = frozenset({"customers", "new", "destinations", "unscanned"})
RULE = """
[[rules]]
name = "an unusual day"
unusual = 1e-4
of = ["new"]
action = "quarantine"
"""


def day_of(ledger: Ledger, day: int) -> int:
    return ledger.calendar.day(START + day * DAY + 3600)


def unusual(ledger: Ledger, sent: Sent) -> dict[str, float]:
    """Return the probabilities that are told, and enter nothing."""
    told: list[Past] = []

    def decide(past: Past) -> Verdict:
        told.append(past)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.enter(sent.transfer, sent.verdict, Question(sent.groups, measures=ALL), decide)
    return {measure: 10**each.log10_p for measure, each in told[0].unusual.items()}


def routine(ledger: Ledger, days: int, actor: str = "anna", groups: tuple[str, ...] = ()) -> None:
    """Send some ten customers a day, most of them the actor's own forty."""
    dice = random.Random(actor)
    for day in range(days):
        own = frozenset(dice.sample(range(40), 9)) | {10_000 + dice.randrange(10**6) for _ in range(3)}
        Sent(own, day=day, actor=actor, groups=groups).enter(ledger)


def test_a_day_like_all_others_is_not_unusual_and_a_theft_is(ledger: Ledger) -> None:
    routine(ledger, 60)
    usual = unusual(ledger, Sent(frozenset(range(30, 45)), day=60))
    assert all(each > 1e-3 for each in usual.values())
    theft = unusual(ledger, Sent(frozenset(range(50_000, 53_400)), day=60))
    assert theft["new"] < 1e-4
    assert theft["customers"] < 1e-4


def test_who_is_new_is_judged_by_his_peers(ledger: Ledger) -> None:
    for number in range(12):
        routine(ledger, 40, f"support-{number}", ("support",))
    ledger.clock = lambda: START + 40 * DAY + 3600
    assert peerage.sum_up(ledger) == 2
    usual = unusual(ledger, Sent(frozenset(range(8)), day=40, actor="newcomer", groups=("support",)))
    assert usual["new"] > 1e-3
    theft = unusual(ledger, Sent(frozenset(range(5_000)), day=40, actor="newcomer", groups=("support",)))
    assert theft["new"] < 1e-3


def test_peers_that_are_summed_up_during_a_day_count_from_then_on(ledger: Ledger) -> None:
    for number in range(12):
        routine(ledger, 40, f"support-{number}", ("support",))
    ledger.clock = lambda: START + 40 * DAY + 3600
    told: list[float] = []
    sent = Sent(frozenset(range(300)), day=40, actor="newcomer", groups=("support",))

    def decide(past: Past) -> Verdict:
        told.append(past.unusual["customers"].log10_p)
        return sent.verdict

    ledger.enter(sent.transfer, sent.verdict, Question(sent.groups, measures=ALL), decide)
    peerage.sum_up(ledger)
    ledger.enter(sent.transfer, sent.verdict, Question(sent.groups, measures=ALL), decide)
    assert told[1] < told[0]  # a first day is unusual only beside others


def test_a_rule_says_so_with_the_numbers(ledger: Ledger) -> None:
    routine(ledger, 60)
    read = policy.read(RULE.encode(), "policy.toml")
    theft = Sent(frozenset(range(50_000, 53_400)), day=60)
    entry = ledger.enter(
        theft.transfer,
        theft.verdict,
        policy.question(read, theft.transfer),
        lambda past: policy.recall(read, theft.transfer, theft.verdict, past),
    )
    assert (entry.verdict.action, entry.verdict.rule) == (Action.QUARANTINE, "an unusual day")
    assert "this actor sent 3,400 customers whom he never sent before today" in entry.verdict.reason
    assert "decibans of surprise" in entry.verdict.reason


def test_histories_are_the_same_before_and_after_they_are_rolled_up(ledger: Ledger) -> None:
    dice = random.Random(3)
    sent: list[Sent] = []
    for number in range(AFTER - 4):
        some = frozenset(dice.sample(range(300), 7))
        sent.append(Sent(some, day=number // 3, destination=f"host-{number // 7}.example"))
        sent[-1].enter(ledger)
    today = day_of(ledger, 40)

    def histories() -> dict[Measure, list[int]]:
        with ledger.database.transaction() as connection:
            scope = known(connection, "actor", "anna")
            assert scope
            return {
                measure: history(connection, *scope, today, measure).counts.tolist()
                for measure in (Measure.CUSTOMERS, Measure.NEW, Measure.DESTINATIONS)
            }

    before = histories()
    with ledger.database.transaction(writes=True) as connection:
        for row in connection.execute(scopes.select()).all():
            roll_up(connection, row.id, row.turn, row.through)
    assert histories() == before
    seen: set[int] = set()
    for day in range(40):
        mine = set().union(*(each.customers for each in sent if each.day == day))
        assert before[Measure.CUSTOMERS][day] == len(mine)
        assert before[Measure.NEW][day] == len(mine - seen)
        seen |= mine
