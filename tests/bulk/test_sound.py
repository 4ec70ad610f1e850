"""An answer is taken only as the answer to its task, and only if it can be one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.bulk.sound import sound
from exfilter.bulk.tasks import Answer, Task
from exfilter.model import Exhibit, Findings, Kind, Masked, Ordinals, Reason, Unscanned
from exfilter.stores import Item

TASK = Task(7, Item("/share", "a.txt", 20, "1"), 10, 20)
ORDINALS = 1_000


def who(*ordinals: int) -> Ordinals:
    return np.array(ordinals, dtype=np.int64)


FOUND = Findings(
    identified=who(0, 999),
    estimated=3,
    estimated_ordinals=who(5, 6, 7),
    fields={"email": 2},
    terms={"secret": 1},
    unscanned=(Unscanned("x.png", Reason.UNSUPPORTED, 9),),
    bytes=10,
    exposed={"email": who(0, 999)},
)
ANSWER = Answer(FOUND, digest=b"d" * 64, seconds=0.5)


def taken(answer: object, number: int = 7, start: int = 10) -> Answer | None:
    return sound(TASK, (number, start, answer), ORDINALS)


def test_a_whole_answer_is_taken_as_it_is() -> None:
    found = taken(ANSWER)
    assert found is not None
    assert found.findings is not None
    assert found.findings.identified.tolist() == [0, 999]
    assert (found.digest, found.findings.fields, found.findings.unscanned) == (
        ANSWER.digest,
        FOUND.fields,
        FOUND.unscanned,
    )
    unread = Answer(None, "encrypted", Reason.ENCRYPTED, seconds=1.0)
    assert taken(unread) == unread


@pytest.mark.parametrize(
    "change",
    [
        {"identified": who(1000)},
        {"identified": who(-1)},
        {"identified": who(3, 3)},
        {"identified": np.array([1.5])},
        {"identified": np.array([[1]])},
        {"identified": [1]},
        {"identified": None},
        {"estimated": -1},
        {"estimated": "3"},
        {"estimated_ordinals": who(1 << 40)},
        {"exposed": {"email": who(1000)}},
        {"exposed": None},
        {"fields": {"email": -2}},
        {"terms": {"secret": 0.5}},
        {"unscanned": ("x.png",)},
        {"unscanned": (Unscanned("x.png", "none", 9),)},  # type: ignore[arg-type]
        {"unscanned": (Unscanned("x.png", Reason.OPAQUE, -9),)},
        {"bytes": -1},
        {"exhibits": (Exhibit("x", Kind.EMAIL, Masked("a…"), 1000, 1),)},
    ],
)
def test_what_cannot_be_found_is_not_taken(change: dict[str, Any]) -> None:
    assert taken(replace(ANSWER, findings=replace(FOUND, **change))) is None


@pytest.mark.parametrize(
    "change",
    [
        {"findings": None},
        {"problem": "both"},
        {"findings": "none"},
        {"seconds": -1.0},
        {"seconds": float("nan")},
        {"digest": b"short"},
        {"digest": "d" * 64},
        {"reason": "none"},
    ],
)
def test_what_cannot_be_answered_is_not_taken(change: dict[str, Any]) -> None:
    assert taken(replace(ANSWER, **change)) is None


@pytest.mark.parametrize(("number", "start"), [(8, 10), (7, 0), (7, 20)])
def test_the_answer_to_another_task_is_not_taken(number: int, start: int) -> None:
    assert taken(ANSWER, number, start) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(ANSWER),
    lambda some: st.lists(some) | st.tuples(some, some, some) | st.dictionaries(st.text(), some),
    max_leaves=9,
)


@given(values)
def test_nothing_else_is_taken_nor_raises(value: object) -> None:
    assert sound(TASK, value, ORDINALS) is None
    if not isinstance(value, Answer):
        assert taken(value) is None
