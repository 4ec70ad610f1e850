"""HTTP/1 requests are the same whole and in any pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exfilter.captures.http1 import Request, Requests


def read(*pieces: bytes, largest: int = 1 << 20) -> list[Request]:
    reader = Requests(largest)
    found = [request for piece in pieces for request in reader.feed(piece)]
    return [*found, *reader.end()]


def test_a_body_of_a_known_length_is_read() -> None:
    (request,) = read(b"PUT /a?b HTTP/1.1\r\nHost: x\r\nA: 1\r\nContent-Length: 3\r\n\r\nabc")
    assert (request.method, request.target, request.body) == ("PUT", "/a?b", b"abc")
    assert request.headers == (("Host", "x"), ("A", "1"), ("Content-Length", "3"))


def test_chunks_are_joined_and_trailers_are_kept() -> None:
    chunked = b"3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nT: 1\r\n\r\n"
    (request,) = read(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n" + chunked)
    assert (request.body, request.trailers, request.absent) == (b"abcde", (("T", "1"),), 0)


def test_a_packet_may_end_between_a_chunk_and_its_line_end() -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    fed = (head + b"3\r\nabc", b"\r\n2\r\nde\r", b"\n0\r\n\r\n", head + b"1\r\nf", b"\r", b"\n0\r\n\r\n")
    assert [(each.body, each.absent) for each in read(*fed)] == [(b"abcde", 0), (b"f", 0)]


def test_a_body_that_ends_early_says_how_much_is_missing() -> None:
    (request,) = read(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
    assert (request.body, request.absent) == (b"abc", 7)
    (request,) = read(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nde")
    assert (request.body, request.absent) == (b"abcde", 3)


def test_what_is_no_http_is_kept_as_it_is() -> None:
    reader = Requests(100)
    assert list(reader.feed(b"EHLO mail.example\r\nMAIL FROM:<a@b>\r\n")) == []
    assert not reader.is_http
    assert reader.rest.startswith(b"EHLO")


def test_a_body_larger_than_allowed_ends_the_reading() -> None:
    reader = Requests(1000)
    fed = [
        r
        for _ in range(3000)
        for r in reader.feed(b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 900)
    ]
    assert len(fed) == 1
    assert fed[0].absent
    assert not reader.is_http


@given(
    bodies=st.lists(st.tuples(st.binary(max_size=40), st.booleans()), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 30), max_size=30),
)
def test_requests_are_the_same_in_any_pieces(bodies: list[tuple[bytes, bool]], cuts: list[int]) -> None:
    data = b""
    for body, is_chunked in bodies:
        if is_chunked:
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:7], body[7:]) if p) + b"0\r\n\r\n"
            data += b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
        else:
            data += b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(data[at : at + cut])
        at += cut
    found = read(*pieces, data[at:])
    assert [request.body for request in found] == [body for body, _ in bodies]
    assert found == read(data)


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_hostile_bytes_never_raise(pieces: list[bytes]) -> None:
    read(*pieces)
    read(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", *pieces)
