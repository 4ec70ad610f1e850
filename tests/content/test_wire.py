"""Object formats without a schema: MessagePack, CBOR, BSON."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import cbor2
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.content.budget import Budget
from exfilter.content.content import Content
from exfilter.content.registry import contents
from exfilter.content.stream import Stream
from exfilter.content.wire import bson, cbor, messagepack
from exfilter.content.wire.rows import Rows
from exfilter.content.wire.walk import Walk
from exfilter.content.wire.window import BrokenError, Window
from exfilter.limits import Limits
from exfilter.model import Part, Reason, never
from tests.content.reading import items, parts, reasons, records, texts

Value = Any


def document(value: Value) -> bytes:
    """Return a document of BSON; a list is one by its numbers."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    inner = b"".join(element(str(key).encode() + b"\x00", each) for key, each in pairs)
    return struct.pack("<i", len(inner) + 5) + inner + b"\x00"


def element(name: bytes, value: Value) -> bytes:
    """Return a value of BSON behind its name."""
    found = b"\x0a", b""
    match value:
        case bool():
            found = b"\x08", bytes([value])
        case str():
            found = b"\x02", struct.pack("<i", len(value.encode()) + 1) + value.encode() + b"\x00"
        case int():
            found = b"\x12", struct.pack("<q", value)
        case float():
            found = b"\x01", struct.pack("<d", value)
        case bytes():
            found = b"\x05", struct.pack("<i", len(value)) + b"\x00" + value
        case dict() | list():
            found = b"\x03" if isinstance(value, dict) else b"\x04", document(value)
    return found[0] + name + found[1]


Write = Callable[[Value], bytes]
FORMATS: dict[str, tuple[Write, Walk]] = {
    "messagepack": (msgpack.packb, messagepack.values),
    "cbor": (cbor2.dumps, cbor.values),
    "bson": (document, bson.documents),
}
PEOPLE = [
    {"name": "Ann Lee", "mail": "ann@example.com", "phone": 48123456789, "tags": ["a", "b"], "ok": True},
    {"name": "Jürgen Müller", "mail": "jm@example.com", "phone": 48123456780, "tags": [], "gone": None},
    {"name": "李 小龍", "mail": "li@example.com", "phone": 48123456781.0, "in": {"city": "Ulm"}},
]
ROWS = {"list": PEOPLE}


@pytest.mark.parametrize("name", FORMATS)
def test_the_maps_of_an_array_are_records(name: str) -> None:
    (part,) = parts(FORMATS[name][0](ROWS))
    assert part.path == ("customers.dat", name)
    found = records(part)
    assert len(found) == 3
    assert found[0].startswith("name: Ann Lee, mail: ann@example.com, phone: 48123456789, tags: a, b, ")
    assert found[2].startswith("name: 李 小龍, mail: li@example.com, phone: 48123456781, in: city: Ulm")
    assert reasons(FORMATS[name][0](ROWS)) == []


@pytest.mark.parametrize("name", ["messagepack", "cbor"])
def test_rows_of_plain_values_are_records(name: str) -> None:
    (part,) = parts(FORMATS[name][0]([["Ann", "ann@example.com"], ["Bo", "bo@example.com"]] * 3))
    assert records(part) == ["Ann, ann@example.com\n", "Bo, bo@example.com\n"] * 3


@pytest.mark.parametrize("name", FORMATS)
def test_several_values_in_a_row_are_records(name: str) -> None:
    write = FORMATS[name][0]
    part = parts(b"".join(write({"mail": f"a{n}@example.com"}) for n in range(20)))[0]
    assert part.records is not None
    assert len(part.records) == 19  # before the first one nothing stands
    assert part.text.split() == [
        word for n in range(20) for word in ("mail:", f"a{n}@example.com" + "," * (name == "bson"))
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_numbers_are_read_in_digits(name: str) -> None:
    numbers = [2**31, 48123456789, 2**62, -(2**40), 127, 0]
    text = parts(FORMATS[name][0]({"telephone numbers": numbers}))[0].text
    assert all(str(number) in text for number in numbers)


@pytest.mark.parametrize("name", FORMATS)
def test_a_wrong_name_or_type_changes_nothing(name: str) -> None:
    body = FORMATS[name][0](ROWS)
    expected = [part.text for part in parts(body)]
    for declared in ("application/json", "text/csv; charset=utf-16", "multipart/form-data; boundary=x", "a"):
        found = [
            part.text for part in parts(body, (("Content-Type", declared),)) if part.path[0] == "request.body"
        ]
        assert found == expected


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("wrap", [gzip.compress, lambda data: json.dumps([]).encode() and data])
def test_inside_others_it_is_found(name: str, wrap: Callable[[bytes], bytes]) -> None:
    body = wrap(FORMATS[name][0](ROWS))
    assert any("name: Ann Lee, mail: ann@example.com" in text for text in texts(body).values())


@pytest.mark.parametrize("name", FORMATS)
def test_long_values_are_contents_of_their_own(name: str) -> None:
    table = "id,name\n" + "".join(f"{n},Ann Lee {n}\n" for n in range(200))
    body = FORMATS[name][0](
        {"note": "before", "table": table, "file": gzip.compress(table.encode()), "z": "behind"}
    )
    found = parts(body)
    tables = [part for part in found if part.text == table]
    assert len(tables) == 2
    assert all(len(records(part)) == 201 for part in tables)
    assert any("z: behind" in part.text for part in found)
    assert reasons(body) == []


@pytest.mark.parametrize("name", FORMATS)
def test_short_bytes_are_text_or_opened_or_searched(name: str) -> None:
    inner = gzip.compress(b"zipped@example.com and some more words to make it long enough")
    odd = b"\x00\x01\x02hidden@example.com\x00\xff\xfe"
    body = FORMATS[name][0]({"a long name": b"plain@example.com", "b": inner, "another name": odd})
    found = "\n".join(texts(body).values())
    assert all(word in found for word in ("plain@example.com", "zipped@example.com", "hidden@example.com"))


@pytest.mark.parametrize("name", FORMATS)
def test_much_that_is_none_of_it_is_reported(name: str) -> None:
    noise = random.Random(7)
    keys = {f"key number {n}": noise.randbytes(32) for n in range(100)}
    blobs = {f"blob number {n}": noise.randbytes(200) for n in range(100)}
    assert reasons(FORMATS[name][0](keys)) == []
    assert reasons(FORMATS[name][0](blobs)) == [Reason.OPAQUE]
    assert reasons(FORMATS[name][0]({"one long": noise.randbytes(5000), "text": "words " * 300})) == [
        Reason.OPAQUE
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_after_many_long_values_texts_are_read_together(name: str) -> None:
    body = FORMATS[name][0]([{"text": f"ann{n}@example.com " * 80} for n in range(50)])
    found = [part for part in parts(body, limits=Limits(small=10)) if part.path[-1] in ("value", name)]
    assert len(found) == 11
    assert all(any(f"ann{n}@example.com" in part.text for part in found) for n in range(50))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_cut_off_is_read_and_reported(name: str) -> None:
    body = FORMATS[name][0](PEOPLE * 20)
    for size in range(len(body) // 2, len(body), 37):
        assert Reason.MALFORMED in reasons(body[:size])
        assert "".join(part.text for part in parts(body[:size])).count("ann@example.com") >= 10


@pytest.mark.parametrize("name", ["messagepack", "cbor"])
def test_what_stands_behind_is_read_and_reported(name: str) -> None:
    body = FORMATS[name][0](PEOPLE * 20) + b"\n\nBut also behind@example.com, and more.\n"
    found = texts(body)
    assert any("behind@example.com" in text for text in found.values())
    assert reasons(body) == [Reason.MALFORMED]


def test_text_that_is_written_as_small_numbers_is_read() -> None:
    note = b"Ann Lee, ann@example.com, 2125550123; "
    body = msgpack.packb({"text": "words and more words, to make sense " * 20, "x": list(note)})
    assert any(note.decode() in text for text in texts(body).values())


def test_cbor_in_pieces_without_numbers_is_read() -> None:
    ann = b"\xbf\x64name\x7f\x63Ann\x64 Lee\xff\x64mail\x6fann@example.com\xff"
    (part,) = parts(b"\xd9\xd9\xf7\x9f" + ann + b"\xa1\x64name\x66Bo Ray\xff")
    assert [row.strip(", \n") for row in records(part)] == [
        "name: Ann Lee, mail: ann@example.com",
        "name: Bo Ray",
    ]


def test_extensions_and_tags_are_passed_over() -> None:
    packed = msgpack.packb(
        [{"when": msgpack.Timestamp(1), "ext": msgpack.ExtType(5, b"abc"), "name": "Ann"}] * 9
    )
    assert texts(packed)["customers.dat > messagepack"].count("Ann") == 9
    tagged = cbor2.dumps([cbor2.CBORTag(1000, {"name": "Ann Lee", "half": 1.5, "big": 2**70})] * 9)
    assert len(records(parts(tagged)[0])) == 9


OTHERS = {
    "text": b"Dear Ann,\nthe list is here.\n" * 50,
    "latin-1": "\u201cAnn\u201d \x80\x93 caf\xe9".encode("cp1252", "replace") * 50,
    "shift-jis": "顧客一覧：田中太郎さんの電話番号は以下の通りです。\n".encode("shift-jis") * 50,
    "gb18030": "客户名单：李小龙的电话号码如下。\n".encode("gb18030") * 50,
    "euc-kr": "고객 목록: 김철수의 전화번호는 다음과 같습니다.\n".encode("euc-kr") * 50,
    "ebcdic": "DEAR ANN, THE LIST IS HERE AND MORE OF IT.".encode("cp037") * 50,
    "utf-16": "Dear Ann, the list is here.\n".encode("utf-16") * 50,
    "utf-32": "Dear Ann, the list is here.\n".encode("utf-32-be") * 50,
    "noise": random.Random(1).randbytes(70_000),
    "short noise": random.Random(2).randbytes(60),
    "zlib": zlib.compress(random.Random(3).randbytes(5000)),
    "json": json.dumps(PEOPLE).encode(),
    "numbers": bytes(range(256)) * 20,
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_bytes_are_none_of_these(name: str) -> None:
    content = place(OTHERS[name])
    assert not any(reader.recognises(content) for reader in (messagepack.READER, cbor.READER, bson.READER))


def test_hardly_any_noise_makes_sense() -> None:
    noise = random.Random(11)
    readers = (messagepack.READER, cbor.READER, bson.READER)
    passed = 0
    for _ in range(2000):
        content = place(noise.randbytes(noise.choice([8, 20, 50, 200, 1000])))
        passed += any(reader.recognises(content) for reader in readers)
    assert passed <= 2


def place(body: bytes, chunk: int = 1 << 20) -> Content:
    chunks = iter([body[at : at + chunk] for at in range(0, len(body), chunk)])
    return Content(Stream(chunks), ("x",), Budget(Limits(), never))


def walked(walk: Walk, body: bytes, chunk: int = 1 << 20) -> tuple[str, BrokenError | None]:
    """Return the text that a walk makes of some bytes, and whether they broke off."""
    content = place(body, chunk)
    rows = Rows(content, contents, "x")
    broken = None
    found: list[str] = []
    walking: Iterator[object] = walk(Window(content.stream), rows)
    try:
        found += [item.text for item in walking if isinstance(item, Part)]
    except BrokenError as error:
        broken = error
    found += [item.text for item in rows.parts(last=True) if isinstance(item, Part)]
    return "".join(found), broken


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | TEXT | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=25,
)


def leaves(value: Value) -> Iterator[str]:
    """Yield what has to be read of a value."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from leaves(key)
                yield from leaves(inner)
        case list():
            for inner in value:
                yield from leaves(inner)
        case str():
            yield unicodedata.normalize("NFC", value)
        case bool() | float():
            pass
        case int():
            yield str(value)


@pytest.mark.parametrize("name", ["messagepack", "cbor"])
@given(
    value=st.dictionaries(TEXT, VALUES, min_size=1) | st.lists(VALUES, min_size=1), chunk=st.integers(1, 60)
)
def test_every_value_is_read_whatever_the_chunks(name: str, value: Value, chunk: int) -> None:
    write, walk = FORMATS[name]
    text, broken = walked(walk, write(value))
    assert broken is None
    at = 0
    for leaf in leaves(value):
        at = text.index(leaf, at) + len(leaf)
    assert walked(walk, write(value), chunk) == (text, None)


@given(st.binary(max_size=200), st.integers(1, 50), st.sampled_from(sorted(FORMATS)))
def test_any_bytes_break_off_at_a_place(data: bytes, chunk: int, name: str) -> None:
    whole = walked(FORMATS[name][1], data)
    assert (whole[0], whole[1] is None) == (
        (parted := walked(FORMATS[name][1], data, chunk))[0],
        parted[1] is None,
    )


@pytest.mark.parametrize("name", FORMATS)
def test_changed_bytes_are_read_or_reported(name: str) -> None:
    body = FORMATS[name][0](PEOPLE * 10)
    dice = random.Random(5)
    for _ in range(60):
        changed = bytearray(body)
        for _ in range(3):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        assert items(bytes(changed))


@pytest.mark.parametrize(
    "body",
    [
        b"\x91" * 100_000 + b"\xa3Ann",
        b"\x81\xa1a" * 100_000,
        b"\xdd\xff\xff\xff\xff" * 1000,
        b"\xdb\xff\xff\xff\xffann@example.com" * 10,
        b"\xdc\xff\xff" + b"\x90" * 65535,
    ],
    ids=["deep arrays", "deep maps", "many values", "long text", "empty arrays"],
)
def test_hostile_messagepack_ends(body: bytes) -> None:
    text, _ = walked(messagepack.values, body)
    assert len(text) < 1 << 20


@pytest.mark.parametrize(
    "body",
    [
        b"\x9f" * 100_000,
        b"\xbf\x61a" * 100_000,
        b"\x9b" + b"\xff" * 8,
        b"\x7f" * 1000,
        b"\x9f" + b"\x7f\x60\xff" * 50_000 + b"\xff",
        b"\xc1" * 100_000 + b"\x80",
        b"\x9f\xff" * 50_000,
    ],
    ids=["deep arrays", "deep maps", "many values", "pieces in pieces", "many in pieces", "tags", "empty"],
)
def test_hostile_cbor_ends(body: bytes) -> None:
    text, _ = walked(cbor.values, body)
    assert len(text) < 1 << 20


def test_hostile_bson_ends() -> None:
    deep = b"\x05\x00\x00\x00\x00"
    for _ in range(2000):
        deep = struct.pack("<i", len(deep) + 8) + b"\x03a\x00" + deep + b"\x00"
    assert walked(bson.documents, deep)[1] is not None
    assert walked(bson.documents, b"\xff\xff\xff\x7f\x02a\x00\xff\xff\xff\x7f" + b"x" * 5000)[1] is not None


def test_an_export_of_msgpack_files_is_read_from_a_stream() -> None:
    out = io.BytesIO()
    packer = msgpack.Packer()
    for person in PEOPLE * 1000:
        out.write(packer.pack(person))
    found = parts(out.getvalue())
    assert sum(part.text.count("ann@example.com") for part in found) >= 1000
    assert reasons(out.getvalue()) == []
