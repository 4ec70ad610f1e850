"""HTTP messages in a body: the parts of a batch (application/http), a captured request, several in a row."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exfilter.body import CHUNK
from exfilter.content import coded, text
from exfilter.content.budget import Item
from exfilter.content.carriers import Carriers, Envelope
from exfilter.content.content import Content, Open, Reader
from exfilter.content.stream import Stream
from exfilter.model import Headers, Reason

_START = re.compile(
    rb"(?:([A-Z]{3,20}) ([^\s\x00-\x1f]{1,8000}) HTTP/[0-9](?:\.[0-9])?"
    rb"|HTTP/[0-9](?:\.[0-9])? [1-5][0-9]{2}(?: [^\r\n]{0,200})?)"
    rb"[ \t]{0,16}\r?\n(?=[!-9;-~]{1,100}[ \t]{0,16}:|\r?\n|\Z)"
)
_FIELD = re.compile(rb"([!-9;-~]{1,1000})[ \t]{0,16}:[ \t]{0,16}([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)")
_BLANK = re.compile(rb"\n\r?\n")
_SIZE = re.compile(r"\d{1,18}")
_FIRST = 8


def _recognises(content: Content) -> bool:
    first = content.stream.head(_FIRST)
    return first[:3].isalpha() and first[:3].isupper() and _START.match(content.stream.head()) is not None


def _read(content: Content, opened: Open) -> Iterator[Item]:
    number = 0
    start = _START.match(content.stream.head())
    while start and content.budget.small() and not content.budget.overdue():
        number += 1
        yield from _message(content, f"message[{number}]", start, opened)
        start = _START.match(content.stream.head())
    rest = content.within(iter(content.stream), "rest")
    if not rest.stream.head(1) or content.budget.late:
        return
    if start is None:
        yield from opened(rest)
    else:  # too many to be read each for itself
        yield from text.plain(rest)
        yield content.unscanned(Reason.OVER_BUDGET, rest.stream.taken)


def _message(content: Content, step: str, start: re.Match[bytes], opened: Open) -> Iterator[Item]:
    """Read one message. Its body is as long as its header says; else all is, what is no other message."""
    head = start.string
    blank = _BLANK.search(head, start.end() - 1)
    stop, end = blank.span() if blank else (len(head), len(head))
    headers: Headers = tuple(
        (match[1].decode("latin-1"), match[2].decode("utf-8", "surrogateescape"))
        for match in _FIELD.finditer(head, start.end(), stop)
    )
    yield from text.plain(content.within(_taken(content.stream, end), step, "head"))
    target = (start[2] or b"").decode("utf-8", "surrogateescape")
    envelope = Envelope(target, headers, path=(*content.path, step), depth=content.depth + 1)
    yield from Carriers(envelope, content.budget, opened).read()
    values = {name.lower(): value.strip() for name, value in reversed(headers)}
    size = _SIZE.fullmatch(values.get("content-length", ""))
    chunks = _taken(content.stream, int(size[0])) if size else _open_ended(content.stream)
    body = content.within(chunks, step, declared=values.get("content-type", ""))
    if body.stream.head(1):
        yield from coded.coded(body, coded.names(iter([values.get("content-encoding", "")])), opened)
    for _ in body.stream:  # what a reader left
        pass


def _taken(stream: Stream, size: int) -> Iterator[bytes]:
    while size and (piece := stream.take(min(size, CHUNK))):
        size -= len(piece)
        yield piece


def _open_ended(stream: Stream) -> Iterator[bytes]:
    """Yield the body of a message that does not say its length."""
    if not _START.match(stream.head()):
        yield from stream


READER = Reader("message", _recognises, _read)
