"""The catalogue is what it says: seeded, varied, and readable by those who have the password."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Callable

import libarchive
import msoffcrypto
import olefile
import py7zr
import pytest
from pypdf import PdfReader

from fixtures.wrapped import CLEAN, archives, compound, containers, opaque
from fixtures.wrapped.documents import invoices
from fixtures.wrapped.encodings import hexdump, xxd
from fixtures.wrapped.made import HEADINGS, Deck, export, rows
from fixtures.wrapped.office import workbook
from tests.wrapped.making import files, people

MEMBERS = {"a.csv": b"ann@example.com\n" * 40, "b/c.txt": b"two"}


def test_names_are_told_apart() -> None:
    names = Counter((each.family, each.name) for each in files())
    assert max(names.values()) == 1


def test_there_are_files_of_every_family_and_dozens_of_customers_in_each() -> None:
    carrying = [each for each in files() if each.expected and each.family not in CLEAN]
    assert len(carrying) >= 200
    assert sum(len(each.expected) >= 25 for each in carrying) >= 0.98 * len(carrying)
    assert max(len(each.expected) for each in carrying) <= 60


def test_the_same_seed_draws_the_same_customers() -> None:
    assert Deck(people(), "http", 3).some("email") == Deck(people(), "http", 3).some("email")
    assert Deck(people(), "http", 3).some() != Deck(people(), "http", 4).some()


def test_headings_fit_the_columns() -> None:
    assert {len(row) for row in [*HEADINGS.values(), *rows(people()[:3])]} == {7}


def test_locked_files_open_with_their_password() -> None:
    locked = zipfile.ZipFile(io.BytesIO(opaque.encrypted_zip(MEMBERS)))
    locked.setpassword(opaque.PASSWORD.encode())
    assert {name: locked.read(name) for name in locked.namelist()} == MEMBERS
    with py7zr.SevenZipFile(
        io.BytesIO(archives.seven(MEMBERS, password=opaque.PASSWORD)), password=opaque.PASSWORD
    ) as seven:
        assert set(seven.namelist()) == set(MEMBERS)
    office = msoffcrypto.OfficeFile(io.BytesIO(opaque.encrypted_office(workbook(people()[:3]))))
    office.load_key(opaque.PASSWORD)
    plain = io.BytesIO()
    office.decrypt(plain)
    assert "xl/workbook.xml" in zipfile.ZipFile(plain).namelist()
    for algorithm in ("AES-256", "RC4-128"):
        pdf = PdfReader(io.BytesIO(opaque.encrypted_pdf(invoices(people()[:3]), algorithm=algorithm)))
        assert pdf.is_encrypted
        assert pdf.decrypt(opaque.PASSWORD)


@pytest.mark.parametrize(
    "make", [containers.cpio, containers.cpio_old, containers.ar, containers.rar, containers.rar5]
)
def test_archives_open(make: Callable[[containers.Members], bytes]) -> None:
    flat = {name.replace("/", "-"): data for name, data in MEMBERS.items()}
    assert _opened(make(flat)) == flat


def test_a_zip_with_aes_opens_with_its_password() -> None:
    assert _opened(opaque.aes_zip(MEMBERS), opaque.PASSWORD) == MEMBERS


def _opened(data: bytes, password: str | None = None) -> dict[str, bytes]:
    with libarchive.memory_reader(data, passphrase=password) as archive:
        return {entry.pathname: b"".join(entry.get_blocks()) for entry in archive}


def test_a_compound_file_holds_its_streams() -> None:
    tree: compound.Tree = {
        "big": b"x" * 9_000,
        "small": b"y" * 70,
        "folder": {"empty": b"", "inner": b"z" * 4_096},
    }
    file = olefile.OleFileIO(io.BytesIO(compound.compound(tree)))
    assert file.openstream("big").read() == b"x" * 9_000
    assert file.openstream("small").read() == b"y" * 70
    assert file.openstream("folder/inner").read() == b"z" * 4_096
    assert file.openstream("folder/empty").read() == b""


def test_dumps_look_like_those_of_the_tools() -> None:
    data = bytes(range(60, 80))
    assert hexdump(data).splitlines() == [
        "0000003c  ".replace("3c", "00")
        + "3c 3d 3e 3f 40 41 42 43  44 45 46 47 48 49 4a 4b  |<=>?@ABCDEFGHIJK|",
        "00000010  4c 4d 4e 4f                                       |LMNO|",
        "00000014",
    ]
    assert xxd(data).splitlines() == [
        "00000000: 3c3d 3e3f 4041 4243 4445 4647 4849 4a4b  <=>?@ABCDEFGHIJK",
        "00000010: 4c4d 4e4f                                LMNO",
    ]


def test_an_export_has_its_headings() -> None:
    assert export(people()[:1], "de", ";").startswith("Kundennummer;Vorname;Nachname")
