"""application/x-www-form-urlencoded (WHATWG URL, section 5), recognised by its looks."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator

from exfilter.content.budget import Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.pairs import Pairs, simple
from exfilter.content.stream import Stream

_NAME = rb"[\w.\-+*%\[\]$:!~]{1,256}="
_FORM = re.compile(_NAME + rb"(?:\S*|[^\n&]*&" + _NAME + rb"[^\n]*)\s*\Z")
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_LIMIT = 1 << 16


def _recognises(content: Content) -> bool:
    head = content.stream.head()
    # Where most percent signs escape nothing, something else was done to the bytes.
    return bool(_FORM.match(head)) and head.count(b"%") <= 2 * len(_ESCAPE.findall(head)) + 1


def read(content: Content, opened: Open, step: str = "form") -> Iterator[Item]:
    """Read fields with ampersands between them; `step`: what they are as a step of provenance."""
    spaces, pluses = Pairs(content, step), Pairs(content, f"{step} with plus signs")
    fields = Fields(content.stream)
    while (field := fields.begin()) is not None:
        if content.budget.overdue():
            return
        name, mark, value = field.partition(b"=")
        if not mark:
            name, value = b"", field
        plain = b"" if fields.open else _decoded(value)
        if fields.open or not simple(plain):
            spaces.add(_decoded(name))
            if not fields.open and not spaces.opens(plain):
                continue
            yield from opened(content.within(_values(value, fields), step))
        else:
            spaces.add(_decoded(name), plain)
            if b"+" in field:
                pluses.add(urllib.parse.unquote_to_bytes(name), urllib.parse.unquote_to_bytes(value))
        for pairs in (spaces, pluses):
            yield from pairs.read(last=False)
    for pairs in (spaces, pluses):
        yield from pairs.read(last=True)


def _decoded(data: bytes) -> bytes:
    spaced = data.replace(b"+", b" ")
    return urllib.parse.unquote_to_bytes(spaced) if b"%" in spaced else spaced


def _values(first: bytes, fields: Fields) -> Iterator[bytes]:
    """Yield a long value decoded; an escape may be cut between two pieces."""
    carry = b""
    for piece in fields.rest(first):
        data = carry + piece
        mark = data.rfind(b"%", max(0, len(data) - 2))
        cut = mark if mark >= 0 else len(data)
        carry = data[cut:]
        yield _decoded(data[:cut])
    yield _decoded(carry)


class Fields:
    """Cuts a stream at its ampersands."""

    def __init__(self, stream: Stream) -> None:
        """Cut `stream`."""
        self._stream = stream
        self._data = b""
        self._at = 0
        self._end = False
        self.open = False
        """The field that was begun goes on."""

    def begin(self) -> bytes | None:
        """Return the next field, or the beginning of a long one; None at the end."""
        end = self._data.find(b"&", self._at)
        while end < 0 and not self._end and len(self._data) - self._at < _LIMIT:
            self._more()
            end = self._data.find(b"&", self._at)
        field = self._data[self._at : end if end >= 0 else len(self._data)]
        self.open = end < 0 and not self._end
        if end < 0 and self._end and not field:
            return None
        self._at = end + 1 if end >= 0 else len(self._data)
        return field

    def rest(self, first: bytes) -> Iterator[bytes]:
        """Yield a long field from `first` to its end."""
        yield first
        while self.open:
            field = self.begin()
            if field:
                yield field

    def _more(self) -> None:
        chunk = self._stream.take(1 << 20)
        self._end = not chunk
        self._data, self._at = self._data[self._at :] + chunk, 0


READER = Reader("form", _recognises, read)
