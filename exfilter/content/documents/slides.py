"""The text of legacy PowerPoint presentations (MS-PPT), wherever it lies in the stream.

In 133 presentations office-oxide left out a quarter of the words: masters, links, notes, comments. The
atoms that hold text say so themselves, so they are looked for from one end of the stream to the other,
also those that a later save has replaced.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from exfilter.content.documents import inflate
from exfilter.content.documents.compound import Stream
from exfilter.content.sandbox.found import Found, Member, Text

_ATOM = re.compile(rb"(?:\x00\x00[\xa0\xa8]|[\x00\x10-\xf0][\x00-\x20]\xba)\x0f(?=(....))", re.DOTALL)
"""Text of 16 bits, of 8 bits, and names, with their length (sections 2.9.42, 2.9.44, 2.2.22)."""
_OBJECT = re.compile(rb"\x10\x00\x11\x10(....)", re.DOTALL)
"""An embedded file that is compressed (section 2.10.35)."""
_ENCRYPTED = 0xF3D1C4DF
_BATCH = 1 << 16
_ENDS = str.maketrans({"\r": "\n", "\x0b": "\n"})


def encrypted(user: Stream | None) -> bool:
    """Whether the stream ``Current User`` says that a presentation asks for a password."""
    head = user.head(16) if user else b""
    return len(head) == 16 and struct.unpack_from("<I", head, 12)[0] == _ENCRYPTED


def found(document: Stream) -> Iterator[Found]:
    """Yield the text and the embedded files."""
    data = document.read()
    lines: list[str] = []
    size = 0
    for atom in _ATOM.finditer(data):
        length = struct.unpack("<I", atom[1])[0]
        raw = data[atom.end() + 4 : atom.end() + 4 + length]
        if len(raw) < length:
            continue
        narrow = atom[0][2] == 0xA8
        lines.append(raw.decode("latin-1" if narrow else "utf-16-le", "replace").translate(_ENDS))
        size += length
        if size > _BATCH:
            yield Text("\n".join(lines) + "\n")
            lines, size = [], 0
    yield Text("\n".join(lines) + "\n")
    for item in _OBJECT.finditer(data):
        length = struct.unpack("<I", item[1])[0]
        packed = data[item.end() + 4 : item.end() + length]
        if packed[:1] == b"\x78":
            yield Member("embedded", inflate.zlib_chunks(packed))
