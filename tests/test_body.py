"""A body is the same wherever it lies, and however it arrives."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter import content
from exfilter.body import CHUNK, Arriving, Filed, known, pieces, size, whole
from exfilter.limits import PROXY
from exfilter.model import Part, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exfilter.content.budget import Item

TEXTS = st.sampled_from([b"name,mail\n", b"x@example.com ", b"\x00\x01", b'{"a": "b"}\n', b"\xff\xfeh\x00"])
BODIES = st.lists(TEXTS, max_size=60).map(b"".join)


@contextmanager
def file(data: bytes) -> Iterator[int]:
    descriptor = os.memfd_create("body")
    with closing(os.fdopen(descriptor, "wb")) as opened:
        opened.write(data)
        opened.flush()
        yield descriptor


def arriving(descriptor: int, data: bytes, steps: list[int]) -> Arriving:
    """Return a body that grows by these steps, and then to its end."""
    sizes = [min(sum(steps[: count + 1]), len(data)) for count in range(len(steps))]
    waits = iter([*((each, False) for each in sizes), (len(data), True)])
    return Arriving(descriptor, lambda: next(waits))


@given(BODIES, st.lists(st.integers(0, 50)))
def test_a_body_in_a_file_and_one_that_arrives_are_the_bytes_themselves(
    data: bytes, steps: list[int]
) -> None:
    with file(data) as descriptor:
        filed, coming = Filed(descriptor, len(data)), arriving(descriptor, data, steps)
        assert whole(coming) == whole(filed) == whole(memoryview(data)) == data
        assert size(coming) == size(filed) == size(memoryview(data)) == len(data)
        assert b"".join(pieces(filed, len(data) // 2)) == data[len(data) // 2 :]
        assert b"".join(pieces(coming, len(data) // 2)) == data[len(data) // 2 :]


@given(BODIES, st.lists(st.integers(0, 50), max_size=5))
def test_a_body_yields_the_same_text_wherever_it_lies(data: bytes, steps: list[int]) -> None:
    with file(data) as descriptor:
        wanted = list(content.read(Transfer("proxy", data), PROXY))
        assert read(Transfer("proxy", Filed(descriptor, len(data)))) == texts(wanted)
        assert read(Transfer("proxy", arriving(descriptor, data, steps))) == texts(wanted)


def read(transfer: Transfer) -> list[object]:
    return texts(list(content.read(transfer, PROXY)))


def texts(items: list[Item]) -> list[object]:
    return [(item.path, item.text) if isinstance(item, Part) else item for item in items]


def test_how_long_a_body_will_be_is_not_known_while_it_arrives() -> None:
    with file(b"good morning") as descriptor:
        coming = arriving(descriptor, b"good morning", [4])
        first = next(coming.pieces())
        assert (first, known(coming)) == (b"good", 0)
        assert (len(coming), known(coming)) == (12, 12)


def test_a_file_that_is_shorter_than_it_was_is_no_whole_body() -> None:
    with file(b"good") as descriptor, pytest.raises(EOFError, match="byte 4 of 12"):
        whole(Filed(descriptor, 12))


def test_large_bodies_come_in_pieces() -> None:
    data = bytes(2 * CHUNK + 1)
    with file(data) as descriptor:
        assert [len(piece) for piece in pieces(Filed(descriptor, len(data)))] == [CHUNK, CHUNK, 1]
        assert [len(piece) for piece in pieces(data)] == [CHUNK, CHUNK, 1]
