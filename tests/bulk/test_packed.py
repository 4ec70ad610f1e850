"""Answers as bytes, and several as one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exfilter.bulk.packed import pack, united, unpack
from exfilter.bulk.tasks import Answer, Task
from exfilter.model import Findings, Ordinals, Reason, Unscanned
from exfilter.stores import Item

PEOPLE = st.sets(st.integers(0, 40))


def ordinals(some: set[int]) -> Ordinals:
    return np.array(sorted(some), dtype=np.int64)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    if draw(st.booleans()):
        problem = draw(st.sampled_from(["permission denied", ""]))
        return Answer(None, problem, Reason.MALFORMED, passing=True)
    who, behind = draw(PEOPLE), draw(PEOPLE)
    behind -= who
    estimated = draw(st.integers(0, len(behind)))
    unread = (Unscanned("zip \udcff", Reason.ENCRYPTED, 7),) if draw(st.booleans()) else ()
    found = Findings(
        ordinals(who), estimated, ordinals(behind), {"email": len(who)}, {"secret": 2}, unread, 100,
        exposed={"email": ordinals(who)},
    )  # fmt: skip
    return Answer(found, digest=b"d" * 8, seconds=1.5)


def told(answer: Answer) -> object:
    found = answer.findings
    if found is None:
        return answer.problem, answer.reason, answer.passing
    exposed = {name: who.tolist() for name, who in found.exposed.items()}
    people = found.identified.tolist(), found.estimated, found.estimated_ordinals.tolist(), exposed
    return people, found.fields, found.terms, found.unscanned, found.bytes, answer.digest, answer.seconds


@given(answers())
def test_what_is_packed_comes_back(answer: Answer) -> None:
    assert told(unpack(pack(answer))) == told(answer)


@given(st.lists(answers(), min_size=1, max_size=4))
def test_united_every_customer_counts_once_and_what_was_not_read_is_named(parts: list[Answer]) -> None:
    item = Item("s3://share/", "x", 100 * len(parts))
    tasks = [Task(1, item, at, at + 100) for at in range(0, item.size, 100)]
    whole = united(list(zip(tasks, parts, strict=True))).findings
    assert whole is not None
    read = [each.findings for each in parts if each.findings]
    identified = {who for found in read for who in found.identified.tolist()}
    behind = {who for found in read for who in found.estimated_ordinals.tolist()} - identified
    assert set(whole.identified.tolist()) == identified
    assert whole.estimated <= len(behind)
    assert whole.customers >= max((found.customers for found in read), default=0) - len(identified)
    assert len(whole.unscanned) == len(parts) - len(read) + sum(len(found.unscanned) for found in read)
    assert whole.bytes == item.size
