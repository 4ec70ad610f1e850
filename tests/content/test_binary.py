"""What cannot be opened is reported, and looked through for strings."""

from __future__ import annotations

import bz2
import gzip
import io
import random
import zipfile

import pytest
import zstandard

from exfilter.model import Part, Reason, Unscanned
from tests.content.compound import compound
from tests.content.reading import items, reasons, texts

NOISE = random.Random(5).randbytes(4000)


def zipped(name: str = "a.txt") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, "ann@example.com " * 100)
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (NOISE, Reason.OPAQUE),
        (b"%PDF-1.7\n1 0 obj\n", Reason.MALFORMED),
        (b"\n\n%PDF-1.4\n%\xe2\xe3\n1 0 obj", Reason.MALFORMED),
    ],
    ids=["noise", "pdf", "late pdf"],
)
def test_what_may_hold_anything_is_unscanned_with_its_size(body: bytes, reason: Reason) -> None:
    assert [item for item in items(body) if isinstance(item, Unscanned)] == [
        Unscanned("customers.dat", reason, len(body))
    ]


MEDIA = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"RIFF",
    b"\x00\x00\x00\x20ftypisom",
    b"OggS",
    b"wOF2",
]


@pytest.mark.parametrize("magic", MEDIA)
def test_pictures_sound_film_and_type_are_unsupported(magic: bytes) -> None:
    assert reasons(magic + NOISE) == [Reason.UNSUPPORTED]


INNER = {
    "zip": zipped(),
    "gzip": gzip.compress(b"ann@example.com"),
    "bzip2": bz2.compress(b"ann@example.com"),
}


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("distance", [4000, (1 << 20) - 3016, (1 << 20) - 12])
def test_a_picture_that_is_an_archive_as_well_is_opened(inner: str, distance: int) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + (NOISE * 300)[:distance]
    found = items(picture + INNER[inner])
    assert any(isinstance(item, Part) and "ann@example.com" in item.text for item in found)
    assert [item for item in found if isinstance(item, Unscanned)] == [
        Unscanned("customers.dat", Reason.UNSUPPORTED, len(picture))
    ]


def test_magic_in_noise_is_no_container_without_what_follows_it() -> None:
    magic = b"".join(
        NOISE[:50] + start + b"\xff" * 9 for start in (b"PK\x03\x04", b"\x04\x22\x4d\x18", b"ustar")
    )
    assert reasons(b"\xff\xd8\xff\xe0" + magic + NOISE) == [Reason.UNSUPPORTED]


@pytest.mark.parametrize("junk", [b"X", b"\x00\x01\x02\xff" * 15])
@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_a_few_bytes_before_compressed_data_do_not_hide_it(junk: bytes, compress) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    assert any(
        "ann@example.com" in text for text in texts(junk + compress(b"ann@example.com\n" * 99)).values()
    )


def test_an_encrypted_zip_says_so() -> None:
    body = bytearray(zipped())
    body[6] |= 1
    assert reasons(bytes(body)) == [Reason.ENCRYPTED]


def test_an_encrypted_office_file_says_so() -> None:
    assert reasons(compound({"EncryptedPackage": NOISE, "EncryptionInfo": bytes(50)})) == [Reason.ENCRYPTED]


def test_printable_strings_are_read() -> None:
    body = (
        NOISE
        + b"\x00ann@example.com\x00"
        + NOISE
        + b"\x01\x00"
        + "Jürgen Groß".encode()
        + b"\x00\x02"
        + "bo@example.com".encode("utf-16-le")
        + b"\x00\x00\x03"
        + NOISE
    )
    found = texts(body)["customers.dat > strings"]
    for word in ("ann@example.com", "Jürgen Groß", "bo@example.com"):
        assert word in found.split("\n")


def test_strings_over_a_chunk_end_are_whole() -> None:
    for cut in (-8, -1, 0):
        pad = b"\x00\x01" * ((1 << 19) + cut) + b"\x02"
        assert "ann@example.com" in texts(pad + b"ann@example.com" + pad)["customers.dat > strings"]


def test_zeros_hold_nothing() -> None:
    assert items(bytes(5000)) == []


def test_names_and_types_are_not_believed() -> None:
    headers = (("Content-Type", "text/plain"),)
    assert reasons(NOISE, headers) == [Reason.OPAQUE]
    typed = (("Content-Type", "application/zip"),)
    assert any(
        isinstance(item, Part) and item.text == "mail ann@example.com"
        for item in items(b"mail ann@example.com", typed)
    )


@pytest.mark.parametrize(
    "beginning", [b"PK is a name\n", b"RIFF raff\n", b"BZh, said he\n", b"GIF89a is a format\n"]
)
def test_typed_magic_does_not_make_text_a_file(beginning: bytes) -> None:
    assert reasons(beginning + b"ann@example.com\n") == []
