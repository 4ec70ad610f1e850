"""Compressed bodies, by header and by magic, whole, broken and hostile."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
import zstandard

from exfilter.limits import KIB, Limits
from exfilter.model import Headers, Part, Reason, Unscanned
from tests.content.reading import items, reasons, texts

TABLE = b"id,name,mail\n" + b"".join(b"%d,Ann Lee,ann%d@example.com\n" % (n, n) for n in range(300))
TEXT = TABLE.decode()


def coded(value: str) -> Headers:
    return (("Content-Encoding", value),)


RAW = zlib.compressobj(wbits=-15)
CODINGS = {
    "gzip": gzip.compress(TABLE),
    "x-gzip": gzip.compress(TABLE),
    "GZIP": gzip.compress(TABLE),
    "deflate": zlib.compress(TABLE),
    "deflate ": RAW.compress(TABLE) + RAW.flush(),
    "br": brotli.compress(TABLE),
    "zstd": zstandard.compress(TABLE),
    "identity": TABLE,
    "gzip, br": brotli.compress(gzip.compress(TABLE)),
    "identity, zstd ,gzip": gzip.compress(zstandard.compress(TABLE)),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_coding_named_by_the_header_is_undone(coding: str) -> None:
    found = items(CODINGS[coding], coded(coding))
    assert any(isinstance(item, Part) and item.text == TEXT for item in found)
    assert not any(isinstance(item, Unscanned) for item in found)


def test_two_header_lines_stack() -> None:
    body = brotli.compress(gzip.compress(TABLE))
    assert TEXT in texts(body, coded("gzip") + coded("br")).values()


@pytest.mark.parametrize("body", [gzip.compress(TABLE), zstandard.compress(TABLE)])
def test_magic_is_enough(body: bytes) -> None:
    assert TEXT in texts(body).values()
    assert reasons(body) == []


def test_gzip_in_gzip_is_opened() -> None:
    assert texts(gzip.compress(gzip.compress(TABLE)))["customers.dat > gzip > gzip"] == TEXT


def test_nesting_ends_at_the_depth_limit() -> None:
    body = TABLE
    for _ in range(5):
        body = gzip.compress(body)
    assert reasons(body, limits=Limits(depth=3)) == [Reason.OVER_BUDGET]
    assert reasons(body, limits=Limits(depth=5)) == []


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_all_members_are_read(compress) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    body = compress(b"first@example.com\n") + compress(b"second@example.com\n")
    assert "first@example.com\nsecond@example.com\n" in texts(body).values()


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", gzip.compress(TABLE)), ("br", brotli.compress(TABLE)), ("zstd", zstandard.compress(TABLE))],
)
def test_what_follows_the_compressed_data_is_read(coding: str, body: bytes) -> None:
    found = texts(body + b"hidden: ann@example.com", coded(coding))
    assert found[f"request.body > {coding}"] == TEXT
    assert found["request.body > trailing data"] == "hidden: ann@example.com"


def test_zeros_behind_a_member_are_padding() -> None:
    assert reasons(gzip.compress(TABLE) + bytes(512)) == []


def test_text_in_a_gzip_header_is_read() -> None:
    body = gzip.compress(TABLE)
    comment = body[:3] + b"\x10" + body[4:10] + b"mail ann@example.com\x00" + body[10:]
    assert "mail ann@example.com" in texts(comment)["customers.dat > strings"]


def test_a_truncated_gzip_gives_what_came_out_and_says_so() -> None:
    body = gzip.compress(TABLE)[:-200]
    found = texts(body)["customers.dat > gzip"]
    assert len(found) > len(TEXT) // 4
    assert TEXT.startswith(found)
    assert reasons(body) == [Reason.MALFORMED]
    assert reasons(body, coded("gzip")) == [Reason.MALFORMED]


def test_a_broken_gzip_gives_what_came_before_the_break() -> None:
    body = bytearray(gzip.compress(TABLE))
    body[-1] ^= 0xFF  # the length in the trailer
    assert texts(bytes(body))["customers.dat > gzip"] == TEXT
    assert reasons(bytes(body)) == [Reason.MALFORMED]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "aws-chunked", "hex", "gzip, gzip"])
def test_readable_text_under_a_false_coding_is_read_and_nothing_is_missing(coding: str) -> None:
    assert texts(TABLE, coded(coding))["request.body"] == TEXT
    assert reasons(TABLE, coded(coding)) == []


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "rot13"])
def test_what_neither_decodes_nor_reads_is_malformed(coding: str) -> None:
    found = items(b"\x00\x01\x02\x88" * 500, coded(coding))
    assert [item for item in found if isinstance(item, Unscanned)] == [
        Unscanned("request.body", Reason.MALFORMED, 2000)
    ]


def test_a_false_coding_does_not_hide_another_one() -> None:
    assert TEXT in texts(gzip.compress(TABLE), coded("br")).values()


LINES = b"ann@example.com\n" * (1 << 17)
BOMBS = {"gzip": gzip.compress(LINES), "zstd": zstandard.compress(LINES), "br": brotli.compress(LINES)}


@pytest.mark.parametrize("coding", BOMBS)
@pytest.mark.parametrize(
    "limits",
    [
        Limits(ratio=10, ratio_floor=64 * KIB, slice_bytes=32 * KIB),
        Limits(bytes_out=64 * KIB, slice_bytes=32 * KIB),
    ],
    ids=["ratio", "total"],
)
def test_a_bomb_ends_inside_its_budget_and_what_came_out_is_read(coding: str, limits: Limits) -> None:
    found = items(BOMBS[coding], coded(coding), limits=limits)
    assert [item.reason for item in found if isinstance(item, Unscanned)] == [Reason.OVER_BUDGET]
    size = sum(len(item.text) for item in found if isinstance(item, Part) and item.path[0] == "request.body")
    assert size < len(LINES)


def test_a_bomb_of_zeros_says_over_budget() -> None:
    body = gzip.compress(bytes(64 * KIB * KIB))
    assert reasons(body) == [Reason.OVER_BUDGET]


def test_the_body_beyond_its_limit_is_over_budget_and_the_rest_is_read() -> None:
    found = items(TABLE, limits=Limits(bytes_in=100))
    assert isinstance(found[0], Part)
    assert found[0].text == TEXT[:100]
    assert found[1] == Unscanned("customers.dat", Reason.OVER_BUDGET, len(TABLE) - 100)


def test_what_is_broken_inside_a_good_coding_stays_reported() -> None:
    inner = b"--b\r\nContent-Type: a/b\r\n\r\n" + gzip.compress(TABLE)[:-200] + b"\r\n--b--\r\n"
    assert reasons(inner) == [Reason.MALFORMED]
    for coding, compress in (("gzip", gzip.compress), ("br", brotli.compress), ("deflate", zlib.compress)):
        assert reasons(compress(inner), coded(coding)) == [Reason.MALFORMED]
        assert Reason.MALFORMED in reasons(
            compress(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), coded(coding)
        )


def test_members_without_end_are_over_budget() -> None:
    assert reasons(gzip.compress(b"") * 500, limits=Limits(parts=100)) == [Reason.OVER_BUDGET]
    assert reasons(gzip.compress(TABLE) * 500, limits=Limits(parts=100)) == []
