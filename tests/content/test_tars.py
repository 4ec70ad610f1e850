"""Tar in the dialects that the standard library and GNU tar write, and what nobody should write."""

from __future__ import annotations

import gzip
import io
import random
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.limits import MIB, Limits
from exfilter.model import Part, Reason, Unscanned
from tests.content.reading import items, reasons, texts

TABLE = "name,mail\n" + "".join(f"Ann Lee,ann{n}@example.com\n" for n in range(60))
LONG = "x" * 150 + "/Jürgen Groß.csv"
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def tar(*files: tuple[str, str], dialect: str = "gnu", charset: str = "utf-8") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=FORMATS[dialect], encoding=charset) as archive:
        for name, text in files:
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def header(**fields: object) -> bytes:
    info = tarfile.TarInfo()
    for name, value in fields.items():
        setattr(info, name, value)
    return info.tobuf(tarfile.GNU_FORMAT)


def pax(key: str, value: str) -> bytes:
    rest = f" {key}={value}\n".encode()
    size = len(rest) + len(str(len(rest) + 2))
    record = str(size).encode() + rest
    return header(name="pax", type=tarfile.XHDTYPE, size=len(record)) + record + bytes(-len(record) % 512)


FILES = tar(("a.txt", "hello to you all"), ("b.csv", TABLE), ("c.txt", "the last one"))


@pytest.mark.parametrize("dialect", FORMATS)
def test_members_and_names_of_each_dialect_are_read(dialect: str) -> None:
    body = tar(("a.csv", TABLE), (LONG, TABLE.upper()), ("empty", ""), dialect=dialect)
    found = texts(body)
    assert found['customers.dat > tar "a.csv"'] == TABLE
    assert TABLE.upper() in found.values()
    assert {"a.csv", LONG, "empty"} <= set(found["customers.dat > names"].split("\n"))
    assert reasons(body) == []


def test_a_header_without_magic_is_one_if_its_sum_fits() -> None:
    body = bytearray(tar(("a.csv", TABLE)))
    body[257:500] = bytes(243)  # as of 1979
    body[148:156] = b" " * 8
    body[148:156] = b"%06o\0 " % sum(body[:512])
    assert texts(bytes(body))['customers.dat > tar "a.csv"'] == TABLE
    assert reasons(bytes(body)) == []


def test_names_in_legacy_charsets_are_read() -> None:
    names = tar(("Jürgen Groß, Köln.csv", TABLE), charset="cp1252")
    assert "Jürgen Groß, Köln.csv" in texts(names)["customers.dat > names"]


def test_links_owners_and_pax_records_are_read() -> None:
    body = header(name="a", type=tarfile.SYMTYPE, linkname="Ann Lee", uname="bo@example.com")
    body += pax("comment", "mail ann@example.com") + pax("path", "Jürgen Groß") + FILES
    found = texts(body)["customers.dat > names"].split("\n")
    assert {"Ann Lee", "bo@example.com", "mail ann@example.com", "Jürgen Groß"} <= set(found)


def test_what_pads_the_last_block_is_looked_at() -> None:
    body = bytearray(FILES)
    body[512 + 100 : 512 + 115] = b"ann@example.com"
    assert "ann@example.com" in texts(bytes(body))["customers.dat > strings"]


def test_of_a_damaged_header_the_data_is_read_and_the_damage_reported() -> None:
    body = bytearray(FILES)
    body[1024] ^= 1
    found = items(bytes(body))
    assert any("ann59@example.com" in item.text for item in found if isinstance(item, Part))
    assert "the last one" in texts(bytes(body)).values()
    assert Unscanned("customers.dat", Reason.MALFORMED, 512 * (2 + len(TABLE) // 512)) in found


def test_a_truncated_archive_gives_what_is_there() -> None:
    for cut in (1024 + 512 + 700, 1024 + 300):
        found = texts(FILES[:cut])
        assert found['customers.dat > tar "a.txt"'] == "hello to you all"
        assert reasons(FILES[:cut]) == [Reason.MALFORMED] or cut < 1024 + 512
    assert "ann10@example.com" in texts(FILES[: 1024 + 512 + 700])['customers.dat > tar "b.csv"']


def test_archives_in_a_row_and_what_follows_them_are_read() -> None:
    behind = gzip.compress(TABLE.upper().encode())
    found = texts(FILES + tar(("d.txt", "one more")) + behind)
    assert found['customers.dat > tar "d.txt"'] == "one more"
    assert found["customers.dat > trailing data > gzip"] == TABLE.upper()
    assert reasons(FILES + tar(("d.txt", "one more")) + behind) == []


@pytest.mark.parametrize("pad", [b"A note, and nothing else.\n" * 300, b"\x89PNG\r\n\x1a\n\x00\x01" * 90])
def test_an_archive_behind_something_else_is_read(pad: bytes) -> None:
    body = pad + tar(("a.csv", TABLE), ("b.txt", "hello to you"))
    assert {TABLE, "hello to you"} <= set(texts(body).values())


SPARSE = "1\n512\n16\n"


def test_the_map_of_a_sparse_file_is_no_data() -> None:
    data = SPARSE.encode().ljust(512, b"\x00") + TABLE.encode()[:1024]
    body = b"".join(
        (
            pax("GNU.sparse.major", "1"),
            pax("GNU.sparse.name", "real.csv"),
            header(name="GNUSparseFile.0/real.csv", size=len(data)),
            data,
            FILES,
        )
    )
    found = texts(body)
    assert found['customers.dat > tar "real.csv"'] == TABLE[:1024]
    assert found['customers.dat > tar "b.csv"'] == TABLE


def test_the_blocks_that_go_on_with_a_map_are_no_data() -> None:
    block = bytearray(header(name="real.csv", type=tarfile.GNUTYPE_SPARSE, size=1024))
    block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    more, last = bytearray(512), bytes(512)
    more[504] = 1
    body = bytes(block) + bytes(more) + last + TABLE.encode()[:1024] + FILES
    assert texts(body)['customers.dat > tar "real.csv"'] == TABLE[:1024]


def test_links_with_a_size_have_data_where_it_is() -> None:
    link = header(name="link", type=tarfile.LNKTYPE, linkname="x", size=len(TABLE))
    with_data = link + TABLE.encode() + bytes(-len(TABLE) % 512) + FILES
    assert texts(with_data)['customers.dat > tar "link"'] == TABLE
    assert texts(link + FILES)['customers.dat > tar "a.txt"'] == "hello to you all"


def test_negative_sizes_do_not_turn_back() -> None:
    block = bytearray(header(name="a"))
    block[124:136] = b"\xff" * 12
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    for body in (FILES[:1024] + bytes(block) + FILES, pax("size", "-1024") + FILES):
        assert TABLE in texts(body)['customers.dat > tar "b.csv"']


def test_a_size_without_end_is_malformed() -> None:
    block = bytearray(header(name="a.csv", size=1))
    block[124:136] = b"\x80" + b"\x00" * 3 + b"\x7f" + b"\xff" * 7
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    body = bytes(block) + TABLE.encode()
    assert texts(body)['customers.dat > tar "a.csv"'] == TABLE
    assert reasons(body) == [Reason.MALFORMED]


def test_an_archive_longer_than_what_may_be_held_is_read() -> None:
    body = gzip.compress(tar(("a.bin", "\0" * (3 * MIB)), ("b.csv", TABLE)))
    limits = Limits(inner_bytes=MIB)
    assert texts(body, limits=limits)['customers.dat > gzip > tar "b.csv"'] == TABLE
    assert reasons(body, limits=limits) == []


def test_very_many_members_are_over_budget() -> None:
    body = tar(*((f"{n}.txt", "hello to you") for n in range(60)))
    assert reasons(body, limits=Limits(parts=50)) == [Reason.OVER_BUDGET]


@given(st.lists(st.tuples(st.integers(0, len(FILES) - 1), st.binary(min_size=1, max_size=40)), max_size=6))
def test_no_damage_raises_and_none_hides_other_members(damages: list[tuple[int, bytes]]) -> None:
    body = bytearray(FILES)
    for place, data in damages:
        body[place : place + len(data)] = data
    found = items(bytes(body))
    assert found
    last = len(FILES) - 10240 % 512 if not damages else min(place for place, _ in damages)
    if last > 1024 + 512 + len(TABLE) + 1024:
        assert any(item.text == TABLE for item in found if isinstance(item, Part))


def test_what_it_reads_is_what_the_standard_library_reads() -> None:
    noise = random.Random(4)
    for _ in range(20):
        files = [
            (
                "".join(noise.choices("abcd/é_", k=noise.randrange(1, 200))).strip("/") or "a",
                "A line of it.\n" * noise.randrange(90),
            )
            for _ in range(noise.randrange(1, 9))
        ]
        body = tar(*files, dialect=noise.choice(["gnu", "pax"]))
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            wanted = {member.name for member in archive}
        found = items(body)
        names = next(item.text for item in found if isinstance(item, Part) and item.path[-1] == "names")
        assert wanted <= set(names.split("\n"))
        assert {text for _, text in files if text} <= {item.text for item in found if isinstance(item, Part)}


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def sparse() -> bytes:
    """Return the header of a sparse file that says that its map goes on."""
    block = bytearray(header(name="a", type=tarfile.GNUTYPE_SPARSE))
    block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\x00 " % sum(block)
    return bytes(block)


PACKED = gzip.compress(TABLE.encode())
BIG_MAP = f"99999999\n{TABLE}".encode()
HIDDEN = {
    "behind a name": header(name="a", type=tarfile.GNUTYPE_LONGNAME, size=2 + len(PACKED))
    + padded(b"a\x00" + PACKED),
    "for records": header(name="a", type=tarfile.XHDTYPE, size=len(PACKED)) + padded(PACKED),
    "for the map of a file with holes": pax("GNU.sparse.major", "1")
    + header(name="a", size=len(BIG_MAP))
    + padded(BIG_MAP),
    "for blocks of an old map": sparse() + padded(TABLE.encode()),
}


@pytest.mark.parametrize("where", HIDDEN)
def test_what_is_passed_off_as_a_header_is_read(where: str) -> None:
    body = HIDDEN[where] + header(name="b", size=1) + padded(b"b") + bytes(1024)
    assert any("ann59@example.com" in text for text in texts(body).values())


def test_an_attribute_that_is_a_file_is_opened() -> None:
    packed = gzip.compress(random.Random(2).randbytes(300) + TABLE.encode())
    record = b"SCHILY.xattr.user.a=" + packed + b"\n"
    record = b"%d " % (len(record) + 4) + record
    body = header(name="a", type=tarfile.XHDTYPE, size=len(record)) + padded(record)
    body += header(name="b", size=1) + padded(b"b") + bytes(1024)
    assert any("ann59@example.com" in text for text in texts(body).values())
