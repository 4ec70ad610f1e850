"""Whether an answer can be one: a worker with a defect must not spoil a run, nor pass as "nothing found".

This is no guard against a worker that means harm: what Dask hands over has been unpickled by then.
"""

from __future__ import annotations

import math
from typing import cast

import msgspec
import numpy as np

from exfilter.bulk.messages import Done
from exfilter.bulk.packed import pack, unpack
from exfilter.bulk.tasks import Answer, Task
from exfilter.model import Findings, Ordinals

DIGEST = 64
"""Bytes of the digest of a content."""
WRONG = (TypeError, ValueError, AttributeError, KeyError, OverflowError, RecursionError, msgspec.MsgspecError)
"""What comes of reading values of other types."""


def sound(task: Task, given: object, ordinals: int) -> Answer | None:
    """Return the answer to a task, of exact types. None: this is no answer to it, or it makes no sense.

    ``ordinals``: how many the index has.
    """
    try:
        number, start, answer = cast("Done", given)
        if (number, start) != (task.number, task.start) or not isinstance(answer, Answer):
            return None
        exact = unpack(pack(answer))
        return exact if _answers(answer) and _possible(exact, ordinals) else None
    except WRONG:
        return None


def _answers(answer: Answer) -> bool:
    """Whether it is one of two: findings, or why there are none."""
    if answer.findings is None:
        return bool(answer.problem)
    if answer.problem:
        return False
    return all(each.dtype == np.int64 and each.ndim == 1 for each in _groups(answer.findings))


def _groups(found: Findings) -> tuple[Ordinals, ...]:
    return (found.identified, found.estimated_ordinals, *found.exposed.values())


def _possible(answer: Answer, ordinals: int) -> bool:
    seconds = math.isfinite(answer.seconds) and answer.seconds >= 0
    found = answer.findings
    if found is None:
        return seconds
    return seconds and len(answer.digest) in {0, DIGEST} and _counts(found) and _customers(found, ordinals)


def _counts(found: Findings) -> bool:
    maps = (found.fields, found.terms, found.canaries)
    several = (number for each in maps for number in each.values())
    unread = (part.bytes for part in found.unscanned)
    return min((found.bytes, found.estimated, *several, *unread)) >= 0


def _customers(found: Findings, ordinals: int) -> bool:
    shown = np.array([each.ordinal for each in found.exhibits], dtype=np.int64)
    known = all(_of_index(group, ordinals) for group in (*_groups(found), shown))
    return known and len(np.unique(found.identified)) == len(found.identified)


def _of_index(group: Ordinals, ordinals: int) -> bool:
    return not len(group) or bool(0 <= group.min() <= group.max() < ordinals)
