"""Office documents made by libraries, with places in them that only an edit of their XML reaches."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from functools import cache

import docx
import openpyxl
from odf import dc, meta, opendocument, style, table, text
from openpyxl.comments import Comment
from openpyxl.worksheet.datavalidation import DataValidation
from pptx import Presentation
from pptx.util import Inches

from tests.content.reading import parts

OOXML = "http://schemas.openxmlformats.org"
W = f'xmlns:w="{OOXML}/wordprocessingml/2006/main"'
A = f'xmlns:a="{OOXML}/drawingml/2006/main"'
X = f'xmlns="{OOXML}/spreadsheetml/2006/main"'
C = f'xmlns:c="{OOXML}/drawingml/2006/chart"'
RELATIONSHIP = (
    f'<Relationship Id="rId99" Type="{OOXML}/officeDocument/2006/relationships/hyperlink" '
    'Target="mailto:%s" TargetMode="External"/>'
)
Edit = Callable[[str], str]


def marker(place: str) -> str:
    """Return what is hidden at a place."""
    return f"{place}@hidden.example"


@cache
def found(body: bytes) -> str:
    """Return all text of a document, but for the printable strings of its bytes."""
    return "\n".join(part.text for part in parts(body) if part.path[1:2] != ("strings",))


def packed(files: Mapping[str, bytes | str]) -> bytes:
    """Return a package of these parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def unpacked(body: bytes) -> dict[str, bytes]:
    """Return the parts of a package."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def edited(body: bytes, edits: Mapping[str, Edit], more: Mapping[str, str] | None = None) -> bytes:
    """Return a package with parts edited, and with more parts."""
    files: dict[str, bytes | str] = dict(unpacked(body))
    for name, edit in edits.items():
        before = files[name]
        assert isinstance(before, bytes)
        files[name] = edit(before.decode())
        assert files[name] != before.decode()
    return packed({**files, **(more or {})})


def before(place: str, addition: str) -> Edit:
    """Put something in front of the last place where some words stand."""
    return lambda xml: addition.join((xml[: xml.rindex(place)], xml[xml.rindex(place) :]))


def _saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


_TEXT = {
    "split": "<w:p><w:r><w:t>spl</w:t></w:r><w:proofErr/><w:r><w:rPr><w:b/></w:rPr><w:t>it@hid</w:t></w:r>"
    '<w:bookmarkStart w:id="0" w:name="x"/><w:r><w:t>den.example</w:t></w:r></w:p>',
    "inserted": '<w:p><w:r><w:t>inser</w:t></w:r><w:ins w:author="x"><w:r><w:t>ted@hidden.example</w:t>'
    "</w:r></w:ins></w:p>",
    "deleted": '<w:p><w:r><w:t>dele</w:t></w:r><w:del w:author="x"><w:r><w:delText>ted@hid</w:delText>'
    "</w:r></w:del>"
    '<w:ins w:author="x"><w:r><w:t>rious</w:t></w:r></w:ins><w:r><w:t>den.example</w:t></w:r></w:p>',
    "both": '<w:p><w:ins w:author="x"><w:del w:author="x"><w:r><w:delText>both@hidden.example</w:delText>'
    "</w:r></w:del></w:ins></w:p>",
    "author": '<w:p><w:ins w:author="author@hidden.example"><w:r><w:t>x</w:t></w:r></w:ins></w:p>',
    "hidden": "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden@hidden.example</w:t></w:r></w:p>",
    "instruction": '<w:p><w:r><w:t>see </w:t></w:r><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r>'
    '<w:instrText> HYPERLINK "mailto:instr</w:instrText></w:r>'
    '<w:r><w:instrText>uction@hidden.example" </w:instrText></w:r><w:r><w:t>here</w:t></w:r></w:p>',
    "simple": '<w:p><w:fldSimple w:instr=" MERGEFIELD simple@hidden.example "><w:r><w:t>x</w:t></w:r>'
    "</w:fldSimple></w:p>",
    "alternative": '<w:p><w:r><w:drawing><wp:inline xmlns:wp="urn:x">'
    '<wp:docPr id="7" name="p" descr="alternative@hidden.example"/></wp:inline></w:drawing></w:r></w:p>',
    "box": "<w:p><w:r><w:t>aro</w:t></w:r><w:r><w:drawing><wps:txbx xmlns:wps='urn:y'><w:txbxContent>"
    "<w:p><w:r><w:t>box@hidden.example</w:t></w:r></w:p>"
    "</w:txbxContent></wps:txbx></w:drawing></w:r><w:r><w:t>und@hidden.example</w:t></w:r></w:p>",
    "fallback": "<w:p><mc:AlternateContent xmlns:mc='urn:z'><mc:Choice><w:r>"
    "<w:t>choice@hidden.example</w:t></w:r></mc:Choice>"
    "<mc:Fallback><w:pict><v:textbox xmlns:v='urn:v'><w:txbxContent><w:p><w:r>"
    "<w:t>fallback@hidden.example</w:t></w:r></w:p></w:txbxContent></v:textbox></w:pict></mc:Fallback>"
    "</mc:AlternateContent></w:p>",
    "control": '<w:sdt><w:sdtPr><w:alias w:val="alias@hidden.example"/><w:dropDownList>'
    '<w:listItem w:displayText="control@hidden.example" w:value="x"/>'
    "</w:dropDownList></w:sdtPr><w:sdtContent><w:p><w:r><w:t>x</w:t></w:r></w:p></w:sdtContent></w:sdt>",
    "hy-phen": "<w:p><w:r><w:t>hy</w:t><w:noBreakHyphen/><w:t>phen@hidden.example</w:t></w:r></w:p>",
    "smart": "<w:p><w:smartTag><w:r><w:t>sma</w:t></w:r></w:smartTag><w:r><w:t>rt@hidden.example</w:t>"
    "</w:r></w:p>",
    "moved": "<w:p><w:moveFrom w:author='x'><w:r><w:t>moved@hidden.example</w:t></w:r></w:moveFrom></w:p>",
    "ruby": "<w:p><w:r><w:t>ru</w:t></w:r><w:r><w:ruby><w:rt><w:r><w:t>reading</w:t></w:r></w:rt>"
    "<w:rubyBase><w:r><w:t>by@hidden</w:t></w:r></w:rubyBase></w:ruby></w:r><w:r><w:t>.example</w:t>"
    "</w:r></w:p>",
    "entity": "<w:p><w:r><w:t>entity&#64;hid&#100;en.example</w:t></w:r></w:p>",
    "cdata": "<w:p><w:r><w:t>cdata@<![CDATA[hidden.example]]></w:t></w:r></w:p>",
    "stray": "<w:p>stray@hidden.example</w:p>",
}
_NOTE = (
    f'<w:%ss {W}><w:%s w:id="1" w:author="%s@hidden.example"><w:p><w:r><w:t>%s@hidden.example</w:t>'
    "</w:r></w:p></w:%s></w:%ss>"
)
_CHART = (
    f'<c:chartSpace {C} {A}><c:ser><c:tx><c:strRef><c:f>Sheet1!A1</c:f><c:strCache><c:pt idx="0">'
    "<c:v>chart@hidden.example</c:v></c:pt></c:strCache></c:strRef></c:tx></c:ser></c:chartSpace>"
)
_SMART = (
    f'<dgm:dataModel xmlns:dgm="{OOXML}/drawingml/2006/diagram" {A}><dgm:pt><dgm:t><a:p><a:r>'
    "<a:t>smart</a:t></a:r><a:r><a:t>art@hidden.example</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:dataModel>"
)
_CUSTOM = (
    '<Properties xmlns="urn:p" xmlns:vt="urn:vt"><property name="customname@hidden.example">'
    "<vt:lpwstr>custom@hidden.example</vt:lpwstr></property></Properties>"
)
TEXT_PLACES = (
    *_TEXT,
    *(
        "around",
        "choice",
        "alias",
        "body",
        "cell",
        "nested",
        "header",
        "footer",
        "core",
        "custom",
        "customname",
    ),
    *("footnote", "endnote", "comment", "commentauthor", "glossary", "orphan", "item", "chart", "smartart"),
    *("variable", "mailto", "company", "html", "utf16", "style"),
)


@cache
def text_document() -> bytes:
    """Return a docx with a marker at each of ``TEXT_PLACES``."""
    document = docx.Document()
    document.add_paragraph(marker("body"))
    cells = document.add_table(2, 2)
    cells.cell(0, 0).text = marker("cell")
    cells.cell(1, 1).add_table(1, 1).cell(0, 0).text = marker("nested")
    document.sections[0].header.paragraphs[0].text = marker("header")
    document.sections[0].footer.paragraphs[0].text = marker("footer")
    document.core_properties.keywords = marker("core")
    body = f"<w:p {W}><w:r><w:t>%s@hidden.example</w:t></w:r></w:p>"
    more = {
        "word/footnotes.xml": _NOTE % (("footnote",) * 6),
        "word/endnotes.xml": _NOTE % (("endnote",) * 6),
        "word/comments.xml": _NOTE % ("comment", "comment", "commentauthor", "comment", "comment", "comment"),
        "word/glossary/document.xml": f"<w:glossaryDocument {W}>{body % 'glossary'}</w:glossaryDocument>",
        "word/nobody.xml": body % "orphan",
        "customXml/item7.xml": "<customer><mail>item@hidden.example</mail></customer>",
        "word/charts/chart1.xml": _CHART,
        "word/diagrams/data1.xml": _SMART,
        "docProps/custom.xml": _CUSTOM,
        "word/afchunk.html": "<html><body><b>ht</b>ml@hidden.example</body></html>",
    }
    edits = {
        "word/document.xml": before("<w:sectPr", "".join(_TEXT.values())),
        "word/settings.xml": before(
            "</w:settings>", '<w:docVars><w:docVar w:name="v" w:val="variable@hidden.example"/></w:docVars>'
        ),
        "word/_rels/document.xml.rels": before("</Relationships>", RELATIONSHIP % marker("mailto")),
        "docProps/app.xml": before("</Properties>", "<Company>company@hidden.example</Company>"),
        "word/styles.xml": before("</w:styles>", '<w:style><w:name w:val="style@hidden.example"/></w:style>'),
    }
    made = edited(_saved(document), edits, more)
    wide = f'<?xml version="1.0" encoding="UTF-16"?>{body % "utf16"}'.encode("utf-16")
    return packed({**unpacked(made), "word/wide.xml": wide})


SHEET_PLACES = (
    *(
        "shared",
        "sharedrich",
        "inline",
        "inlinerich",
        "formula",
        "cached",
        "hiddensheet",
        "hiddenrow",
        "hiddencolumn",
    ),
    *(
        "comment",
        "commentauthor",
        "threaded",
        "header",
        "list",
        "prompt",
        "defined",
        "items",
        "records",
        "column",
    ),
    *(
        "box",
        "sheetname",
        "mailto",
        "tooltip",
        "core",
        "custom",
        "item",
        "external",
        "chart",
        "escaped",
        "unused",
    ),
    *("reading", "stray", "prefixed", "moved", "extension", "unknown"),
)
_SHEET = "xl/worksheets/sheet1.xml"


@cache
def workbook() -> bytes:
    """Return an xlsx with a marker at each of ``SHEET_PLACES``."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["phone", "mail"])
    sheet.append([48123456789, f'=CONCATENATE("{marker("formula")}")'])
    sheet["B4"], sheet["B5"] = marker("hiddenrow"), marker("hiddencolumn")
    sheet.row_dimensions[4].hidden = sheet.column_dimensions["B"].hidden = True
    sheet["A1"].comment = Comment(marker("comment"), marker("commentauthor"))
    sheet.oddHeader.left.text = marker("header")
    validation = DataValidation(type="list", formula1=f'"x,{marker("list")}"')
    validation.prompt = marker("prompt")
    validation.add("C1")
    sheet.add_data_validation(validation)
    other = book.create_sheet("sheetname@hidden.example")
    other.sheet_state = "veryHidden"
    other["A1"] = marker("hiddensheet")
    book.defined_names["name"] = openpyxl.workbook.defined_name.DefinedName(
        "name", attr_text='"defined@hidden.example"'
    )
    book.properties.subject = marker("core")
    rows = (
        '<row r="20"><c r="A20" t="inlineStr"><is><t>inline@hidden.example</t></is></c>'
        '<c r="B20" t="inlineStr"><is><r><t>inline</t></r><r><rPr><b/></rPr><t>rich@hidden.example</t>'
        "</r></is></c>"
        '<c r="C20" t="str"><f>A1&amp;""</f><v>cached@hidden.example</v></c>'
        '<c r="D20" t="inlineStr"><is><t>escaped_x0040_hidden.example</t></is></c>'
        '<c r="E20" t="inlineStr"><is><t>x</t><rPh sb="0" eb="1"><t>reading@hidden.example</t></rPh></is>'
        "</c></row>"
        '<row r="21">stray@hidden.example<c r="A21"><v>1</v></c></row>'
        f'<x:row xmlns:x="{OOXML}/spreadsheetml/2006/main"><x:c><x:v>prefixed@hidden.example</x:v></x:c>'
        "</x:row>"
        '<row r="23"><c r="B23" t="s"><v>1</v></c><c r="A23" t="s"><v>0</v></c></row>'
        '<row r="22"><c r="A22" x="unknown@hidden.example" s="0" t="n"><v>1</v></c></row>'
    )
    sheet_end = (
        '<hyperlinks><hyperlink ref="A1" tooltip="tooltip@hidden.example"/></hyperlinks>'
        "<extLst><ext><x14:f xmlns:x14='urn:x'>extension@hidden.example</x14:f></ext></extLst>"
    )
    strings = (
        f"<sst {X}><si><t>shared@hidden.example</t></si><si><r><t>shared</t></r><r>"
        "<t>rich@hidden.example</t></r></si>"
        "<si><t>unused@hidden.example</t></si></sst>"
    )
    edits = {_SHEET: lambda xml: before("</worksheet>", sheet_end)(before("</sheetData>", rows)(xml))}
    pivot = (
        f"<pivotCacheDefinition {X}><cacheField name='x'><sharedItems><s v='items@hidden.example'/>"
        "</sharedItems></cacheField></pivotCacheDefinition>"
    )
    drawing = (
        f"<xdr:wsDr xmlns:xdr='urn:d' {A}><xdr:sp><xdr:from><xdr:col>1</xdr:col></xdr:from><a:p>"
        "<a:r><a:t>bo</a:t></a:r><a:r><a:t>x@hidden.example</a:t></a:r></a:p></xdr:sp></xdr:wsDr>"
    )
    external = (
        f'<externalLink {X}><externalBook><sheetDataSet><sheetData sheetId="0"><row r="1">'
        '<cell r="A1" t="str"><v>external@hidden.example</v></cell></row></sheetData></sheetDataSet>'
        "</externalBook></externalLink>"
    )
    more = {
        "xl/sharedStrings.xml": strings,
        "xl/threadedComments/threadedComment1.xml": "<ThreadedComments xmlns='urn:t'><threadedComment>"
        "<text>threaded@hidden.example</text></threadedComment></ThreadedComments>",
        "xl/pivotCache/pivotCacheDefinition1.xml": pivot,
        "xl/pivotCache/pivotCacheRecords1.xml": f"<pivotCacheRecords {X}><r>"
        "<s v='records@hidden.example'/><n v='5'/></r></pivotCacheRecords>",
        "xl/tables/table1.xml": f"<table {X}><tableColumn name='column@hidden.example'/></table>",
        "xl/drawings/drawing9.xml": drawing,
        "xl/externalLinks/externalLink1.xml": external,
        "xl/charts/chart1.xml": _CHART,
        "xl/worksheets/_rels/sheet2.xml.rels": "<Relationships "
        f"xmlns='{OOXML}/package/2006/relationships'>{RELATIONSHIP % marker('mailto')}</Relationships>",
        "docProps/custom.xml": _CUSTOM,
        "customXml/item1.xml": "<a><b>item@hidden.example</b></a>",
        "xl/revisions/moved.xml": f"<revisions {X}><rcc><nc t='inlineStr'><is><t>moved@hidden.example</t>"
        "</is></nc></rcc></revisions>",
    }
    return edited(_saved(book), edits, more)


SLIDE_PLACES = (
    *(
        "slide",
        "split",
        "notes",
        "comment",
        "alternative",
        "smartart",
        "cell",
        "master",
        "custom",
        "tag",
        "hidden",
    ),
    *("mailto", "chart", "box"),
)


@cache
def presentation() -> bytes:
    """Return a pptx with a marker at each of ``SLIDE_PLACES``."""
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = marker("slide")
    slide.notes_slide.notes_text_frame.text = marker("notes")
    frame = slide.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame
    frame.text = marker("box")
    for piece in ("spl", "it@hid", "den.example"):
        frame.paragraphs[0].add_run().text = " " + piece if piece == "spl" else piece
    slide.shapes.add_table(1, 1, 0, 0, Inches(1), Inches(1)).table.cell(0, 0).text = marker("cell")
    hidden = deck.slides.add_slide(deck.slide_layouts[5])
    hidden.shapes.title.text = marker("hidden")
    hidden._element.set("show", "0")
    edits = {
        "ppt/slides/slide1.xml": lambda xml: xml.replace(
            ' name="Title 1"', ' name="Title 1" descr="alternative@hidden.example"'
        ),
        "ppt/slideMasters/slideMaster1.xml": lambda xml: xml.replace(
            "Click to edit Master title style", marker("master")
        ),
        "ppt/slides/_rels/slide1.xml.rels": before("</Relationships>", RELATIONSHIP % marker("mailto")),
    }
    more = {
        "ppt/comments/comment1.xml": "<p:cmLst xmlns:p='urn:p'><p:cm>"
        "<p:text>comment@hidden.example</p:text></p:cm></p:cmLst>",
        "ppt/tags/tag1.xml": "<p:tagLst xmlns:p='urn:p'><p:tag name='X' val='tag@hidden.example'/>"
        "</p:tagLst>",
        "ppt/diagrams/data1.xml": _SMART,
        "ppt/charts/chart1.xml": _CHART,
        "docProps/custom.xml": _CUSTOM,
    }
    return edited(_saved(deck), edits, more)


OPEN_PLACES = (
    *(
        "body",
        "split",
        "spaced",
        "annotation",
        "annotator",
        "deleted",
        "header",
        "title",
        "keyword",
        "hiddentext",
    ),
    *("alternative", "note", "link", "cell", "user", "ruby", "removed"),
)
_ODT = (
    "<text:p>spl<text:span>it@</text:span><text:meta>hid</text:meta>den"
    "<text:bookmark text:name='x'/>.example</text:p>"
    "<text:p>to<text:s/>spaced@hidden.example<text:tab/>x</text:p>"
    "<text:p>x<office:annotation><dc:creator>annotator@hidden.example</dc:creator>"
    "<text:p>annotation@hidden.example</text:p></office:annotation>y</text:p>"
    "<text:p><text:hidden-text text:string-value='hiddentext@hidden.example'/></text:p>"
    "<text:p><draw:frame><draw:image/><svg:desc>alternative@hidden.example</svg:desc></draw:frame></text:p>"
    "<text:p>wo<text:note><text:note-citation>1</text:note-citation><text:note-body>"
    "<text:p>note@hidden.example</text:p></text:note-body></text:note>rd</text:p>"
    "<text:p><text:a xlink:href='mailto:link@hidden.example'>x</text:a></text:p>"
    "<text:p><text:ruby><text:ruby-base>ru</text:ruby-base><text:ruby-text>xx</text:ruby-text>"
    "</text:ruby>by@hidden.example</text:p>"
    "<text:p>remo<text:change text:change-id='c1'/>den.example</text:p>"
)
_TRACKED = (
    "<text:tracked-changes><text:changed-region text:id='c1'><text:deletion><text:p>ved@hid</text:p>"
    "</text:deletion></text:changed-region>"
    "<text:changed-region xml:id='c2'><text:deletion><text:p>deleted@hidden.example</text:p>"
    "</text:deletion></text:changed-region></text:tracked-changes>"
)


@cache
def open_document() -> bytes:
    """Return an odt with a marker at each of ``OPEN_PLACES``."""
    document = opendocument.OpenDocumentText()
    document.text.addElement(text.P(text=marker("body")))
    rows = table.Table(name="t")
    row = table.TableRow()
    cell = table.TableCell()
    cell.addElement(text.P(text=marker("cell")))
    row.addElement(cell)
    rows.addElement(row)
    document.text.addElement(rows)
    document.meta.addElement(dc.Title(text=marker("title")))
    document.meta.addElement(meta.Keyword(text=marker("keyword")))
    document.meta.addElement(meta.UserDefined(name="x", text=marker("user")))
    page = style.MasterPage(name="Standard", pagelayoutname="pl")
    layout = style.PageLayout(name="pl")
    head = style.Header()
    head.addElement(text.P(text=marker("header")))
    page.addElement(head)
    document.automaticstyles.addElement(layout)
    document.masterstyles.addElement(page)
    return edited(
        _saved_open(document),
        {
            "content.xml": lambda xml: before("</office:text>", _ODT)(
                xml.replace("<office:text>", f"<office:text>{_TRACKED}", 1)
            )
        },
    )


def _saved_open(document: opendocument.OpenDocument) -> bytes:
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()
