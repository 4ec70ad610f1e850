"""States of windows: what is added in any order counts as if all of it were looked at each time."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from exfilter.ledger.rollup import AFTER
from exfilter.ledger.sets import Customers
from exfilter.ledger.windows import State
from exfilter.policy import Counted
from tests.ledger.sending import Plain, Sent

if TYPE_CHECKING:
    from tests.ledger.conftest import Opened

TODAY, ENDS = 500, (1, 7, 30)
who = st.builds(
    lambda identified, behind, estimated: Customers(
        BitMap(identified), BitMap(behind), min(estimated, len(behind))
    ),
    st.frozensets(st.integers(0, 20), max_size=6),
    st.one_of(st.just(frozenset[int]()), st.frozensets(st.integers(0, 20), max_size=4)),
    st.integers(0, 3),
)
sent = st.lists(st.tuples(st.sampled_from([500, 499, 494, 493, 471, 470, 3]), who), max_size=12)


def slowly(all_sent: list[tuple[int, Customers]], days: int, more: Customers) -> Counted:
    inside, before = Customers(), Customers()
    for day, each in all_sent:
        (inside if day > TODAY - days else before).add(each)
    together = inside.with_(more)
    return Counted(together.count(), together.count_new(before))


@given(sent, who)
def test_counts_are_those_of_all_that_was_sent(
    all_sent: list[tuple[int, Customers]], more: Customers
) -> None:
    state = State(TODAY, 0, ENDS, [Customers() for _ in range(4)])
    for number, (day, each) in enumerate(all_sent, 1):
        state.add(day, each)
        for days in ENDS:
            assert state.counted(days, more) == slowly(all_sent[:number], days, more)


@given(sent, who)
def test_a_state_that_is_loaded_counts_as_one_that_grew(
    all_sent: list[tuple[int, Customers]], more: Customers
) -> None:
    grown = State(TODAY, 0, ENDS, [Customers() for _ in range(4)])
    for day, each in all_sent:
        grown.add(day, each)
    loaded = State(TODAY, 0, ENDS, grown.parts)
    assert loaded.identified == grown.identified
    assert [loaded.counted(days, more) for days in ENDS] == [grown.counted(days, more) for days in ENDS]


def test_rolling_up_does_not_make_a_process_read_the_year_again(opened: Opened) -> None:
    ledger, dice, plain = opened(), random.Random(8), Plain()
    loaded = set[int]()
    for number in range(3 * AFTER + 5):
        each = Sent(
            frozenset(dice.sample(range(500), 4)), day=300, body=b"%d" % number, holds=number % AFTER == 63
        )
        past, _ = each.enter(ledger)
        assert past.counted == plain.counted(each)
        plain.enter(each)
        loaded.update(id(state) for state in ledger._asked._states._states.values())
    assert len(loaded) == 2
