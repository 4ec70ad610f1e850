"""Messages (RFC 5322), mailboxes and saved web pages (MHTML): every text and every attachment.

The structure is walked here and not by ``email.parser``, which needs seven times the size of a message
(measured: it fails at 50 MB in the memory of a parser) and recurses. Fields are the library's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from typing import BinaryIO, Literal

from exfilter.content import border, charset, multipart, sniff, text, wide
from exfilter.content.content import Content
from exfilter.content.documents import mailhead, transfer
from exfilter.content.documents.mailhead import About
from exfilter.content.documents.rows import Rows
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.content.stream import Stream
from exfilter.model import Reason

_LEVELS = 64
"""Multiparts and messages inside each other that are opened. Each costs a look at all it holds."""
_HEAD = 1 << 18
_PIECE = 1 << 20
_SHORT = 1 << 16
"""Bytes of a body that is one record with its header."""
_NEXT = re.compile(rb"\nFrom [^\r\n]{0,2000}\r?\n(?=[A-Za-z][A-Za-z0-9-]{0,75}[ \t]*:)")
_FROM = re.compile(rb"\s{0,99}>?From ")
_FIELD = re.compile(rb"(?:>?From [^\r\n]*\r?\n)?[!-9;-~]{1,200}[ \t]*:")
_BLANK = re.compile(rb"\n[ \t]*\r?\n|\r\r")
_EMPTY = re.compile(rb"[ \t]*\r?\n")
_REST = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
_YENC = b"=ybegin "
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def recognises(content: Content) -> bool:
    """Whether a content begins like mail."""
    return mailhead.begins(content.stream.head())


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of the mail."""

    start: int
    end: int
    level: int
    kind: Literal["message", "part", "aside"]
    """The last has no header: what stands before, between and behind the parts."""


def parse(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Yield the header and the plain text of each message, one record each, and what else it holds."""
    rows = Rows()
    data = mmap(file.fileno(), 0, access=ACCESS_READ)
    for start, end in _messages(data):
        waiting = [Entity(start, end, 0, "message")]
        while waiting:
            entity = waiting.pop()
            try:
                yield from _entity(data, entity, waiting, rows)
            except (ValueError, LookupError, TypeError, AttributeError):  # of the library, by strange fields
                yield Left(Reason.MALFORMED, entity.end - entity.start)
                yield from _raw(data, entity.start, entity.end)
            yield from rows.pieces()
    yield from rows.pieces(last=True)


def _raw(data: mmap, start: int, end: int) -> Iterator[Found]:
    """Yield a stretch as text, with the letters of its attachments as they are."""
    for chunk in _chunks(data, start, end):
        yield Text(chunk.decode("utf-8", "replace"), "raw")


def _messages(data: mmap) -> Iterator[tuple[int, int]]:
    """Yield the stretches of the messages of a mailbox (RFC 4155), or of the only one."""
    start = 0
    if _FROM.match(data):
        for found in _NEXT.finditer(data):
            yield start, found.start() + 1
            start = found.start() + 1
    yield start, len(data)


def _entity(data: mmap, entity: Entity, waiting: list[Entity], rows: Rows) -> Iterator[Found]:
    """Yield what an entity holds. Entities inside it are put to those that are `waiting`."""
    body = _body(data, entity)
    block = data[entity.start : body]
    about = mailhead.about(block)
    if block.strip():
        rows.add(mailhead.words(block).rstrip() + "\n\n", begins=entity.kind == "message")
    level = entity.level + 1
    if entity.level >= _LEVELS:
        yield Left(Reason.MALFORMED, entity.end - body)
    elif about.kind.startswith("message/") and about.coding not in ("base64", "quoted-printable"):
        waiting.append(Entity(body, entity.end, level, "message"))
        return
    elif about.kind.startswith("multipart/"):
        for boundary in about.boundaries:
            if inner := list(_parts(data, body, entity.end, boundary, level)):
                waiting += reversed(inner)
                return
    yield from _leaf(data, body, entity.end, about, rows)


def _body(data: mmap, entity: Entity) -> int:
    """Return where the body begins: behind the first blank line, at once where there is no header."""
    start, end = entity.start, min(entity.end, entity.start + _HEAD)
    while entity.kind == "message" and start < end and data[start] in b" \t\r\n":
        start += 1
    if entity.kind == "aside" or not _FIELD.match(data, start, end):
        empty = _EMPTY.match(data, start, end)
        return empty.end() if empty else start
    blank = _BLANK.search(data, start, end)
    return blank.end() if blank else end


def _parts(data: mmap, start: int, end: int, boundary: bytes, level: int) -> Iterator[Entity]:
    """Yield the parts of a multipart, and what is beside them. Nothing where there is no such boundary."""
    kind: Literal["part", "aside"] = "aside"
    mark, any_part = b"--" + boundary, False
    place = data.find(mark, start, end)
    while place >= 0:
        line = _REST.match(data, place + len(mark), end)
        if line and (place == start or data[place - 1] in b"\r\n"):
            yield Entity(start, place, level, kind)
            start, kind = line.end(), "aside" if line[1] else "part"
            any_part = True
        place = data.find(mark, place + len(mark), end)
    if any_part:
        yield Entity(start, end, level, kind)


def _leaf(data: mmap, start: int, end: int, about: About, rows: Rows) -> Iterator[Found]:
    """Yield a body without parts: a short text goes to the `rows`, anything else is a member."""
    if end - start < _PIECE and not data[start:end].strip():
        return
    body = _chunks(data, start, end)
    sample = data[start : min(end, start + _HEAD)]
    if about.coding == "base64" and transfer.is_base64(sample):
        body = transfer.base64(body)
        if not transfer.is_regular(sample):
            yield from _raw(data, start, end)
    elif about.coding == "quoted-printable":
        body = multipart.quoted_printable(body)
    if not about.name and about.kind == "text/plain" and end - start <= _SHORT:
        whole = b"".join(body)
        if _is_plain(whole):
            rows.add(charset.Decoder(about.charset).decode(_QUOTED.sub(rb"\1", whole)) + "\n", begins=False)
            return
        body = iter([whole])
    yield Member(about.name or about.kind, _in_unicode(body, about.charset))


def _chunks(data: mmap, start: int, end: int) -> Iterator[bytes]:
    return (data[at : min(end, at + _PIECE)] for at in range(start, end, _PIECE))


def _is_plain(body: bytes) -> bool:
    """Whether a body is a text without a structure that a reader of its own would find."""
    if sniff.opaque(body) or wide.charset(body) or _YENC in body:
        return False
    if sniff.embedded(body) >= 0 or border.dense(body, last=True) >= 0:
        return False
    sample = body.decode("utf-8", "replace")
    return not any(form.recognises(sample) for form in text.FORMATS[:-1])


def _in_unicode(chunks: Iterable[bytes], declared: str) -> Iterator[bytes]:
    """Yield text of another charset in UTF-8, and what is no text, or follows it, as it is."""
    stream = Stream(iter(chunks))
    if not declared or sniff.opaque(stream.head()):
        yield from stream
    else:
        begins = border.Border(stream).text()
        for block in charset.texts(begins, charset.Decoder(declared), _PIECE):
            yield block.encode("utf-8", "replace")
        yield from stream
