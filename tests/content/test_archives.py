"""Archives of every other kind, whole, cut off, locked, and inside each other."""

from __future__ import annotations

import gzip
import io
import random
import subprocess
import sys

import py7zr
import pytest

from exfilter.model import Part, Reason, Unscanned
from tests.content import packed
from tests.content.locked import sevenzip, zipcrypto
from tests.content.packed import Files
from tests.content.reading import items, reasons, texts
from tests.content.test_tars import tar
from tests.content.test_zips import TABLE, zipped

FILES: Files = {"a.csv": TABLE.encode(), "Jürgen Groß.txt": b"Bo Smith, bo@example.com"}
ARCHIVES = {
    "7z": packed.sevenzip(FILES),
    "iso": packed.iso(FILES),
    "cpio": packed.cpio(FILES),
    "ar": packed.ar(FILES),
    "cab": packed.cabinet(FILES),
    "rar": packed.rar4(FILES),
    "rar 5": packed.rar5(FILES),
    "xar": packed.xar(FILES),
}
BEHIND = gzip.compress(b"behind@example.com and more text")


@pytest.mark.parametrize("kind", ARCHIVES)
def test_members_and_names_are_read(kind: str) -> None:
    found = texts(ARCHIVES[kind])
    name = kind.split(maxsplit=1)[0]
    assert found[f'customers.dat > {name} "a.csv"'] == TABLE
    assert "Bo Smith, bo@example.com" in found.values()
    assert {"a.csv", "Jürgen Groß.txt"} <= set(found["customers.dat > names"].split("\n"))
    assert reasons(ARCHIVES[kind]) == []


@pytest.mark.parametrize("kind", ARCHIVES)
def test_of_a_truncated_archive_what_is_there_is_read_and_the_rest_reported(kind: str) -> None:
    body = ARCHIVES[kind]
    cut = (
        body.find(TABLE.encode()[:9]) + len(TABLE) // 2 if TABLE.encode()[:9] in body else len(body) * 2 // 3
    )
    found = "".join(texts(body[:cut]).values())
    assert "ann5@example.com" in found or kind == "xar"
    assert Reason.MALFORMED in reasons(body[:cut])


@pytest.mark.parametrize("kind", ["7z", "cab", "rar", "rar 5", "cpio"])
def test_what_follows_an_archive_is_read(kind: str) -> None:
    assert "behind@example.com and more text" in texts(ARCHIVES[kind] + BEHIND).values()


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives_inside_others_are_read(kind: str) -> None:
    for body in (zipped(("x", ARCHIVES[kind])), gzip.compress(ARCHIVES[kind])):
        assert TABLE in texts(body).values()
        assert reasons(body) == []


@pytest.mark.parametrize("kind", ["7z", "cab", "rar", "rar 5"])
@pytest.mark.parametrize(
    "front", [b"\x89PNG\r\n\x1a\n", b"MZ\x90\x00", b"\xff\xd8\xff\xe0"], ids=["png", "exe", "jpeg"]
)
def test_archives_behind_pictures_and_programs_are_read(kind: str, front: bytes) -> None:
    body = front + random.Random(8).randbytes(5000) + ARCHIVES[kind]
    assert TABLE in texts(body).values()
    assert len(reasons(body)) == 1


def test_packages_of_packages_are_read() -> None:
    inner = gzip.compress(tar(("usr/share/a.csv", TABLE)))
    package = packed.ar({"debian-binary": b"2.0\n", "data.tar.gz": inner})
    assert TABLE in texts(package).values()
    assert reasons(package) == []


def test_the_old_compress_is_read() -> None:
    body = packed.compressed(TABLE.encode())
    assert texts(body)["customers.dat > compress"] == TABLE[:250]


def test_every_way_to_pack_7z_without_its_end_is_read() -> None:
    for method in (py7zr.FILTER_LZMA2, py7zr.FILTER_LZMA, py7zr.FILTER_COPY):
        out = io.BytesIO()
        with py7zr.SevenZipFile(out, "w", filters=[{"id": method}]) as archive:
            archive.writestr(TABLE.encode(), "a.csv")
        assert "ann40@example.com" in "".join(texts(out.getvalue()[:-60]).values())


@pytest.mark.parametrize(
    "body",
    [packed.rar4(FILES, encrypted=True), packed.rar5(FILES, encrypted=True), sevenzip(FILES, "x")],
    ids=["rar", "rar 5", "7z"],
)
def test_encrypted_members_say_so_with_their_names(body: bytes) -> None:
    found = items(body)
    left = [item for item in found if isinstance(item, Unscanned)]
    assert {item.reason for item in left} == {Reason.ENCRYPTED}
    assert sum(item.bytes for item in left) >= len(TABLE)
    assert any(
        "a.csv\n" in item.text for item in found if isinstance(item, Part) and item.path[-1] == "names"
    )


@pytest.mark.parametrize(
    "magic", [b"7z\xbc\xaf\x27\x1c\x00\x04", b"Rar!\x1a\x07\x00", b"MSCF\x00\x00\x00\x00"]
)
def test_false_magic_hides_nothing(magic: bytes) -> None:
    body = magic + random.Random(2).randbytes(60) + gzip.compress(TABLE.encode())
    assert TABLE in texts(body).values()
    assert Reason.MALFORMED in reasons(body)


WITHOUT = """
import ctypes.util, os, sys
ctypes.util.find_library = lambda name: None
from exfilter.content.archives import others, zips
from exfilter.content.sandbox.found import Left, Wishes
for parse, body in ((others.parse, sys.argv[1]), (zips.parse, sys.argv[2])):
    file = os.memfd_create("archive")
    os.write(file, bytes.fromhex(body))
    found = parse(os.fdopen(file, "rb"), Wishes(("x",)))
    print(*[left.reason.value for left in found if isinstance(left, Left)])
"""


def test_without_the_library_nothing_is_silent() -> None:
    bodies = ARCHIVES["rar"], zipcrypto(b"a.csv", TABLE.encode(), "x")
    line = [sys.executable, "-c", WITHOUT, *(body.hex() for body in bodies)]
    ran = subprocess.run(line, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["opaque", "encrypted"]


@pytest.mark.parametrize("kind", ARCHIVES)
def test_damage_ends_well(kind: str) -> None:
    noise = random.Random(kind)
    for _ in range(6):
        body = bytearray(ARCHIVES[kind])
        for _ in range(noise.randrange(1, 20)):
            body[noise.randrange(min(len(body), 4000))] = noise.randrange(256)
        assert items(bytes(body))
