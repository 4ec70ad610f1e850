"""The text of legacy Word documents, by their table of pieces (MS-DOC, section 2.4.1).

office-oxide leaves out what fields are told (``HYPERLINK "mailto:..."``). The pieces hold the whole text:
body, footnotes, headers, comments, text boxes, one after the other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from exfilter.content.documents.compound import Storage, Stream
from exfilter.content.sandbox.found import Text

_MARK, _OLD = 0xA5EC, 0x69
"""How a document begins, and the first version that is Word 97's."""
_ENCRYPTED, _SECOND_TABLE, _COMPRESSED = 0x100, 0x200, 1 << 30
_CLX = 33
"""The number of the table of pieces among the tables that the header lists."""
_STEP = 1 << 18
_CODECS = {
    **dict.fromkeys((0x19, 0x02, 0x22, 0x23), "cp1251"),
    **dict.fromkeys((0x15, 0x05, 0x0E, 0x1B, 0x24, 0x18), "cp1250"),
    0x08: "cp1253",
    0x1F: "cp1254",
    0x0D: "cp1255",
    0x01: "cp1256",
    **dict.fromkeys((0x25, 0x26, 0x27), "cp1257"),
    0x11: "cp932",
    0x12: "cp949",
    0x04: "gb18030",
}
"""Languages whose characters of 8 bits are not those of Windows-1252."""
_SIGNS = str.maketrans(
    {"\x07": "\t", "\r": "\n", "\x0b": "\n", "\x0c": "\n", "\x1e": "-", "\x1f": ""}
) | dict.fromkeys((*range(7), 8, *range(0x0E, 0x1D)), " ")
"""Cells, ends of lines, hyphens, and marks of fields, notes and pictures."""


def encrypted(document: Stream) -> bool:
    """Whether a document asks for a password."""
    head = document.head(32)
    return len(head) == 32 and bool(struct.unpack_from("<H", head, 10)[0] & _ENCRYPTED)


def texts(storage: Storage, document: Stream) -> Iterator[Text]:
    """Yield the text. Raises struct.error, KeyError and the like where the tables are broken."""
    data = document.read()
    mark, version, _, language = struct.unpack_from("<4H", data)
    if mark != _MARK or version < _OLD:
        msg = "no document of Word 97 or later"
        raise ValueError(msg)
    flags = struct.unpack_from("<H", data, 10)[0]
    table = storage.find("1Table" if flags & _SECOND_TABLE else "0Table")
    codec = _CODECS.get(language & 0x3FF, "cp1252")
    held: list[str] = []
    size = 0
    whole = True
    for start, length in _pieces(data, table.read() if table else b""):
        wide = not start & _COMPRESSED
        at = start if wide else (start & ~_COMPRESSED) // 2
        raw = data[at : at + length * (1 + wide)]
        whole = whole and len(raw) == length * (1 + wide)
        held.append(raw.decode("utf-16-le" if wide else codec, "replace"))
        size += length
        if size > _STEP:
            yield Text("".join(held).translate(_SIGNS))
            held, size = [], 0
    yield Text("".join(held).translate(_SIGNS) + "\n")
    if not whole:
        msg = "pieces beyond the end"
        raise ValueError(msg)


def _pieces(data: bytes, table: bytes) -> Iterator[tuple[int, int]]:
    """Yield where pieces begin and how many characters they have (MS-DOC, sections 2.5.1 and 2.9.38)."""
    at = 32
    at += 2 + 2 * struct.unpack_from("<H", data, at)[0]
    at += 2 + 4 * struct.unpack_from("<H", data, at)[0]
    start, size = struct.unpack_from("<II", data, at + 2 + 8 * _CLX)
    clx = table[start : start + size]
    at = 0
    while clx[at] == 1:  # properties of paragraphs
        at += 3 + struct.unpack_from("<H", clx, at + 1)[0]
    if clx[at] != 2:
        msg = "no table of pieces"
        raise ValueError(msg)
    held = clx[at + 5 :][: struct.unpack_from("<I", clx, at + 1)[0]]
    count = (len(held) - 4) // 12
    borders = struct.unpack_from(f"<{count + 1}I", held)
    for number in range(count):
        length = borders[number + 1] - borders[number]
        if length > 0:
            yield struct.unpack_from("<I", held, 4 * (count + 1) + 8 * number + 2)[0], length
