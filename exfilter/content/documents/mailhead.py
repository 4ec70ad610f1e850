"""The header block of a message (RFC 5322): what begins with one, and what it says in plain words."""

from __future__ import annotations

import email.errors
import email.header
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from exfilter.content import charset

_FIELD = re.compile(rb"([A-Za-z][A-Za-z0-9-]{0,75})[ \t]*:")
_LEAD = b"\xef\xbb\xbf \t\r\n"
_LINES = 200
_COMMON = frozenset(
    b"from to cc bcc subject date sender reply-to content-type resent-from newsgroups organization "
    b"x-mailer user-agent in-reply-to references importance".split()
)
_SURE = frozenset(
    b"received message-id mime-version return-path dkim-signature delivered-to arc-seal list-id "
    b"content-transfer-encoding authentication-results x-originating-ip x-received x-gmail-labels".split()
)
"""Fields that hardly anything but mail has."""
_WORDS = re.compile(r"=\?[^?\s]{1,60}\?[bBqQ]\?[^?\r\n]*\?=(?:\s{0,9}=\?[^?\s]{1,60}\?[bBqQ]\?[^?\r\n]*\?=)*")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_CONTENT = re.compile(rb"^content-[^\n]*(?:\n[ \t][^\n]*)*\n?", re.IGNORECASE | re.MULTILINE)
_FIELDS = 5
_PARSER = BytesHeaderParser()


def begins(head: bytes) -> bool:
    """Whether bytes begin with the header block of a message, or with a message in a mailbox."""
    start = head.lstrip(_LEAD)
    if start.startswith((b"From ", b">From ")):
        start = start.partition(b"\n")[2]
    if not _FIELD.match(start):
        return False
    names = set()
    for line in start.split(b"\n", _LINES)[:_LINES]:
        if line[:1] in (b" ", b"\t"):
            continue
        field = _FIELD.match(line)
        if not field:
            break
        names.add(field[1].lower())
    sure = len(names & _SURE)
    return sure + len(names & _COMMON) >= (2 if sure else 3)


@dataclass(frozen=True, slots=True)
class About:
    """What a header says of the body below it."""

    kind: str
    """The type, in small letters."""
    coding: str
    """The transfer encoding, in small letters."""
    charset: str
    name: str
    """Of the file, or empty."""
    boundaries: tuple[bytes, ...]
    """All that are named, for there may be several fields."""


def about(block: bytes) -> About:
    """Return what a header block says."""
    return _about(b"".join(_CONTENT.findall(block)))


@functools.lru_cache(maxsize=1000)
def _about(fields: bytes) -> About:
    message = _PARSER.parsebytes(fields)
    coding = str(message.get("content-transfer-encoding", "")).partition(";")[0].strip().lower()
    name = message.get_filename() or ""
    return About(
        message.get_content_type(),
        coding,
        message.get_content_charset(""),
        words(name.encode("utf-8", "surrogateescape")) if name else "",
        tuple(_boundaries(message)),
    )


def _boundaries(message: Message) -> Iterator[bytes]:
    fields = [field for name, field in message.items() if name.lower() == "content-type"]
    for field in fields[:_FIELDS]:
        single = Message()
        single["Content-Type"] = field
        boundary = single.get_boundary()
        if boundary:
            yield boundary.rstrip().encode("utf-8", "surrogateescape")


def words(block: bytes) -> str:
    """Return a header block as it is meant: unfolded, with the encoded words (RFC 2047) undone."""
    return _WORDS.sub(_decoded, _FOLD.sub("", charset.Decoder("").decode(block)))


def _decoded(found: re.Match[str]) -> str:
    """Return neighbouring encoded words as one text: a character may be cut between two of them."""
    try:
        pieces = email.header.decode_header(found[0])
    except (email.errors.HeaderParseError, ValueError):
        return found[0]
    plain = "".join(
        piece if isinstance(piece, str) else charset.Decoder((name or "").partition("*")[0]).decode(piece)
        for piece, name in pieces
    )
    return plain or found[0]
