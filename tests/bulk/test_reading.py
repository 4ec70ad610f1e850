"""The digest of a content, which costs no reading of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from exfilter.body import CHUNK
from exfilter.bulk.reading import Hashed
from exfilter.model import never

KEY = b"k" * 32


@dataclass
class Counted:
    """A body without end, as far as anybody reads."""

    size: int
    asked: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return self.size

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        for at in range(start, self.size, CHUNK):
            self.asked.append(at)
            yield bytes(min(CHUNK, self.size - at))


@given(st.lists(st.integers(0, 3 * CHUNK), max_size=4), st.integers(1, 3 * CHUNK))
def test_it_is_that_of_all_bytes_wherever_the_content_was_read_from(starts: list[int], size: int) -> None:
    read = Hashed(Counted(size), KEY)
    for start in starts:
        next(read.pieces(start), None)
    assert read.digest(never) == hashlib.blake2b(bytes(size), key=KEY).digest()


def test_when_the_time_is_over_nothing_more_is_read_for_it() -> None:
    """It was read to its end: the process was ended over it, and whoever had been found by then was lost."""
    body = Counted(1 << 50)
    assert Hashed(body, KEY).digest(lambda: True) == b""
    assert len(body.asked) == 1


def test_nothing_has_none() -> None:
    assert Hashed(Counted(0), KEY).digest(never) == b""
