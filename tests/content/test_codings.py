"""Compressed bodies, by header and by magic, whole, broken and hostile."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
import random
import struct
import zlib
from collections.abc import Callable

import brotli
import lz4.frame
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


def lzip(data: bytes) -> bytes:
    """Return a member of lzip, as its manual says."""
    options = {"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}
    packer = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[options])
    packed = packer.compress(data) + packer.flush()
    return b"LZIP\x01\x10" + packed + struct.pack("<LQQ", zlib.crc32(data), len(data), len(packed) + 26)


def alone(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE)


MAGIC: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lz4": lz4.frame.compress,
    "lzip": lzip,
    "lzma": alone,
    "zlib": zlib.compress,
}
"""Kinds that show by their first bytes."""


@pytest.mark.parametrize("kind", MAGIC)
def test_magic_is_enough(kind: str) -> None:
    for data in (TABLE, random.Random(1).randbytes(70_000) + TABLE, b"ann@example.com"):
        found = texts(MAGIC[kind](data))
        assert any("ann@example.com" in text or TEXT in text for text in found.values())
        assert any(f"customers.dat > {kind}" in place for place in found)
    assert reasons(MAGIC[kind](TABLE)) == []


@pytest.mark.parametrize("kind", MAGIC)
def test_what_is_cut_off_gives_what_is_there(kind: str) -> None:
    data = b"".join(b"%d,Ann Lee,ann%d@example.com\n" % (n, n) for n in range(60_000))
    body = MAGIC[kind](data)
    found = "".join(texts(body[: len(body) * 9 // 10]).values())
    assert "ann9000@example.com" in found
    assert reasons(body[: len(body) * 9 // 10]) == [Reason.MALFORMED]


@pytest.mark.parametrize("kind", ["xz", "bzip2", "lz4", "lzip"])
def test_a_false_sum_is_malformed_and_hides_nothing(kind: str) -> None:
    body = bytearray(MAGIC[kind](TABLE))
    body[-1 if kind != "xz" else -len(body) // 3] ^= 0xFF
    assert "ann1@example.com" in texts(bytes(body)).get(f"customers.dat > {kind}", "") or kind == "bzip2"
    assert reasons(bytes(body)) == [Reason.MALFORMED] or kind == "lzip"


@pytest.mark.parametrize("kind", MAGIC)
def test_what_follows_is_read(kind: str) -> None:
    body = MAGIC[kind](TABLE)
    assert "hidden: ann@example.com" in texts(body + b"hidden: ann@example.com").values()
    assert reasons(body + bytes(512)) == []


def test_frames_without_data_are_passed_over() -> None:
    skipped = b"\x5a\x2a\x4d\x18" + struct.pack("<L", 15) + b"bo@example.com\n"
    for compress in (zstandard.compress, lz4.frame.compress):
        body = (
            skipped + compress(b"first@example.com\n") + skipped + compress(b"second@example.com\n") + skipped
        )
        found = "".join(texts(body).values())
        assert "first@example.com" in found
        assert "second@example.com" in found
        assert "bo@example.com" in found
        assert reasons(body) == []


def test_letters_are_not_taken_for_the_head_of_zlib() -> None:
    for text in (b"x^2 + y^2 = z^2, ann@example.com\n" * 20, b"h\x81 ann@example.com\n" * 20):
        assert reasons(text) == []
        assert not any("zlib" in place for place in texts(text))


def test_a_window_of_more_than_may_be_held_is_over_budget() -> None:
    wide = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 26, "preset": 1}]
    body = lzma.compress(TABLE, filters=wide)
    assert reasons(body) == []
    assert reasons(body, limits=Limits(inner_bytes=1 << 25)) == [Reason.OVER_BUDGET]
    both = lzma.compress(lzma.compress(lzma.compress(TABLE, filters=wide), filters=wide), filters=wide)
    assert reasons(both) == [Reason.OVER_BUDGET]


def test_what_was_held_is_given_back() -> None:
    body = b"".join(itertools.repeat(lzma.compress(TABLE, preset=9), 5))
    parts = b"".join(b"--b\r\nContent-Type: a/b\r\n\r\n" + body + b"\r\n" for _ in range(5)) + b"--b--\r\n"
    assert reasons(parts) == []


def test_gzip_in_gzip_is_opened() -> None:
    assert texts(gzip.compress(gzip.compress(TABLE)))["customers.dat > gzip > gzip"] == TEXT


def test_nesting_ends_at_the_depth_limit() -> None:
    body = TABLE
    for _ in range(5):
        body = gzip.compress(body)
    assert reasons(body, limits=Limits(depth=3)) == [Reason.OVER_BUDGET]
    assert reasons(body, limits=Limits(depth=5)) == []


@pytest.mark.parametrize("kind", [kind for kind in MAGIC if kind not in ("lzma", "zlib")])
def test_all_members_are_read(kind: str) -> None:
    body = MAGIC[kind](b"first@example.com\n") + MAGIC[kind](b"second@example.com\n")
    assert "first@example.com\nsecond@example.com\n" in texts(body).values()
    assert reasons(body) == []


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
            compress(b'<!DOCTYPE a [<!ENTITY b "&c;">]><a>&b;</a>'), coded(coding)
        )


def test_members_without_end_are_over_budget() -> None:
    assert reasons(gzip.compress(b"") * 500, limits=Limits(parts=100)) == [Reason.OVER_BUDGET]
    assert reasons(gzip.compress(TABLE) * 500, limits=Limits(parts=100)) == []


def test_what_a_decoder_passes_over_is_opened() -> None:
    packed = gzip.compress(random.Random(1).randbytes(200) + b"zoe@example.com,bob@example.com\n")
    plain = gzip.compress(b"nothing to see", mtime=0)
    extra = plain[:3] + b"\x04" + plain[4:10] + struct.pack("<H", len(packed)) + packed + plain[10:]
    skipped = b"\x5a\x2a\x4d\x18" + struct.pack("<L", len(packed)) + packed
    for body in (
        extra,
        skipped,
        zstandard.compress(b"nothing") + skipped,
        lz4.frame.compress(b"a") + skipped,
    ):
        assert any("zoe@example.com" in text for text in texts(body).values())
        assert reasons(body) == [Reason.OPAQUE]
