"""What is written in a picture beside its pixels is read; the pixels are unscanned(unsupported)."""

from __future__ import annotations

import io
import random
import struct
import tarfile
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, TiffImagePlugin

from exfilter.content.pictures import carried
from exfilter.content.pictures.lines import Word, lines
from exfilter.content.pictures.reader import WALKS
from exfilter.content.sandbox import table
from exfilter.limits import MIB, Limits
from exfilter.model import Part, Reason, Unscanned
from tests.content.reading import items, reasons, texts

ROWS = "".join(f"Łukasz Иван{row},user{row}@example.com,+48 12 345 67 {row:02}\n" for row in range(40))
XMP = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><d>{ROWS.replace('@', '&#64;')}</d></x:xmpmeta>".encode()
COMMENT, TITLE, USER, DESCRIPTION = 0x9C9C, 0x9C9B, 0x9286, 0x010E


def picture(form: str, **how: Any) -> bytes:  # noqa: ANN401 - what Pillow takes
    """Return a picture of noise, so that its samples are long."""
    out = io.BytesIO()
    noise = random.Random(1).randbytes(64 * 64)
    Image.frombytes("L", (64, 64), noise).save(out, form, **how)
    return out.getvalue()


def exif(tags: dict[int, str | bytes], inner: dict[int, bytes] | None = None) -> Image.Exif:
    """Return EXIF with fields of the first directory and of the one inside it."""
    made = Image.Exif()
    made.update(tags)
    made.get_ifd(0x8769).update(inner or {})
    return made


def beside(body: bytes) -> str:
    """Return all text but for what lies open in the bytes."""
    found = texts(body)
    return "\n".join(text for place, text in found.items() if not place.startswith("customers.dat > strings"))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG with one more chunk in front of its end."""
    whole = picture("png")
    return whole[:-12] + chunk(kind, data) + whole[-12:]


def about(*, packed: bool, international: bool) -> PngImagePlugin.PngInfo:
    """Return a text for a PNG."""
    made = PngImagePlugin.PngInfo()
    if international:
        made.add_itxt("Comment", ROWS, "pl", "Uwagi", zip=packed)
    else:
        made.add_text("Comment", ROWS.replace("Łukasz Иван", "Lukas"), zip=packed)
    return made


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("international", [False, True])
def test_texts_of_png_are_read(*, packed: bool, international: bool) -> None:
    body = picture("png", pnginfo=about(packed=packed, international=international))
    found = beside(body)
    assert all(f"user{row}@example.com" in found for row in range(40))
    assert ("Łukasz Иван39" in found) == international
    assert reasons(body) == [Reason.UNSUPPORTED]


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "tiff"])
def test_exif_is_read_in_every_spelling(form: str) -> None:
    # A value of EXIF is shorter than 64 KiB.
    fields: dict[int, str | bytes] = {DESCRIPTION: "Eva, eva@example.org", COMMENT: ROWS.encode("utf-16-le")}
    body = picture(
        form, exif=exif(fields, {USER: b"UNICODE\x00" + "Żaneta, z@example.org".encode("utf-16-be")})
    )
    found = beside(body)
    assert "Eva, eva@example.org" in found
    assert "Łukasz Иван39,user39@example.com" in found
    assert "Żaneta, z@example.org" in found or form == "tiff"  # where Pillow does not write it
    assert reasons(body) == [Reason.UNSUPPORTED]


def test_exif_of_the_other_byte_order_is_read() -> None:
    value = "Łucja, lucja@example.org\x00".encode("utf-16-le")
    field = struct.pack(">HHII", COMMENT, 1, len(value), 26)
    body = b"MM\x00*" + struct.pack(">IH", 8, 1) + field + bytes(4) + value + bytes(300)
    assert "Łucja, lucja@example.org" in beside(body)


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "gif", "tiff"])
def test_xmp_is_read_as_the_xml_that_it_is(form: str) -> None:
    if form == "png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
        body = picture("png", pnginfo=info)
    elif form == "tiff":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[700] = XMP
        body = picture("tiff", tiffinfo=tags)
    elif form == "gif":
        trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
        body = picture("gif")[:-1] + b"\x21\xff\x0bXMP DataXMP" + XMP + trailer + b"\x3b"
    else:
        body = picture(form, xmp=XMP)
    assert "Łukasz Иван39,user39@example.com" in beside(body)
    assert reasons(body) == [Reason.UNSUPPORTED]


def test_xmp_in_several_segments_of_jpeg_is_put_together() -> None:
    head, size = b"http://ns.adobe.com/xmp/extension/\x00" + b"A" * 32, len(XMP)
    pieces = [
        head + struct.pack(">II", size, start) + XMP[start : start + 700] for start in range(0, size, 700)
    ]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(piece) + 2) + piece for piece in reversed(pieces))
    body = b"\xff\xd8" + segments + picture("jpeg")[2:]
    assert "Łukasz Иван39,user39@example.com" in beside(body)


def test_a_comment_of_gif_is_read_across_its_blocks_of_255_bytes() -> None:
    body = picture("gif", comment=ROWS.encode())
    found = beside(body)
    assert all(f"Łukasz Иван{row},user{row}@example.com,+48 12 345 67 {row:02}" in found for row in range(40))


def test_comments_of_jpeg_are_read_behind_the_samples_too() -> None:
    whole = picture("jpeg")
    line = "Łukasz Иван, user@example.com".encode("utf-16")
    late = b"\xff\xfe" + struct.pack(">H", 2 + len(line)) + line
    assert "Łukasz Иван, user@example.com" in beside(whole[:-2] + late + whole[-2:])


def test_a_comment_that_fills_segments_goes_on_in_the_next() -> None:
    line = "\n".join(f"user{number}@example.com" for number in range(5000)).encode()
    pieces = [line[start : start + 65533] for start in range(0, len(line), 65533)]
    segments = b"".join(b"\xff\xfe" + struct.pack(">H", len(piece) + 2) + piece for piece in pieces)
    body = b"\xff\xd8" + segments + picture("jpeg")[2:]
    found = texts(body)['customers.dat > jpeg "comment"']
    assert all(f"user{number}@example.com" in found for number in range(5000))


def test_what_is_in_a_text_is_recognised_anew() -> None:
    out = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", ROWS.encode().hex(), zip=True)
    Image.new("L", (9, 9)).save(out, "png", pnginfo=info)
    assert "Łukasz Иван39,user39@example.com" in beside(out.getvalue())


def test_a_keyword_is_read_too() -> None:
    assert "user@example.com" in beside(
        with_chunk(b"zTXt", b"user@example.com\x00\x00" + zlib.compress(b"x"))
    )


def test_a_colour_profile_is_read_for_its_strings_and_is_no_unknown_file() -> None:
    profile = bytes(range(128)) + b"mluc" + bytes(8) + b"Copyright eva@example.org" + bytes(range(128, 256))
    body = picture("png", icc_profile=profile * 40)
    assert "eva@example.org" in beside(body)
    assert reasons(body) == [Reason.UNSUPPORTED]


def test_what_hides_behind_a_picture_and_what_it_carries_are_both_read() -> None:
    body = picture("png", pnginfo=about(packed=True, international=False)) + zlib_zip()
    assert "user39@example.com" in beside(body)
    assert "hidden@example.com" in beside(body)


def zlib_zip() -> bytes:
    """Return a ZIP with a customer in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "hidden@example.com\n" * 50)
    return out.getvalue()


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_text_that_cannot_be_unpacked_is_reported(kind: bytes) -> None:
    packed = zlib.compress(ROWS.encode())
    head = b"c\x00\x01\x00\x00\x00" if kind == b"iTXt" else b"c\x00\x00"
    assert Reason.MALFORMED in reasons(with_chunk(kind, head + packed[: len(packed) // 2]))


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_text_that_swells_ends_within_the_budget(kind: bytes) -> None:
    body = with_chunk(kind, b"c\x00\x00" + zlib.compress(bytes(8 * MIB)))
    assert Reason.OVER_BUDGET in reasons(body, limits=Limits(bytes_out=MIB))
    assert Reason.OVER_BUDGET in reasons(body, limits=Limits(ratio=100, ratio_floor=MIB))


def test_fields_that_share_their_bytes_are_too_much() -> None:
    field = struct.pack("<HHII", DESCRIPTION, 2, 4000, 0)
    body = b"II*\x00" + struct.pack("<IH", 8, 500) + field * 500 + bytes(4)
    assert Reason.OVER_BUDGET in reasons(body)


def test_directories_that_point_at_each_other_end() -> None:
    loop = struct.pack("<HHII", 0x8769, 4, 1, 8)
    assert reasons(b"II*\x00" + struct.pack("<IH", 8, 1) + loop + struct.pack("<I", 8) + bytes(99)) == [
        Reason.UNSUPPORTED
    ]


def test_a_picture_inside_another_content_that_cannot_be_held_is_reported() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("a.png")
        member.size = len(whole := picture("png") + bytes(MIB))
        archive.addfile(member, io.BytesIO(whole))
    assert set(reasons(out.getvalue(), limits=Limits(inner_bytes=4096))) >= {
        Reason.OVER_BUDGET,
        Reason.UNSUPPORTED,
    }


def test_words_become_lines_whatever_their_order() -> None:
    def word(text: str, x: float, y: float) -> Word:
        wide = 12.0 * len(text)
        return Word(text, np.array([[x, y], [x + wide, y], [x + wide, y + 20], [x, y + 20]]))

    words = [word("phone", 300, 52), word("Eva", 10, 50), word("next", 10, 90), word("Novak", 52, 49)]
    assert lines(words) == "Eva Novak\tphone\nnext\n"
    assert lines([]) == ""


def test_ocr_without_its_extra_leaves_the_picture_unscanned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.PARSERS, "ocr", "nowhere:parse")
    body = picture("png", pnginfo=about(packed=True, international=False))
    found = items(body, limits=Limits(ocr=True))
    assert [item for item in found if isinstance(item, Unscanned)] == [
        Unscanned("customers.dat", Reason.OPAQUE, len(body))
    ]
    assert any("user39@example.com" in item.text for item in found if isinstance(item, Part))


@given(st.sampled_from(sorted(WALKS)), st.binary(max_size=300))
def test_no_walk_raises_whatever_the_bytes(form: str, body: bytes) -> None:
    for found in WALKS[form](memoryview(body)):
        assert isinstance(found, carried.Excess) or b"".join(found.chunks) is not None


@given(st.sampled_from(["png", "jpeg", "gif", "webp", "tiff"]), st.data())
def test_no_picture_is_silent_however_it_is_damaged(form: str, data: st.DataObject) -> None:
    whole = bytearray(SAMPLES[form])
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(20, len(whole)))
    assert items(bytes(whole[:end]))


SAMPLES = {
    "png": picture(
        "png", pnginfo=about(packed=True, international=True), exif=exif({COMMENT: b"a\x00b\x00c\x00"})
    ),
    "jpeg": picture("jpeg", comment=b"a@example.com", exif=exif({DESCRIPTION: "b@example.com"}), xmp=XMP),
    "gif": picture("gif", comment=ROWS.encode()),
    "webp": picture("webp", exif=exif({DESCRIPTION: "b@example.com"}), xmp=XMP),
    "tiff": picture("tiff", exif=exif({DESCRIPTION: "b@example.com"}, {USER: b"UNICODE\x00b\x00c\x00"})),
}
