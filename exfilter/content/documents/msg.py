"""Outlook messages (MS-OXMSG): every property of a message, its recipients and attachments.

python-oxmsg reads them too; it leaves out embedded messages, RTF bodies and properties that it has no name
for, and holds all attachments at once. Each property is a stream of its own, named after what it is.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

import numpy as np

from exfilter.content import charset
from exfilter.content.documents import lzfu
from exfilter.content.documents.compound import Storage, Stream
from exfilter.content.sandbox.found import Found, Member, Text

PROPERTIES = "__properties_version1.0"
_STREAM = re.compile(r"__substg1\.0_([0-9A-F]{4})([0-9A-F]{4})(?:-[0-9A-F]{8})?", re.IGNORECASE)
_NARROW, _WIDE, _BINARY, _MANY = 0x1E, 0x1F, 0x102, 0x1000
_HEADERS, _BODY, _RTF, _HTML, _ATTACHED = 0x7D, 0x1000, 0x1009, 0x1013, 0x3701
_NAMES = (0x3707, 0x3704, 0x3001)
"""Name of an attachment: long, short, displayed."""
_PAGES = (0x3FFD0003, 0x3FDE0003)
"""Code pages of the strings and of the body."""
_LONG = 1 << 12


def found(storage: Storage) -> Iterator[Found]:
    """Yield the text of a message, a recipient or an attachment, and what is attached."""
    fixed = storage.streams[PROPERTIES].read() if PROPERTIES in storage.streams else b""
    decode = charset.Decoder(_page(fixed)).decode
    short: list[str] = []
    members: list[tuple[int, Stream]] = []
    names: dict[int, str] = {}
    for name, stream in sorted(storage.streams.items()):
        match = _STREAM.fullmatch(name)
        if not match:
            continue
        tag, kind = int(match[1], 16), int(match[2], 16) & ~_MANY
        if kind in (_NARROW, _WIDE):
            raw = stream.read()
            text = raw.decode("utf-16-le", "replace") if kind == _WIDE else decode(raw)
            names[tag] = text
            if len(text) > _LONG or tag in (_HEADERS, _BODY):
                yield Text(text + "\n")
            elif text.strip("\0"):
                short.append(text)
        elif kind == _BINARY and tag in (_RTF, _HTML, _ATTACHED):
            members.append((tag, stream))
    if short:
        yield Text("\t".join(short) + "\n", "properties", np.zeros(1, dtype=np.int64))
    for tag, stream in members:
        yield _member(tag, stream, next((names[key] for key in _NAMES if names.get(key)), "attachment"))


def _member(tag: int, stream: Stream, name: str) -> Member:
    if tag == _RTF:
        return Member("body.rtf", lzfu.expanded(stream.read()))
    return Member("body.html", stream.chunks()) if tag == _HTML else Member(name, stream.chunks())


def _page(fixed: bytes) -> str:
    """Return the charset of strings of 8 bits: among the properties of fixed length."""
    for tag in _PAGES:
        at = fixed.find(struct.pack("<I", tag))
        if at >= 0 and len(fixed) >= at + 12:
            return f"cp{struct.unpack_from('<I', fixed, at + 8)[0]}"
    return ""
