"""Requests of ICAP built the obvious way, and a reader that says what came of any bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from hypothesis import strategies as st

from exfilter.icap.parser import Bounds, Data, End, Event, Head, Malformed, Parser, Preview
from exfilter.model import Headers

URI = "icap://dlp.example:1344/request"
SMALL = Bounds(
    icap_head=600, request_line=100, fields=8, http_head=200, line=40, chunk=400, trailers=60, ahead=90
)
"""Bounds that small requests reach."""


@dataclass(frozen=True, slots=True)
class Built:
    """A request as its sender thinks of it."""

    method: str = "REQMOD"
    headers: Headers = (("Host", "dlp.example"),)
    sections: tuple[tuple[str, bytes], ...] = (("req-hdr", b"POST http://a.example/ HTTP/1.1\r\n\r\n"),)
    chunks: tuple[bytes, ...] | None = None
    """None: there is no body."""
    preview: int | None = None
    """Chunks that are in the preview."""
    trailers: bytes = b""

    @property
    def body(self) -> bytes:
        """The body in one piece."""
        return b"".join(self.chunks or ())

    @property
    def ends_early(self) -> bool:
        """Whether the whole body is in the preview."""
        return self.preview is not None and self.preview >= len(self.chunks or ())

    def encapsulated(self) -> str:
        """Return the field that says where everything is."""
        places, at = [], 0
        for name, raw in self.sections:
            places.append(f"{name}={at}")
            at += len(raw)
        kind = "null-body" if self.chunks is None else "res-body" if self.method == "RESPMOD" else "req-body"
        return ", ".join([*places, f"{kind}={at}"])

    def fields(self) -> Headers:
        """Return all fields of the head."""
        fields = [*self.headers, ("Encapsulated", self.encapsulated())]
        if self.preview is not None:
            fields.append(("Preview", str(sum(map(len, (self.chunks or ())[: self.preview])))))
        return tuple(fields)

    def raw(self) -> bytes:
        """Return the request as its bytes."""
        lines = [f"{self.method} {URI} ICAP/1.0", *(f"{name}: {value}" for name, value in self.fields())]
        head = "".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n"
        return head + b"".join(raw for _, raw in self.sections) + self._body()

    def _body(self) -> bytes:
        if self.chunks is None:
            return b""
        if self.preview is None:
            return framed(self.chunks) + b"0\r\n" + self.trailers + b"\r\n"
        if self.ends_early:
            return framed(self.chunks) + b"0; ieof\r\n" + self.trailers + b"\r\n"
        first, rest = self.chunks[: self.preview], self.chunks[self.preview :]
        return framed(first) + b"0\r\n\r\n" + framed(rest) + b"0\r\n" + self.trailers + b"\r\n"

    def events(self) -> list[object]:
        """Return what is to be read of it."""
        previewed = sum(map(len, (self.chunks or ())[: self.preview or 0]))
        head = Head(
            method=self.method,
            uri=URI,
            version="ICAP/1.0",
            headers=self.fields(),
            preview=None if self.preview is None or self.chunks is None else previewed,
            allows=frozenset(),
            sections=self.sections,
            has_body=self.chunks is not None,
            keep_alive=True,
        )
        body: list[object] = [Data(self.body)] if self.body else []
        if self.preview is not None and not self.ends_early:
            cut = [Data(self.body[:previewed]), Preview(), Data(self.body[previewed:])]
            body = [each for each in cut if not isinstance(each, Data) or each.data]
        return [head, *body, End(self.trailers)]


def framed(chunks: Iterable[bytes]) -> bytes:
    return b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


def pieces(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """Cut bytes at places."""
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    return (data[start:end] for start, end in pairwise(places) if start < end)


def read(fed: Iterable[bytes], bounds: Bounds = Bounds()) -> list[object]:  # noqa: B008 - frozen
    """Return what comes out, neighbouring ``Data`` in one, and at the end the status of an error."""
    parser = Parser(bounds)
    found: list[object] = []
    try:
        for piece in [*fed, b""]:
            parser.feed(piece)
            while (event := parser.next()) is not None:
                _add(found, event)
                if isinstance(event, Preview):
                    parser.go_on()
            assert parser.buffered <= most(bounds)
    except Malformed as error:
        assert parser.buffered == 0
        return [*found, (error.status, str(error))]
    assert parser.is_idle
    return found


def most(bounds: Bounds) -> int:
    """Return how many bytes wait for more of their kind, at most."""
    return max(bounds.icap_head, bounds.http_head, bounds.line, bounds.trailers + 4, bounds.ahead)


def _add(found: list[object], event: Event) -> None:
    if isinstance(event, Data):
        assert event.data
        if found and isinstance(found[-1], Data):
            event = replace(event, data=found.pop().data + event.data)  # type: ignore[attr-defined]
    found.append(event)


_VALUES = st.text(st.characters(codec="latin-1", exclude_characters="\0\r\n"), max_size=20).map(
    lambda value: value.strip(" \t")
)
_NAMES = st.sampled_from(["X-Client-IP", "Date", "x-Authenticated-user", "!#$%&'*+.^_`|~09aZ-"])
_HEADS = st.binary(max_size=40).map(lambda raw: raw + b"\r\n\r\n")
_CHUNKS = st.lists(st.binary(min_size=1, max_size=30), max_size=5).map(tuple)
_TRAILERS = st.lists(
    st.binary(min_size=1, max_size=12).filter(lambda raw: not {10, 13} & {*raw}), max_size=3
).map(lambda lines: b"".join(line + b"\r\n" for line in lines))


@st.composite
def built(draw: st.DrawFn) -> Built:
    """Any good request. What is encapsulated is as a sender may write it: anything."""
    method = draw(st.sampled_from(["REQMOD", "RESPMOD"]))
    names = ["req-hdr", "res-hdr"] if method == "RESPMOD" else ["req-hdr"]
    chunks = draw(st.none() | _CHUNKS)
    return Built(
        method,
        tuple(draw(st.lists(st.tuples(_NAMES, _VALUES), max_size=3))),
        tuple((name, draw(_HEADS)) for name in names if draw(st.booleans())),
        chunks,
        None if chunks is None else draw(st.none() | st.integers(0, len(chunks))),
        draw(_TRAILERS) if chunks is not None else b"",
    )
