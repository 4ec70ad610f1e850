"""Documents of office programs: every place where customers can be is read, in whatever order."""

from __future__ import annotations

import io
import random
import struct
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path

import pptx
import pytest
from odf import draw, opendocument, text

from exfilter.content import sniff
from exfilter.content.documents.office import attributes, leftovers, readers
from exfilter.model import Reason, Unscanned
from tests.content import packages
from tests.content.packages import A, W, X, found, marker, packed, unpacked
from tests.content.reading import items, parts, reasons, texts

Document = Callable[[], bytes]
PLACES = [
    (document, place)
    for document, places in (
        (packages.text_document, packages.TEXT_PLACES),
        (packages.workbook, packages.SHEET_PLACES),
        (packages.presentation, packages.SLIDE_PLACES),
        (packages.open_document, packages.OPEN_PLACES),
    )
    for place in places
]
DOCUMENTS = [packages.text_document, packages.workbook, packages.presentation, packages.open_document]
CONTENT_TYPES = {"[Content_Types].xml": "<Types/>"}
OPEN = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)


def word(body: str) -> bytes:
    """Return a package with such a text."""
    return packed(
        {**CONTENT_TYPES, "word/document.xml": f"<w:document {W} {A}><w:body>{body}</w:body></w:document>"}
    )


def run(value: str, element: str = "t") -> str:
    """Return a run of such text."""
    return f"<w:r><w:{element}>{value}</w:{element}></w:r>"


@pytest.mark.parametrize(("document", "place"), PLACES, ids=[f"{d.__name__}-{p}" for d, p in PLACES])
def test_every_hiding_place_is_read(document: Document, place: str) -> None:
    assert marker(place) in found(document())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_order_of_parts_changes_nothing(document: Document) -> None:
    files = list(unpacked(document()).items())
    random.Random(4).shuffle(files)
    shuffled = packed(dict(files))
    assert readers.is_package(shuffled[: 1 << 16])
    assert sorted(found(shuffled).split()) == sorted(found(document()).split())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_of_a_library_is_read_whole(document: Document) -> None:
    left = [item for item in items(document()) if isinstance(item, Unscanned)]
    assert all(item.reason is Reason.UNSUPPORTED and "thumbnail" in item.part for item in left)


def test_paragraphs_are_lines_and_runs_are_joined() -> None:
    body = (
        f"<w:p>{run('John Sm')}\n  <w:proofErr/>{run('ith')}</w:p>\n<w:p>{run('next')}<w:r><w:br/>"
        f"<w:t>line</w:t><w:tab/></w:r>{run('x')}</w:p>"
    )
    assert texts(word(body))["customers.dat > word/document.xml"] == "John Smith\nnext\nline\tx\n"


def test_a_tracked_change_is_read_with_it_and_without_it() -> None:
    body = f"<w:p>{run('Anna No')}<w:del>{run('wak', 'delText')}</w:del><w:ins>{run('vak')}</w:ins></w:p>"
    assert texts(word(body))["customers.dat > word/document.xml"] == "Anna Novak\nAnna Nowak\n"


def test_a_text_box_does_not_part_the_word_around_it() -> None:
    body = (
        f"<w:p>{run('Kowal')}<w:r><w:drawing><a:p><a:r><a:t>box</a:t></a:r></a:p></w:drawing>"
        f"</w:r>{run('ski')}</w:p>"
    )
    assert texts(word(body))["customers.dat > word/document.xml"] == "box\nKowalski\n"


def test_neighbouring_fields_stay_apart() -> None:
    body = "<Properties><Manager>Anna</Manager><Company>Nowak</Company><Pages>1</Pages></Properties>"
    assert (
        texts(packed({**CONTENT_TYPES, "docProps/app.xml": body}))["customers.dat > docProps/app.xml"]
        == "Anna\tNowak\t1\n"
    )


def test_elements_of_foreign_xml_are_fields() -> None:
    body = "<rows><row>48123456789</row><a>Anna</a><b>Nowak</b><t>x</t><meta>y</meta></rows>"
    made = packed({**CONTENT_TYPES, "customXml/item1.xml": body})
    assert texts(made)["customers.dat > customXml/item1.xml"] == "48123456789\tAnna\tNowak\tx\ty\n"


def test_a_long_comment_in_front_does_not_hide_what_a_part_is() -> None:
    prolog = f'<?xml version="1.0"?><!-- {"x" * 100_000} -->'
    body = f"{prolog}<w:document {W}><w:p>{run('John Sm')}{run('ith')}</w:p></w:document>"
    assert "John Smith" in found(packed({**CONTENT_TYPES, "word/document.xml": body}))


def test_a_package_of_a_microsoft_program_is_read_whole() -> None:
    body = (Path(pptx.__file__).parent / "templates" / "default.pptx").read_bytes()
    left = [item for item in items(body) if isinstance(item, Unscanned)]
    assert [item.part for item in left] == ['customers.dat > office "docProps/thumbnail.jpeg"']


def test_a_header_of_a_sheet_is_read_without_its_codes() -> None:
    header = (
        "<headerFooter>"
        '<oddHeader>&amp;LAnna&amp;C&amp;"Arial,Bold"&amp;12 Nowak&amp;K00FF00x</oddHeader></headerFooter>'
    )
    body = packed({**CONTENT_TYPES, "xl/worksheets/sheet1.xml": f"<worksheet {X}>{header}</worksheet>"})
    assert "Anna    Nowak x" in found(body)


def test_how_a_document_looks_is_not_told() -> None:
    looks = (
        '<w:rPr><w:rFonts w:ascii="Times New Roman"/><w:lang w:val="en-GB"/></w:rPr><w:pPr>'
        '<w:pStyle w:val="ListParagraph"/></w:pPr>'
        '<wp:posOffset xmlns:wp="urn:x">12345678</wp:posOffset>'
        '<wp:extent xmlns:wp="urn:x" cx="5486400" cy="3200400"/>'
    )
    paragraph = (
        f'<w:p w:rsidR="00123456" w:rsidRDefault="12345678" w:paraId="77777777">{looks}{run("text")}</w:p>'
    )
    assert set(found(word(paragraph)).split()) == {"[Content_Types].xml", "word/document.xml", "text"}


def test_what_only_looks_like_formatting_is_told() -> None:
    looks = '<w:rPr><w:rFonts w:ascii="anna@example.com"/><w:lang w:val="+48 123 456 789"/></w:rPr>'
    assert {"anna@example.com", "789"} <= set(found(word(f"<w:p>{looks}</w:p>")).split())


def test_numbers_in_foreign_attributes_are_told() -> None:
    body = packed(
        {**CONTENT_TYPES, "customXml/item1.xml": '<customer id="48123456789" x="5551234"><a/></customer>'}
    )
    assert {"48123456789", "5551234"} <= set(found(body).split())


def test_attributes_that_repeat_are_told_once() -> None:
    told = attributes.Attributes()
    lines = [told.told("w:x", {"w:val": value}, known=True, looks=False) for value in ("Anna", "Anna", "Eve")]
    assert lines == ["Anna", "", "Eve"]


def test_parts_of_one_name_are_both_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f"<w:p {W}>{run(marker('first'))}</w:p>")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("word/document.xml", f"<w:p {W}>{run(marker('second'))}</w:p>")
    assert marker("first") in found(out.getvalue())
    assert marker("second") in found(out.getvalue())


def test_members_are_recognised_anew() -> None:
    inner = packages.workbook()
    body = packed(
        {
            **unpacked(packages.text_document()),
            "word/embeddings/sheet.bin": inner,
            "word/media/note.txt": marker("note"),
        }
    )
    path = next(part.path for part in parts(body) if marker("hiddensheet") in part.text)
    assert path[1] == 'office "word/embeddings/sheet.bin"'
    assert marker("note") in found(body)


def test_an_ordinary_zip_that_begins_like_a_package_gives_its_members() -> None:
    body = packed({"word/": "", "word/readme.txt": marker("text"), "customers.csv": "a,b\nc,d\n"})
    assert marker("text") in found(body)
    assert any(part.path[-1] == 'office "customers.csv"' for part in parts(body))


def test_another_zip_is_no_package() -> None:
    assert not readers.is_package(packed({"META-INF/MANIFEST.MF": "x", "a/word.xml": "<a/>"}))
    assert not readers.is_package(b"word/document.xml")


def test_the_notes_of_an_open_presentation_are_read() -> None:
    document = opendocument.OpenDocumentPresentation()
    page = draw.Page(masterpagename="x", name=marker("page"))
    document.presentation.addElement(page)
    frame = draw.Frame()
    box = draw.TextBox()
    box.addElement(text.P(text=marker("box")))
    frame.addElement(box)
    page.addElement(frame)
    out = io.BytesIO()
    document.write(out)
    assert marker("box") in found(out.getvalue())
    assert marker("page") in found(out.getvalue())


def test_a_book_is_read_with_its_metadata() -> None:
    chapter = (
        "<html xmlns='http://www.w3.org/1999/xhtml'><body>"
        "<p>ch<i>apter@hidden.example</i>&nbsp;&mdash;</p></body></html>"
    )
    doctype = (
        '<?xml version="1.0"?>'
        '<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/ncx-2005-1.dtd">'
    )
    body = packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": "<container><rootfiles><rootfile full-path='x.opf'/></rootfiles>"
            "</container>",
            "x.opf": "<package><metadata>"
            "<dc:creator xmlns:dc='urn:dc'>creator@hidden.example</dc:creator></metadata></package>",
            "toc.ncx": f"{doctype}<ncx><navLabel><text>toc&nbsp;toc@hidden.example</text></navLabel></ncx>",
            "1.xhtml": f'<?xml version="1.0"?><!DOCTYPE html>{chapter}',
        }
    )
    assert all(marker(place) in found(body) for place in ("chapter", "creator", "toc"))
    assert not reasons(body)


def test_a_drawing_is_read() -> None:
    page = (
        "<PageContents xmlns='http://schemas.microsoft.com/office/visio/2012/main'><Shape>"
        "<Text>sha<cp IX='0'/>pe@hidden.example</Text>"
        "<Section N='Property'><Row N='Row_1'><Cell N='Value' V='property@hidden.example'/></Row>"
        "</Section></Shape></PageContents>"
    )
    body = packed({**CONTENT_TYPES, "visio/pages/page1.xml": page})
    assert all(marker(place) in found(body) for place in ("shape", "property"))


def test_pages_of_xps_are_read() -> None:
    page = (
        "<FixedPage xmlns='http://schemas.microsoft.com/xps/2005/06'>"
        "<Glyphs UnicodeString='glyphs@hidden.example'/></FixedPage>"
    )
    assert marker("glyphs") in found(packed({"FixedDocSeq.fdseq": "<a/>", "Documents/1/Pages/1.fpage": page}))


SINGLE = {
    "flat odf": f"<office:document {OPEN}><office:body>"
    "<text:p>fl<text:span>at@hidden.example</text:span></text:p>"
    "<office:binary-data>%s</office:binary-data></office:body></office:document>",
    "flat opc": "<pkg:package xmlns:pkg='http://schemas.microsoft.com/office/2006/xmlPackage'>"
    "<pkg:part pkg:name='/word/document.xml'><pkg:xmlData>"
    f"<w:p {W}>{run('fl')}{run('at@hidden.example')}</w:p></pkg:xmlData></pkg:part><pkg:part>"
    "<pkg:binaryData>%s</pkg:binaryData></pkg:part></pkg:package>",
    "word 2003": "<w:wordDocument xmlns:w='http://schemas.microsoft.com/office/word/2003/wordml'><w:p>"
    f"{run('fl')}{run('at@hidden.example')}</w:p><w:binData>%s</w:binData></w:wordDocument>",
}


@pytest.mark.parametrize("body", SINGLE.values(), ids=SINGLE)
def test_a_document_in_one_file_is_read_like_a_package(body: str) -> None:
    inner = "c2VjcmV0OiBpbm5lckBoaWRk\nZW4uZXhhbXBsZQ=="  # secret: inner@hidden.example
    made = ('<?xml version="1.0"?>\n<?mso-application progid="x"?>' + body % inner).encode()
    assert marker("flat") in found(made)
    assert marker("inner") in found(made)
    assert not reasons(made)


def test_a_workbook_of_2003_has_rows() -> None:
    row = (
        "<Row><Cell><Data ss:Type='String'>Anna</Data></Cell><Cell>"
        "<Data ss:Type='Number'>48123456789</Data></Cell></Row>"
    )
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    body = (
        f"<?xml version='1.0'?><Workbook xmlns='{space}' xmlns:ss='{space}'><Worksheet>"
        f"<Table>{row}{row}</Table></Worksheet></Workbook>"
    )
    part = next(part for part in parts(body.encode()) if part.records is not None)
    assert part.text == "Anna\t48123456789\nAnna\t48123456789\n"
    assert part.records is not None
    assert part.records.tolist() == [0, 17]


def test_a_part_in_another_charset_is_read() -> None:
    body = f'<?xml version="1.0" encoding="windows-1250"?><w:p {W}>{run("Żółć")}</w:p>'
    files: dict[str, bytes | str] = {
        **CONTENT_TYPES,
        "word/document.xml": body.encode("cp1250"),
        "word/big5.xml": "<?xml version='1.0' encoding='big5'?><a>王小明</a>".encode("big5"),
    }
    assert "Żółć" in found(packed(files))
    assert "王小明" in found(packed(files))


def test_encrypted_members_of_an_open_document_are_reported() -> None:
    entry = "<manifest:file-entry manifest:full-path='%s'>%s</manifest:file-entry>"
    manifest = (
        "<manifest:manifest xmlns:manifest='urn:m'>"
        f"{entry % ('content.xml', '<manifest:encryption-data/>')}"
        f"{entry % ('meta.xml', '')}</manifest:manifest>"
    )
    secret = random.Random(4).randbytes(5000)
    body = packed(
        {
            "mimetype": "application/vnd.oasis",
            "content.xml": secret,
            "META-INF/manifest.xml": manifest,
            "meta.xml": f"<a>{marker('meta')}</a>",
        }
    )
    left = [item for item in items(body) if isinstance(item, Unscanned)]
    assert [(item.part, item.reason, item.bytes) for item in left] == [
        ("customers.dat > content.xml", Reason.ENCRYPTED, 5000)
    ]
    assert marker("meta") in found(body)


def test_a_font_in_disguise_is_a_font() -> None:
    key = str(uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF)).upper()
    font = b"\x00\x01\x00\x00\x00\x0c" + random.Random(4).randbytes(9000)
    mask = bytes.fromhex(key.replace("-", ""))[::-1] * 2
    hidden = bytes(a ^ b for a, b in zip(font, mask, strict=False)) + font[32:]
    table = f'<w:fonts {W}><w:font><w:embedRegular w:fontKey="{{{key}}}"/></w:font></w:fonts>'
    body = packed({"word/fonts/font1.odttf": hidden, "word/fontTable.xml": table})
    assert reasons(body) == [Reason.UNSUPPORTED]
    assert leftovers.font(hidden, [str(uuid.UUID(int=5))]) == hidden


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (
            struct.pack("<LLL", 9000, 8900, 0x00020001) + bytes(22) + b"LP",
            "font",
        ),  # Embedded OpenType of a presentation
        (b"VCLMTF\x01\x00" + bytes(40), "svm"),  # what LibreOffice shows in the place of an object
        (b"II\xbc\x01" + bytes(20), "jxr"),
    ],
)
def test_pictures_and_fonts_of_documents_are_known(head: bytes, name: str) -> None:
    assert sniff.signature(head) == name
    assert sniff.reason(head) is Reason.UNSUPPORTED


def test_settings_of_a_printer_are_not_opaque() -> None:
    name = "HP LaserJet anna@example.com".encode("utf-16-le").ljust(64, b"\0")
    settings = name + struct.pack("<4H", 0x0401, 6, 220, 1000) + bytes(1150) + b"SDDM" + bytes(range(50))
    body = packed({**CONTENT_TYPES, "xl/printerSettings/printerSettings1.bin": settings})
    assert not reasons(body)
    assert "anna@example.com" in found(body)


def test_what_is_hidden_behind_settings_of_a_printer_is_opaque() -> None:
    settings = bytes(64) + struct.pack("<4H", 0x0401, 6, 220, 1000) + random.Random(4).randbytes(9000)
    assert reasons(packed({**CONTENT_TYPES, "xl/printerSettings/printerSettings1.bin": settings})) == [
        Reason.OPAQUE
    ]
