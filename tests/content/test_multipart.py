"""multipart/* and urlencoded forms."""

from __future__ import annotations

import base64
import gzip
import quopri

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.content.content import shown
from exfilter.content.multipart import Splitter
from exfilter.content.stream import Stream
from exfilter.limits import Limits
from exfilter.model import Headers, Reason
from tests.content.reading import main, parts, reasons, records, texts

TABLE = b"id,name\n1,Ann\n2,Bo\n3,Cy\n"
TYPE: Headers = (("Content-Type", "multipart/form-data; boundary=XyZ"),)


def multipart(*bodies: bytes, boundary: bytes = b"XyZ", line: bytes = b"\r\n") -> bytes:
    whole = b"".join(b"--" + boundary + b"\n" + body + b"\n" for body in bodies) + b"--" + boundary + b"--\n"
    return whole.replace(b"\n", line)


FIELD = b'Content-Disposition: form-data; name="note"\n\nann@example.com'
FILE = b'Content-Type: text/csv\nContent-Disposition: form-data; name="f"; filename="q3.csv"\n\n' + TABLE


@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    "headers",
    [
        TYPE,
        (),
        (("Content-Type", "multipart/form-data"),),
        (("Content-Type", "multipart/mixed; boundary=other"),),
    ],
    ids=["declared", "nothing", "no boundary", "false boundary"],
)
def test_fields_files_and_headers_are_read(line: bytes, headers: Headers) -> None:
    body = multipart(FIELD, FILE, line=line)
    place = "request.body" if headers else "customers.dat"
    found = texts(body, headers)
    assert found[f"{place} > fields"] == "ann@example.com"
    assert found[f'{place} > multipart[2] "q3.csv"'] == TABLE.replace(b"\n", line).decode()
    assert 'filename="q3.csv"' in found[f"{place} > part headers"]
    assert reasons(body, headers) == []


def test_the_rows_of_a_file_are_records() -> None:
    part = next(part for part in parts(multipart(FILE), TYPE) if "q3.csv" in part.provenance)
    assert records(part)[1] == "1,Ann\r\n"


def test_parts_without_disposition_are_read() -> None:
    found = texts(
        multipart(b'Content-Type: application/json\n\n[{"a":1},{"b":2}]', b"\nContent: no header at all"),
        TYPE,
    )
    assert found["request.body > multipart[1]"] == '[{"a":1},{"b":2}]'
    assert "Content: no header at all" in found["request.body > fields"]


def test_parts_are_read_as_what_they_are() -> None:
    body = multipart(b"Content-Type: image/png\n\n@@@").replace(b"@@@", gzip.compress(TABLE))
    assert texts(body, TYPE)["request.body > multipart[1] > gzip"] == TABLE.decode()


def test_nested_multipart_is_opened() -> None:
    inner = multipart(FILE, boundary=b"inner", line=b"\n")
    body = multipart(b"Content-Type: multipart/mixed; boundary=inner\n\n" + inner)
    assert (
        texts(body, TYPE)['request.body > multipart[1] > multipart[1] "q3.csv"']
        == TABLE.replace(b"\n", b"\r\n").decode()
    )


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("base64", base64.encodebytes(TABLE)),
        ("BASE64", base64.urlsafe_b64encode(TABLE)),
        ("quoted-printable", quopri.encodestring(TABLE)),
    ],
)
def test_transfer_encodings_are_undone(encoding: str, encoded: bytes) -> None:
    body = multipart(
        b"Content-Type: text/csv\nContent-Transfer-Encoding: " + encoding.encode() + b"\n\n" + encoded,
        line=b"\n",
    )
    assert TABLE.decode().strip() in {text.strip() for text in texts(body, TYPE).values()}


def test_text_that_only_says_it_is_base64_is_read_as_text() -> None:
    head = b"Content-Transfer-Encoding: base64\n\n"
    assert (
        "ann@example.com"
        in texts(multipart(head + b"mail ann@example.com"), TYPE)["request.body > multipart[1]"]
    )
    numbers = b"".join(b"2125550%03d\n" % n for n in range(100, 200))
    assert any("2125550123" in text for text in texts(multipart(head + numbers), TYPE).values())


def test_preamble_and_epilogue_are_read() -> None:
    found = texts(b"From: ann@example.com\r\n\r\n" + multipart(FILE) + b"after the end", TYPE)
    assert "ann@example.com" in found["request.body > preamble"]
    assert found["request.body > epilogue"] == "after the end"


def test_a_part_without_headers_is_read_raw_and_reported() -> None:
    body = multipart(b"this is no header\n\nann@example.com", FILE)
    found = texts(body, TYPE)
    assert "ann@example.com" in found["request.body > multipart[1]"]
    assert found['request.body > multipart[2] "q3.csv"']
    assert reasons(body, TYPE) == [Reason.MALFORMED]


def test_headers_without_end_are_read_raw_and_reported() -> None:
    body = b"--XyZ\r\nContent-Type: text/plain\r\n" + b"X-Mail: ann@example.com\r\n" * 10_000
    assert "ann@example.com" in texts(body, TYPE)["request.body > multipart[1]"]
    assert reasons(body, TYPE) == [Reason.MALFORMED]


def test_a_body_that_was_cut_off_is_read_to_its_end() -> None:
    body = multipart(FIELD, FILE)[:-20]
    assert "1,Ann" in texts(body, TYPE)['request.body > multipart[2] "q3.csv"']


def test_too_many_parts_are_read_as_text_and_reported() -> None:
    body = multipart(*[FIELD] * 50)
    limits = Limits(parts=20)
    assert reasons(body, TYPE, limits) == [Reason.OVER_BUDGET]
    assert texts(body, TYPE, limits=limits)["request.body > rest"].count("ann@example.com") >= 29


@given(
    st.lists(st.binary(max_size=80).filter(lambda data: b"--XyZ" not in data), min_size=1, max_size=6),
    st.integers(1, 50),
)
def test_any_chunks_give_the_same_parts(bodies: list[bytes], size: int) -> None:
    whole = b"".join(b"--XyZ\r\nA: b\r\n\r\n" + body + b"\r\n" for body in bodies) + b"--XyZ--\r\n"
    split = Splitter(Stream(whole[at : at + size] for at in range(0, len(whole), size)), b"XyZ")
    found = [b"".join(split.data())]
    while split.more:
        assert split.headers() == b"A: b"
        found.append(b"".join(split.data()))
    assert found == [b"", *bodies]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("q3.csv", "q3.csv"),
        ("ann@example.com.csv", "*.csv"),
        ("2125550123.json", "*.json"),
        ('a"\n.txt', "a??.txt"),
    ],
)
def test_provenance_shows_file_names_that_identify_nobody(name: str, safe: str) -> None:
    assert shown(name) == safe


FORM = b"name=J%C3%BCrgen+M%C3%BCller&mail=ann%40example.com&plus=ann+lee%40example.com&empty="


@pytest.mark.parametrize("headers", [(), (("Content-Type", "application/x-www-form-urlencoded"),)])
def test_a_form_is_decoded_whatever_it_says_it_is(headers: Headers) -> None:
    found = {place.partition(" > ")[2]: text for place, text in texts(FORM, headers).items()}
    assert found["form"] == "Jürgen Müller\nann@example.com\nann lee@example.com\n"
    assert found["form > names"] == "name\nmail\nplus\nempty"
    assert "ann+lee@example.com" in found["form with plus signs"]


def test_a_table_in_a_form_is_a_table() -> None:
    body = b"a=1&data=" + TABLE.replace(b"\n", b"%0A") + b"&b=2"
    part = next(part for part in parts(body) if part.text == TABLE.decode())
    assert records(part)[1] == "1,Ann\n"


def test_a_long_value_is_decoded_in_pieces() -> None:
    value = b"".join(b"%06d%%20J%%C3%%BCrgen%%0A" % n for n in range(20_000))
    found = texts(b"a=1&data=" + value + b"&b=last", limits=Limits(slice_bytes=1 << 22))
    assert found["customers.dat > form"].count(" Jürgen\n") == 20_000
    assert "last" in found["customers.dat > form"]


def test_twice_encoded_values_are_decoded_again() -> None:
    assert any("ann@example.com" in text for text in texts(b"mail=ann%252540example.com&x=1").values())


def test_form_type_on_a_table_is_a_table() -> None:
    assert len(records(main(TABLE, (("Content-Type", "application/x-www-form-urlencoded"),)))) == 4


def test_lines_that_begin_like_a_form_are_lines() -> None:
    body = b"a=1&b=ann%40example.com\n" * 3
    assert main(body).text == body.decode()
    assert "ann@example.com" in texts(body)["customers.dat > percent"]


@pytest.mark.parametrize("size", [70, 201, 900, 3000])
def test_a_boundary_of_any_length_counts(size: int) -> None:
    boundary = b"b" * size
    headers = (("Content-Type", "multipart/form-data; boundary=" + boundary.decode()),)
    found = texts(multipart(FILE, boundary=boundary), headers)
    assert found['request.body > multipart[1] "q3.csv"'] == TABLE.replace(b"\n", b"\r\n").decode()


def test_parts_behind_a_long_preamble_are_opened() -> None:
    encoded = b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(TABLE)
    found = texts(b"All is well.\r\n" * 6000 + multipart(encoded), TYPE)
    assert TABLE.decode() in found.values()
    assert "well" in texts(b"All is well.\r\n" * 6000, TYPE)["request.body > preamble"]


SMALL = Limits(small=10)


def test_many_small_structured_fields_are_read_together() -> None:
    body = b"&".join(b'a=[{"m":"ann%d%%40example.com"}]' % n for n in range(200))
    found = parts(body, limits=SMALL)
    assert len(found) < 30
    assert all(any(f"ann{n}@example.com" in part.text for part in found) for n in range(200))
    assert reasons(body, limits=SMALL) == []


def test_many_small_files_of_text_are_read_together() -> None:
    body = multipart(*[FILE] * 200)
    found = parts(body, TYPE, limits=SMALL)
    assert len(found) < 30
    assert sum(part.text.count("1,Ann") for part in found) == 200
    assert reasons(body, TYPE, SMALL) == []


@pytest.mark.parametrize(
    "small",
    [b"filename=a\n\n" + gzip.compress(b"x"), b"filename=a\nContent-Transfer-Encoding: base64\n\nYW5u"],
)
def test_many_small_files_that_have_to_be_opened_are_over_budget(small: bytes) -> None:
    body = multipart(*[b"Content-Disposition: form-data; name=f; " + small] * 50, line=b"\n")
    found = reasons(body, TYPE, SMALL)
    assert Reason.OVER_BUDGET in found
    assert len(found) < 5


@pytest.mark.parametrize(
    "header",
    [
        b"""Content-Disposition: form-data; name="f"; filename*=UTF-8''Ann%20L%C3%A9e.csv""",
        b"""Content-Disposition: form-data; name="f"; filename*0*=UTF-8''Ann%20; filename*1*=L%C3%A9e.csv""",
        b"""Content-Disposition: form-data; name="f"; filename*0="Ann L"; filename*1="\xc3\xa9e.csv\"""",
        b"""Content-Disposition: form-data; name="f"; filename="=?utf-8?B?QW5uIEzDqWUuY3N2?=\"""",
        b"""Content-Disposition: form-data; name="f"; filename="=?iso-8859-1?Q?Ann_L=E9e.csv?=\"""",
        b"""Content-Disposition: form-data; filename="x.csv"; name="=?utf-8?B?QW5uIEzDqWUuY3N2?=\"""",
    ],
    ids=["percent", "pieces", "quoted pieces", "base64", "quoted-printable", "field name"],
)
def test_names_are_read_however_they_are_written(header: bytes) -> None:
    found = texts(multipart(header + b"\n\n" + TABLE))
    assert "Ann Lée.csv" in found["customers.dat > part headers"]


def test_the_coding_of_a_part_is_undone() -> None:
    head = b"Content-Disposition: form-data; name=f; filename=a\nContent-Encoding: br\n\n"
    body = multipart(head + b"@@@").replace(b"@@@", brotli.compress(TABLE))
    assert TABLE.decode() in texts(body).values()
    assert reasons(body) == []
    assert TABLE.replace(b"\n", b"\r\n").decode() in texts(multipart(head + TABLE)).values()


def test_fields_are_one_record_until_the_first_comes_again() -> None:
    names = [b"name", b"mail", b"tag", b"tag"] * 2
    values = [b"Ann Lee", b"ann@example.com", b"x", b"y", b"Bo Ray", b"bo@example.com", b"x", b"y"]
    fields = [
        b"Content-Disposition: form-data; name=%s\n\n%s" % pair for pair in zip(names, values, strict=True)
    ]
    (part,) = [part for part in parts(multipart(*fields)) if part.path[-1] == "fields"]
    assert records(part) == ["Ann Lee\nann@example.com\nx\ny\n", "Bo Ray\nbo@example.com\nx\ny"]


def test_numbered_fields_of_a_form_are_records() -> None:
    body = "&".join(f"people[{n}][name]=Ann{n}&people[{n}][mail]=ann{n}%40example.com" for n in range(4))
    form = next(part for part in parts(body.encode()) if part.path[-1] == "form")
    assert records(form)[:2] == ["Ann0\nann0@example.com\n", "Ann1\nann1@example.com\n"]
    one = next(
        part for part in parts(b"name=Ann&tag=a&tag=b&mail=ann%40example.com") if part.path[-1] == "form"
    )
    assert records(one) == ["Ann\na\nb\nann@example.com"]
