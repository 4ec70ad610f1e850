"""Compound files: legacy Office documents, messages, what is embedded in them, and what is locked."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib

import docx
import pytest
import xlwt
from msoffcrypto.format.ooxml import OOXMLFile

from exfilter.limits import Limits
from exfilter.model import Part, Reason, Unscanned
from tests.content.compound import (
    compound,
    message,
    module,
    old_word,
    properties,
    record,
    slides,
    word,
)
from tests.content.reading import items, parts, reasons, records, texts

PLACE = "customers.dat"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def everything(body: bytes, limits: Limits | None = None) -> str:
    """Return all text that is found, but for what lies open in the bytes."""
    found = texts(body, limits=limits or Limits())
    return "\n".join(text for place, text in found.items() if not place.startswith(f"{PLACE} > strings"))


def workbook(*, sheets: int = 1, rows: int = 3) -> bytes:
    """Return a workbook as xlwt writes it."""
    book = xlwt.Workbook()
    for sheet in range(sheets):
        page = book.add_sheet(f"Kunden{sheet}")
        for row in range(rows):
            page.write(row, 0, f"Łukasz Иван{row}")
            page.write(row, 1, f"user{row}@example.com")
            page.write(row, 2, 48123456700 + row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rows(body: bytes) -> list[str]:
    """Return the rows of a workbook."""
    return [row for part in parts(body) if part.path[-1] == "rows" for row in records(part)]


def test_rows_of_a_workbook_are_records() -> None:
    body = workbook(sheets=2)
    expected = [f"Łukasz Иван{row}\tuser{row}@example.com\t4812345670{row}\n" for row in range(3)]
    assert rows(body) == expected * 2
    assert "Kunden1" in texts(body)[f"{PLACE} > notes"]
    assert reasons(body) == []


@pytest.mark.parametrize("layout", ["#,##0", "YYYY-MM-DD", "0%", "0.00E+00", "+00 000 000 000"])
def test_a_number_is_read_whatever_it_is_shown_as(layout: str) -> None:
    book = xlwt.Workbook()
    page = book.add_sheet("x")
    page.write(0, 0, 48123456789, xlwt.easyxf(num_format_str=layout))
    page.write(0, 1, 600500, xlwt.easyxf(num_format_str=layout))
    page.write(0, 2, 12.25, xlwt.easyxf(num_format_str=layout))
    page.write(0, 3, -7)
    out = io.BytesIO()
    book.save(out)
    assert rows(out.getvalue()) == ["48123456789\t600500\t12.25\t-7\n"]


def test_hidden_sheets_long_strings_and_rich_text_are_read() -> None:
    book = xlwt.Workbook()
    bold = xlwt.easyfont("bold true")
    for visibility, name in ((0, "open"), (1, "hidden"), (2, "secret")):
        page = book.add_sheet(name)
        page.visibility = visibility
        page.write(0, 0, f"{name}@example.com")
        page.write_rich_text(1, 0, (("Jane ", bold), "Roe ", (name, bold)))
        page.write(2, 1, "long " * 3000 + f"{name}-long@example.com")
        page.write(3, 1, "дл" * 9000 + f"{name}-wide@example.com")
    out = io.BytesIO()
    book.save(out)
    found = "".join(rows(out.getvalue()))
    for name in ("open", "hidden", "secret"):
        assert f"{name}@example.com" in found
        assert f"Jane Roe {name}" in found
        assert f"{name}-long@example.com" in found
        assert f"{name}-wide@example.com" in found


def biff5(*lines: bytes) -> bytes:
    """Return a workbook of Excel 95: labels of 8 bits in Windows-1250."""
    out = struct.pack("<HHHH", 0x809, 4, 0x500, 0x10) + struct.pack("<HHH", 0x42, 2, 1250)
    for row, line in enumerate(lines):
        out += struct.pack("<HHHHHH", 0x204, 8 + len(line), row, 0, 0, len(line)) + line
        out += struct.pack("<HHHHHI", 0x27E, 10, row, 1, 0, 555_0100 << 2 | 2)
    return out + struct.pack("<HH", 0x0A, 0)


def test_a_workbook_of_excel_95() -> None:
    body = compound({"Book": biff5("Łukasz".encode("cp1250"), b"Jane")})
    assert rows(body) == ["Łukasz\t5550100\n", "Jane\t5550100\n"]


def test_comments_and_headers_of_a_workbook() -> None:
    text = "комментарий comment@example.com"
    note = struct.pack("<HH", 0x1B6, 18) + bytes(18)
    note += struct.pack("<HHB", 0x3C, 1 + 2 * len(text), 1) + text.encode("utf-16-le")
    note += struct.pack("<HH", 0x3C, 16) + bytes(16)
    header = b"\x10\x00\x00" + b"a@example.header"
    body = struct.pack("<HHHH", 0x809, 4, 0x600, 0x10) + struct.pack("<HH", 0x14, len(header)) + header + note
    found = texts(compound({"Workbook": body}))[f"{PLACE} > notes"]
    assert text in found
    assert "a@example.header" in found


def test_the_text_of_a_document() -> None:
    fields = '\x13 HYPERLINK "mailto:link@example.com" \x14click\x15\r'
    body = compound(word("Jürgen Łukasz\r", fields, b"cell\x07M\xfcller\x07\x07soft\x1fhyphen\r"))
    found = texts(body)[PLACE]
    assert "Jürgen Łukasz\n" in found
    assert "mailto:link@example.com" in found
    assert "cell\tMüller\t\tsofthyphen" in found
    assert reasons(body) == []


def test_the_language_of_a_document_says_what_its_bytes_are() -> None:
    body = compound(word("Иван Петров".encode("cp1251"), language=0x419))
    assert "Иван Петров" in texts(body)[PLACE]


def test_a_document_of_word_6_is_read_by_another_library() -> None:
    pytest.importorskip("office_oxide")
    body = compound(old_word(b"Jane Roe old@example.com\r"))
    assert "old@example.com" in texts(body)[PLACE]
    assert reasons(body) == []


def test_broken_tables_of_a_document_are_reported() -> None:
    streams = word("jane.roe@example.com")
    streams["1Table"] = b"\x07" * 100
    assert reasons(compound(streams)) == [Reason.MALFORMED]


def test_the_text_of_a_presentation() -> None:
    atoms = (
        record(4000, "Łukasz Łoś\rslide@example.com".encode("utf-16-le")),
        record(4008, "Müller bytes@example.com".encode("latin-1")),
        record(4026, "mailto:link@example.com".encode("utf-16-le"), 0x10),
    )
    found = texts(compound(slides(*atoms)))[PLACE]
    assert "Łukasz Łoś\nslide@example.com\nMüller bytes@example.com\nmailto:link@example.com" in found


def test_a_workbook_in_a_presentation() -> None:
    data = workbook()
    packed = struct.pack("<I", len(data)) + zlib.compress(data)
    body = compound(slides(record(0x1011, packed, 0x10)))
    assert len(rows(body)) == 3


def test_a_workbook_in_a_document() -> None:
    inner = biff5(b"Jane Roe")
    body = compound(word("see table\r") | {"ObjectPool/_1/Workbook": inner})
    assert rows(body) == ["Jane Roe\t5550100\n"]


def test_properties_are_read_in_their_code_page() -> None:
    held = properties((2, b"title@example.com"), (4, "Łukasz".encode("cp1250")), page=1250)
    found = texts(compound(word("x") | {"\x05SummaryInformation": held}))[f"{PLACE} > properties"]
    assert found.split() == ["title@example.com", "Łukasz"]


def test_macros_are_read() -> None:
    source = b'Attribute VB_Name = "Module1"\r\n' + b"' macro@example.com\r\n" * 400
    body = compound(word("x") | {"Macros/VBA/Module1": module(source), "Macros/VBA/dir": b"\1\2\3"})
    assert texts(body)[f"{PLACE} > macros"].count("macro@example.com") == 400
    assert reasons(body) == []


def zipped() -> bytes:
    """Return an archive with a list in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "Jane Roe,zipped@example.com\n" * 3)
    return out.getvalue()


def test_embedded_files_are_opened() -> None:
    data = zipped()
    for place in ("ObjectPool/_2/Package", "ObjectPool/_3/CONTENTS", "Anything"):
        assert "zipped@example.com" in everything(compound(word("x") | {place: data}))
    names = b"list.zip\0C:\\list.zip\0" + struct.pack("<II", 3, 5) + b"x.zip"
    native = struct.pack("<H", 2) + names + struct.pack("<I", len(data)) + data
    packed = struct.pack("<I", len(native)) + native
    found = everything(compound(word("x") | {"ObjectPool/_1/\x01Ole10Native": packed}))
    assert "zipped@example.com" in found
    assert "list.zip" in found
    item = compound(word("x") | {"MsoDataStore/x/Item": b"<mail>item@example.com</mail>"})
    assert "item@example.com" in everything(item)


def test_a_stream_that_no_program_knows_is_reported() -> None:
    noise = random.Random(3).randbytes(5000)
    assert reasons(compound(word("x") | {"secret": noise})) == [Reason.OPAQUE]
    assert reasons(compound({"1Table": noise})) == [Reason.OPAQUE]


def test_a_picture_in_a_document_is_not_clean() -> None:
    png = record(0xF01E, bytes(17) + PICTURE, 0x6E00)
    emf = bytes(40) + b" EMF\x00\x00\x01\x00" + "текст".encode("utf-16-le") * 50
    metafile = record(0xF01A, bytes(50) + zlib.compress(emf), 0x3D40)
    document = word("x") | {"Data": b"some bytes before" + png + metafile}
    assert reasons(compound(document)) == [Reason.UNSUPPORTED] * 2
    cut = struct.pack("<HHHH", 0x809, 4, 0x600, 5) + struct.pack("<HH", 0xEB, 100) + png[:100]
    cut += struct.pack("<HH", 0x3C, len(png) - 100) + png[100:]
    assert reasons(compound({"Workbook": cut})) == [Reason.UNSUPPORTED]


def test_strings_of_a_stream_that_is_scattered_are_read_as_one() -> None:
    line = "Jane Roe, jane.roe@example.com, 555-0100; "
    streams = word("x") | {"\x03Old": (line * 120).encode()}
    found = texts(compound(streams, scattered=True))[f"{PLACE} > streams"]
    assert found.count(line.strip()) == 120


def test_a_message_with_all_that_belongs_to_it() -> None:
    own: dict[str, str | bytes] = {
        "0037001F": "Łukasz subject",
        "1000001F": "body@example.com",
        "007D001F": "From: head@example.com",
        "8001001E": "Łoś".encode("cp1250"),
        "10130102": b"<p>html@example.com</p>",
        "10090102": compressed(rb"{\rtf1 J\'fcrgen rtf@example.com}"),
    }
    attached = "__attach_version1.0_#00000001/"
    body = compound(
        message(own, page=1250)
        | message({"3001001F": "Jane Roe", "39FE001F": "to@example.com"}, "__recip_version1.0_#00000000/")
        | message({"3707001F": "list.zip", "37010102": zipped()}, "__attach_version1.0_#00000000/")
        | message({"3707001F": "mail.msg"}, attached)
        | message({"1000001F": "inner@example.com"}, f"{attached}__substg1.0_3701000D/")
    )
    found = everything(body)
    names = ("body", "head", "html", "rtf", "to", "zipped", "inner")
    assert [name for name in names if f"{name}@example.com" not in found] == []
    assert "Łoś" in found
    assert "Jürgen" in found
    assert "list.zip" in texts(body)[f"{PLACE} > names"]
    part = next(part for part in parts(body) if part.path == (PLACE, "properties"))
    assert "Jane Roe\tto@example.com\n" in records(part)
    assert reasons(body) == []


def compressed(rtf: bytes) -> bytes:
    """Return RTF as messages hold it, by literals only (MS-OXRTFCP)."""
    packed = b"".join(b"\0" + rtf[at : at + 8] for at in range(0, len(rtf), 8))
    return struct.pack("<II4sI", len(packed) + 12, len(rtf), b"LZFu", 0) + packed


def test_compressed_rtf_with_references() -> None:
    packed = (  # MS-OXRTFCP, section 4.1.1
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af82068656c09002062770 5b06c647d0a800fa0"
    )
    body = compound(message({"0037001F": "x", "10090102": bytes.fromhex(packed.replace(" ", ""))}))
    assert "hello world" in everything(body)


def locked(password: str) -> bytes:
    """Return a document of Word behind a password, with its properties."""
    document = docx.Document()
    document.add_paragraph("jane.roe@example.com")
    plain, out = io.BytesIO(), io.BytesIO()
    document.save(plain)
    OOXMLFile(plain).encrypt(password, out)
    return out.getvalue()


def test_a_locked_document_is_reported_and_a_given_password_opens_it() -> None:
    body = locked("geheim")
    assert reasons(body) == [Reason.ENCRYPTED]
    found = items(body, limits=Limits(passwords=("wrong", "geheim")))
    assert any("jane.roe@example.com" in item.text for item in found if isinstance(item, Part))
    assert Reason.ENCRYPTED not in [item.reason for item in found if isinstance(item, Unscanned)]


def test_what_office_opens_without_asking_is_opened() -> None:
    assert "jane.roe@example.com" in everything(locked("VelvetSweatshop"))


def test_legacy_documents_that_are_locked_are_reported() -> None:
    assert reasons(compound(word("secret", flags=0x100))) == [Reason.ENCRYPTED]
    assert reasons(compound(slides(encrypted=True))) == [Reason.ENCRYPTED]
    book = struct.pack("<HHHH", 0x809, 4, 0x600, 5) + struct.pack("<HHH", 0x2F, 2, 1) + bytes(200)
    assert reasons(compound({"Workbook": book})) == [Reason.ENCRYPTED]
    assert reasons(compound(word("x") | {"ObjectPool/_1/Workbook": book})) == [Reason.ENCRYPTED]


@pytest.mark.parametrize("cut", [100, 600, 2000, 5000])
def test_a_truncated_file_never_raises(cut: int) -> None:
    body = workbook(rows=40)
    assert reasons(body[:cut]) or rows(body[:cut])


def test_directories_that_are_loops_end() -> None:
    body = bytearray(compound(word("jane.roe@example.com") | {"A/B/C": b"x", "D": b"y" * 5000}))
    at = body.index("A\0".encode("utf-16-le"))
    for start in range(at // 128 * 128, at + 1200, 128):
        body[start + 68 : start + 80] = struct.pack("<III", 0, 1, 0)
    items(bytes(body))


def test_mutations_never_raise() -> None:
    seeded = random.Random(11)
    streams = (word("Jürgen"), slides(record(4008, b"abc")), message({"0037001F": "x"}))
    whole = [workbook(), *map(compound, streams)]
    for number in range(24):
        broken = bytearray(whole[number % 4])
        for _ in range(30):
            broken[seeded.randrange(8, len(broken))] = seeded.randrange(256)
        items(bytes(broken))


def test_sectors_that_follow_each_other_in_a_circle_are_reported() -> None:
    body = bytearray(compound(word("jane.roe@example.com " * 500)))
    table = body.index(struct.pack("<III", 1, 2, 3), 512)
    body[table : table + 80] = struct.pack("<20I", *((at + 1) % 20 for at in range(20)))
    assert Reason.MALFORMED in reasons(bytes(body))


def test_what_follows_the_last_sector_is_opened() -> None:
    body = workbook()
    packed = gzip.compress(b"ann@example.com,bob@example.com")
    for behind in (packed, bytes(700) + packed):
        assert "ann@example.com" in everything(body + behind)
    assert reasons(body) == []
