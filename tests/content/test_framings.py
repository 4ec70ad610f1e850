"""What is around a body: chunks, HTTP messages inside it, separators; and what Python and Apple write."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import pickle
import plistlib
import random
from typing import Any

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.content.stream import Stream
from exfilter.content.wire import chunked, message, separated
from exfilter.content.wire.chunked import Chunks
from exfilter.limits import Limits
from exfilter.model import Headers, Reason
from tests.content.reading import items, parts, reasons, records, texts
from tests.content.test_wire import OTHERS, place

TABLE = b"id,name,mail\n" + b"".join(b"%d,Ann Lee,ann%d@example.com\n" % (n, n) for n in range(300))


def http_chunks(body: bytes, size: int, trailers: bytes = b"", line: bytes = b"\r\n") -> bytes:
    """Return a body in chunks as HTTP/1.1 has them."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x%s%s%s" % (len(piece), line, piece, line) for piece in pieces)
    return chunks + b"0" + line + trailers + line


def signed_chunks(body: bytes, size: int, *, trailers: bool = False) -> bytes:
    """Return a body as the SDKs of S3 send it (SigV4, chunked upload)."""
    out, signature = b"", b"seed"
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    for piece in [*pieces, b""]:
        signed = signature + hashlib.sha256(piece).hexdigest().encode()
        signature = hmac.new(b"key", signed, hashlib.sha256).hexdigest().encode()
        out += b"%x;chunk-signature=%s\r\n%s" % (len(piece), signature, piece) + (b"\r\n" if piece else b"")
    if trailers:
        out += b"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:" + signature + b"\r\n"
    return out + b"\r\n"


BODIES = {
    "http": http_chunks(TABLE, 100),
    "http, with lf": http_chunks(TABLE, 100, line=b"\n"),
    "http, one chunk": http_chunks(TABLE, 1 << 20),
    "unsigned": http_chunks(TABLE, 1000, b"x-amz-checksum-crc32:AAAAAA==\r\n"),
    "signed": signed_chunks(TABLE, 500),
    "signed, one chunk": signed_chunks(TABLE, 1 << 16),
    "signed, with trailers": signed_chunks(TABLE, 2000, trailers=True),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize(
    "headers", [(), (("Content-Encoding", "aws-chunked"), ("X", "y"))], ids=["file", "request"]
)
def test_chunks_are_put_together(name: str, headers: Headers) -> None:
    part = next(part for part in parts(BODIES[name], headers) if part.path[-1] == "chunked")
    assert part.text == TABLE.decode()
    assert len(records(part)) == 301
    assert reasons(BODIES[name], headers) == []


def test_a_long_body_in_chunks_of_the_sdks_is_put_together() -> None:
    long = TABLE * 30
    for body in (signed_chunks(long, 1 << 16), http_chunks(long, 1 << 17), http_chunks(long, 1 << 20)):
        found = [part for part in parts(body) if part.path[-1] == "chunked"]
        assert sum(part.text.count("@example.com") for part in found) == 300 * 30
        assert reasons(body) == []


@pytest.mark.parametrize("order", ["aws-chunked,gzip", "gzip,aws-chunked", "gzip"])
def test_compressed_chunks_are_decoded_however_they_are_declared(order: str) -> None:
    headers = (("Content-Encoding", order), ("x-amz-decoded-content-length", str(len(TABLE))))
    assert TABLE.decode() in texts(signed_chunks(gzip.compress(TABLE), 100), headers).values()
    assert reasons(signed_chunks(gzip.compress(TABLE), 100), headers) == []


def test_compressed_chunks_without_magic_are_decoded_by_their_header() -> None:
    body = http_chunks(brotli.compress(TABLE), 70)
    headers = (("Content-Encoding", "br"), ("Transfer-Encoding", "chunked"))
    assert TABLE.decode() in texts(body, headers).values()
    assert reasons(body, headers) == []
    assert reasons(http_chunks(random.Random(1).randbytes(900), 70), headers) == [Reason.MALFORMED]


def test_trailers_and_extensions_are_read() -> None:
    chunks = b"5;note=ext@example.com\r\nann@e\r\nb\r\nxample.com\n\r\n0\r\n"
    body = chunks + b"X-Mail: trailer@example.com\r\n\r\nbehind@example.com"
    found = texts(body)
    assert found["customers.dat > chunked"] == "ann@example.com\n"
    assert "ext@example.com" in found["customers.dat > chunk lines"]
    assert "trailer@example.com" in found["customers.dat > chunk lines"]
    assert any("behind@example.com" in text for text in found.values())


def test_a_chunk_that_is_not_where_it_should_be_is_read_and_reported() -> None:
    body = BODIES["http"][:2000] + b"xx" + BODIES["http"][2000:]
    assert "".join(texts(body).values()).count("ann299@example.com") == 1
    assert reasons(body) == [Reason.MALFORMED]


def test_chunks_that_are_cut_off_are_read() -> None:
    body = signed_chunks(TABLE, 500)[:5000]
    found = texts(body)["customers.dat > chunked"]
    assert TABLE.decode().startswith(found)
    assert len(found) > 4000


@pytest.mark.parametrize(
    "body",
    [
        b"1\r\n0\r\n0\r\n1\r\n1\r\n" * 50,
        b"0\r\n" * 50,
        b"5\r\nhello and more\r\n",
        b"12345678\r\n2125550123\r\n" * 20,
        b"abc\r\ndef\r\n" * 20,
        b"2024\r\nA report\r\n",
    ],
)
def test_lines_of_numbers_are_lines(body: bytes) -> None:
    assert texts(body) == {"customers.dat": body.decode()}


@given(st.binary(max_size=300), st.integers(1, 40), st.integers(1, 50))
def test_chunks_of_any_size_in_any_pieces_give_the_body(body: bytes, size: int, piece: int) -> None:
    framed = http_chunks(body, size)
    chunks = Chunks(Stream(framed[at : at + piece] for at in range(0, len(framed), piece)))
    assert b"".join(chunks.data()) == body
    assert not chunks.broken


# -- messages of HTTP ------------------------------------------------------------------------

REQUEST = (
    b"POST /people?mail=url%40example.com HTTP/1.1\r\nHost: files.example\r\n"
    b"Cookie: id=7; who=cookie%40example.com\r\nContent-Type: application/json\r\nContent-Length: 48\r\n\r\n"
    b'[{"mail": "a@example.com"},{"mail": "b@example.c'
)


def test_a_request_in_a_body_is_read_as_one() -> None:
    found = texts(REQUEST)
    assert "mail=url@example.com" in found["customers.dat > message[1] > request.url > percent"]
    assert found["customers.dat > message[1] > request.header cookie > cookies"] == "7\ncookie@example.com"
    (body,) = [part for part in parts(REQUEST) if part.path[1:] == ("message[1]",)]
    assert [row[:9] for row in records(body)] == ['{"mail": ', '{"mail": ']


def test_several_messages_are_read_and_what_follows() -> None:
    get = b"GET /a?n=1&mail=get%40example.com HTTP/1.1\r\nHost: b.example\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer"
    found = texts(get + REQUEST + answer + b"last@example.com")
    assert found["customers.dat > message[1] > request.url > query"] == "1\nget@example.com"
    assert '"a@example.com"' in found["customers.dat > message[2]"]
    assert found["customers.dat > message[3]"] == "answer"
    assert found["customers.dat > rest"] == "last@example.com"


def test_the_coding_and_the_chunks_of_a_message_are_undone() -> None:
    head = b"PUT /x HTTP/1.1\r\nContent-Encoding: br\r\n"
    coded = brotli.compress(TABLE)
    assert TABLE.decode() in texts(head + b"Content-Length: %d\r\n\r\n" % len(coded) + coded).values()
    assert TABLE.decode() in texts(b"PUT /x HTTP/1.1\r\nA: b\r\n\r\n" + http_chunks(TABLE, 100)).values()
    assert TABLE.decode() in texts(head + b"\r\n" + TABLE).values()  # it says what it is not


def test_the_parts_of_a_batch_are_messages() -> None:
    one = b"Content-Type: application/http\r\nContent-ID: <1>\r\n\r\n" + REQUEST
    body = b"--batch\r\n" + one + b"\r\n--batch\r\n" + one + b"\r\n--batch--\r\n"
    found = texts(body)
    for number in (1, 2):
        place = f"customers.dat > multipart[{number}] > message[1]"
        assert "url@example.com" in found[f"{place} > request.url > percent"]
        assert "a@example.com" in found[place]


def test_messages_without_end_end() -> None:
    body = b"GET / HTTP/1.1\r\n\r\n" * 200 + b"ann@example.com"
    assert reasons(body, limits=Limits(small=50)) == [Reason.OVER_BUDGET]
    assert "ann@example.com" in texts(body, limits=Limits(small=50))["customers.dat > rest"]
    assert items(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 50_000)


# -- separators ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b'\x1e{"name":"Ann","mail":"ann@example.com"}\n\x1e{"name":"Bo","mail":"bo@example.com"}\n',
        b"Ann\x1fann@example.com\x1eBo\x1fbo@example.com\x1e" * 5,
        b"Ann\x01Lee\x01ann@example.com\nBo\x01Ray\x01bo@example.com\n" * 5,
    ],
    ids=["json sequence", "ascii separators", "hive"],
)
def test_control_characters_between_values_separate(body: bytes) -> None:
    (part,) = parts(body)
    assert any(row.strip().startswith(("Ann", '{"name":"Ann"')) for row in records(part))
    assert sum("ann@" in row and "bo@" in row for row in records(part)) == 0
    assert reasons(body) == []


def test_names_with_zeros_between_them_are_read() -> None:
    assert (
        texts(b"Ann Lee\0ann@example.com\0Bo\0Ray\0" * 9)["customers.dat > separated"].count("Bo\nRay") == 9
    )


def test_bytes_behind_separated_text_stay_what_they_are() -> None:
    body = b"Ann\x01Lee\x01ann@example.com\n" * 5000 + random.Random(3).randbytes(5000)
    assert reasons(body) == [Reason.OPAQUE]


@pytest.mark.parametrize("name", OTHERS)
def test_other_bytes_have_no_framing(name: str) -> None:
    content = place(OTHERS[name])
    assert not any(r.recognises(content) for r in (chunked.READER, message.READER, separated.READER))


# -- pickles and property lists --------------------------------------------------------------

PEOPLE: list[dict[str, Any]] = [
    {"name": "Ann Lee", "mail": "ann@example.com", "phone": 48123456789},
    {"name": "Jürgen Müller", "mail": "jm@example.com", "last": "Lee", "phone": 2**70},
    {"name": "Bo Ray", "mail": b"bo@example.com", "last": "Lee", "weight": 48123456781.0},
]


class Trap:
    """An object that does something when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit",)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_the_maps_of_a_pickle_are_records(protocol: int) -> None:
    body = pickle.dumps(PEOPLE, protocol=protocol)
    part = next(part for part in parts(body) if part.path == ("customers.dat",))
    rows = records(part)
    assert len(rows) == 3
    assert all(word in rows[0] for word in ("Ann Lee", "ann@example.com", "48123456789"))
    assert all(word in rows[2] for word in ("Bo Ray", "bo@example.com", "Lee", "48123456781"))
    assert reasons(body) == []


def test_the_rows_of_a_pickle_are_records() -> None:
    body = pickle.dumps(
        [(n, f"{name} Lee", f"{name}{n}@example.com") for n in range(5) for name in ("Ann", "Bo")]
    )
    part = next(part for part in parts(body) if part.path == ("customers.dat",))
    assert [row for row in part.text.splitlines() if "Ann" in row and "Bo" in row] == []
    assert len(records(part)) == 9


def test_a_pickle_is_never_unpickled() -> None:
    body = pickle.dumps([Trap(), "ann@example.com"])
    assert any("ann@example.com" in text for text in texts(body).values())
    assert any("SystemExit" in text for text in texts(body).values())


def test_a_pickle_that_is_cut_off_is_read_and_reported() -> None:
    body = pickle.dumps([{"mail": f"ann{n}@example.com"} for n in range(50)])[:-500]
    assert any("ann9@example.com" in text for text in texts(body).values())
    assert Reason.MALFORMED in reasons(body)


def test_bytes_in_pickles_and_lists_are_opened() -> None:
    inner = gzip.compress(TABLE)
    for body in (pickle.dumps({"a": inner}), plistlib.dumps({"a": inner}, fmt=plistlib.FMT_BINARY)):
        assert TABLE.decode() in texts(body).values()
        assert reasons(body) == []


def test_the_dicts_of_a_property_list_are_records() -> None:
    people = [{**person, "phone": 48123456789} for person in PEOPLE]
    body = plistlib.dumps({"list": people}, fmt=plistlib.FMT_BINARY, sort_keys=False)
    part = next(part for part in parts(body) if part.path == ("customers.dat",))
    assert [row[:13] for row in records(part)] == ["name: Ann Lee", "name: Jürgen ", "name: Bo Ray,"]
    assert reasons(body) == []


def test_a_property_list_in_xml_has_records() -> None:
    people = [{"name": f"Ann {n}", "mail": f"ann{n}@example.com"} for n in range(5)]
    (part,) = [part for part in parts(plistlib.dumps(people)) if part.path == ("customers.dat",)]
    assert len(records(part)) == 5


def test_a_property_list_that_refers_to_itself_ends() -> None:
    head = b"bplist00"
    objects = [b"\xa2\x00\x01", b"\xa4\x00\x00\x01\x01", b"\x5fx"]
    objects[2] = b"\x5f\x10\x0fann@example.com"
    offsets, at = [], len(head)
    for each in objects:
        offsets.append(at)
        at += len(each)
    tail = bytes(6) + b"\x01\x01" + (3).to_bytes(8) + (0).to_bytes(8) + at.to_bytes(8)
    body = head + b"".join(objects) + bytes(offsets) + tail
    assert "ann@example.com" in "".join(texts(body).values())
    assert items(body[:-3] + b"\xff\xff\xff")
