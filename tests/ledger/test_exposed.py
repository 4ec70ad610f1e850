"""Who was exposed, and who else had them, against plain dictionaries."""

from __future__ import annotations

import random
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from exfilter.ledger import choosing, exposed, transfers
from exfilter.ledger.choosing import PAGE, Choice
from exfilter.ledger.others import others
from exfilter.ledger.rollup import AFTER
from tests.ledger.sending import DAY, START, Sent
from tests.ledger.test_retention import opened_in

if TYPE_CHECKING:
    from exfilter.ledger import Ledger

EPOCH = 719_163
"""Day of 1970-01-01."""


def day(of: int) -> int:
    return EPOCH + int(START / DAY) + of


@dataclass
class One:
    """A customer in the oracle."""

    identified: bool = False
    times: list[float] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    destinations: set[str] = field(default_factory=set)


def slow(sent: list[Sent], *, held: bool = False) -> dict[int, One]:
    found: dict[int, One] = {}
    for each in sent:
        if each.holds is held:
            for who in each.customers | each.behind:
                one = found.setdefault(who, One())
                one.identified |= who in each.customers
                one.times.append(each.transfer.time)
                one.destinations.add(each.destination)
                if who in each.customers:
                    one.fields |= set(each.fields)
    return found


def told(ledger: Ledger, choice: Choice, *, sent: bool = True) -> dict[int, One]:
    of = choosing.chosen(ledger, choice)
    found = exposed.exposed(ledger.database, of, sent=sent)
    names = choosing.names(ledger.database, sorted(found.destinations))
    people = dict[int, One]()
    for some in exposed.customers(ledger.database, of, found, sent=sent):
        for place, who in enumerate(some.ordinals.tolist()):
            one = One(bool(some.identified[place]), [some.first[place], some.last[place]])
            one.fields = set(some.fields[place])
            one.destinations = {names[number] for number in some.destinations[place]}
            assert who not in people
            people[who] = one
            one.times.append(some.transfers[place])
    return people


def same(fast: dict[int, One], plain: dict[int, One]) -> None:
    assert fast.keys() == plain.keys()
    for who, one in plain.items():
        assert fast[who].times == [min(one.times), max(one.times), len(one.times)]
        assert (fast[who].identified, fast[who].fields) == (one.identified, one.fields)
        assert fast[who].destinations == one.destinations


sendings = st.builds(
    Sent,
    customers=st.frozensets(st.integers(0, 30), min_size=1, max_size=6),
    behind=st.frozensets(st.integers(20, 60), max_size=5),
    estimated=st.just(1),
    day=st.integers(0, 400),
    actor=st.sampled_from(["anna", "boris"]),
    destination=st.sampled_from(["mail.example", "crm.example"]),
    fields=st.sampled_from([("email",), ("name", "phone"), ("ticket", "email")]),
    body=st.binary(min_size=8, max_size=8),
    holds=st.booleans(),
)


@settings(max_examples=20)
@given(st.lists(sendings, max_size=12, unique_by=lambda each: each.body))
def test_the_list_is_that_of_plain_dictionaries(sent: list[Sent]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(opened_in(folder, "ledger")) as ledger:
        for each in sent:
            each.enter(ledger)
        same(told(ledger, Choice()), slow(sent))
        same(told(ledger, Choice(), sent=False), slow(sent, held=True))


def leak(count: int) -> list[Sent]:
    dice = random.Random(7)
    return [
        Sent(
            frozenset(dice.sample(range(500), 9)),
            day=number // 4,
            actor=dice.choice(["anna", "boris", "cora"]),
            destination=dice.choice(["mail.example", "crm.example", "=cmd.example"]),
            behind=frozenset(dice.sample(range(400, 600), 4)),
            estimated=2,
            holds=number % 10 == 0,
            body=b"%d" % number,
        )
        for number in range(count)
    ]


class TestOfMany:
    """More transfers than a page, in part rolled up."""

    @pytest.fixture
    def sent(self, ledger: Ledger) -> list[Sent]:
        sent = leak(3 * max(PAGE, AFTER) // 2)
        for each in sent:
            each.enter(ledger)
        return sent

    def test_of_all(self, ledger: Ledger, sent: list[Sent]) -> None:
        same(told(ledger, Choice()), slow(sent))

    def test_of_one_actor_to_one_destination_in_some_days(self, ledger: Ledger, sent: list[Sent]) -> None:
        choice = Choice("anna", "mail.example", since=day(3), until=day(17))
        mine = [e for e in sent if e.actor == "anna" and e.destination == "mail.example" and 3 <= e.day <= 17]
        assert mine
        same(told(ledger, choice), slow(mine))

    def test_of_one_transfer(self, ledger: Ledger, sent: list[Sent]) -> None:
        (row,) = transfers.listed(ledger, Choice(), 1)
        same(told(ledger, Choice(transfer=str(row.number))), slow(sent[-1:]))

    def test_by_day_and_destination(self, ledger: Ledger, sent: list[Sent]) -> None:
        found = exposed.exposed(ledger.database, choosing.chosen(ledger, Choice()))
        names = choosing.names(ledger.database, sorted(found.destinations))
        plain: dict[tuple[int, str], list[Sent]] = {}
        for each in sent:
            if not each.holds:
                plain.setdefault((day(each.day), each.destination), []).append(each)
        fast = {(each.day, names[each.destination]): each for each in found.daily}
        assert fast.keys() == plain.keys()
        for key, mine in plain.items():
            identified = frozenset[int]().union(*(each.customers for each in mine))
            possible = frozenset[int]().union(*(each.behind for each in mine)) - identified
            assert (fast[key].transfers, fast[key].identified) == (len(mine), len(identified))
            assert fast[key].possible == len(possible)

    def test_who_else_had_them(self, ledger: Ledger, sent: list[Sent]) -> None:
        whom = frozenset(range(40))
        fast = {(each.kind, each.name): each for each in others(ledger.database, BitMap(whom), set(), 99)}
        for kind in ("actor", "destination"):
            for name in {getattr(each, kind) for each in sent}:
                mine = [e for e in sent if getattr(e, kind) == name and not e.holds and e.customers & whom]
                other = fast.pop((kind, name))
                assert other.customers == len(
                    whom.intersection(*[frozenset[int]().union(*(e.customers for e in mine))])
                )
                days = [each.day for each in mine]
                assert (other.first, other.last) == (day(min(days)), day(max(days)))
        assert not fast

    def test_newest_first(self, ledger: Ledger, sent: list[Sent]) -> None:
        rows = transfers.listed(ledger, Choice(), 1000)
        assert [row.time for row in rows] == sorted((each.transfer.time for each in sent), reverse=True)
        held = transfers.listed(ledger, Choice(actor="anna"), 1000, sent=False)
        assert len(held) == sum(each.holds and each.actor == "anna" for each in sent)


def test_who_is_not_known_is_said_to_be_so(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="knows no such actor"):
        choosing.chosen(ledger, Choice(actor="nobody"))
    with pytest.raises(ValueError, match="no such transfer"):
        transfers.show(ledger, "t-nothing")


def test_what_was_shown_inside_was_not_sent(ledger: Ledger) -> None:
    Sent(frozenset({1})).enter(ledger)
    with ledger.database.transaction(writes=True) as connection:
        connection.exec_driver_sql("UPDATE scopes SET kind = 'reader' WHERE kind = 'actor'")
    assert not told(ledger, Choice())
    assert told(ledger, Choice(viewed=True)).keys() == {1}
