"""What holds for any bytes."""

from __future__ import annotations

import gzip

import brotli
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from exfilter import content
from exfilter.limits import Limits
from exfilter.model import Part, Reason, Transfer, Unscanned
from tests.content.reading import items, transfer

SMALL = Limits(
    bytes_out=1 << 16, ratio_floor=1 << 12, ratio=50, depth=4, parts=50, slice_bytes=64, overlap=16
)
STARTS = st.sampled_from(
    [
        b"",
        b"\x1f\x8b\x08",
        b"\x28\xb5\x2f\xfd",
        b"[{",
        b"<html>",
        b"<?xml?>",
        b"--b\r\nContent-Type: a\r\n\r\n",
        b"a=b&c=",
        b"PK\x03\x04",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"a,b\nc,d\n",
        b"%PDF-1.4",
        b"\x92\x82\xa1a\xa3Ann\xa1b\xcf",
        b"\x9f\xa1\x61a\x63Ann\x7f",
        b"\x20\x00\x00\x00\x02a\x00\x04\x00\x00\x00Ann\x00",
        b"\x0a\x0c\x0a\x03Ann\x12\x05a@b.c",
        b"\x00\x00\x00\x00\x07\x0a\x05Ann B",
        b"5;chunk-signature=0a\r\nAnn B\r\n",
        b"POST /?a=b&c=%40 HTTP/1.1\r\nCookie: a=b; c=d\r\n\r\n",
        b'data: {"a":1}\n\n',
        b"a\x1fb\x1ec\x1fd\x1e",
    ]
)
WORDS = st.sampled_from(
    [
        b"<",
        b">",
        b"&#64;",
        b"\\u00e9",
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b"\\",
        b"\n",
        b"\r\n",
        b"--b",
        b"--b--",
        b"%40",
        b"=\n",
        b"<tr>",
        b"</tr>",
        b"<script>",
        b"<!ENTITY",
        b"\x00",
        b"\xff",
        "ü".encode(),
        "ü".encode("utf-16-le"),
        b",",
        b"\x1b$B",
        b"&",
        b"=",
    ]
)
BODIES = st.tuples(STARTS, st.lists(WORDS | st.binary(max_size=20), max_size=30)).map(
    lambda both: both[0] + b"".join(both[1])
)
WRAPS = st.sampled_from([bytes, gzip.compress, brotli.compress, zstandard.compress])
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Content-Encoding", "Content-Type", "Cookie"]) | st.text(max_size=8),
        st.sampled_from(
            [
                "gzip",
                "br",
                "zstd",
                "deflate",
                "gzip,br",
                "multipart/form-data; boundary=b",
                "a; charset=utf-7",
            ]
        )
        | st.text(max_size=20),
    ),
    max_size=4,
).map(tuple)


@given(BODIES, WRAPS, HEADERS, st.text(max_size=30), st.sampled_from([SMALL, Limits()]))
def test_no_bytes_raise(body: bytes, wrap, headers, url: str, limits: Limits) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    for item in items(wrap(body), headers, url, limits):
        if isinstance(item, Part):
            item.text.encode()
            if item.records is not None:
                assert all(0 <= at <= len(item.text) for at in item.records)
                assert sorted(set(item.records.tolist())) == item.records.tolist()
        else:
            assert item.bytes > 0


@given(st.binary(max_size=300), st.binary(max_size=10))
def test_bytes_are_read_or_reported(noise: bytes, start: bytes) -> None:
    found = items(start + noise)
    assert found or not (start + noise).strip(b"\x00")


@given(BODIES, st.integers(0, 12))
def test_a_deadline_ends_the_reading_with_one_value(body: bytes, asked: int) -> None:
    left = [asked]

    def expired() -> bool:
        left[0] -= 1
        return left[0] < 0

    found = list(content.read(transfer(body), SMALL, expired))
    late = [item for item in found if isinstance(item, Unscanned) and item.reason is Reason.DEADLINE]
    assert len(late) <= 1
    assert not late or found[-1] is late[0]
    assert late or left[0] >= 0


def test_a_deadline_reports_the_bytes_that_are_left() -> None:
    body = b"# ann@example.com\n" * 200_000
    asked = iter([False, False, False, *[True] * 100])
    found = list(content.read(transfer(body), Limits(slice_bytes=1 << 20), lambda: next(asked)))
    last = found[-1]
    assert isinstance(last, Unscanned)
    assert last.reason is Reason.DEADLINE
    assert len(body) // 4 < last.bytes <= len(body)


def test_a_deadline_before_anything_leaves_the_whole_body() -> None:
    assert list(content.read(transfer(b"x" * 100), Limits(), lambda: True)) == [
        Unscanned("customers.dat", Reason.DEADLINE, 100)
    ]


def test_a_mistake_while_reading_is_a_value() -> None:
    def broken() -> bool:
        raise RuntimeError

    found = list(content.read(transfer(b"x" * 100), Limits(), broken))
    assert found == [Unscanned("customers.dat", Reason.MALFORMED, 100)]


@given(st.binary(max_size=200))
def test_a_memoryview_reads_as_its_bytes(body: bytes) -> None:
    def shape(data: bytes | memoryview) -> list[tuple[str, str]]:
        one = Transfer(door="scan", body=data, name="f")
        return [
            (item.provenance, item.text) if isinstance(item, Part) else (item.part, item.reason)
            for item in content.read(one, Limits())
        ]

    assert shape(body) == shape(memoryview(body))
