"""Documents that are broken, or made to cost: what is whole is read, what is not is reported."""

from __future__ import annotations

import io
import os
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator

import pytest

from exfilter.content.documents.office import package
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.limits import MIB, Limits
from exfilter.model import Reason, Unscanned
from tests.content import packages
from tests.content.packages import W, X, edited, found, marker, packed, unpacked
from tests.content.reading import items, parts, reasons, texts

CONTENT_TYPES = {"[Content_Types].xml": "<Types/>"}
DECLARATION = '<?xml version="1.0"?>'
LAUGHS = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 12))
DOCUMENTS = [packages.text_document, packages.workbook, packages.presentation, packages.open_document]


def word(body: str) -> bytes:
    """Return a package with such a part."""
    return packed({**CONTENT_TYPES, "word/document.xml": body})


def parsed(body: bytes) -> list[Found]:
    """Return what the parser finds, in this process."""
    with os.fdopen(os.memfd_create("body"), "w+b") as file:
        file.write(body)
        file.seek(0)
        return [
            Member(each.name, [b"".join(_until_broken(each.chunks))]) if isinstance(each, Member) else each
            for each in package.parse(file, Wishes())
        ]


def _until_broken(chunks: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except Exception:  # noqa: BLE001 - as the child does
        return


def test_entities_are_never_expanded() -> None:
    body = word(
        f'{DECLARATION}<!DOCTYPE x [<!ENTITY a0 "anna@example.com ">{LAUGHS}]><x><y>&a11;</y>'
        f"<z>{marker('text')}</z></x>"
    )
    assert reasons(body) == [Reason.MALFORMED] * 2
    assert len(found(body)) < 10_000
    assert marker("text") in found(body)


def test_files_of_this_machine_are_never_put_in() -> None:
    body = word(f'{DECLARATION}<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>')
    assert Reason.MALFORMED in reasons(body)
    assert "root:" not in found(body)


def test_a_document_type_without_entities_is_read() -> None:
    body = word(f'{DECLARATION}<!DOCTYPE x SYSTEM "file:///etc/passwd"><x>{marker("text")}&unknown;</x>')
    assert not reasons(body)
    assert marker("text") in found(body)


def test_thirty_thousand_nested_tables_are_read() -> None:
    depth = 30_000
    body = (
        f"<w:document {W}>{'<w:tbl><w:tr><w:tc>' * depth}<w:p><w:t>{marker('inner')}</w:t>"
        f"</w:p>{'</w:tc></w:tr></w:tbl>' * depth}</w:document>"
    )
    assert marker("inner") in found(word(body))
    assert not reasons(word(body))


@pytest.mark.parametrize(
    "wild",
    [
        "<b>" * 1_000_000,
        "<q>" * 1_000_000,
        "<sheetData>" + "<row>" * 1_000_000,
        "<sst>" + "<si>" * 1_000_000,
        "".join(f"<e{number}/>" for number in range(300_000)),
        "".join(f"<e a{number}=''/>" for number in range(300_000)),
        f"<e {'a' * 40_000_000}",
    ],
    ids=["glue", "fields", "rows", "strings", "elements", "attributes", "tag"],
)
def test_what_would_take_all_memory_is_left(wild: str) -> None:
    made = parsed(
        packed({**CONTENT_TYPES, "word/document.xml": f"{DECLARATION}<a>{marker('first')}{wild}</x>"})
    )
    assert [each.reason for each in made if isinstance(each, Left)] == [Reason.MALFORMED]
    assert marker("first") in "".join(each.text for each in made if isinstance(each, Text))


def test_a_broken_part_is_read_so_far_and_then_as_it_is() -> None:
    broken = (
        f"{DECLARATION}<w:p {W}><w:r><w:t>fir</w:t></w:r><w:r><w:t>st@hidden.example</w:t></w:r>"
        f"</w:p><w:p>&<w:t>{marker('second')}</w:t>"
    )
    body = packed(
        {**CONTENT_TYPES, "word/document.xml": broken, "word/later.xml": f"<a>{marker('later')}</a>"}
    )
    left = [item for item in items(body) if isinstance(item, Unscanned)]
    assert [(item.part, item.reason) for item in left] == [
        ("customers.dat > word/document.xml", Reason.MALFORMED)
    ]
    assert all(marker(place) in found(body) for place in ("first", "second", "later"))


def test_broken_shared_strings_are_read_as_they_are() -> None:
    strings = f"{DECLARATION}<sst {X}><si><t>one</t></si><si><t>{marker('second')}</si></sst>"
    sheet = f"<worksheet {X}><sheetData><row r='1'><c r='A1' t='s'><v>0</v></c></row></sheetData></worksheet>"
    body = packed({**CONTENT_TYPES, "xl/sharedStrings.xml": strings, "xl/worksheets/sheet1.xml": sheet})
    assert reasons(body) == [Reason.MALFORMED]
    assert texts(body)["customers.dat > xl/worksheets/sheet1.xml rows"] == "one\n"
    assert marker("second") in found(body)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_whole_in_a_cut_document_is_read(document: Callable[[], bytes]) -> None:
    body = document()
    cut = body[: len(body) * 3 // 4]
    assert Reason.MALFORMED in reasons(cut)
    assert len(set(found(cut).split()) & set(found(body).split())) > 20


def _bomb(unit: bytes, times: int) -> bytes:
    """Return a package with a part that is much larger than the package."""
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = machine.compress(f"{DECLARATION}<a>{marker('start')}</a>".encode()[:-4]) + machine.flush(
        zlib.Z_FULL_FLUSH
    )
    block = machine.compress(unit * ((1 << 20) // len(unit))) + machine.flush(zlib.Z_FULL_FLUSH)
    data = start + block * times
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", data)
    body = out.getvalue()
    stored, deflated = struct.pack("<H", zipfile.ZIP_STORED), struct.pack("<H", zipfile.ZIP_DEFLATED)
    directory = body.rindex(b"PK\x01\x02")
    assert body[8:10] == body[directory + 10 : directory + 12] == stored
    return body[:8] + deflated + body[10 : directory + 10] + deflated + body[directory + 12 :]


@pytest.mark.parametrize("unit", [b" ", b"<b/>", b"<b c='d'>x</b>", b"anna "])
def test_a_part_of_gigabytes_ends_at_the_budget(unit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "_ROOM", 2 << 20)
    monkeypatch.setattr(package, "_SURVEYED", 2 << 20)
    made = parsed(_bomb(unit, 3000))
    assert Reason.OVER_BUDGET in [each.reason for each in made if isinstance(each, Left)]
    assert marker("start") in "".join(each.text for each in made if isinstance(each, Text))


def test_a_large_part_ends_at_the_budget_of_the_transfer() -> None:
    body = _bomb(b"anna@example.com ", 200)
    assert Reason.OVER_BUDGET in reasons(body, limits=Limits(bytes_out=16 * MIB))


def test_text_of_many_megabytes_in_one_element_stays_whole() -> None:
    words = " ".join(f"w{number}" for number in range(1_500_000))
    made = parsed(word(f"<w:document {W}><w:p><w:r><w:t>{words}</w:t></w:r></w:p></w:document>"))
    assert (
        "".join(each.text for each in made if isinstance(each, Text) and each.channel == "word/document.xml")
        == words + "\n"
    )


@pytest.mark.parametrize("element", ["v", "is><t", "x"])
def test_a_cell_of_many_megabytes_stays_whole(element: str) -> None:
    words = " ".join(f"w{number}" for number in range(800_000))
    end = "t></is" if "is" in element else element
    row = f'<row r="1"><c r="A1" t="str"><{element}>{words}</{end}></c></row>'
    made = parsed(word(f"<worksheet {X}><sheetData>{row}</sheetData></worksheet>"))
    found_words = "".join(each.text for each in made if isinstance(each, Text) and "rows" in each.channel)
    assert found_words.replace("\n", "") == words


def test_a_deleted_text_is_put_back_once() -> None:
    change = "<t:changed-region t:id='c'><t:deletion><t:p>%s</t:p></t:deletion></t:changed-region>" % (
        "anna " * 100_000
    )
    back = '<t:change t:change-id="c"/>' * 100_000
    space = "xmlns:o='urn:oasis:names:tc:opendocument:x' xmlns:t='urn:t'"
    made = parsed(packed({"content.xml": f"<o:d {space}>{change}<t:p>{back}</t:p></o:d>"}))
    assert sum(len(each.text) for each in made if isinstance(each, Text)) < 3_000_000


def test_names_without_number_cost_no_memory() -> None:
    body = "".join(f"<e{number} a{number}='anna{number}@example.com'/>" for number in range(20_000))
    assert found(word(f"<x>{body}</x>")).count("@example.com") == 20_000
    assert not reasons(word(f"<x>{body}</x>"))


def test_a_package_with_a_lying_manifest_is_read() -> None:
    manifest = "<manifest><file-entry full-path='content.xml'><encryption-data/></file-entry></manifest>"
    assert marker("content") in found(
        packed({"META-INF/manifest.xml": manifest, "content.xml": f"<a>{marker('content')}</a>"})
    )


@pytest.mark.parametrize("document", DOCUMENTS)
def test_mutations_never_raise(document: Callable[[], bytes]) -> None:
    files = unpacked(document())
    chance = random.Random(4)
    for _ in range(12):
        name = chance.choice([name for name in files if name.endswith(".xml")])
        data = bytearray(files[name])
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(data) + 1)
            data[place : place + chance.randrange(4)] = chance.choice(
                (b"<", b">", b"&", b"\x00", b"\xff", b"", b'"', b"</", b"]]>")
            )
        parsed(packed({**files, name: bytes(data)}))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_bytes_that_are_changed_anywhere_never_raise(document: Callable[[], bytes]) -> None:
    chance = random.Random(5)
    for _ in range(12):
        body = bytearray(document())
        for _ in range(chance.randrange(1, 30)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        parsed(bytes(body))


def test_a_package_of_many_parts_is_read() -> None:
    files = {f"word/part{number}.xml": f"<a>customer{number}@example.com</a>" for number in range(1000)}
    assert found(packed({**CONTENT_TYPES, **files})).count("@example.com") == 1000


def test_names_of_parts_are_read_and_not_shown() -> None:
    body = packed({**CONTENT_TYPES, "word/anna@example.com.xml": f"<a>{marker('text')}</a>"})
    assert "anna@example.com" in found(body)
    assert not any("anna" in step for part in parts(body) for step in part.path)


def test_a_part_that_ends_in_the_middle_is_reported() -> None:
    body = edited(packages.text_document(), {"word/document.xml": lambda xml: xml[: len(xml) // 2]})
    assert Reason.MALFORMED in reasons(body)
