"""Zip files as they are made, as they break, and as somebody makes them who has something to hide."""

from __future__ import annotations

import gzip
import io
import itertools
import random
import struct
import zipfile
import zlib

import pytest
import zstandard

from exfilter.limits import MIB, Limits
from exfilter.model import Part, Reason, Unscanned
from tests.content.reading import items, reasons, texts

TABLE = "name,mail\n" + "".join(f"Ann Lee,ann{n}@example.com\n" for n in range(60))
NOISE = random.Random(3).randbytes(3000)
METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


class Pipe(io.RawIOBase):
    """A file that cannot be sought in: sizes are written behind the data."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(memoryview(data))  # type: ignore[arg-type]
        self.data += piece
        return len(piece)


def zipped(
    *files: tuple[str, bytes | str],
    method: int = zipfile.ZIP_DEFLATED,
    comment: bytes = b"",
    to: io.BytesIO | Pipe | None = None,
) -> bytes:
    out = to or io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, method)
        archive.comment = comment
    return out.data if isinstance(out, Pipe) else out.getvalue()


def central(body: bytes) -> int:
    return body.rfind(b"PK\x01\x02")


def patched(body: bytes, place: int, data: bytes) -> bytes:
    return body[:place] + data + body[place + len(data) :]


ONE = zipped(("a.csv", TABLE))
STORED = zipped(("a.csv", TABLE), method=zipfile.ZIP_STORED)
HELD = 'customers.dat > zip "a.csv"'


def entry(name: bytes, data: bytes, method: int, packed: bytes, flags: int = 0, extra: bytes = b"") -> bytes:
    """Return a local header with its data."""
    numbers = (20, flags, method, 0, 33, zlib.crc32(data), len(packed), len(data), len(name), len(extra))
    return struct.pack("<4s5H3L2H", b"PK\x03\x04", *numbers) + name + extra + packed


def listed(*entries: bytes) -> bytes:
    """Return a file of these entries, with the directory that their headers call for."""
    places = itertools.accumulate(map(len, entries), initial=0)
    records = []
    for local, place in zip(entries, places, strict=False):
        name = local[30 : 30 + struct.unpack_from("<H", local, 26)[0]]
        rest = struct.pack("<4H2L", 0, 0, 0, 0, 0, place)
        records.append(b"PK\x01\x02\x14\x00" + local[4:28] + rest + name)
    directory = b"".join(records)
    numbers = (0, 0, len(records), len(records), len(directory), sum(map(len, entries)), 0)
    return b"".join(entries) + directory + struct.pack("<4s4H2LH", b"PK\x05\x06", *numbers)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_read(method: str) -> None:
    body = zipped(("a.csv", TABLE), ("leer/", ""), method=METHODS[method])
    assert texts(body)[HELD] == TABLE
    assert "leer/" in texts(body)["customers.dat > names"]
    assert reasons(body) == []


def test_zstandard_in_zip_is_read() -> None:
    packed = zstandard.compress(TABLE.encode())
    assert texts(listed(entry(b"a.csv", TABLE.encode(), 93, packed)))[HELD] == TABLE


def test_a_method_that_no_library_reads_is_opaque() -> None:
    body = listed(entry(b"a.csv", TABLE.encode(), 9, NOISE))
    assert [item for item in items(body) if isinstance(item, Unscanned)] == [
        Unscanned("customers.dat > a.csv", Reason.OPAQUE, len(NOISE))
    ]


def test_sizes_behind_the_data_are_read() -> None:
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2):
        body = zipped(("a.csv", TABLE), ("b.csv", TABLE.upper()), method=method, to=Pipe())
        assert body[6] & 8
        assert TABLE in texts(body).values()
        assert reasons(body) == []
        headless = body[: body.find(b"PK\x01\x02")]
        assert {TABLE, TABLE.upper()} <= set(texts(headless).values())
        assert reasons(headless) == [Reason.MALFORMED]


def test_sizes_of_64_bits_are_read() -> None:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.csv", "w", force_zip64=True) as f,
    ):
        f.write(TABLE.encode())
    assert texts(out.getvalue())[HELD] == TABLE
    assert texts(out.getvalue()[: central(out.getvalue())])[HELD] == TABLE
    assert reasons(out.getvalue()) == []


@pytest.mark.parametrize(
    "junk",
    [b"x", b"#!/bin/sh\nexit\n", b"A note.\n" * 9000, b"MZ" + NOISE, NOISE * 700],
    ids=["x", "sh", "text", "exe", "noise"],
)
def test_junk_in_front_hides_nothing(junk: bytes) -> None:
    assert TABLE in texts(junk + ONE).values()


@pytest.mark.parametrize("cut", [40, 60, 100, 150])
def test_of_a_truncated_file_all_that_is_whole_is_read(cut: int) -> None:
    body = zipped(("b.txt", "Bo Smith bo@example.com"), ("a.csv", TABLE))[:-cut]
    found = texts(body)
    assert found['customers.dat > zip "b.txt"'] == "Bo Smith bo@example.com"
    assert "ann0@example.com" in found[HELD]
    assert Reason.MALFORMED in reasons(body)


LIES = {
    "size": patched(patched(ONE, central(ONE) + 24, b"\x0a\0\0\0"), 22, b"\x0a\0\0\0"),
    "packed size": patched(ONE, central(ONE) + 20, b"\x0a\0\0\0"),
    "both sizes": patched(patched(STORED, central(STORED) + 20, b"\x0a\0\0\0" * 2), 18, b"\x0a\0\0\0" * 2),
    "sum": patched(ONE, central(ONE) + 16, b"\0\0\0\0"),
    "method": patched(ONE, central(ONE) + 10, b"\0\0"),
    "local method": patched(ONE, 8, b"\0\0"),
    "version": patched(ONE, central(ONE) + 6, b"\x63\0"),
    "place": patched(ONE, central(ONE) + 42, b"\x07\0\0\0"),
    "end": patched(ONE, len(ONE) - 12, b"\xff\0\0\0"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_malformed_and_hides_nothing(lie: str) -> None:
    assert "ann59@example.com" in "".join(texts(LIES[lie]).values())
    assert Reason.MALFORMED in reasons(LIES[lie])


def test_an_entry_that_only_one_header_calls_encrypted_is_read() -> None:
    for place in (central(ONE) + 8, 6):
        assert TABLE in texts(patched(ONE, place, b"\x01\0"))[HELD]


def test_an_entry_that_the_directory_does_not_list_is_read_and_reported() -> None:
    body = ONE[: central(ONE)] + zipped(("b.txt", "nothing to see"))
    assert texts(body)[HELD] == TABLE
    assert reasons(body) == [Reason.MALFORMED]


def test_what_lies_between_the_entries_is_read() -> None:
    hidden = gzip.compress(TABLE.encode())
    body = zipped(("a.txt", "nothing"), comment=hidden)
    assert TABLE in texts(body).values()
    assert reasons(body) == []
    plain = zipped(("a.txt", "nothing"))
    split = central(plain)
    assert TABLE in texts(plain[:split] + hidden + plain[split:]).values()
    assert TABLE in texts(plain + hidden).values()


def test_an_extra_field_of_some_length_is_opened() -> None:
    hidden = zlib.compress(random.Random(1).randbytes(300)) + gzip.compress(TABLE.encode())
    extra = struct.pack("<HH", 0xCAFE, len(hidden)) + hidden
    local = entry(b"a.txt", b"nothing", 0, b"nothing", extra=extra)
    assert TABLE in texts(listed(local)).values()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_entries_with_one_name_both_are_read() -> None:
    body = zipped(("a.csv", "Bo Smith"), ("a.csv", TABLE))
    found = texts(body)[HELD]
    assert "Bo Smith" in found
    assert TABLE in found


def test_an_entry_that_is_listed_many_times_is_read_once() -> None:
    local, rest = ONE[: central(ONE)], ONE[central(ONE) :]
    record = rest[: rest.find(b"PK\x05\x06")]
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 5000, 5000, 5000 * len(record), len(local), 0)
    body = local + record * 5000 + end
    assert sum(TABLE in item.text for item in items(body) if isinstance(item, Part)) == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Jürgen Groß.txt".encode(), "Jürgen Groß.txt"), ("Jürgen Groß.txt".encode("cp437"), "Jürgen Groß.txt")],
)
def test_names_are_read_in_the_charset_that_they_have(name: bytes, shown: str) -> None:
    body = listed(entry(name, b"text in it", 0, b"text in it"))
    assert shown in texts(body)["customers.dat > names"]


def test_an_address_in_a_name_ends_before_the_name_does() -> None:
    body = zipped(("ann@example.com.tar.gz", "x"), ("bo@example.com.d/list", "x"), comment=b"cy@example.com")
    found = texts(body)["customers.dat > names"].split("\n")
    assert {"ann@example.com", "bo@example.com/list", "cy@example.com"} <= set(found)


def test_what_may_not_be_held_is_over_budget_and_the_rest_is_read() -> None:
    body = zipped(("a.csv", TABLE), ("b.bin", NOISE * 20), method=zipfile.ZIP_STORED)
    outer = gzip.compress(body)
    limits = Limits(inner_bytes=len(body) // 2)
    assert TABLE in texts(outer, limits=limits).values()
    assert Reason.OVER_BUDGET in reasons(outer, limits=limits)


def test_what_was_held_is_given_back() -> None:
    body = zipped(("a.csv", TABLE), ("b.bin", NOISE), method=zipfile.ZIP_STORED)
    outer = zipped(*((f"{number}.zip", body) for number in range(5)))
    assert Reason.OVER_BUDGET not in reasons(outer, limits=Limits(inner_bytes=len(body)))


def test_nested_files_are_read_down_to_the_depth_limit() -> None:
    body = ONE
    for _ in range(4):
        body = zipped(("inner.zip", body))
    assert TABLE in texts(body).values()
    assert reasons(body, limits=Limits(depth=5)) == []
    assert reasons(body, limits=Limits(depth=4)) == [Reason.OVER_BUDGET]


def test_very_many_small_entries_cost_little_and_are_read() -> None:
    body = zipped(*((f"{n}.txt", f"mail ann{n}@example.com") for n in range(3000)))
    found = items(body)
    assert len(found) < 2100
    text = "\n".join(item.text for item in found if isinstance(item, Part))
    assert all(f"ann{n}@example.com" in text for n in range(3000))


def test_too_many_entries_are_over_budget() -> None:
    body = zipped(*((f"{n}.txt", b"") for n in range(60)))
    assert reasons(body, limits=Limits(parts=50)) == [Reason.OVER_BUDGET]


def overlapping(count: int, size: int, text: bytes = b"ann@example.com\n") -> bytes:
    """Return a file whose entries each contain all that follow (Fifield, "A better zip bomb", WOOT 2019)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = text * (size // len(text))
    kernel = packer.compress(data) + packer.flush()
    packed, unpacked, crc = len(kernel), len(data), zlib.crc32(data)
    pieces: list[bytes] = [kernel]
    records = []
    header = b""
    for number in reversed(range(count)):
        name = b"%04d" % number
        if header:
            quoted = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF)
            pieces.insert(0, quoted)
            packed, unpacked, crc = packed + len(quoted) + len(header), unpacked + len(header), 0
        header = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 33, crc, packed, unpacked, 4, 0) + name
        pieces.insert(0, header)
        records.append((name, packed, unpacked, crc))
    directory = b""
    for number, (name, before, after, crc) in enumerate(reversed(records)):
        numbers = (20, 20, 0, 8, 0, 33, crc, before, after, 4, 0, 0, 0, 0, 0, number * 39)
        directory += struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *numbers) + name
    local = b"".join(pieces)
    return (
        local
        + directory
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(local), 0)
    )


def test_entries_that_overlap_are_read_within_the_budget() -> None:
    body = overlapping(100, 1 << 20)
    found = items(body, limits=Limits(ratio_floor=4 * MIB, ratio=100))
    assert any("ann@example.com" in item.text for item in found if isinstance(item, Part))
    left = {item.reason for item in found if isinstance(item, Unscanned)}
    assert left == {Reason.MALFORMED, Reason.OVER_BUDGET}
    assert sum(len(item.text) for item in found if isinstance(item, Part)) < 20 * MIB


def quine() -> bytes:
    """Return a zip file that holds itself, for a few levels: a copy at each is enough for the depth."""
    body = zipped(("r", "r"))
    for _ in range(12):
        body = zipped(("a.zip", body), ("b.zip", body), method=zipfile.ZIP_STORED)
    return body


def test_files_in_files_without_end_are_over_budget() -> None:
    assert Reason.OVER_BUDGET in reasons(quine(), limits=Limits(parts=300))


def test_every_cut_and_every_changed_byte_ends_well() -> None:
    body = zipped(("b.txt", "Bo"), ("a.csv", TABLE), to=Pipe())
    noise = random.Random(7)
    for _ in range(25):
        place = noise.randrange(len(body))
        for broken in (body[:place], patched(body, place, noise.randbytes(1))):
            assert items(broken) or not broken


def test_a_record_that_is_all_name_hides_nothing() -> None:
    hidden = gzip.compress(NOISE.hex().encode() + TABLE.encode())
    record = b"PK\x01\x02" + bytes(24) + struct.pack("<3H", len(hidden), 0, 0) + bytes(12) + hidden
    plain = zipped(("a.txt", "nothing"))
    split = central(plain)
    end = bytearray(plain[split:])
    end[-6:-2] = struct.pack("<L", split + len(record))
    assert any(TABLE in text for text in texts(plain[:split] + record + end).values())
