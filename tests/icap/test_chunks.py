"""What is written as chunks is read as the same body."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.icap.bodies import Body
from exfilter.icap.chunks import LAST, chunk, last
from exfilter.icap.parser import Bounds, Data, End

LINES = st.lists(st.binary(min_size=1, max_size=9).filter(lambda raw: not {10, 13} & {*raw}), max_size=3)


@given(st.lists(st.binary(max_size=40)), LINES)
def test_chunks_are_read_as_they_were_written(chunks: list[bytes], lines: list[bytes]) -> None:
    trailers = b"".join(line + b"\r\n" for line in lines)
    buffer = bytearray(b"".join(map(chunk, chunks)) + last(trailers))
    body, found = Body(Bounds(), None), bytearray()
    while isinstance(event := body.take(buffer), Data):
        found += event.data
    assert (bytes(found), event, bytes(buffer)) == (b"".join(chunks), End(trailers), b"")


def test_no_bytes_make_no_chunk_for_it_would_be_the_last() -> None:
    assert chunk(b"") == b""
    assert chunk(memoryview(b"x" * 26)) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert last() == LAST


@pytest.mark.parametrize("trailers", [b"\r\n", b"T: 1", b"T: 1\n", b"T: 1\r\n\r\n", b"T: 1\r\n\r\nU: 2\r\n"])
def test_trailers_that_would_end_before_they_end_are_not_written(trailers: bytes) -> None:
    with pytest.raises(ValueError, match="trailers are lines"):
        last(trailers)
