"""What a trace reads of the ledger, on SQLite and PostgreSQL, against all that was sent."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from exfilter.ledger import blobs
from exfilter.ledger.holding import Victims
from exfilter.ledger.judgement import Outcome
from exfilter.ledger.rollup import AFTER
from exfilter.ledger.sets import packed
from exfilter.ledger.trace import trace
from exfilter.ledger.tracing import Asked, Evidence, evidence
from exfilter.policy import Question
from tests.ledger.sending import DAY, START, Sent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exfilter.ledger import Ledger

POPULATION = 100_000
VICTIMS = (7, 1_000, 70_000, 99_999)


def alone(names: Sequence[str], _: object) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.zeros(len(names), dtype=np.int32)


def asked(*called: float, **more: float | bool) -> Asked:
    times = np.array(called or [math.inf] * len(VICTIMS))
    return Asked(Victims(times), np.array(VICTIMS), **more)  # type: ignore[arg-type]


def look(ledger: Ledger, what: Asked | None = None) -> Evidence:
    return evidence(ledger, what or asked(), POPULATION, alone)


def told(found: Evidence) -> set[tuple[str, str, float, bool, int]]:
    """Return actor, destination, time, whether it left, and victim, for each pair."""
    carried = found.carried
    return {
        (
            found.actor_names[carried.actor[transfer]],
            found.destination_names[carried.destination[transfer]],
            float(carried.time[transfer]),
            bool(carried.left[transfer]),
            VICTIMS[victim],
        )
        for transfer, victim in zip(carried.transfer.tolist(), carried.victim.tolist(), strict=True)
    }


def expected(sent: Sequence[Sent]) -> set[tuple[str, str, float, bool, int]]:
    return {
        (each.actor, each.destination, each.transfer.time, not each.holds, victim)
        for each in sent
        for victim in VICTIMS
        if victim in each.customers
    }


def company(dice: random.Random, many: int) -> list[Sent]:
    return [
        Sent(
            frozenset(dice.sample(range(POPULATION), dice.randint(1, 9)))
            | frozenset(dice.sample(VICTIMS, dice.choice([0, 0, 0, 1, 2])))
            | frozenset(range(dice.choice([0, 0, 0, 900]))),
            day=number // 3,
            actor=dice.choice(["anna", "boris", "clara"]),
            destination=dice.choice(["mail.example", "crm.example", "drive.example"]),
            body=b"%d" % number,
            holds=dice.random() < 0.1,
        )
        for number in range(many)
    ]


@pytest.mark.parametrize("many", [20, 5 * AFTER])
def test_every_transfer_with_a_victim_is_found_and_no_other(ledger: Ledger, many: int) -> None:
    sent = company(random.Random(many), many)
    for each in sent:
        each.enter(ledger, frozenset())
    found = look(ledger)
    assert told(found) == expected(sent)
    assert list(found.carried.time) == sorted(found.carried.time)


def test_sizes_are_all_that_everybody_ever_sent(ledger: Ledger) -> None:
    sent = company(random.Random(3), 4 * AFTER)
    for each in sent:
        each.enter(ledger, frozenset())
    found = look(ledger)
    left = [each for each in sent if not each.holds]
    for names, crowd, kind in (
        (found.actor_names, found.actors, "actor"),
        (found.destination_names, found.destinations, "destination"),
    ):
        for name, size in zip(names, crowd.sizes.tolist(), strict=True):
            assert size == len(set().union(*(s.customers for s in left if getattr(s, kind) == name)))


def test_dates_bound_what_counts(ledger: Ledger) -> None:
    sent = company(random.Random(4), 3 * AFTER)
    for each in sent:
        each.enter(ledger, frozenset())
    since, until = START + 10 * DAY, START + 31 * DAY
    found = look(ledger, asked(since=since, until=until))
    assert told(found) == expected([each for each in sent if 10 <= each.day < 31])


def test_a_bulk_sender_is_ranked_last_and_read_for_his_first_and_last_days(ledger: Ledger) -> None:
    everybody = frozenset(range(0, POPULATION, 10)) | frozenset(VICTIMS)
    for day in range(3 * AFTER):
        each = Sent(everybody, day=day, actor="sync", destination="crm.example", bulk=True, body=b"%d" % day)
        each.enter(ledger, frozenset())
    for day in (5, 9):
        Sent(frozenset(VICTIMS), day=day, actor="mallory", body=b"%d" % day).enter(ledger, frozenset())
    what = asked(*[START + 40.5 * DAY] * len(VICTIMS))
    found = look(ledger, what)
    named = trace(found.carried, what.victims, found.actors, found.destinations)
    assert [found.actor_names[place] for place in named.actors.holder] == ["mallory", "sync"]
    assert (named.actors.first[1], named.actors.last[1]) == (START + 3600, START + 40 * DAY + 3600)
    assert list(named.actors.size) == [len(VICTIMS), len(everybody)]
    assert len(found.carried.time) < 8


def test_who_steals_under_an_allow_rule_is_named(ledger: Ledger) -> None:
    most = frozenset(range(0, POPULATION, 2)) | frozenset(VICTIMS)
    Sent(most, actor="sync", destination="crm.example", exempt=True).enter(ledger, frozenset())
    for number in range(20):
        some = frozenset(random.Random(number).sample(range(POPULATION), 300)) - frozenset(VICTIMS)
        Sent(some, actor=f"support-{number}", exempt=number < 10).enter(ledger, frozenset())
    Sent(frozenset(VICTIMS) | frozenset(range(90)), actor="boss", exempt=True).enter(ledger, frozenset())
    what = asked()
    found = look(ledger, what)
    named = trace(found.carried, what.victims, found.actors, found.destinations)
    assert named.verdict.outcome is Outcome.NAMED
    assert found.actor_names[named.actors.holder[named.verdict.suspects[0]]] == "boss"
    assert not found.actors.bulk.any()


def test_who_may_be_behind_an_estimate_counts_only_when_asked_for(ledger: Ledger) -> None:
    Sent(frozenset({1}), estimated=2, behind=frozenset({7, 8, 9})).enter(ledger)
    assert told(look(ledger)) == set()
    found = look(ledger, asked(estimated=True))
    assert [victim for *_, victim in told(found)] == [7]
    assert list(found.actors.sizes) == [4]


def test_what_was_shown_is_no_transfer(ledger: Ledger) -> None:
    shown = Sent(frozenset(VICTIMS))
    ledger.enter(
        replace(shown.transfer, door="response"),
        shown.verdict,
        Question(),
        lambda _: shown.verdict,
    )
    assert told(look(ledger)) == set()


def test_what_the_quarantine_has_is_called_by_its_id(ledger: Ledger) -> None:
    _, held = Sent(frozenset(VICTIMS), holds=True).enter(ledger)
    ledger.kept(held, "t-1")
    Sent(frozenset(VICTIMS), day=1).enter(ledger)
    found = look(ledger)
    assert found.transfers == ("t-1", "2")


def test_the_groups_that_an_actor_sent_in_are_told(ledger: Ledger) -> None:
    Sent(frozenset({1}), groups=("Support",)).enter(ledger)
    Sent(frozenset({1}), groups=("sales", "Support"), day=1).enter(ledger)
    Sent(frozenset({1}), actor="boris").enter(ledger)
    told: list[object] = []

    def grouped(names: Sequence[str], seen: object) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        told.append(seen)
        return alone(names, seen)

    evidence(ledger, asked(), POPULATION, grouped)
    assert told == [[{"support", "sales"}, set()]]


def test_an_empty_ledger_says_so(ledger: Ledger) -> None:
    with pytest.raises(LookupError):
        look(ledger)


sets = st.one_of(
    st.frozensets(st.integers(0, 2**31 - 2), max_size=20),
    st.tuples(st.integers(0, 200_000), st.integers(1, 9_000), st.integers(1, 5)).map(
        lambda of: frozenset(range(of[0], of[0] + of[1] * of[2], of[2]))
    ),
)


@given(st.lists(sets, max_size=8), sets)
def test_many_blobs_are_opened_as_each_alone(content: list[frozenset[int]], wanted: frozenset[int]) -> None:
    opened = blobs.opened([packed(BitMap(each)) for each in content])
    assert sorted(opened.meeting(BitMap(wanted))) == [n for n, each in enumerate(content) if each & wanted]
    owner = np.arange(len(content)) % 3
    by: dict[int, set[int]] = {}
    for name, members in opened.by(owner):
        by.setdefault(name, set()).update(members)
    whole = {n: set().union(*content[n::3]) for n in range(min(3, len(content)))}
    assert {name: some for name, some in by.items() if some} == {n: some for n, some in whole.items() if some}
