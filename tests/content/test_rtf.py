r"""RTF: all that a document says, in whatever code page, and what is embedded in it."""

from __future__ import annotations

import io
import random
import struct
import zipfile

import pytest

from exfilter.model import Reason
from tests.content.reading import items, parts, reasons, records, texts

PLACE = "customers.dat"


def main(body: bytes) -> str:
    """Return the text of the document."""
    return texts(body)[PLACE]


def test_paragraphs_and_escapes() -> None:
    body = rb"{\rtf1\ansi\ansicpg1252 J\'fcrgen M\u252\'fcller\par jane\_roe@example.com\line \{x\}\~y\par}"
    assert main(body).split("\n")[:3] == ["Jürgen Müller", "jane-roe@example.com", "{x} y"]


def test_unicode_with_any_count_of_substitutes() -> None:
    body = rb"{\rtf1\uc0\u321 ukasz {\uc2\u1048 ??van}\u1048 \uc1\u55357 ?\u56832 ? x\u-10179 ?}"
    assert main(body).startswith("Łukasz ИvanИ😀 x")


@pytest.mark.parametrize(
    ("codec", "charset", "text"),
    [
        ("cp1250", 238, "Łukasz Wałęsa"),
        ("cp1251", 204, "Иван Петров"),
        ("cp932", 128, "山田太郎"),
        ("cp1253", 161, "Νίκος"),
        ("gbk", 134, "王小明"),
    ],
)
def test_code_pages_of_fonts(codec: str, charset: int, text: str) -> None:
    codes = "".join(f"\\'{byte:02x}" for byte in text.encode(codec))
    letters = "".join(
        chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\'{byte:02x}" for byte in text.encode(codec)
    )
    for written in (codes, letters):
        head = rf"{{\rtf1\ansi\deff0{{\fonttbl{{\f0 Arial;}}{{\f1\fcharset{charset} Other;}}}}"
        assert main(f"{head}{{\\f1 {written}}} x}}".encode()).strip() == f"{text} x"


def test_the_code_page_of_the_document() -> None:
    assert main(rb"{\rtf1\ansi\ansicpg1250 \'a3ukasz}").strip() == "Łukasz"
    assert main(rb"{\rtf1\mac J\'9frgen}").strip() == "Jürgen"


def test_every_place_where_text_can_lie() -> None:
    body = rb"""{\rtf1\ansi{\info{\title title@example.com}{\author author@example.com}}
{\*\userprops{\propname x}{\staticval property@example.com}}{\*\docvar {n}{docvar@example.com}}
{\stylesheet{\s1 style@example.com;}}
{\header header@example.com}{\footerf footer@example.com}body@example.com
{\footnote footnote@example.com}{\*\atnauthor author2@example.com}{\*\annotation annotation@example.com}
{\field{\*\fldinst{HYPERLINK "mailto:link@example.com"}}{\fldrslt result@example.com}}
{\v hidden@example.com}{\deleted deleted@example.com}{\*\bkmkstart bookmark@example.com}
{\shp{\*\shpinst{\sp{\sn wzName}{\sv shape@example.com}}{\shptxt box@example.com}}}
{\*\unknown unknown@example.com}\par}"""
    found = "\n".join(texts(body).values())
    names = (
        "title author property docvar style header footer body footnote author2 annotation link result hidden"
        " deleted bookmark shape box unknown"
    )
    assert [name for name in names.split() if f"{name}@example.com" not in found] == []
    assert reasons(body) == []


def test_rows_of_tables_are_records() -> None:
    row = rb"\trowd\cellx100\pard\intbl %s\cell %s\par second\cell\row "
    rows = b"".join(row % (b"Jane Roe%d" % number, b"jane%d@example.com" % number) for number in range(3))
    body = rb"{\rtf1 before\par " + rows + rb"\pard after\par}"
    part = next(part for part in parts(body) if part.path == (PLACE, "rows"))
    assert records(part) == [f"Jane Roe{number}\tjane{number}@example.com\nsecond\t\n" for number in range(3)]
    assert main(body).split() == ["before", "after"]


def test_a_picture_is_not_clean() -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    body = (
        rb"{\rtf1{\*\shppict{\pict{\*\picprop{\sp{\sn a}{\sv 7}}}\picw-1234567890\pngblip "
        + picture.hex().encode()
    )
    assert reasons(body + b"}}}") == [Reason.UNSUPPORTED]
    raw = rb"{\rtf1{\pict\pngblip\bin%d " % len(picture) + picture + b"}{\\v kept@example.com}}"
    assert reasons(raw) == [Reason.UNSUPPORTED]
    assert "kept@example.com" in main(raw)


def embedded(kind: bytes, data: bytes) -> bytes:
    """Return a document with an object of OLE 1 (MS-OLEDS, section 2.2.5)."""
    words = b"".join(struct.pack("<I", len(word) + 1) + word + b"\0" for word in (kind, b"", b""))
    native = struct.pack("<II", 0x501, 2) + words + struct.pack("<I", len(data)) + data
    return rb"{\rtf1{\object\objemb{\*\objclass Package}{\*\objdata " + native.hex("\n", 40).encode() + b"}}}"


def test_an_embedded_file_is_opened_under_its_name() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "Jane Roe,zipped@example.com\n" * 3)
    data = out.getvalue()
    names = b"list.zip\0C:\\list.zip\0" + struct.pack("<II", 3, 5) + b"x.zip"
    package = struct.pack("<H", 2) + names + struct.pack("<I", len(data)) + data
    for body in (embedded(b"Package", package), embedded(b"Other.1", data)):
        assert "zipped@example.com" in "\n".join(texts(body).values())
    assert "list.zip" in texts(embedded(b"Package", package))[f"{PLACE} > names"]


def test_a_group_that_ends_too_early_hides_nothing() -> None:
    body = rb"{\rtf1 one\par}{\*\themedata 41}{\f1 two@example.com}\par three}"
    assert "two@example.com" in main(body)
    assert "behind@example.com" in "\n".join(texts(rb"{\rtf1 one\par} name;behind@example.com").values())


def test_an_unfinished_document_is_read() -> None:
    assert main(rb"{\rtf1{\info{\title x}}{\b jane.roe@example.com").split() == ["jane.roe@example.com"]


def test_the_type_does_not_matter() -> None:
    body = rb"  {\RTF1 J\'fcrgen}"
    assert "Jürgen" in texts(body, (("content-type", "application/json"),))["request.body"]


@pytest.mark.parametrize(
    "body",
    [
        b"{" * 300_000,
        rb"{\field{\*\fldinst{" * 20_000,
        rb"{\fonttbl" + rb"{\f1" * 50_000,
        rb"{\pict 00" * 50_000 + b"}" * 50_000,
        rb"\bin9999999999 x" * 100,
        rb"\u" * 1000 + rb"\'" * 1000 + b"\\",
        b"{}" * 50_000,
    ],
    ids=["braces", "fields", "fonts", "pictures", "binary", "cut", "empty"],
)
def test_hostile_groups_end(body: bytes) -> None:
    found = texts(rb"{\rtf1 jane.roe@example.com\par " + body)
    assert "jane.roe@example.com" in "\n".join(found.values())


def test_mutations_never_raise() -> None:
    seeded = random.Random(5)
    body = embedded(b"Package", b"x" * 50) + rb"{\rtf1\ansi J\'fcrgen\u8364?\trowd a\cell b\row{\header c}}"
    for _ in range(40):
        broken = bytearray(body)
        for _ in range(6):
            broken[seeded.randrange(5, len(broken))] = seeded.choice(b"{}\\'*u0 \x00\xff")
        items(bytes(broken))
