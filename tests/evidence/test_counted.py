"""A set of customers by marks is a set."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exfilter.evidence.counted import Counted
from exfilter.evidence.sorting import by_ordinal, by_tag
from tests.evidence import slow

ordinals = st.lists(st.integers(0, 2**20), max_size=20)


@given(st.lists(ordinals, max_size=5), ordinals)
def test_marks_are_a_set(added: list[list[int]], asked: list[int]) -> None:
    tables, _ = slow.world(np.random.default_rng(1), 60)
    counted, wanted = Counted(tables), set[int]()
    for some in added:
        counted.add(np.array(some, dtype=np.int64))
        wanted |= set(some)
    assert counted.ordinals().tolist() == sorted(wanted)
    assert counted.hold(np.array(asked, dtype=np.int64)).tolist() == [each in wanted for each in asked]


@given(st.integers(0, 2**32), st.lists(st.integers(0, 59), max_size=9))
def test_a_value_is_held_with_any_of_its_bearers(seed: int, marked: list[int]) -> None:
    rng = np.random.default_rng(seed)
    tables, _ = slow.world(rng, 60)
    posting = slow.part(rng, tables, 60, 30, 100).matches.posting
    counted = Counted(tables, np.array(marked, dtype=np.int64))
    row, ordinal = tables.expand(posting)
    wanted = {at for at, who in zip(row.tolist(), ordinal.tolist(), strict=True) if who in marked}
    assert np.flatnonzero(counted.hold_bearer(posting)).tolist() == sorted(wanted)


@given(st.lists(st.integers(0, 2**32 - 1)))
def test_orders_are_stable_orders(numbers: list[int]) -> None:
    ordinal = np.array(numbers, dtype=np.int64)
    assert by_ordinal(ordinal).tolist() == np.argsort(ordinal, kind="stable").tolist()
    tags = ordinal.astype(np.uint64) << np.uint64(31)
    assert by_tag(tags).tolist() == np.argsort(tags, kind="stable").tolist()
