"""multipart/* (RFC 2046, section 5.1; RFC 7578), as lenient servers read it.

An own splitter, because the libraries refuse parts without Content-Disposition
(multipart/related, multipart/mixed) and header lines that are not UTF-8.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator

from exfilter.body import CHUNK
from exfilter.content import coded, sniff, text
from exfilter.content.binary import Strings
from exfilter.content.budget import Cut, Item
from exfilter.content.content import Content, Open, Reader, stems
from exfilter.content.escapes import emitted
from exfilter.content.pairs import Pairs, simple
from exfilter.content.parameters import Head, meant
from exfilter.content.stream import HEAD, Stream
from exfilter.model import Reason

_FIRST = re.compile(
    rb"(?:\A|[\r\n])--([!-~](?:[ -~]{0,998}[!-~])?)[ \t]{0,100}(?:\r\n|\n|\r)"
    rb"(?=(?:[!-9;-~]{1,80}:[^\r\n]{0,2000}(?:\r\n|\n|\r)){0,20}?content-[a-z-]{1,40}[ \t]*:)",
    re.IGNORECASE,
)
_BREAK = re.compile(rb"\r\n|\n|\r")
_BLANK = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
_REST = re.compile(rb"(--)?[ \t]{0,100}(?:\r\n|\n|\r|\Z)")
_SEAM = 200
"""Bytes that a delimiter line can have beside its boundary."""
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_HEADERS = 1 << 16
_BASE64 = re.compile(rb"[A-Za-z0-9+/\-_=\r\n]*\Z")
_SPACE = b" \t\r\n"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def _boundary(content: Content) -> bytes:
    """Return the boundary that the bytes have: the declared one if it is there, else the first one."""
    head = content.stream.head()
    declared = content.boundary
    line = rb"(?:\A|[\r\n])--" + re.escape(declared) + rb"(?:--)?[ \t]{0,100}(?:[\r\n]|\Z)"
    if declared and re.search(line, head):
        return declared
    found = _FIRST.search(head) if _may_have_parts(head) else None
    if found:
        return found[1]
    # It may stand behind a long preamble. Where it does not, all is preamble and read as such.
    behind = len(head) == HEAD and content.declared.lower().startswith("multipart/")
    return declared if behind else b""


def _may_have_parts(head: bytes) -> bool:
    """Whether there can be a delimiter line and a header: a quick look before the pattern."""
    begins = head.startswith(b"--") or b"\n--" in head or b"\r--" in head
    return begins and b"content-" in head.lower()


def _read(content: Content, opened: Open) -> Iterator[Item]:
    split = Splitter(content.stream, _boundary(content))
    fields, heads = Pairs(content, "fields"), Pairs(content, "part headers")
    yield from _aside(content.within(split.data(), "preamble"), opened)
    number = 0
    while split.more and not content.budget.overdue():
        number += 1
        if content.budget.full or number > content.budget.limits.parts:
            rest = content.within(split.rest(), "rest")
            yield from text.plain(rest)
            yield content.unscanned(Reason.OVER_BUDGET, rest.stream.taken)
            break
        headers = split.headers()
        if headers is None:
            yield from _raw(content.within(split.data(), f"multipart[{number}]"), opened)
            continue
        head = Head(number, headers)
        heads.add(b"", headers.strip())
        for _, words in meant(headers):
            heads.add(b"", words.encode("utf-8", "replace"))
        for stem in stems(head.filename):
            heads.add(b"", stem.encode("utf-8", "replace"))
        yield from _part(content, head, split, fields, opened)
        for _ in split.data():  # what a reader left
            pass
        for pairs in (fields, heads):
            yield from pairs.read(last=False)
    for pairs in (fields, heads):
        yield from pairs.read(last=True)
    if split.closed:
        yield from _aside(content.within(split.rest(), "epilogue"), opened)


def _aside(content: Content, opened: Open) -> Iterator[Item]:
    """Read what stands before and behind the parts, if there is anything."""
    if content.stream.head().strip(_SPACE):
        yield from opened(content)
    for _ in content.stream:
        pass


def _raw(content: Content, opened: Open) -> Iterator[Item]:
    """Read a part without proper headers, and report it."""
    yield from opened(content)
    for _ in content.stream:
        pass
    yield content.unscanned(Reason.MALFORMED, content.stream.taken)


def _part(content: Content, head: Head, split: Splitter, fields: Pairs, opened: Open) -> Iterator[Item]:
    inner = content.within(split.data(), head.step, declared=head.value(b"content-type"))
    start = inner.stream.head(content.budget.limits.small_bytes + 1)
    if not head.file and not head.transfer and simple(start):
        fields.add(head.name, start)
    elif start and fields.opens(start, coded=bool(head.transfer)):
        codings = coded.names(iter([head.value(b"content-encoding")]))
        yield from _transferred(inner, head.transfer, lambda found: coded.coded(found, codings, opened))


def _transferred(content: Content, encoding: str, opened: Open) -> Iterator[Item]:
    """Read a part with its Content-Transfer-Encoding undone (RFC 2045, section 6).

    It is undone only if the bytes are what it says. Lines of letters and digits can pass for
    base64; where nothing known comes out of them, they are read as they are, too.
    """
    stream = content.stream
    if encoding == "quoted-printable":
        yield from opened(content.within(quoted_printable(stream), encoding, declared=content.declared))
        return
    start = _base64_start(stream.head(1 << 12)) if encoding else None
    if start is None:
        yield from opened(content)
        return
    strings = Strings(content)
    if not sniff.meaningful(start):
        stream = strings.tee(stream)
    for item in opened(content.within(_base64(stream), encoding, declared=content.declared)):
        yield item
        for part in strings.parts(last=False):
            yield from emitted(part, content.budget)
    for part in strings.parts(last=True):
        yield from emitted(part, content.budget)


def _base64_start(head: bytes) -> bytes | None:
    """Return how base64 begins when it is decoded; None if it is none."""
    if not _BASE64.match(head):
        return None
    letters = head.translate(_URL_SAFE, _SPACE)
    try:
        return binascii.a2b_base64(letters[: len(letters) // 4 * 4])
    except binascii.Error:
        return None


def _base64(stream: Stream) -> Iterator[bytes]:
    carry = b""
    for chunk in stream:
        data = carry + chunk.translate(_URL_SAFE, _SPACE)
        cut = len(data) // 4 * 4
        carry = data[cut:]
        yield _unbase64(data[:cut])
    yield _unbase64(carry + b"=" * (-len(carry) % 4))


def _unbase64(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        raise Cut(Reason.MALFORMED, len(data)) from None


def quoted_printable(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what quoted-printable stands for (RFC 2045, section 6.7)."""
    carry = b""
    for chunk in chunks:
        data = carry + chunk
        cut = data.rfind(b"\n") + 1 or max(0, len(data) - 2)
        if data[:cut].endswith((b"=\n", b"=\r\n")):
            cut = data.rfind(b"=", 0, cut)
        carry = data[cut:]
        yield binascii.a2b_qp(data[:cut])
    yield binascii.a2b_qp(carry)


class Splitter:
    """Cuts a stream at its delimiter lines, in one pass and with one chunk in memory."""

    def __init__(self, stream: Stream, boundary: bytes) -> None:
        """Cut at lines that are two hyphens and `boundary`."""
        self._stream = stream
        self._mark = b"--" + boundary
        self._data = b""
        self._at = 0
        self._end = False
        self._inside = True
        self._searched = 0
        self.more = True
        """Another part follows."""
        self.closed = False
        """The closing delimiter was there."""

    def data(self) -> Iterator[bytes]:
        """Yield what comes before the next delimiter, and take the delimiter."""
        while self._inside:
            found = self._delimiter(len(self._data))
            if found:
                stop, after, self.closed = found
                self.more = not self.closed
                self._inside = False
            elif self._end:
                stop = after = len(self._data)
                self._inside = self.more = False
            else:
                stop = after = max(self._at, len(self._data) - len(self._mark) - _SEAM)
            piece = self._data[self._at : stop]
            self._at = after
            if self._inside:
                self._fill()
            if piece:
                yield piece

    def headers(self) -> bytes | None:
        """Take the headers of a part. None: what is there are no headers, and nothing was taken."""
        self._inside = True
        blank = self._blank()
        while blank is None and not self._end and len(self._data) - self._at < _HEADERS:
            self._fill()
            blank = self._blank()
        size = len(self._data)
        stop, after = blank or (size, size)
        if found := self._delimiter(after):  # a part without data
            stop = after = found[0]
        elif blank is None and not self._end:
            return None
        block = self._data[self._at : stop]
        if len(block) > _HEADERS or (block.strip() and not _FIELD.match(block)):
            return None
        self._at = after
        return block

    def rest(self) -> Iterator[bytes]:
        """Yield everything that is left, delimiters too."""
        yield self._data[self._at :]
        self._data, self._at = b"", 0
        self.more = self._inside = False
        yield from self._stream

    def _delimiter(self, stop: int) -> tuple[int, int, bool] | None:
        """Return where the line break before it and its line end, and whether it is the last."""
        data, place = self._data, self._data.find(self._mark, self._at, stop)
        while place >= 0:
            line = _REST.match(data, place + len(self._mark))
            if line and (place == 0 or data[place - 1] in b"\r\n"):
                if line.end() == len(data) and not self._end:
                    return None
                breaks = 2 if data[place - 2 : place] == b"\r\n" else min(place, 1)
                return max(self._at, place - breaks), line.end(), line[1] is not None
            place = data.find(self._mark, place + 1, stop)
        return None

    def _blank(self) -> tuple[int, int] | None:
        """Return where the headers and the blank line behind them end."""
        found = _BREAK.match(self._data, self._at)
        if not found and self._searched <= len(self._data):
            # what was searched once is not searched again for the next part: linear for hostile bodies
            found = _BLANK.search(self._data, max(self._at, self._searched))
            self._searched = found.start() if found else max(self._at, len(self._data) - 3)
        return found.span() if found else None

    def _fill(self) -> None:
        """Get more, and keep the line break before the place that was reached."""
        start = max(0, self._at - 2)
        chunk = self._stream.take(CHUNK)
        self._end = not chunk
        self._data, self._at = self._data[start:] + chunk, self._at - start
        self._searched = max(0, self._searched - start)


READER = Reader("multipart", lambda content: bool(_boundary(content)), _read)
