"""PDF: the text of its pages and every other place in it where text can lie."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
import zlib
from collections.abc import Callable

import pytest
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import (
    DecodedStreamObject,
    DictionaryObject,
    EncodedStreamObject,
    NameObject,
    NumberObject,
    StreamObject,
)
from reportlab.lib import pdfencrypt
from reportlab.pdfgen import canvas

from exfilter.content.documents import pictures
from exfilter.limits import Limits
from exfilter.model import Reason
from tests.content import portable
from tests.content.reading import items, texts
from tests.content.reading import reasons as _reasons

PLACE = "customers.dat"


def everything(body: bytes, limits: Limits | None = None) -> str:
    """Return all text that is found, but for what lies open in the bytes."""
    found = texts(body, limits=limits or Limits())
    return "\n".join(text for place, text in found.items() if place != f"{PLACE} > strings")


def reasons(body: bytes, limits: Limits | None = None) -> list[Reason]:
    return _reasons(body, limits=limits or Limits())


def drawn(*pages: list[str], encrypt: pdfencrypt.StandardEncryption | None = None) -> bytes:
    """Return a PDF as reportlab writes it."""
    out = io.BytesIO()
    paper = canvas.Canvas(out, encrypt=encrypt)
    for lines in pages:
        for number, line in enumerate(lines):
            paper.drawString(40, 800 - 14 * number, line)
        paper.showPage()
    paper.save()
    return out.getvalue()


def test_the_text_of_the_pages_is_read_in_lines() -> None:
    body = drawn(["Jürgen Müller", "jane.roe@example.com"], ["Second 555-0100"])
    assert texts(body)[PLACE] == "Jürgen Müller\njane.roe@example.com\n\nSecond 555-0100\n\n"
    assert reasons(body) == []


def test_a_row_of_a_table_is_a_line() -> None:
    out = io.BytesIO()
    paper = canvas.Canvas(out)
    for number in range(30):
        for column, value in enumerate(
            (f"Jane Roe{number}", f"jane{number}@example.com", f"+49 30 55501{number:02}")
        ):
            paper.drawString(40 + 170 * column, 800 - 20 * number, value)
    paper.save()
    lines = texts(out.getvalue())[PLACE].split("\n")
    assert lines[7] == "Jane Roe7 jane7@example.com +49 30 5550107"


def test_text_that_nobody_sees_is_read() -> None:
    out = io.BytesIO()
    paper = canvas.Canvas(out)
    hidden = paper.beginText(40, 700)
    hidden.setTextRenderMode(3)
    hidden.textLine("invisible@example.com")
    paper.drawText(hidden)
    paper.setFillColorRGB(1, 1, 1)
    paper.drawString(40, 600, "white@example.com")
    paper.drawString(-400, 500, "left@example.com")
    paper.drawString(40, 5000, "above@example.com")
    paper.save()
    found = texts(out.getvalue())[PLACE]
    assert all(f"{name}@example.com" in found for name in ("invisible", "white", "left", "above"))


def test_words_that_a_hyphen_divides_are_read_with_and_without_it() -> None:
    found = texts(drawn(["to jean-", "luc@example.com and Schmid-", "berger of"]))
    assert "jean-luc@example.com" in found[PLACE]
    assert "Schmidberger" in found[f"{PLACE} > without hyphens"]


@pytest.mark.parametrize("junk", [b"\n" * 900, b"junk in front of it \x00\x01\x02" * 9])
def test_junk_in_front_changes_nothing(junk: bytes) -> None:
    body = junk + drawn(["jane.roe@example.com"])
    assert "jane.roe@example.com" in texts(body)[PLACE]


def test_a_pdf_far_behind_other_bytes_is_found() -> None:
    body = b"Dear all, here it is. " * 200 + drawn(["jane.roe@example.com"])
    assert "jane.roe@example.com" in everything(body)


def test_all_that_reportlab_puts_beside_the_text_is_read() -> None:
    out = io.BytesIO()
    paper = canvas.Canvas(out)
    paper.setTitle("title@example.com")
    paper.setAuthor("Zoë Müller-Łukasz")
    paper.setSubject("subject@example.com")
    paper.bookmarkPage("first")
    paper.addOutlineEntry("outline@example.com", "first")
    paper.linkURL("mailto:link@example.com", (10, 10, 50, 50))
    paper.textAnnotation("annotation@example.com", (10, 10, 50, 50))
    paper.acroForm.textfield(name="mail", value="field@example.com", x=10, y=10, width=100, height=20)
    paper.drawString(40, 700, "body@example.com")
    paper.showPage()
    paper.save()
    found = texts(out.getvalue())[f"{PLACE} > objects"]
    names = ("title", "subject", "outline", "link", "annotation", "field")
    assert [name for name in names if f"{name}@example.com" not in found] == []
    assert "Zoë Müller-Łukasz" in found


def test_attachments_are_opened_by_what_they_are() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a.csv", "name,mail\nJane Roe,zipped@example.com\n")
    more = {
        10: b"<< /Type /Filespec /F (jane.csv) /UF (\xfe\xff\x00l\x00i\x00s\x00t) /EF << /F 11 0 R >> >>",
        11: portable.stream(b"name;mail\nJane Roe;attached@example.com\n", b"/Type /EmbeddedFile "),
        12: portable.stream(archive.getvalue(), b"/Type /EmbeddedFile "),
    }
    found = texts(portable.body(portable.objects(portable.page_text("see attachment"), more=more)))
    assert "attached@example.com" in found[f'{PLACE} > pdf "list"']
    assert "list" in found[f"{PLACE} > names"]
    assert any(place.startswith(f'{PLACE} > pdf "attachment"') for place in found)


def test_scripts_forms_in_xml_and_metadata_are_read() -> None:
    more = {
        10: b"<< /S /JavaScript /JS 11 0 R >>",
        11: portable.stream(b"app.alert('script@example.com');"),
        12: portable.stream(b"<xdp><mail>xfa@example.com</mail></xdp>"),
        13: portable.stream(b"<?xpacket?><x><dc>xmp@example.com</dc></x>", b"/Type /Metadata /Subtype /XML "),
        14: b"<< /XFA [(template) 12 0 R] >>",
        15: b"[ << /Contact <%s> >> /n#61med@example.com ]" % b"hex@example.com".hex().encode(),
    }
    body = portable.body(portable.objects(portable.page_text("x"), more=more))
    found = everything(body)
    assert reasons(body) == []
    assert all(f"{name}@example.com" in found for name in ("script", "xfa", "xmp", "hex", "named"))


def test_the_text_that_a_page_says_it_shows_is_read() -> None:
    content = (
        b"/Span << /ActualText <FEFF007400720075006500400065002E006300F6> >> BDC\n"
        + portable.page_text("x")
        + b"EMC\n"
    )
    assert "true@e.cö" in everything(portable.body(portable.objects(content)))


def test_what_an_update_replaced_is_read() -> None:
    first = portable.body(
        portable.objects(portable.page_text("removed@example.com"), portable.page_text("kept page"))
    )
    second = portable.body(
        {5: portable.stream(portable.page_text("nothing here"))}, before=first, previous=portable.table(first)
    )
    third = portable.body({9: b"(a remark)"}, before=second, previous=portable.table(second))
    found = texts(third)
    assert found[PLACE].startswith("nothing here")
    assert found[f"{PLACE} > unseen"].split() == ["removed@example.com"]
    assert f"{PLACE} > revision 2" not in found
    assert reasons(third) == []


def test_what_nobody_refers_to_is_read() -> None:
    body = portable.body(portable.objects(portable.page_text("x")))
    lost = b"77 0 obj\n<< /Was <6C6F7374406578616D706C652E636F6D> >>\nendobj\n"
    lost += b"78 0 obj\n" + portable.stream(b"lost.stream@example.com") + b"\nendobj\n"
    found = everything(body.replace(b"xref\n", lost + b"xref\n", 1))
    assert "lost@example.com" in found
    assert "lost.stream@example.com" in found


def test_a_page_that_was_taken_out_is_read() -> None:
    held = portable.objects(portable.page_text("kept"), portable.page_text("taken.out@example.com"))
    held[2] = b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>"
    found = texts(portable.body(held))
    assert "taken.out@example.com" in found[f"{PLACE} > unseen"]
    assert "taken.out@example.com" not in found[PLACE]


def test_the_appearance_of_an_annotation_is_read() -> None:
    more = {
        10: b"<< /Type /Annot /Subtype /Stamp /AP << /N 11 0 R >> >>",
        11: portable.stream(
            portable.page_text("stamped@example.com"),
            b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /Font << /F1 3 0 R >> >> ",
        ),
    }
    found = texts(portable.body(portable.objects(portable.page_text("x"), more=more)))
    assert "stamped@example.com" in found[f"{PLACE} > unseen"]


def test_objects_in_streams_of_objects_are_read() -> None:
    inner = {20: b"<< /Title (old@example.com) >>", 21: b"<< /V <6E6577406578616D706C652E636F6D> >>"}
    offsets, held = b"", b""
    for number, data in inner.items():
        offsets += b"%d %d " % (number, len(held))
        held += data + b" "
    packed = portable.stream(offsets + held, b"/Type /ObjStm /N 2 /First %d " % len(offsets))
    found = everything(portable.body(portable.objects(portable.page_text("x"), more={10: packed})))
    assert "old@example.com" in found
    assert "new@example.com" in found


def test_another_file_behind_the_end_is_opened() -> None:
    body = drawn(["harmless"]) + b"\n" + b"PK\x03\x04" + b"broken archive" * 40
    assert reasons(body) != []
    body = drawn(["harmless"]) + "name;mail\nJane Roe;behind@example.com\n".encode("utf-16")
    assert "behind@example.com" in everything(body)


def samples(width: int = 40, height: int = 30) -> bytes:
    seeded = random.Random(4)
    return bytes(seeded.randrange(256) for _ in range(3 * width * height))


def picture(data: bytes, words: bytes) -> bytes:
    """Return a PDF whose only page shows a picture."""
    held = portable.objects(b"q 500 0 0 700 40 40 cm /I Do Q\n")
    held[4] = held[4].replace(b"/Font", b"/XObject << /I 9 0 R >> /Font")
    held[9] = (
        b"<< /Type /XObject /Subtype /Image /Width 40 /Height 30 %s /Length %d >>\nstream\n%s\nendstream"
        % (
            words,
            len(data),
            data,
        )
    )
    return portable.body(held)


def test_a_scanned_page_is_not_clean() -> None:
    out = io.BytesIO()
    Image.frombytes("RGB", (40, 30), samples()).save(out, "JPEG")
    body = picture(out.getvalue(), b"/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode")
    assert reasons(body) == [Reason.UNSUPPORTED]


@pytest.mark.parametrize(
    "words", [b"/Filter /FlateDecode", b"/Filter /FlateDecode /DecodeParms << /Predictor 1 >>"]
)
def test_samples_become_a_picture(words: bytes) -> None:
    body = picture(zlib.compress(samples()), b"/ColorSpace /DeviceRGB /BitsPerComponent 8 " + words)
    assert reasons(body) == [Reason.UNSUPPORTED]


def test_a_picture_inside_a_page_is_not_clean() -> None:
    content = b"q 40 0 0 40 40 40 cm BI /W 10 /H 10 /BPC 8 /CS /G ID " + bytes(range(128, 228)) + b"\nEI Q\n"
    assert Reason.UNSUPPORTED in reasons(portable.body(portable.objects(content)))


def test_a_page_of_drawn_letters_is_not_clean() -> None:
    lines = b"".join(b"%d %d m %d 90 l S\n" % (at, at, at + 3) for at in range(200))
    assert reasons(portable.body(portable.objects(lines))) == [Reason.UNSUPPORTED]


def test_text_that_says_it_is_a_picture_or_a_font_is_read() -> None:
    hidden = b"name;mail\nJane Roe;hidden@example.com\n" * 50
    body = picture(zlib.compress(hidden), b"/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode")
    assert "hidden@example.com" in everything(body)
    more = {10: b"<< /Type /FontDescriptor /FontFile2 11 0 R >>", 11: portable.stream(hidden)}
    assert "hidden@example.com" in everything(
        portable.body(portable.objects(portable.page_text("x"), more=more))
    )


@pytest.mark.parametrize("strength", [40, 128])
def test_encryption_is_reported_and_a_given_password_opens_it(strength: int) -> None:
    locked = pdfencrypt.StandardEncryption("geheim", "owner", strength=strength)
    body = drawn(["jane.roe@example.com"], encrypt=locked)
    assert reasons(body) == [Reason.ENCRYPTED]
    limits = Limits(passwords=("wrong", "geheim"))
    assert "jane.roe@example.com" in texts(body, limits=limits)[PLACE]
    assert reasons(body, limits=limits) == []


def test_the_newest_encryption_is_opened_too() -> None:
    writer = PdfWriter(io.BytesIO(drawn(["jane.roe@example.com"])))
    writer.encrypt("geheim", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    assert reasons(out.getvalue()) == [Reason.ENCRYPTED]
    assert "jane.roe@example.com" in texts(out.getvalue(), limits=Limits(passwords=("geheim",)))[PLACE]


def test_encryption_without_a_password_hides_nothing() -> None:
    locked = pdfencrypt.StandardEncryption("", "owner", strength=128)
    body = drawn(["jane.roe@example.com"], encrypt=locked)
    assert "jane.roe@example.com" in texts(body)[PLACE]
    assert reasons(body) == []


def test_a_broken_table_is_repaired() -> None:
    held = portable.objects(
        portable.page_text("jane.roe@example.com"), more={9: b"<< /T (tail@example.com) >>"}
    )
    body = portable.body(held)
    broken = body.replace(b"startxref\n%d" % portable.table(body), b"startxref\n7")
    found = everything(broken)
    assert "jane.roe@example.com" in found
    assert "tail@example.com" in found


def test_what_is_left_of_a_truncated_file_is_read() -> None:
    body = portable.body(
        portable.objects(*(portable.page_text(f"page{number}@example.com") for number in range(9)))
    )
    cut = body[: body.index(b"\n18 0 obj")]
    found = everything(cut)
    assert "page3@example.com" in found
    assert "page6@example.com" in found


def bomb(megabytes: int, filters: int) -> bytes:
    """Return a compressed row of zeros."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()
    return zlib.compress(data, 9) if filters == 2 else data


@pytest.mark.parametrize("filters", [1, 2])
def test_a_bomb_ends_inside_the_budget(filters: int) -> None:
    data = bomb(250, filters)
    names = b"/FlateDecode " * filters
    held = portable.objects(portable.page_text("jane.roe@example.com"), portable.page_text("x"))
    held[7] = b"<< /Filter [%s] /Length %d >>\nstream\n%s\nendstream" % (names, len(data), data)
    body = portable.body(held)
    assert set(reasons(body)) & {Reason.OVER_BUDGET, Reason.MALFORMED}
    assert "jane.roe@example.com" in everything(body)


def test_a_tree_of_pages_that_is_a_loop_ends() -> None:
    held = portable.objects(portable.page_text("jane.roe@example.com"))
    held[2] = b"<< /Type /Pages /Kids [2 0 R 4 0 R] /Count 2 >>"
    body = portable.body(held)
    assert "jane.roe@example.com" in everything(body) or reasons(body)


def test_a_false_count_of_pages_ends() -> None:
    held = portable.objects(portable.page_text("jane.roe@example.com"))
    held[2] = held[2].replace(b"/Count 1", b"/Count 2000000000")
    assert "jane.roe@example.com" in everything(portable.body(held))


def test_deep_nesting_is_reported() -> None:
    more = {9: b"[" * 200_000 + b"]" * 200_000, 10: b"<< /T (kept@example.com) >>"}
    body = portable.body(portable.objects(portable.page_text("jane.roe@example.com"), more=more))
    found = everything(body)
    assert "jane.roe@example.com" in found
    assert reasons(body) == [Reason.MALFORMED]


def test_forms_that_grow_exponentially_end() -> None:
    held = portable.objects(portable.page_text("jane.roe@example.com") + b"/X0 Do\n")
    held[4] = held[4].replace(b"/Font", b"/XObject << /X0 20 0 R >> /Font")
    for level in range(30):
        inner = b"/XObject << /X %d 0 R >>" % (21 + level) if level < 29 else b""
        held[20 + level] = portable.stream(
            b"/X Do /X Do\n", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << %s >> " % inner
        )
    body = portable.body(held)
    assert "jane.roe@example.com" in everything(body) or reasons(body)


def test_mutations_never_raise() -> None:
    seeded = random.Random(7)
    body = drawn(["jane.roe@example.com", "Jane Roe"])
    for _ in range(12):
        broken = bytearray(body)
        for _ in range(20):
            broken[seeded.randrange(len(broken))] = seeded.randrange(256)
        items(bytes(broken[: seeded.randrange(len(broken) // 2, len(broken))]))


def picture_stream(data: bytes, **words: object) -> StreamObject:
    """Return the stream of a picture."""
    stream = EncodedStreamObject() if "Filter" in words else DecodedStreamObject()
    StreamObject.set_data(stream, data)
    for key, value in words.items():
        held = NameObject(f"/{value}") if isinstance(value, str) else value
        stream[NameObject(f"/{key}")] = NumberObject(held) if isinstance(held, int) else held
    return stream


@pytest.mark.parametrize(
    ("mode", "space"), [("L", "DeviceGray"), ("RGB", "DeviceRGB"), ("CMYK", "DeviceCMYK")]
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_wrapped_picture_shows_what_it_showed(mode: str, space: str, *, packed: bool) -> None:
    raw = Image.frombytes("RGB", (40, 30), samples()).convert(mode).tobytes()
    words = {"Width": 40, "Height": 30, "BitsPerComponent": 8, "ColorSpace": space}
    stream = (
        picture_stream(zlib.compress(raw), **words, Filter="FlateDecode")
        if packed
        else picture_stream(raw, **words)
    )
    ending, chunks = pictures.file(stream)
    shown = Image.open(io.BytesIO(b"".join(chunks)))
    assert (ending, shown.size, shown.mode, shown.tobytes()) == ("tif", (40, 30), mode, raw)


def test_rows_with_predictors_are_a_png() -> None:
    image = Image.frombytes("RGB", (40, 30), samples())
    out = io.BytesIO()
    image.save(out, "PNG")
    data = out.getvalue()
    at = data.index(b"IDAT")
    packed = data[at + 4 : at + 4 + int.from_bytes(data[at - 4 : at], "big")]
    parameters = DictionaryObject({NameObject("/Predictor"): NumberObject(15)})
    words = {
        "Width": 40,
        "Height": 30,
        "BitsPerComponent": 8,
        "ColorSpace": "DeviceRGB",
        "Filter": "FlateDecode",
    }
    ending, chunks = pictures.file(picture_stream(packed, **words, DecodeParms=parameters))
    assert ending == "png"
    assert Image.open(io.BytesIO(b"".join(chunks))).tobytes() == image.tobytes()


def test_a_text_that_tells_of_pdf_is_text() -> None:
    body = b"# %PDF-1.7 notes\nWhat an object is, and where the trailer stands.\n" * 20
    assert reasons(body) == []


WORDS = "\n".join(
    f"{name} of Whereabouts{number}, {name}{number}@example.com"
    for number in range(30)
    for name in ("Zoe", "Ann")
)
PASSED_OFF = (
    b"/Type /CMap ",
    b"/Type /XRef ",
    b"/Type /ObjStm /N 1 /First 5 ",
    b"/FunctionType 0 ",
    b"/Length1 9 ",
    b"/Subtype /Type1C ",
    b"/N 3 /Alternate /DeviceRGB ",
    b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] ",
)


@pytest.mark.parametrize("words", PASSED_OFF)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_what_says_that_it_belongs_to_the_document_is_read(
    words: bytes, pack: Callable[[bytes], bytes]
) -> None:
    held = portable.objects(portable.page_text("Hello"))
    held[20] = portable.stream(pack(WORDS.encode()), words)
    assert "Zoe29@example.com" in everything(portable.body(held))


def test_comments_in_what_a_page_draws_are_read() -> None:
    comments = "".join(f"% {line}\n" for line in WORDS.splitlines()).encode()
    held = portable.objects(portable.page_text("Hello") + comments)
    assert "Zoe29@example.com" in everything(portable.body(held))
