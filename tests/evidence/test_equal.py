"""The evidence is that of the plain oracle, on random hits in random parts and records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.evidence import Observed, weigh
from exfilter.evidence.cases import find
from exfilter.evidence.chances import Chances
from exfilter.evidence.explain import best, exposed
from exfilter.evidence.gather import gather
from exfilter.evidence.values import COLUMNS, distinct, looked_for
from exfilter.index.statistics import Statistics
from exfilter.kernel.tables import NAME_LOOSE, Tables
from tests.evidence import slow

CUSTOMERS = 60
seeds = st.integers(0, 2**32)
sizes = st.lists(st.integers(0, 90), max_size=4)
lengths = st.sampled_from([40, 500, 5000])


def made(seed: int, counts: Sequence[int], length: int) -> tuple[list[Observed], Tables, Statistics]:
    rng = np.random.default_rng(seed)
    tables, statistics = slow.world(rng, CUSTOMERS)
    return [slow.part(rng, tables, CUSTOMERS, count, length) for count in counts], tables, statistics


@given(seeds, sizes, lengths)
def test_each_customer_has_the_bits_of_the_oracle(seed: int, counts: list[int], length: int) -> None:
    observed, tables, statistics = made(seed, counts, length)
    cases = find(gather(observed, tables), Chances(tables, statistics), tables)
    top = best(cases)
    found = dict(zip(cases.ordinal[top].tolist(), cases.bits[top].tolist(), strict=True))
    assert found == pytest.approx(slow.best_bits(observed, tables, statistics))


@given(seeds, sizes, lengths, st.integers(0, CUSTOMERS))
def test_who_is_exposed_by_field_is_who_the_oracle_says(
    seed: int, counts: list[int], length: int, some: int
) -> None:
    observed, tables, statistics = made(seed, counts, length)
    hits = gather(observed, tables)
    cases = find(hits, Chances(tables, statistics), tables)
    counted = np.sort(np.random.default_rng(seed).permutation(CUSTOMERS)[:some])
    found = exposed(hits, cases, counted, tables)
    assert {kind: who.tolist() for kind, who in found.items()} == slow.exposed(observed, tables, counted)


@given(seeds, sizes, lengths, st.integers(0, CUSTOMERS))
def test_who_counts_already_is_exposed_with_those_who_count_here(
    seed: int, counts: list[int], length: int, some: int
) -> None:
    observed, tables, statistics = made(seed, counts, length)
    known = np.sort(np.random.default_rng(seed).permutation(CUSTOMERS)[:some])
    weighed = weigh(observed, tables, statistics, known)
    counted = np.unique(np.concatenate((weighed.identified, weighed.estimated_ordinals, known)))
    found = {kind: who.tolist() for kind, who in weighed.exposed.items()}
    assert found == slow.exposed(observed, tables, counted)


@given(seeds, sizes)
def test_values_are_counted_once_in_all_parts_and_fields(seed: int, counts: list[int]) -> None:
    observed, tables, _ = made(seed, counts, 500)
    hits = gather(observed, tables)
    looked = looked_for(observed, hits, tables.shapes)
    wanted = slow.values(observed)
    for shape in np.flatnonzero(np.bincount(hits.shape)).tolist():
        of_shape = {tag: place for (s, tag), place in wanted.items() if s == shape}
        leads = Counter(lead for _, lead in of_shape.values())
        assert {lead: n for lead, n in enumerate(looked.counts[shape].tolist()) if n} == leads
        rows = distinct(hits, shape)
        assert sorted(hits.tag[rows]) == sorted(set(hits.tag[hits.shape == shape]))
        if shape != NAME_LOOSE:
            places = zip(hits.column[rows].tolist(), hits.lead[rows].tolist(), strict=True)
            assert list(places) == [of_shape[tag] for tag in hits.tag[rows].tolist()]


@given(seeds, sizes)
def test_fields_share_out_the_values(seed: int, counts: list[int]) -> None:
    observed, tables, _ = made(seed, counts, 500)
    hits = gather(observed, tables)
    looked = looked_for(observed, hits, tables.shapes)
    wanted = Counter((shape, column, lead) for (shape, _), (column, lead) in slow.values(observed).items())
    if not any(column for _, column, _ in wanted):
        assert not len(looked.fields)
        return
    for shape in np.flatnonzero(np.bincount(hits.shape)).tolist():
        for column in {0, COLUMNS - 1, *(column for _, column, _ in wanted)}:
            leads = {lead: n for (s, c, lead), n in wanted.items() if (s, c) == (shape, column)}
            assert {lead: n for lead, n in enumerate(looked.of_field(shape, column).tolist()) if n} == leads


@given(seeds, sizes, lengths)
def test_every_transfer_has_a_result(seed: int, counts: list[int], length: int) -> None:
    observed, tables, statistics = made(seed, counts, length)
    weighed = weigh(observed, tables, statistics, explain=True)
    assert not set(weighed.identified) & set(weighed.estimated_ordinals)
    assert {each.ordinal for each in weighed.explained if each.bits > each.needed} == set(weighed.identified)


def test_nothing_is_nobody() -> None:
    _, tables, statistics = made(1, [], 40)
    weighed = weigh([], tables, statistics)
    assert (len(weighed.identified), weighed.estimated, len(weighed.estimated_ordinals)) == (0, 0, 0)
