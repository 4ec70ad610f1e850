"""The attachment that Outlook makes of a message: its texts, bodies and files are read."""

from __future__ import annotations

import base64
import random
import struct

import pytest

from exfilter.model import Reason
from tests.content.reading import items, parts, reasons, records, texts

TABLE = "".join(f"Ann Smith{number},ann{number}@example.com\n" for number in range(20)).encode()
RTF = rb"{\rtf1\ansi Call Bo Diaz, bo@example.com}"


def attribute(level: int, number: int, data: bytes) -> bytes:
    return struct.pack("<BII", level, number, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def sized(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data + bytes(-len(data) % 4)


def prop(kind: int, number: int, *values: bytes) -> bytes:
    return struct.pack("<HHI", kind, number, len(values)) + b"".join(map(sized, values))


NAMED = (
    struct.pack("<HH", 0x1F, 0x8001)
    + bytes(16)
    + struct.pack("<I", 1)
    + sized("Keywörd".encode("utf-16-le"))
    + struct.pack("<I", 1)
    + sized("named@example.com".encode("utf-16-le"))
)
INNER = struct.pack("<IH", 0x223E9F78, 1) + attribute(1, 0x18004, b"inner@example.com\0")
MESSAGE = [
    struct.pack("<HHI", 0x03, 0x0E07, 1),
    struct.pack("<HHQ", 0x40, 0x0039, 1),
    struct.pack("<HHIII", 0x1003, 0x6001, 2, 7, 8),
    prop(0x1F, 0x0037, "Zoë Müller".encode("utf-16-le") + b"\0\0"),
    prop(0x101F, 0x6002, *(f"m{number}@example.com".encode("utf-16-le") for number in range(3))),
    NAMED,
    prop(0x1E, 0x1000, b"plain body, +49 221 5550100\0"),
    prop(0x102, 0x1013, b"<p>An<b>n</b> Web</p>"),
    prop(0x102, 0x1009, struct.pack("<II4sI", len(RTF) + 12, len(RTF), b"MELA", 0) + RTF),
    prop(0x0D, 0x3701, bytes(16) + INNER),
]
WINMAIL = (
    struct.pack("<IH", 0x223E9F78, 1)
    + attribute(1, 0x89006, struct.pack("<I", 0x10000))
    + attribute(1, 0x18004, b"the subject\0")
    + attribute(1, 0x69003, struct.pack("<I", len(MESSAGE)) + b"".join(MESSAGE))
    + attribute(2, 0x18010, b"list.csv\0")
    + attribute(2, 0x6800F, TABLE)
)


def test_texts_are_one_record() -> None:
    (record,) = records(next(part for part in parts(WINMAIL) if part.path == ("customers.dat",)))
    for word in (
        "the subject",
        "Zoë Müller",
        "m2@example.com",
        "named@example.com",
        "Keywörd",
        "5550100",
        "list.csv",
    ):
        assert word in record


def test_bodies_and_attachments_are_opened() -> None:
    found = texts(WINMAIL)
    assert found['customers.dat > tnef "list.csv"'] == TABLE.decode()
    assert "Ann Web" in found['customers.dat > tnef "body.html"']
    assert any("bo@example.com" in text for place, text in found.items() if "body.rtf" in place)
    assert any("inner@example.com" in text for place, text in found.items() if 'tnef "message"' in place)
    assert reasons(WINMAIL) == []


def test_it_is_found_in_a_mail() -> None:
    head = b"From: a@example.com\nTo: b@example.com\nContent-Type: application/ms-tnef; name=winmail.dat\n"
    body = head + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(WINMAIL)
    assert any(text == TABLE.decode() for text in texts(body).values())


@pytest.mark.parametrize("cut", [3, 50, 400, 700, 900])
def test_what_is_cut_is_reported(cut: int) -> None:
    assert Reason.MALFORMED in reasons(WINMAIL[:-cut])


def test_mutations_are_read_or_reported() -> None:
    chance = random.Random(9)
    for _ in range(60):
        body = bytearray(WINMAIL)
        for _ in range(chance.randrange(1, 6)):
            body[chance.randrange(4, len(body))] = chance.randrange(256)
        assert items(bytes(body))
