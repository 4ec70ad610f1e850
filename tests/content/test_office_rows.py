"""Rows of tables: each is one record, with its cells in the order of their columns."""

from __future__ import annotations

import io
import random
import struct
from functools import partial
from xml.sax.saxutils import escape

import docx
import pytest
import xlsxwriter
from odf import opendocument, table, text

from exfilter.content.documents.office import plain
from exfilter.model import Part
from tests.content.packages import OOXML, W, X, packed
from tests.content.reading import parts, records

CONTENT_TYPES = {"[Content_Types].xml": "<Types/>"}
PEOPLE = [
    ("Anna", "Nowak", "anna.nowak@example.com", 48123456789),
    ("Jón", "Kowalski-Łuka", "jon@example.com", 48123456790),
    ("Ute & Co", "<Weber>", "ute@example.com", 48123456791),
]


def rows(body: bytes) -> list[str]:
    """Return the records of a document."""
    found = [part for part in parts(body) if part.records is not None and part.path[-1].endswith("rows")]
    return [record.strip("\t\n") for part in found for record in records(part) if record.strip()]


def sheet(data: str, strings: str = "") -> bytes:
    """Return a workbook whose sheet has such rows."""
    files = {"xl/worksheets/sheet1.xml": f"<worksheet {X}><sheetData>{data}</sheetData></worksheet>"}
    if strings:
        files["xl/sharedStrings.xml"] = f"<sst {X}>{strings}</sst>"
    return packed({**CONTENT_TYPES, **files})


@pytest.mark.parametrize("options", [{}, {"constant_memory": True}], ids=["shared", "inline"])
def test_a_row_of_a_sheet_is_a_record(options: dict[str, bool]) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, options) as book:
        page = book.add_worksheet("EU")
        for number, person in enumerate(PEOPLE):
            page.write_row(number, 0, person)
    assert rows(out.getvalue()) == ["\t".join(map(str, person)) for person in PEOPLE]


def test_cells_come_in_the_order_of_their_columns() -> None:
    cells = [("AA", "last"), ("B", "second"), ("A", "first"), ("Z", "third")]
    data = "".join(f'<c r="{column}1" t="str"><v>{value}</v></c>' for column, value in cells)
    assert rows(sheet(f"<row>{data}</row>")) == ["first\tsecond\tthird\tlast"]


def test_cells_without_a_place_follow_each_other() -> None:
    data = "<row><c t='str'><v>b</v></c><c t='str'><v>a</v></c></row><row><c t='str'><v>c</v></c></row>"
    assert rows(sheet(data)) == ["b\ta", "c"]


def test_shared_strings_are_put_into_their_rows_whatever_the_order_of_parts() -> None:
    strings = (
        "<si><t>Anna</t></si><si><r><t>No</t></r><r><t>wak</t></r><rPh sb='0' eb='1'><t>x</t></rPh>"
        "</si><si/><si><t>!</t></si>"
    )
    data = "<row><c r='A1' t='s'><v>0</v></c><c r='B1' t='s'><v>1</v></c><c r='C1' t='s'><v>3</v></c></row>"
    assert rows(sheet(data, strings)) == ["Anna\tNowak\t!"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("48123456789", "48123456789"),
        ("4.8123456789E10", "48123456789"),
        ("4.8123456789e+10", "48123456789"),
        ("48123456789.0", "48123456789"),
        ("12.50", "12.50"),
        ("1E400", "1E400"),
        ("Eve", "Eve"),
    ],
)
@pytest.mark.parametrize(
    "form", ['<row r="1"><c r="A1"><v>%s</v></c></row>', "<row><c t='n'><v>%s</v></c></row>"]
)
def test_a_number_is_read_as_one_types_it(form: str, written: str, read: str) -> None:
    assert rows(sheet(form % written)) == [read]


def test_a_million_empty_rows_and_distant_cells_cost_nothing() -> None:
    data = (
        "<row/>" * 100_000
        + '<row r="1048576"><c r="A1048576"><v>1</v></c><c r="XFD1048576"><v>2</v></c></row>'
    )
    assert rows(sheet(data)) == ["1\t2"]


def test_a_number_of_no_shared_string_stays() -> None:
    data = "".join(f"<row><c t='s'><v>{index}</v></c></row>" for index in ("7", "-1", "x", "9" * 5000))
    assert rows(sheet(data, "<si><t>a</t></si>")) == ["7", "-1", "x", "9" * 5000]


def test_a_long_shared_string_is_put_into_one_cell_only() -> None:
    long = "anna@example.com " * 1000
    data = "<row r='1'><c t='s'><v>0</v></c></row>" * 50_000
    body = sheet(data, f"<si><t>{long}</t></si>")
    assert sum(len(part.text) for part in parts(body)) < 3 * len(long)
    assert rows(body) == [long]


def test_the_text_of_a_formula_stands_behind_the_values_of_its_row() -> None:
    data = (
        '<row r="1"><c r="A1" t="str"><f>B1&amp;"x@example.com"</f><v>y</v></c><c r="B1"><v>5</v></c></row>'
    )
    assert rows(sheet(data)) == ['y\t5\tB1&"x@example.com"']


def _random_rows(seed: int) -> str:
    chance = random.Random(seed)
    kinds = (
        "",
        ' t="n"',
        ' t="s"',
        ' t="str"',
        ' t="b"',
        ' s="3"',
        ' s="3" t="s"',
        ' t="inlineStr"',
        ' x="y"',
    )
    values = ("1", "48123456789.0", "2", "7E3", "a_x0040_b", "", "Żółć", "x &amp; y", "\n")

    def cell(number: int) -> str:
        place = f' r="{chance.choice("ABCXYZ")}{number}"' if chance.random() < 0.95 else ""
        value, kind = (
            escape(chance.choice(values), {"&amp;": "&amp;"}).replace("&amp;amp;", "&amp;"),
            chance.choice(kinds),
        )
        inner = f"<is><t>{value}</t></is>" if "inline" in kind else f"<v>{value}</v>"
        formula = "<f>A1</f>" if chance.random() < 0.1 else ""
        return chance.choice((f"<c{place}{kind}>{formula}{inner}</c>", f"<c{place}{kind}/>"))

    def row(number: int) -> str:
        cells = "".join(cell(number) for _ in range(chance.randrange(6)))
        return chance.choice(("", " ", "<!-- x -->")) + f'<row r="{number}">{cells}</row>'

    return "".join(row(number) for number in range(1, 3000))


@pytest.mark.parametrize("seed", range(3))
def test_rows_taken_out_by_pattern_are_read_as_the_parser_reads_them(seed: int) -> None:
    data = _random_rows(seed)
    strings = "<si><t>zero</t></si><si><t>one</t></si><si><r><t>tw</t></r><r><t>o</t></r></si>"
    prefixed = data
    for name in ("row", "c", "v", "f", "is", "t"):
        prefixed = prefixed.replace(f"<{name}>", f"<x:{name}>").replace(f"<{name} ", f"<x:{name} ")
        prefixed = prefixed.replace(f"</{name}>", f"</x:{name}>")
    assert not plain.ROW.search(prefixed.encode())
    slow = {
        **CONTENT_TYPES,
        "xl/sharedStrings.xml": f"<sst {X}>{strings}</sst>",
        "xl/worksheets/sheet1.xml": f'<x:worksheet xmlns:x="{OOXML}/spreadsheetml/2006/main">'
        f"<x:sheetData>{prefixed}</x:sheetData></x:worksheet>",
    }
    assert rows(sheet(data, strings)) == rows(packed(slow))
    assert len(rows(sheet(data, strings))) > 1000


def test_many_shared_strings_fit() -> None:
    count = 100_000
    strings = "".join(f"<si><t>customer{number}@example.com</t></si>" for number in range(count))
    data = "".join(f'<row r="1"><c r="A1" t="s"><v>{number}</v></c></row>' for number in (0, count - 1))
    assert rows(sheet(data, strings)) == ["customer0@example.com", f"customer{count - 1}@example.com"]


def test_rows_of_a_table_in_a_text_are_records_beside_the_prose() -> None:
    document = docx.Document()
    document.add_paragraph("before")
    cells = document.add_table(2, 3)
    for row in range(2):
        for column in range(3):
            cells.cell(row, column).text = f"{row}{column}"
    cells.cell(0, 1).add_paragraph("more")
    cells.cell(1, 1).text = ""
    document.add_paragraph("after")
    out = io.BytesIO()
    document.save(out)
    assert rows(out.getvalue()) == ["00\t01\nmore\t02", "10\t12"]
    prose = next(part for part in parts(out.getvalue()) if part.path[-1] == "word/document.xml")
    assert (prose.text, prose.records) == ("before\nafter\n", None)


def test_what_follows_an_inner_table_is_a_record_of_its_own() -> None:
    cell = "<w:tc><w:p><w:r><w:t>%s</w:t></w:r></w:p></w:tc>"
    inner = f"<w:tbl><w:tr>{cell % 'in'}</w:tr></w:tbl>"
    body = (
        f"<w:document {W}><w:tbl><w:tr>{cell % 'a'}<w:tc>{inner}</w:tc>{cell % 'b'}</w:tr></w:tbl>"
        "</w:document>"
    )
    assert rows(packed({**CONTENT_TYPES, "word/document.xml": body})) == ["a", "in", "b"]


def _open_cell(shown: str, **attributes: object) -> table.TableCell:
    cell = table.TableCell(**attributes)
    if shown:
        cell.addElement(text.P(text=shown))
    return cell


def _open_sheet(*made: table.TableRow) -> bytes:
    document = opendocument.OpenDocumentSpreadsheet()
    page = table.Table(name="EU")
    for row in made:
        page.addElement(row)
    document.spreadsheet.addElement(page)
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()


def test_a_row_of_an_open_sheet_is_a_record_with_or_without_types_of_values() -> None:
    row = table.TableRow()
    for person in PEOPLE:
        row.addElement(_open_cell(person[0]))
        row.addElement(_open_cell(person[2], valuetype="string"))
    assert rows(_open_sheet(row)) == ["\t".join(f"{person[0]}\t{person[2]}" for person in PEOPLE)]


def test_the_value_of_an_open_cell_counts_however_it_is_shown() -> None:
    row = table.TableRow()
    row.addElement(_open_cell("Anna"))
    row.addElement(_open_cell("4.81E+010", valuetype="float", value="48123456789"))
    row.addElement(_open_cell("", valuetype="string", stringvalue="anna@example.com"))
    assert rows(_open_sheet(row)) == ["Anna\t48123456789\t4.81E+010\tanna@example.com"]


def test_repeated_rows_and_cells_are_read_once() -> None:
    row = table.TableRow(numberrowsrepeated=1_000_000)
    row.addElement(_open_cell("once", numbercolumnsrepeated=16_000))
    assert rows(_open_sheet(row)) == ["once"]


def _record(kind: int, data: bytes) -> bytes:
    """Return a record of [MS-XLSB], section 2.1.4."""
    number = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size, length = b"", len(data)
    while True:
        size += bytes([length & 0x7F | (0x80 if length > 0x7F else 0)])
        length >>= 7
        if not length:
            return number + size + data


def _wide(value: str) -> bytes:
    return struct.pack("<L", len(value.encode("utf-16-le")) // 2) + value.encode("utf-16-le")


def _cell(kind: int, column: int, value: bytes) -> bytes:
    return _record(kind, struct.pack("<LL", column, 0) + value)


def test_a_binary_workbook_is_read_like_any_other() -> None:
    strings = (*("Żaneta", "zaneta@example.com"), "unused@example.com")
    shared = b"".join(_record(19, b"\x00" + _wide(value)) for value in strings)
    row = partial(_record, 0)
    page = (
        _record(129, b"")
        + row(struct.pack("<L", 0) + bytes(13))
        + _cell(7, 1, struct.pack("<L", 1))
        + _cell(7, 0, struct.pack("<L", 0))
        + _cell(5, 2, struct.pack("<d", 48123456789))
        + _cell(2, 3, struct.pack("<L", 5551234 << 2 | 2))
        + _cell(2, 4, struct.pack("<L", (250 << 2 | 3)))
        + row(struct.pack("<L", 1) + bytes(13))
        + _cell(6, 0, _wide("direct@example.com"))
        + _cell(
            8,
            1,
            _wide("cached@example.com")
            + struct.pack("<HL", 0, 3)
            + b"\x17\x07\x00"
            + "formula".encode("utf-16-le"),
        )
        + _cell(9, 2, struct.pack("<d", 2.5) + bytes(6))
        + _record(494, struct.pack("<4L", 0, 0, 0, 0) + _wide("link") + _wide("tip@example.com"))
        + _record(130, b"")
    )
    body = packed(
        {
            **CONTENT_TYPES,
            "xl/workbook.bin": _record(131, b"")
            + _record(156, bytes(8) + _wide("rId1") + _wide("sheet@example.com"))
            + _record(132, b""),
            "xl/worksheets/sheet1.bin": page,
            "xl/sharedStrings.bin": _record(159, struct.pack("<LL", 3, 3)) + shared + _record(160, b""),
        }
    )
    found = parts(body)
    assert not [item for item in found if not isinstance(item, Part)]
    assert rows(body) == [
        "Żaneta\tzaneta@example.com\t48123456789\t5551234\t2.5",
        "direct@example.com\tcached@example.com\t2.5\tformula",
    ]
    rest = "\n".join(part.text for part in found)
    assert all(f"{word}@example.com" in rest for word in ("tip", "sheet", "unused"))
