"""What is ICAP and what is not, request by request."""

from __future__ import annotations

import pytest

from exfilter.icap.parser import Bounds, Data, End, Head, Malformed, Parser, Preview
from tests.icap.wire import SMALL, URI, Built, read

POST = b"POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"


def head(*fields: str, line: str = f"REQMOD {URI} ICAP/1.0") -> bytes:
    return "".join(f"{each}\r\n" for each in (line, *fields)).encode("latin-1") + b"\r\n"


def with_body(body: bytes, *fields: str) -> bytes:
    return head(f"Encapsulated: req-hdr=0, req-body={len(POST)}", *fields) + POST + body


def status(raw: bytes, bounds: Bounds = Bounds()) -> int:  # noqa: B008 - frozen
    """Return how it ends: the status of an error, or 0."""
    found = read([raw], bounds)
    last = found[-1] if found else None
    return last[0] if isinstance(last, tuple) else 0


def first(raw: bytes, bounds: Bounds = Bounds()) -> Head:  # noqa: B008 - frozen
    (found, *_) = read([raw], bounds)
    assert isinstance(found, Head)
    return found


def test_options_need_no_field() -> None:
    found = read([head(line="OPTIONS icaps://[2001:db8::1]/request?a=b ICAP/1.0")])
    assert isinstance(found[0], Head)
    assert (found[0].method, found[0].service, found[0].has_body) == ("OPTIONS", "request", False)
    assert found[1:] == [End()]


def test_of_a_body_of_options_nothing_is_told() -> None:
    raw = head("Encapsulated: opt-body=0", line=f"OPTIONS {URI} ICAP/1.0") + b"3\r\nabc\r\n0\r\nT: 1\r\n\r\n"
    assert read([raw + raw])[1::2] == [End(b"T: 1\r\n")] * 2


def test_a_preview_of_a_body_of_options_is_an_error() -> None:
    assert status(head("Encapsulated: opt-body=0", "Preview: 0", line=f"OPTIONS {URI} ICAP/1.0")) == 400
    assert status(head("Encapsulated: null-body=0", "Preview: 0", line=f"OPTIONS {URI} ICAP/1.0")) == 0


def test_squid_announces_a_preview_of_no_body() -> None:
    found = first(head(f"Encapsulated: req-hdr=0, null-body={len(POST)}", "Preview: 0") + POST)
    assert (found.preview, found.has_body) == (None, False)


def test_a_preview_may_be_of_nothing() -> None:
    found = read([with_body(b"0\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "Preview: 0")])
    assert found[1:] == [Preview(), Data(b"abc"), End()]
    assert read([with_body(b"0; ieof\r\n\r\n", "Preview: 0")])[1:] == [End()]


def test_behind_a_preview_nothing_comes_before_it_is_answered() -> None:
    parser = Parser()
    parser.feed(with_body(b"1\r\na\r\n0\r\n\r\n1\r\nb\r\n0\r\n\r\n", "Preview: 1"))
    assert [parser.next() for _ in range(5)][1:] == [Data(b"a"), Preview(), None, None]
    parser.go_on()
    assert [parser.next() for _ in range(3)] == [Data(b"b"), End(), None]
    assert parser.is_idle


def test_a_request_that_is_answered_at_its_preview_is_over() -> None:
    parser = Parser()
    raw = with_body(b"1\r\na\r\n0\r\n\r\n", "Preview: 1")
    for _ in range(2):
        parser.feed(raw)
        assert [parser.next() for _ in range(4)][1:] == [Data(b"a"), Preview(), None]
        assert not parser.is_idle
        parser.answered()
        assert parser.is_idle
    parser.feed(b"")
    assert parser.next() is None


def test_a_peer_that_has_closed_still_gets_the_answer_to_its_preview() -> None:
    parser = Parser()
    parser.feed(with_body(b"1\r\na\r\n0\r\n\r\n", "Preview: 1"))
    parser.feed(b"")
    assert [parser.next() for _ in range(4)][2:] == [Preview(), None]
    parser.go_on()
    with pytest.raises(Malformed, match="ends within"):
        parser.next()


def test_only_a_preview_that_waits_is_answered() -> None:
    parser = Parser()
    for answer in (parser.go_on, parser.answered):
        with pytest.raises(RuntimeError):
            answer()


def test_much_behind_a_preview_is_an_error() -> None:
    parser = Parser(SMALL)
    parser.feed(with_body(b"1\r\na\r\n0\r\n\r\n", "Preview: 1"))
    while parser.next() is not None:
        pass
    parser.feed(b"x" * (SMALL.ahead + 1))
    with pytest.raises(Malformed, match="was not answered"):
        parser.next()


def test_trailers_come_as_they_were_sent() -> None:
    raw = b"A: 1\nB\r\n \xff: x\r\n"
    assert read([with_body(b"0\r\n" + raw + b"\r\n")])[-1] == End(raw)
    assert read([with_body(b"1\r\na\r\n0; ieof\r\n" + raw + b"\r\n", "Preview: 9")])[-1] == End(raw)


def test_trailers_that_are_too_large_are_dropped_and_the_next_request_is_read() -> None:
    fits = b"T: " + b"x" * (SMALL.trailers - 5) + b"\r\n"
    for trailers, end in (
        (fits, End(fits)),
        (b"x" + fits, End(too_large=True)),
        (fits * 9, End(too_large=True)),
    ):
        raw = with_body(b"0\r\n" + trailers + b"\r\n")
        for step in (1, 7, 40, 500):
            found = read([(raw * 2)[at : at + step] for at in range(0, 2 * len(raw), step)], SMALL)
            assert found[1::2] == [end, end]


def test_a_head_of_http_that_is_too_large_is_dropped_and_its_body_is_read() -> None:
    most = (("req-hdr", b"x" * (SMALL.http_head - 4) + b"\r\n\r\n"),)
    assert first(Built(sections=most).raw(), SMALL).sections == most
    raw = Built(sections=(("req-hdr", b"x" * SMALL.http_head + b"\r\n\r\n"),), chunks=(b"abc",)).raw()
    for step in (1, 33, 1000):
        found = read([raw[at : at + step] for at in range(0, len(raw), step)], SMALL)
        assert isinstance(found[0], Head)
        assert (found[0].too_large, found[0].sections, found[1:]) == (True, (), [Data(b"abc"), End()])
    assert status(raw.replace(b"\r\n\r\n3", b"\r\n\r.3"), SMALL) == 400


@pytest.mark.parametrize(
    "raw", [b"\r\n\r\n", b"garbage\0\xff\n\n", b"a\n\r\n", b"GET /\r\n\r\nHost: b\r\n\r\n"]
)
def test_a_head_that_is_no_http_is_handed_on(raw: bytes) -> None:
    assert first(Built(sections=(("req-hdr", raw),)).raw()).sections == (("req-hdr", raw),)


def test_lists_are_read_over_all_their_fields_in_any_case() -> None:
    fields = ("Allow: 204 ,206", "allow: Trailers", "Connection: TE, Close")
    found = first(head(f"ENCAPSULATED: Req-Hdr=0 , Null-Body={len(POST)}", *fields) + POST)
    assert found.allows == {"204", "206", "trailers"}
    assert not found.keep_alive
    assert found.header("allow") == "204 ,206"


def test_a_name_in_a_field_may_be_in_any_letters() -> None:
    assert first(head("X-Client-Username: \t a\x01\xfc \t", "Encapsulated: null-body=0")).headers[0] == (
        "X-Client-Username",
        "a\x01\xfc",
    )


def test_credentials_that_squid_copies_are_read_however_long_and_go_no_further() -> None:
    found = first(head("Proxy-Authorization: Basic " + "x\x01\xff" * 80_000, "Encapsulated: null-body=0"))
    assert found.headers == (("Encapsulated", "null-body=0"),)


def test_some_empty_lines_before_a_request_are_passed_over() -> None:
    good = head("Encapsulated: null-body=0")
    assert status(b"\r\n" * 4 + good + b"\r\n" + good) == 0
    assert status(b"\r\n" * 5 + good) == 400


def test_what_follows_an_empty_line_in_two_pieces_is_looked_at_from_its_first_byte() -> None:
    assert read([b"\r", b"\n\nREQMOD"]) == read([b"\r\n\nREQMOD"])


def test_an_idle_connection_may_close() -> None:
    assert read([]) == []
    assert read([b"\r\n"]) == []


def test_a_connection_that_ends_anywhere_within_a_request_is_an_error() -> None:
    raw = with_body(b"2\r\nhe\r\n0\r\n\r\n3\r\nllo\r\n0\r\nT: 1\r\n\r\n", "Preview: 2")
    assert status(raw) == 0
    assert {status(raw[:cut]) for cut in range(1, len(raw))} == {400}


LINES = {
    f"REQMOD {URI} ICAP/1.1": 505,
    f"REQMOD {URI} ICAP/2.0": 505,
    f"REQMOD {URI} HTTP/1.1": 400,
    f"REQMOD {URI}": 400,
    f"REQMOD  {URI} ICAP/1.0": 400,
    f"REQMOD {URI} ICAP/1.0 ": 400,
    f" REQMOD {URI} ICAP/1.0": 400,
    f"REQMOD\t{URI}\tICAP/1.0": 400,
    f"reqmod {URI} ICAP/1.0": 501,
    f"POST {URI} ICAP/1.0": 501,
    "REQMOD /request ICAP/1.0": 400,
    "REQMOD http://a.example/request ICAP/1.0": 400,
    "REQMOD icap:///request ICAP/1.0": 400,
    "REQMOD icap://user@a.example/request ICAP/1.0": 400,
    "REQMOD icap://a.example:port/request ICAP/1.0": 400,
    "REQMOD icap://a.example/r\\e ICAP/1.0": 0,
    'REQMOD icap://a.example/"r" ICAP/1.0': 400,
    "REQMOD icap://a.example ICAP/1.0": 0,
    "REQMOD icap://a.example/\xff ICAP/1.0": 400,
    "REQMOD icap://a.example/" + "r" * 8192 + " ICAP/1.0": 414,
}


@pytest.mark.parametrize(("line", "expected"), LINES.items(), ids=range(len(LINES)))
def test_a_request_line_is_that_of_icap(line: str, expected: int) -> None:
    assert status(head("Encapsulated: null-body=0", line=line)) == expected


FIELDS = [
    "No colon",
    "Blank : before",
    " Folded: line",
    "\tFolded: line",
    ": nameless",
    "Na(me: x",
    "Na\xefme: x",
    "Nul: \0",
    "Bare: \rCR",
    "Bare: \nLF",
    "Preview: -1",
    "Preview: +1",
    "Preview: 0x1",
    "Preview: 1 2",
    "Preview: ",
    "Preview: 99999999999",
    "Preview: \u00b2",
    "Preview: 1\r\nPreview: 1",
    f"Encapsulated: req-hdr=0, req-body={len(POST)}",
]


@pytest.mark.parametrize("field", FIELDS, ids=range(len(FIELDS)))
def test_a_field_that_is_none_or_says_nothing_is_an_error(field: str) -> None:
    assert status(with_body(b"0\r\n\r\n", field)) == 400
    assert status(with_body(b"0\r\n\r\n", "X-Fine: x")) == 0


PLACES = [
    "",
    "null-body",
    "null-body=",
    "null-body=-0",
    "null-body=+0",
    "null-body=0x0",
    "null-body=1",
    "null-body=0,",
    "null-body=0, null-body=0",
    "req-body=0, req-hdr=52",
    "req-hdr=0",
    "req-hdr=0, req-hdr=20, req-body=52",
    "req-hdr=0, req-body=0",
    "req-hdr=1, req-body=52",
    "req-hdr=52, req-body=0",
    "req-hdr=0, res-body=52",
    "res-hdr=0, res-body=52",
    "req-hdr=0, req-body=52, null-body=52",
    "req-hdr=0, req-body=51",
    "req-hdr=0, req-body=53",
    "req-hdr=0, req-body=20",
    "req-hdr=0, req-body=99999999999",
    "req-hdr=0; req-body=52",
    "req-hdr=0, opt-body=52",
    "req-hdr=0, \xadreq-body=52",
]


@pytest.mark.parametrize("places", PLACES)
def test_what_is_encapsulated_stands_where_it_should(places: str) -> None:
    raw = head(f"Encapsulated: {places}") + POST + b"0\r\n\r\n"
    assert [type(each) for each in read([raw])] == [tuple]
    assert status(raw) == 400


def test_reqmod_and_respmod_say_what_they_encapsulate() -> None:
    for method in ("REQMOD", "RESPMOD"):
        assert status(head(line=f"{method} {URI} ICAP/1.0")) == 400
    for wrong in ("req-body=0", "res-hdr=0, req-hdr=4, res-body=8"):
        assert status(head(f"Encapsulated: {wrong}", line=f"RESPMOD {URI} ICAP/1.0") + b"\r\n\r\n" * 3) == 400


def test_a_body_that_says_less_than_its_head_makes_no_second_request() -> None:
    inner = head("Encapsulated: null-body=0")
    smuggled = b"POST / HTTP/1.1\r\nX: " + inner
    raw = head(f"Encapsulated: req-hdr=0, null-body={len(smuggled) - len(inner)}") + smuggled
    assert status(raw) == 400
    assert len(read([raw])) == 1


SIZES = [
    b"+5",
    b"-5",
    b"0x5",
    b" 5",
    b"5 ",
    b"5\t",
    b"",
    b";x",
    b"5,",
    b"5 x",
    b"5\0",
    b"5;\0",
    b"5;a\rb",
    b"g",
    b"\xd9\xa5",
    b"00000000000000005",
    b"10000000000000005",
    b"ffffffffffffffff",
    b"4000000000001",
    b"0; ieof",
    b"0; IEOF ;x",
    b"5;" + b"x" * 1024,
]


@pytest.mark.parametrize("size", SIZES, ids=range(len(SIZES)))
def test_a_chunk_whose_size_is_not_plain_is_an_error(size: bytes) -> None:
    assert status(with_body(size + b"\r\nhello\r\n0\r\n\r\n")) == 400


@pytest.mark.parametrize(
    "size", [b"5", b"05", b"0000000000000005", b"5;a", b'5 ; a="x;ieof;y";b', b"5;ieof", b"5;"]
)
def test_what_stands_beside_a_size_is_passed_over(size: bytes) -> None:
    assert read([with_body(size + b"\r\nhello\r\n0;x=y\r\n\r\n")])[1:] == [Data(b"hello"), End()]


@pytest.mark.parametrize(
    "body",
    [
        b"5\nhello\r\n0\r\n\r\n",
        b"1x\nh\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"4\r\nhello\r\n0\r\n\r\n",
        b"6\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello\r\n0\n\n",
        b"5\r\nhello\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_chunk_ends_where_its_size_says(body: bytes) -> None:
    assert status(with_body(body)) == 400


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"3\r\nhel\r\n2\r\nlo\r\n0; ieof\r\n\r\n",
        b"4\r\nhell\r\n0\r\nT: 1\r\n\r\n",
        b'4\r\nhell\r\n0;x=";ieof;"\r\nT: 1\r\n\r\n',
    ],
)
def test_a_preview_is_no_longer_than_it_says_and_has_no_trailers(body: bytes) -> None:
    assert status(with_body(body, "Preview: 4")) == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\nREQMOD",
        b"\r\n" * 9,
        b"x" * 90 + b"\n" + b"y" * 90,
        b"x" * 99 + b"\n",
        b"x" * 100 + b"\n",
        b"x\r\n" + b"y" * 580 + b"\n",
        b"x\r\n" + b"y" * 596 + b"\n",
        b"x\r\n" + b"y" * 597 + b"\n",
        b"x\r\n" + b"y" * 700 + b"\n",
        b"x\r\n" + b"y" * 594 + b"\r\n\r\n",
        b"x\r\n" + b"y" * 590 + b"\r\n\r\n",
    ],
)
def test_what_is_said_first_is_the_same_byte_by_byte(raw: bytes) -> None:
    assert read([raw], SMALL) == read([raw[at : at + 1] for at in range(len(raw))], SMALL)


def test_heads_are_bounded() -> None:
    assert status(head("Encapsulated: null-body=0", *["a: b"] * 7), SMALL) == 0
    assert status(head("Encapsulated: null-body=0", *["a: b"] * 8), SMALL) == 400
    assert status(head("Encapsulated: null-body=0", "a: " + "b" * 600), SMALL) == 400
    assert status(b"x" * 100, SMALL) == 414
    assert status(head("Encapsulated: null-body=0", "a: " + "b" * 600_000)) == 400


def test_a_body_may_be_one_chunk_of_any_size() -> None:
    parser = Parser()
    parser.feed(with_body(b"4000000000000\r\nx"))
    assert [parser.next() for _ in range(3)][1:] == [Data(b"x"), None]


def test_memory_stays_flat_however_large_the_body_is() -> None:
    parser = Parser()
    parser.feed(with_body(b"ffffffff\r\n"))
    assert isinstance(parser.next(), Head)
    for _ in range(100):
        parser.feed(b"x" * 65_536)
        assert parser.next() == Data(b"x" * 65_536)
        assert parser.buffered == 0
