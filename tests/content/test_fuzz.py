"""Content never raises and never outlives its budget, whatever the bytes.

Every file of the catalogue is flipped, cut, spliced with another, doubled in part and grown; random
stacks of wrappings are read whole and damaged. What was read is text with its records in order, what was
not has a reason and a size.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter import content
from exfilter.content.budget import Budget
from exfilter.limits import MIB, Limits
from exfilter.model import Part, Transfer
from fixtures.wrapped.made import Wrapped
from fixtures.wrapped.sent import transfer
from fixtures.wrapped.stacks import WRAPS
from fixtures.wrapped.stacks import wrapped as stacked
from tests.wrapped.making import files, people

ROUNDS = max(1, int(os.environ.get("EXFILTER_EXAMPLES", "0")) // 50)
"""Mutations of each file of the catalogue."""
LIMITS = Limits(bytes_out=64 * MIB, ratio_floor=4 * MIB, parts=5_000, depth=6)
SECONDS = 8.0
GRACE = 8.0
"""Seconds that one step between two looks at the clock may take, on a machine that does other things too."""


def check(given: Transfer) -> None:
    """Read a transfer without the net of ``content.read``: a mistake in a reader raises."""
    began = time.monotonic()
    budget = Budget(LIMITS, lambda: time.monotonic() - began > SECONDS)
    parts = 0
    try:
        for item in content.items(given, budget):
            if isinstance(item, Part):
                parts += 1
                _sound(item)
            else:
                assert item.bytes > 0
    finally:
        budget.sandbox.close()
    assert time.monotonic() - began < SECONDS + GRACE


def _sound(part: Part) -> None:
    part.text.encode()
    if part.records is not None:
        places = part.records.tolist()
        assert all(first < second for first, second in itertools.pairwise(places))
        assert all(0 <= place <= len(part.text) for place in places)


Change = Callable[[random.Random, bytearray, bytes], None]


def _flip(rng: random.Random, data: bytearray, _other: bytes) -> None:
    for _ in range(rng.choice((1, 4, 40))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, data: bytearray, _: bytes) -> None:
    start = rng.randrange(len(data))
    del data[start : rng.choice((len(data), start + rng.randrange(1, 60)))]


def _splice(rng: random.Random, data: bytearray, other: bytes) -> None:
    start = rng.randrange(max(1, len(other)))
    place = rng.randrange(len(data))
    data[place : place + rng.randrange(2_000)] = other[start : start + rng.randrange(4_000)]


def _double(rng: random.Random, data: bytearray, _: bytes) -> None:
    start = rng.randrange(len(data))
    piece = data[start : start + rng.randrange(1, 3_000)]
    place = rng.randrange(len(data))
    data[place:place] = piece * rng.choice((1, 1, 5))


def _insert(rng: random.Random, data: bytearray, _: bytes) -> None:
    place = rng.randrange(len(data))
    data[place:place] = rng.choice(
        (rng.randbytes(9), bytes(300), b"\xff" * 8, b"[" * 500, b"<a>" * 300, b"\r\n" * 40)
    )


def _number(rng: random.Random, data: bytearray, _: bytes) -> None:
    """Put an extreme number where a size or an offset may stand."""
    width = rng.choice((1, 2, 4, 8))
    place = rng.randrange(len(data))
    data[place : place + width] = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80"))[:1] * width


CHANGES: tuple[Change, ...] = (_flip, _cut, _splice, _double, _insert, _number)


def mutated(wrapped: Wrapped, other: Wrapped, seed: object, changes: int = 2) -> Transfer:
    """Return a file with some things done to it."""
    rng = random.Random(f"{wrapped.family}/{wrapped.name}:{seed}")
    data = bytearray(wrapped.data)
    for _ in range(changes):
        if data:
            rng.choice(CHANGES)(rng, data, other.data)
    given = transfer(wrapped)
    return Transfer(given.door, bytes(data), given.name, url=given.url, headers=given.headers)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_every_file_of_the_catalogue_may_be_damaged(turn: int) -> None:
    everything = files()
    for number, wrapped in enumerate(everything):
        other = everything[(number * 7 + turn + 1) % len(everything)]
        check(mutated(wrapped, other, turn))


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(), st.integers(3, 12))
def test_two_files_may_be_mixed_and_damaged_much(one: int, two: int, seed: int, changes: int) -> None:
    everything = files()
    check(mutated(everything[one % len(everything)], everything[two % len(everything)], seed, changes))


STACKS = st.lists(st.sampled_from(sorted(WRAPS)), max_size=7)


@given(STACKS, st.binary(max_size=60), st.integers())
def test_wrappings_may_be_stacked_and_damaged(stack: list[str], seed: bytes, place: int) -> None:
    data = stacked(seed + b"ann.smith@example.com;TM-30000123\n" * 20, stack)
    check(Transfer("scan", data, name="x"))
    check(Transfer("scan", data[: place % len(data)], name="x"))


def _small() -> Iterator[bytes]:
    """Yield the beginnings of every file: what tells a format from another, and then nothing."""
    for wrapped in files():
        for size in (1, 5, 17, 64, 300):
            yield wrapped.data[:size]


def test_beginnings_of_every_file_may_stand_alone() -> None:
    assert people()
    for data in dict.fromkeys(_small()):
        check(Transfer("scan", data, name="x"))
