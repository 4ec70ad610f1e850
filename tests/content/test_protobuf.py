"""Protocol buffers without a schema, and the frames that they come in."""

from __future__ import annotations

import base64
import gzip
import itertools
import random
import struct
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import brotli
import pytest
import zstandard
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2
from google.protobuf.internal import encoder
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from exfilter.content.wire import frames, protobuf
from exfilter.limits import Limits
from exfilter.model import Part, Reason
from tests.content.reading import items, parts, reasons, records, texts
from tests.content.test_wire import OTHERS, place, walked

TYPES = descriptor_pb2.FieldDescriptorProto
FIELDS: dict[str, list[tuple[str, int, int, bool]]] = {
    "Address": [("street", 1, TYPES.TYPE_STRING, False), ("city", 2, TYPES.TYPE_STRING, False)],
    "Customer": [
        ("first", 1, TYPES.TYPE_STRING, False),
        ("last", 2, TYPES.TYPE_STRING, False),
        ("mail", 3, TYPES.TYPE_STRING, False),
        ("phone", 4, TYPES.TYPE_INT64, False),
        ("phones", 5, TYPES.TYPE_INT64, True),
        ("fixed", 6, TYPES.TYPE_FIXED64, False),
        ("double", 7, TYPES.TYPE_DOUBLE, False),
        ("all_fixed", 8, TYPES.TYPE_FIXED64, True),
        ("blob", 9, TYPES.TYPE_BYTES, False),
        ("floats", 10, TYPES.TYPE_FLOAT, True),
        ("active", 16, TYPES.TYPE_BOOL, False),
        ("small", 17, TYPES.TYPE_FIXED32, False),
        ("address", 2047, TYPES.TYPE_MESSAGE, False),
    ],
    "Export": [
        ("title", 1, TYPES.TYPE_STRING, False),
        ("rows", 2, TYPES.TYPE_MESSAGE, True),
        ("lines", 4, TYPES.TYPE_STRING, True),
    ],
}
INNER = {"address": ".t.Address", "rows": ".t.Customer"}


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, many in fields:
            message.field.add(
                name=field, number=number, type=kind, label=3 if many else 1, type_name=INNER.get(field)
            )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"t.{name}")) for name in FIELDS}


CLASSES = _classes()
PEOPLE: list[dict[str, Any]] = [
    {
        "first": "Ann",
        "last": "Lee",
        "mail": "ann@example.com",
        "phone": 48123456789,
        "active": True,
        "address": {"street": "High Street 1", "city": "Ulm"},
    },
    {"first": "Jürgen", "last": "Müller", "mail": "jm@example.com", "phones": [48123456780, 48123456781]},
    {
        "first": "Bo",
        "last": "Ray",
        "fixed": 48123456782,
        "double": 48123456783.0,
        "small": 2125550123,
        "all_fixed": [48123456784, 48123456785],
    },
]


def made(name: str, **fields: object) -> bytes:
    """Return a message of the dynamic schema."""
    data: bytes = CLASSES[name](**fields).SerializeToString()
    return data


EXPORT = made("Export", title="the list", rows=PEOPLE)
CUSTOMERS = [made("Customer", **person) for person in PEOPLE]


def test_repeated_messages_are_records_and_hold_all_values() -> None:
    (part,) = parts(EXPORT)
    assert part.path == ("customers.dat", "protobuf")
    ann, jm, bo = records(part)
    assert ann.split(", ")[:4] == ["Ann", "Lee", "ann@example.com", "48123456789"]
    assert "High Street 1, Ulm" in ann
    assert jm.split(", ")[3:5] == ["48123456780", "48123456781"]
    assert all(
        str(number) in bo for number in (48123456782, 48123456783, 2125550123, 48123456784, 48123456785)
    )
    assert reasons(EXPORT) == []


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_one_message_is_read(customer: bytes) -> None:
    (part,) = parts(customer)
    assert part.path[-1] == "protobuf"
    assert reasons(customer) == []


@pytest.mark.parametrize(
    "declared", ["application/x-protobuf", "text/plain; charset=utf-16", "application/json", ""]
)
def test_the_type_says_nothing(declared: str) -> None:
    found = [
        part
        for part in parts(EXPORT, (("Content-Type", declared), ("X", "y")))
        if part.path[0] == "request.body"
    ]
    assert len(records(found[0])) == 3


def test_a_field_of_lines_that_could_be_text_is_a_message() -> None:
    lines = [f"Ann Lee {n:03},ann{n:03}@example.com,the rest of quite a long line" for n in range(20)]
    found = texts(made("Export", lines=lines))["customers.dat > protobuf"]
    assert all(line in found.split(", ") or line in found for line in lines)
    assert ", Ann Lee 007,ann007@example.com" in found


def test_a_message_in_which_all_is_printable_is_read_as_both() -> None:
    inner = encoder.TagBytes(4, 2) + b"*" + b"Bo Ray and another forty-two letters text."
    assert len(inner) == 44
    body = encoder.TagBytes(4, 2) + bytes([len(inner)]) + inner
    found = texts(made("Export", title="a title") + body)["customers.dat > protobuf"]
    assert ", Bo Ray and another" in found


def test_bytes_are_opened() -> None:
    table = b"id,name\n" + b"".join(b"%d,Ann Lee %d\n" % (n, n) for n in range(300))
    for blob in (table, gzip.compress(table)):
        body = made("Export", title="x", rows=[{"first": "Ann", "blob": blob}])
        assert any(part.text == table.decode() and len(records(part)) == 301 for part in parts(body))
        assert reasons(body) == []


def test_noise_in_bytes_is_reported_and_floats_are_not() -> None:
    noise = random.Random(4)
    text = "some words that are read, and some more of them. " * 5
    assert reasons(made("Customer", first=text, blob=noise.randbytes(32))) == []
    assert reasons(made("Customer", first=text, blob=noise.randbytes(5000))) == [Reason.OPAQUE]
    vector = [noise.gauss(0, 1) for _ in range(1536)]
    assert reasons(made("Customer", first=text, floats=vector)) == []


def test_long_lists_of_numbers_are_read() -> None:
    phones = [48_000_000_000 + 7919 * n for n in range(3000)]
    for field in ("phones", "all_fixed"):
        body = made("Customer", first="Ann and more text here", **{field: phones})
        found = ", ".join(part.text for part in parts(body))
        assert all(str(phone) in found for phone in phones)
        assert reasons(body) == []


def test_structures_of_google_are_read() -> None:
    value = struct_pb2.Struct()
    value.update({"people": [{"name": "Ann Lee", "phone": 48123456789}, {"name": "Bo Ray", "tags": ["x"]}]})
    found = "".join(texts(value.SerializeToString()).values())
    assert all(word in found for word in ("Ann Lee", "48123456789", "Bo Ray"))


def test_groups_and_nonsense_inside_are_left_and_the_rest_is_read() -> None:
    inner = encoder.TagBytes(1, 3) + b"\x01\x02hidden@example.com"
    broken = encoder.TagBytes(2, 2) + bytes([len(inner)]) + inner
    found = "".join(texts(EXPORT + broken + EXPORT).values())
    assert found.count("ann@example.com") == 2
    assert "hidden@example.com" in found


def test_a_message_that_is_cut_off_is_read_and_reported() -> None:
    body = made("Export", title="the list", rows=PEOPLE * 30)
    for size in range(len(body) // 2, len(body) - 40, 101):
        found = items(body[:size])
        assert sum(item.text.count("ann@example.com") for item in found if isinstance(item, Part)) >= 14
        try:  # it may have been cut between two messages
            CLASSES["Export"].FromString(body[:size])
        except DecodeError:
            assert Reason.MALFORMED in reasons(body[:size])


@pytest.mark.parametrize("name", OTHERS)
def test_other_bytes_are_no_messages(name: str) -> None:
    content = place(OTHERS[name])
    assert not any(reader.recognises(content) for reader in (protobuf.READER, *frames.READERS))


def test_hardly_any_noise_is_a_message() -> None:
    noise = random.Random(13)
    passed = 0
    for _ in range(2000):
        content = place(noise.randbytes(noise.choice([8, 20, 50, 200, 1000])))
        passed += any(reader.recognises(content) for reader in (protobuf.READER, *frames.READERS))
    assert passed <= 4


WORDS = st.sampled_from(
    ["Ann", "id,name", "2\n0123456789", '"*Be the first', "\n", "{", "Lee;", "é", " ", "x" * 70]
)


@given(st.lists(WORDS, max_size=40).map("".join))
def test_text_is_text(text: str) -> None:
    content = place(text.encode())
    assert not any(reader.recognises(content) for reader in (protobuf.READER, *frames.READERS))


def test_text_that_could_be_a_message_is_read_as_lines_too() -> None:
    lines = [f'"{chr(40 + n)}ann{n:02}@example.com and so on'.ljust(42 + n) for n in range(8)]
    body = "".join(lines).encode()
    assert protobuf.recognises(place(body))
    assert texts(body)["customers.dat > strings"] == body.decode() + "\n"


def messages(depth: int = 3) -> st.SearchStrategy[list[tuple[int, Any]]]:
    """Return messages as lists of fields; a list is a message."""
    value = st.text(
        st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30
    ) | st.integers(0, 2**63)
    inner = value | messages(depth - 1) if depth else value
    return st.lists(st.tuples(st.integers(1, 3000), inner), min_size=1, max_size=5)


def written(fields: list[tuple[int, Any]]) -> bytes:
    """Return the bytes of a message."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += encoder.TagBytes(number, 0) + encoder._VarintBytes(value)
        else:
            data = value.encode() if isinstance(value, str) else written(value)
            out += encoder.TagBytes(number, 2) + encoder._VarintBytes(len(data)) + data
    return out


def leaves(fields: list[tuple[int, Any]]) -> Iterator[str]:
    for _, value in fields:
        if isinstance(value, list):
            yield from leaves(value)
        elif isinstance(value, str):  # a message of few numbers may be read as a text
            yield value


@given(messages(), st.integers(1, 50))
def test_every_text_is_read_whatever_the_chunks(fields: list[tuple[int, Any]], chunk: int) -> None:
    body = written(fields)
    text, broken = walked(protobuf.values, body)
    assert broken is None
    for leaf in leaves(fields):
        assert unicodedata.normalize("NFC", leaf) in text
    assert walked(protobuf.values, body, chunk) == (text, None)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_break_off_at_a_place(data: bytes, chunk: int) -> None:
    whole, parted = walked(protobuf.values, data), walked(protobuf.values, data, chunk)
    assert (whole[0], whole[1] is None) == (parted[0], parted[1] is None)


def test_messages_without_end_in_each_other_end() -> None:
    body = b"Ann Lee"
    for number in itertools.count():
        body = b"\x0a" + encoder._VarintBytes(len(body)) + body
        if number == 3000:
            break
    found = items(body, limits=Limits(depth=3))
    assert found


# -- frames ----------------------------------------------------------------------------------


def frame(message: bytes, flag: int = 0) -> bytes:
    return struct.pack(">BI", flag, len(message)) + message


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


COMPRESS: list[Callable[[bytes], bytes]] = [
    gzip.compress,
    zlib.compress,
    raw_deflate,
    zstandard.compress,
    brotli.compress,
]


def test_each_frame_is_a_record() -> None:
    (part,) = parts(b"".join(map(frame, CUSTOMERS)))
    assert part.path[-1] == "grpc"
    assert [row.split(", ")[0] for row in records(part)] == ["Ann", "Jürgen", "Bo"]


def test_records_in_a_frame_are_records() -> None:
    (part,) = parts(frame(EXPORT) + frame(EXPORT))
    assert [row.split(", ")[0] for row in records(part)] == ["Ann", "Jürgen", "Bo"] * 2


@pytest.mark.parametrize("compress", COMPRESS)
def test_compressed_frames_are_read_whatever_compressed_them(compress: Callable[[bytes], bytes]) -> None:
    body = b"".join(frame(compress(customer), 1) for customer in CUSTOMERS) + frame(CUSTOMERS[0])
    for found in (parts(body), parts(body, (("grpc-encoding", "identity"), ("te", "trailers")))):
        read = next(part for part in found if part.path[-1] == "grpc")
        assert [row.split(", ")[0] for row in records(read)] == ["Ann", "Jürgen", "Bo", "Ann"]
    assert reasons(body) == []


def test_a_compressed_frame_that_nobody_can_undo_is_reported() -> None:
    noise = random.Random(6).randbytes(3000)
    assert reasons(frame(CUSTOMERS[0]) + frame(noise, 1)) == [Reason.OPAQUE]
    broken = bytearray(gzip.compress(EXPORT * 50))
    broken[60:80] = bytes(20)
    assert Reason.MALFORMED in reasons(frame(CUSTOMERS[0]) + frame(bytes(broken), 1))


def test_a_bomb_in_a_frame_ends_inside_its_budget() -> None:
    bomb = gzip.compress(made("Export", title="x", lines=["a" * 1000] * 30_000))
    limits = Limits(bytes_out=1 << 20, slice_bytes=1 << 16)
    assert Reason.OVER_BUDGET in reasons(frame(bomb, 1), limits=limits)


def test_trailers_and_json_in_frames_are_read() -> None:
    web = frame(EXPORT) + frame(b"grpc-status: 0\r\ngrpc-message: ann%20lee@example.com\r\n", 0x80)
    assert "grpc-message" in "".join(texts(web).values())
    connect = frame(b'{"name":"Ann"}') + frame(b'{"name":"Bo"}') + frame(b"{}", 2)
    assert '{"name":"Ann"}\n{"name":"Bo"}' in "".join(texts(connect).values())


def test_one_long_frame_is_read() -> None:
    body = frame(made("Export", title="the list", rows=PEOPLE * 1500))
    assert len(body) > 1 << 17
    found = [part for part in parts(body) if part.records is not None]
    assert sum(part.text.count("ann@example.com") for part in found) >= 1500
    assert reasons(body) == []


def test_grpc_web_in_base64_is_read_also_with_padding_between() -> None:
    pieces = [frame(customer) for customer in CUSTOMERS]
    for body in (base64.b64encode(b"".join(pieces)), b"".join(map(base64.b64encode, pieces))):
        found = next(part for part in parts(body) if "grpc" in part.path[-1])
        assert len(records(found)) == 3


def test_messages_with_their_size_before_them_are_read() -> None:
    body = b"".join(encoder._VarintBytes(len(customer)) + customer for customer in CUSTOMERS)
    (part,) = parts(body)
    assert part.path[-1] == "protobuf stream"
    assert [row.split(", ")[0] for row in records(part)] == ["Ann", "Jürgen", "Bo"]


def test_frames_that_are_cut_off_are_read_and_reported() -> None:
    for many in (10, 500):
        cut = b"".join(map(frame, CUSTOMERS * many))[:-20]
        assert sum(part.text.count("ann@example.com") for part in parts(cut)) >= many
        assert Reason.MALFORMED in reasons(cut)


@given(st.binary(max_size=120), st.sampled_from([frame(c) for c in CUSTOMERS]), st.integers(1, 40))
def test_any_bytes_behind_a_frame_are_read_or_reported(noise: bytes, before: bytes, chunk: int) -> None:
    del chunk
    found = items(before * 3 + noise)
    assert found
