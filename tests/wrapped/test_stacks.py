"""Whatever is put into whatever: the customers are found, or the transfer is held."""

from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from exfilter.model import Transfer
from exfilter.scan import Pipeline
from fixtures.wrapped.made import export
from fixtures.wrapped.stacks import WRAPS, wrapped
from tests.wrapped.clock import within
from tests.wrapped.making import people

FEW = "zip", "base64", "gzip", "mail"
PAIRS = [pair for pair in itertools.product(sorted(WRAPS), repeat=2) if set(pair) & set(FEW)]
"""Inner and outer wrapping."""
STACKS = st.lists(st.sampled_from(sorted(WRAPS)), max_size=3)


@given(stack=STACKS, start=st.integers(0, 4_900))
@example(stack=["base64"] * 20, start=0)
@example(stack=["zip", "gzip"] * 8, start=0)
def test_no_stack_of_wrappings_hides_customers(stack: list[str], start: int, pipeline: Pipeline) -> None:
    some = people()[start : start + 40]
    body = wrapped(export(some).encode(), stack)
    verdict = pipeline.examine(Transfer("scan", body, name="x"), within(60))
    assert verdict.action.holds, stack
    if len(stack) <= 2:
        assert verdict.findings.customers >= 0.9 * len(some), stack


def test_each_is_opened_in_each_other(pipeline: Pipeline) -> None:
    some = people()[100:130]
    data = export(some).encode()
    closed, passed = [], []
    for pair in PAIRS:
        verdict = pipeline.examine(Transfer("scan", wrapped(data, pair), name="x"), within(60))
        if verdict.findings.customers < len(some):
            closed.append(pair)
        if not verdict.action.holds:
            passed.append(pair)
    assert not passed
    assert len(closed) <= 0.03 * len(PAIRS), closed
