"""What pictures show is read where the extra ``ocr`` is installed and the setting says so."""

from __future__ import annotations

import io
import random
import struct
import time
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfgen.canvas import Canvas

from exfilter import content
from exfilter.content.sandbox import host, table
from exfilter.limits import Limits
from exfilter.model import Part, Reason, Unscanned
from tests.content.reading import items, transfer

pytest.importorskip("rapidocr", reason="the extra `ocr` is not installed: make ocr")

from exfilter.content.pictures.ocr import EXPLAINS

READ = Limits(ocr=True)
PEOPLE = [
    ("Anna Kowalska", "anna.kowalska@example.com", "+48 121 555 014"),
    ("Jonas Weber", "jonas.weber7@example.org", "+49 305 550 173"),
    ("Elena Duarte", "e.duarte@example.net", "+351 215 550 199"),
    ("Piotr Nowak", "piotr_nowak@example.com", "+48 225 550 108"),
    ("Hanna Lindholm", "hanna.lindholm@example.se", "+46 855 501 263"),
]


@cache
def page(size: int = 24, ink: str = "black", ground: str = "white") -> Image.Image:
    """Return a picture of a table."""
    made = Image.new("RGB", (1000, 320), ground)
    draw, font = ImageDraw.Draw(made), ImageFont.load_default(size)
    for row, cells in enumerate(PEOPLE):
        for place, cell in zip((40, 320, 740), cells, strict=True):
            draw.text((place, 30 + 52 * row), cell, fill=ink, font=font)
    return made


def saved(image: Image.Image, form: str, **how: Any) -> bytes:  # noqa: ANN401 - what Pillow takes
    """Return a picture as a file."""
    out = io.BytesIO()
    image.save(out, form, **how)
    return out.getvalue()


def read(body: bytes, limits: Limits = READ) -> tuple[str, list[Unscanned]]:
    """Return what the pixels say, and what is unscanned."""
    found = items(body, limits=limits)
    text = "\n".join(item.text for item in found if isinstance(item, Part) and "ocr" in item.path)
    return text, [item for item in found if isinstance(item, Unscanned)]


def people(text: str) -> int:
    """Return how many of the people stand there whole, each in one row. Spaces may be lost."""
    return sum("\t".join(cells).replace(" ", "") in text.replace(" ", "") for cells in PEOPLE)


@pytest.mark.parametrize("form", ["png", "jpeg", "gif", "bmp", "tiff", "webp"])
def test_a_table_in_a_picture_is_read_row_by_row(form: str) -> None:
    text, left = read(saved(page(), form))
    assert people(text) >= 4
    # A bitmap has far more bytes than its text explains.
    assert [item.reason for item in left] == [Reason.UNSUPPORTED] * (form in {"bmp", "tiff"})


def test_without_the_setting_it_is_not_read() -> None:
    text, left = read(saved(page(), "png"), Limits())
    assert not text
    assert [item.reason for item in left] == [Reason.UNSUPPORTED]


def test_pictures_inside_documents_are_read() -> None:
    out = io.BytesIO()
    canvas = Canvas(out)
    canvas.drawInlineImage(page(), 20, 500, 560, 180)
    canvas.drawImage(_reader(page(26)), 20, 200, 560, 180)
    canvas.save()
    text, _ = read(out.getvalue())
    assert people(text) >= 4


def _reader(image: Image.Image) -> Any:  # noqa: ANN401 - reportlab has no types
    from reportlab.lib.utils import ImageReader  # noqa: PLC0415

    return ImageReader(io.BytesIO(saved(image, "jpeg", quality=90)))


@pytest.mark.parametrize(
    "image",
    [
        page().rotate(90, expand=True),
        page().rotate(2, expand=True, fillcolor="white"),
        page(24, "white", "black"),
        page().convert("1"),
        page().convert("CMYK"),
        page().convert("I;16").point(lambda value: value * 200),
    ],
    ids=["on its side", "askew", "white on black", "two colours", "CMYK", "16 bits"],
)
def test_it_is_read_however_it_was_taken(image: Image.Image) -> None:
    text, _ = read(saved(image, "tiff"))
    assert sum(address in text for _, address, _ in PEOPLE) >= 4


def test_transparent_white_letters_are_read() -> None:
    letters = page(24, "white", "black").convert("L")
    clear = Image.new("RGBA", letters.size, (255, 255, 255, 0))
    clear.putalpha(letters)
    assert people(read(saved(clear, "png"))[0]) >= 4


def test_the_camera_may_have_been_turned() -> None:
    about = Image.Exif()
    about[274] = 8
    turned = page().transpose(Image.Transpose.ROTATE_270)
    assert people(read(saved(turned, "jpeg", exif=about, quality=90))[0]) >= 4


def test_a_long_screenshot_is_read_to_its_end() -> None:
    tall = Image.new("RGB", (1000, 4800), "white")
    tall.paste(page(), (0, 4400))
    tall.paste(page(), (0, 2060))  # across a seam
    text, _ = read(saved(tall, "png"))
    assert text.count(PEOPLE[1][1]) >= 2


def test_every_page_is_read_and_some_frames_and_the_rest_is_reported() -> None:
    frames = []
    for number in range(10):
        frame = Image.new("L", (300, 200), 255)
        ImageDraw.Draw(frame).text((10, 85), f"user{number}@example.com", font=ImageFont.load_default(24))
        frames.append(frame)
    text, _ = read(saved(frames[0], "tiff", compression="tiff_lzw", save_all=True, append_images=frames[7:]))
    assert [f"user{number}@example.com" in text for number in (0, 7, 8, 9)] == [True] * 4
    body = saved(frames[0], "gif", save_all=True, append_images=frames[1:])
    text, left = read(body)
    assert "user9@example.com" not in text
    assert [(item.reason, item.bytes) for item in left] == [(Reason.UNSUPPORTED, len(body) * 2 // 10)]


def test_a_picture_without_text_is_unscanned_as_a_whole() -> None:
    body = saved(Image.effect_noise((300, 300), 60), "png")
    assert read(body)[1] == [Unscanned("customers.dat", Reason.UNSUPPORTED, len(body))]


def test_noise_around_a_few_words_stays_unscanned() -> None:
    noise = Image.frombytes("RGB", (1000, 800), random.Random(1).randbytes(2_400_000))
    noise.paste(page(), (0, 0))
    body = saved(noise, "png")
    text, left = read(body)
    assert people(text) >= 4
    assert [item.reason for item in left] == [Reason.UNSUPPORTED]
    assert left[0].bytes > len(body) - 300 * EXPLAINS


def test_what_is_hidden_behind_a_picture_is_not_explained_by_its_text() -> None:
    body = saved(page(), "png") + random.Random(1).randbytes(400_000)
    assert sum(item.bytes for item in read(body)[1]) > 250_000


def test_a_picture_of_too_many_pixels_is_over_budget() -> None:
    body = saved(Image.new("1", (30_000, 30_000)), "png")
    assert read(body)[1] == [Unscanned("customers.dat", Reason.OVER_BUDGET, len(body))]


def test_a_header_that_lies_is_no_reason_to_take_memory() -> None:
    header = struct.pack(">IIBBBBB", 8000, 8000, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    whole = saved(page(), "png")
    (left,) = read(whole[:8] + chunk + whole[33:])[1]
    assert left.reason in {Reason.MALFORMED, Reason.OVER_BUDGET}


def test_a_picture_that_is_cut_off_is_malformed() -> None:
    body = saved(page(), "png")[:-5000]
    assert read(body)[1] == [Unscanned("customers.dat", Reason.MALFORMED, len(body))]


def test_memory_and_time_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for bounds in (table.Bounds(64 << 20, 300), table.Bounds(1280 << 20, 1)):
        monkeypatch.setitem(host._ZYGOTES, bounds, zygote := host._Zygote(bounds))
        monkeypatch.setitem(host._PLACES, table.PARSERS["ocr"], bounds)
        body = saved(page().resize((2000, 1500)), "png")
        text, left = read(body)
        assert not text
        assert left[0].reason in {Reason.MALFORMED, Reason.OVER_BUDGET}
        assert left[0].bytes == len(body)
        zygote.close()


def test_the_deadline_ends_it() -> None:
    body = saved(page().resize((2000, 1500)), "png")
    end = time.monotonic() + 1
    found = list(content.read(transfer(body), READ, lambda: time.monotonic() > end))
    assert time.monotonic() < end + 1
    assert Reason.DEADLINE in {item.reason for item in found if isinstance(item, Unscanned)}


def test_no_models_are_fetched() -> None:
    import rapidocr  # noqa: PLC0415

    models = Path(rapidocr.__file__).parent / "models"
    assert all(list(models.glob(f"*_{step}_*.onnx")) for step in ("det", "cls", "rec"))
