"""The ISTag is what decided last, and nobody is asked for it more often than need be."""

from __future__ import annotations

import asyncio

from exfilter.door.tasks import Outcome
from exfilter.icap.tags import FRESH, NONE, Tags


class Checks:
    """Answers one after the other, at a time that is told."""

    def __init__(self, *tags: str) -> None:
        self.tags, self.time = list(tags), 100.0

    async def check(self) -> Outcome:
        return Outcome(forward=True, tag=self.tags.pop(0))

    def clock(self) -> float:
        return self.time


def test_nobody_is_asked_again_at_once() -> None:
    checks = Checks("a", "b")
    tags = Tags(checks.check, checks.clock)
    assert tags.last == NONE
    assert [asyncio.run(tags.now()) for _ in range(2)] == ["a", "a"]
    checks.time += FRESH
    assert asyncio.run(tags.now()) == "b"


def test_where_nothing_can_decide_the_last_that_did_stands() -> None:
    checks = Checks("", "a", "")
    tags = Tags(checks.check, checks.clock)
    for expected in (NONE, "a", "a"):
        assert asyncio.run(tags.now()) == expected
        checks.time += FRESH


def test_each_answer_has_the_tag_of_what_decided_it() -> None:
    tags = Tags(Checks().check)
    assert tags.hear(Outcome(forward=True, tag="a")) == "a"
    assert tags.hear(Outcome(forward=False)) == "a"
    assert tags.hear(Outcome(forward=True, tag="b")) == tags.last == "b"
