"""Fed whole, byte by byte or cut anywhere, the same comes out; nothing but ``Malformed``, within bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exfilter.icap.parser import Data, End, Head, Malformed, Parser
from tests.icap.wire import SMALL, Built, built, pieces, read

CUTS = st.lists(st.integers(1, 400), max_size=12)
GRAINS = st.sampled_from(
    [
        *[b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"=", b"0", b"0\r\n\r\n"],
        *[b"0; ieof\r\n\r\n", b"5\r\nhello\r\n", b"ffffffffffffffff\r\n", b"-1\r\n", b"+5\r\n", b"\xff" * 70],
        *[b"Encapsulated: null-body=0\r\n", b"Preview: 0\r\n", b"Encapsulated: req-hdr=0, req-body=9\r\n"],
        *[b"OPTIONS icap://dlp.example/request ICAP/1.0\r\n\r\n", b"HTTP/1.1", b"ICAP/1.1", b"opt-body=0"],
    ]
)


@given(built(), CUTS)
def test_a_good_request_is_read_as_it_was_meant_however_it_is_cut(request: Built, cuts: list[int]) -> None:
    assert read(pieces(request.raw(), cuts)) == request.events()


@given(st.lists(built(), min_size=1, max_size=3))
def test_requests_behind_each_other_are_read_in_turn_byte_by_byte(requests: list[Built]) -> None:
    raw = b"".join(request.raw() for request in requests)
    assert read(pieces(raw, range(len(raw)))) == [event for each in requests for event in each.events()]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Damage a good request: cut, overwritten, doubled in part and grown."""
    raw = draw(built()).raw() + (draw(built()).raw() if draw(st.booleans()) else b"")
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
        kind = draw(st.sampled_from(["in", "over", "out", "twice", "flip"]))
        if kind == "in":
            raw = raw[:start] + draw(GRAINS) + raw[start:]
        elif kind == "over":
            grain = draw(GRAINS)
            raw = raw[:start] + grain + raw[start + len(grain) :]
        elif kind == "out":
            raw = raw[:start] + raw[min(end, start + 9) :]
        elif kind == "twice":
            raw = raw[:end] + raw[start:]
        elif raw[start:]:
            raw = raw[:start] + bytes([raw[start] ^ 1 << draw(st.integers(0, 7))]) + raw[start + 1 :]
    return raw


@given(mutated(), CUTS)
def test_a_damaged_request_is_the_same_whole_in_pieces_and_byte_by_byte(raw: bytes, cuts: list[int]) -> None:
    whole = read([raw], SMALL)
    assert read(pieces(raw, cuts), SMALL) == whole
    assert read(pieces(raw, range(len(raw))), SMALL) == whole


@given(st.binary(max_size=700) | st.lists(GRAINS, max_size=40).map(b"".join), CUTS)
def test_whatever_the_bytes_only_malformed_is_raised_and_little_is_held(raw: bytes, cuts: list[int]) -> None:
    assert read(pieces(raw, range(len(raw))), SMALL) == read(pieces(raw, cuts), SMALL)


@given(mutated())
def test_after_an_error_it_is_the_same_error_for_ever(raw: bytes) -> None:
    parser = Parser(SMALL)
    seen: set[tuple[int, str]] = set()
    for piece in [*pieces(raw, range(len(raw))), b"", raw, b""]:
        parser.feed(piece)
        try:
            while parser.next() is not None:
                assert not seen
        except Malformed as error:
            seen.add((error.status, str(error)))
    assert len(seen) <= 1
    assert parser.buffered == 0 or not seen


@given(mutated())
def test_an_error_quotes_nothing(raw: bytes) -> None:
    last = read(pieces(raw, ()), SMALL)[-1]
    if isinstance(last, tuple):
        assert last[1] in SENTENCES


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_what_a_sender_writes_is_never_an_error(head: bytes, body: bytes) -> None:
    """The framing is right; heads, bodies and trailers are what insiders choose."""
    request = Built(sections=(("req-hdr", head + b"\r\n\r\n"),), chunks=(body,) if body else ())
    found = read([request.raw()], SMALL)
    assert isinstance(found[0], Head)
    assert found[0].too_large is (len(head) + 4 > SMALL.http_head)
    assert found[0].sections == (() if found[0].too_large else request.sections)
    assert found[1:] == [*([Data(body)] if body else []), End()]


SENTENCES = {
    "the head is too large",
    "the request line is too long",
    "a line of the head ends without CR",
    "the request line is not that of ICAP",
    "the version is not ICAP/1.0",
    "the method is not known",
    "the URI is not icap:// with a host and a service",
    "the head has too many fields",
    "a line of the head is no field",
    "the field encapsulated is repeated",
    "the field preview is repeated",
    "the field encapsulated is missing",
    "the size of the preview is no number",
    "there is a preview of a body of OPTIONS",
    "what is encapsulated is not what the method has, in its order",
    "what is encapsulated overlaps, or does not begin at 0",
    "an encapsulated head does not end where it should",
    "the line of a chunk's size is too long",
    "the line of a chunk's size is none",
    "a chunk is too large",
    "a chunk is longer than its size",
    "the preview is longer than announced",
    "ieof stands outside a preview",
    "there is something behind a preview that is not over",
    "the connection ends within a request",
}
