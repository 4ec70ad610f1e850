"""The beginning of a content says nothing about its end."""

from __future__ import annotations

import gzip
import io
import random
import zipfile

import pytest
import zstandard

from exfilter.limits import Limits
from exfilter.model import Reason
from tests.content.reading import items, main, parts, reasons, texts

PROSE = (b"The quick brown fox jumps over the lazy dog. " * 1500)[:66_000] + b"\n"
TABLE = "name,mail\n" + "".join(f"Jürgen Groß,ann{n}@example.com\n" for n in range(600))
NOISE = random.Random(11).randbytes(3000)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", TABLE)
    return out.getvalue()


PADS = [PROSE, PROSE[:700], PROSE * 33, b"# x\n"]


@pytest.mark.parametrize("pad", PADS, ids=["64 KiB", "700 bytes", "2 MiB", "a line"])
def test_a_zip_behind_text_is_read(pad: bytes) -> None:
    assert TABLE in texts(pad + zipped()).values()
    assert reasons(pad + zipped()) == []


@pytest.mark.parametrize("pad", PADS, ids=["64 KiB", "700 bytes", "2 MiB", "a line"])
@pytest.mark.parametrize("sealed", [b"\x89PNG\r\n\x1a\n" + NOISE, NOISE], ids=["picture", "noise"])
def test_what_cannot_be_read_behind_text_is_reported(pad: bytes, sealed: bytes) -> None:
    found = [item for item in items(pad + sealed) if not hasattr(item, "text")]
    assert len(found) == 1
    assert found[0].reason in (Reason.OPAQUE, Reason.UNSUPPORTED)
    assert len(sealed) - 64 < found[0].bytes <= len(pad + sealed)
    assert pad.decode()[:40].strip() in "\n".join(texts(pad + sealed).values()) or len(pad) < 6


@pytest.mark.parametrize("pad", PADS, ids=["64 KiB", "700 bytes", "2 MiB", "a line"])
@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_compressed_data_behind_text_is_read(pad: bytes, compress) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    body = pad + compress(TABLE.encode())
    assert any(text == TABLE for text in texts(body).values())
    assert Reason.UNSUPPORTED not in reasons(body)


@pytest.mark.parametrize("pad", PADS[:3], ids=["64 KiB", "700 bytes", "2 MiB"])
@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_behind_narrow_text_is_read(pad: bytes, charset: str) -> None:
    body = pad + TABLE.encode(charset)
    found = "\n".join(part.text for part in parts(body))
    assert "Jürgen Groß,ann1@example.com" in found
    assert "ann599@example.com" in found
    assert reasons(body) == []


def test_cyrillic_wide_text_behind_narrow_text_keeps_its_words() -> None:
    for charset in ("utf-16-le", "utf-16-be"):
        body = PROSE + ("Иван Петров, Анна Иванова\n" * 200).encode(charset)
        assert any("Иван Петров, Анна Иванова" in text for text in texts(body).values())


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-be", "utf-32-le"])
def test_narrow_text_behind_wide_text_is_read(charset: str) -> None:
    for wide in ("The quick brown fox.\n" * 4000, "山田太郎さんは東京に住んでいます。\n" * 3000):
        body = ("\ufeff" + wide).encode(charset) + TABLE.encode()
        assert any("Groß,ann300@example.com" in text for text in texts(body).values())


def test_narrow_lines_between_wide_lines_are_read() -> None:
    line = "The quick brown fox jumps over it.\n".encode("utf-16-le")
    body = b"".join(line * 40 + b"ann%d@example.com,\n" % n + b"\n" * (n % 2) for n in range(1000, 1100))
    found = "\n".join(texts(body).values())
    assert all(f"ann{n}@example.com" in found for n in range(1000, 1100))


def test_wide_words_between_narrow_lines_are_read() -> None:
    body = b"".join(PROSE[:1200] + "ann@example.com".encode("utf-16-le") + b"\n" for _ in range(5)) + PROSE
    assert texts(body)["customers.dat > zeros"].count("ann@example.com") == 5


@pytest.mark.parametrize("charset", ["utf-16", "utf-32"])
def test_binary_behind_wide_text_is_reported(charset: str) -> None:
    noise = random.Random(1).randbytes(40_000)
    assert reasons(("The quick brown fox.\n" * 4000).encode(charset) + noise) == [Reason.OPAQUE]


def test_long_text_behind_binary_is_read() -> None:
    for text in (TABLE.encode(), TABLE.encode("utf-16-le")):
        body = NOISE + text + NOISE
        assert "ann300@example.com" in texts(body)["customers.dat > strings"]
        assert reasons(body) == [Reason.OPAQUE]
    assert "Jürgen Groß" in texts(NOISE + TABLE.encode("utf-16-le"))["customers.dat > strings"]


@pytest.mark.parametrize(
    "charset", ["cp1251", "latin-1", "shift_jis", "utf-8", "utf-16", "gb18030", "euc_jp"]
)
def test_text_has_no_border(charset: str) -> None:
    western = {"cp1251": "Иван Петров живёт в Москве\n", "latin-1": "Jürgen Groß, Köln\n"}
    text = western.get(charset, "山田太郎、東京。ご連絡\n")
    body = (text * 20_000).encode(charset)
    headers = (("Content-Type", f"text/plain; charset={charset}"),)
    assert reasons(body, headers) == []
    found = parts(body, headers, limits=Limits(slice_bytes=1 << 17))
    assert not any("from byte" in part.provenance for part in found)


def test_a_few_control_characters_are_text() -> None:
    body = (
        b"".join(
            b"line %d of a long and boring log that rings \x07\x1b[0m with a bell\n" % n for n in range(100)
        )
        + b"\x0c\x00\n"
    )
    assert reasons(body) == []
    assert main(body).text == body.decode()
