"""Writes PDFs byte by byte: also such as no library would write."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def stream(data: bytes, words: bytes = b"", *, packed: bool = True) -> bytes:
    """Return a stream object with these entries in its dictionary."""
    packing = b"/Filter /FlateDecode " if packed else b""
    data = zlib.compress(data) if packed else data
    return b"<< %s%s/Length %d >>\nstream\n%s\nendstream" % (packing, words, len(data), data)


def page_text(*lines: str) -> bytes:
    """Return the operators that write these lines."""
    shown = (line.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(") for line in lines)
    rows = b"".join(b"(%s) Tj T*\n" % line for line in shown)
    return b"BT /F1 11 Tf 14 TL 40 780 Td\n" + rows + b"ET\n"


def objects(*pages: bytes, more: Mapping[int, bytes] | None = None, catalog: bytes = b"") -> dict[int, bytes]:
    """Return the objects of a document: 1 catalog, 2 pages, 3 font, then two for each page, then `more`."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages)))
    held = {
        1: b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        3: FONT,
    }
    for number, content in enumerate(pages):
        at = 4 + 2 * number
        held[at] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
            b" /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (at + 1)
        )
        held[at + 1] = stream(content)
    return held | dict(more or {})


def body(held: Mapping[int, bytes], trailer: bytes = b"", before: bytes = HEADER, previous: int = 0) -> bytes:
    """Return a file, or the next revision of the file `before` whose table lies at `previous`."""
    out = bytearray(before)
    places = {}
    for number, data in held.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, data)
    table = len(out)
    out += b"xref\n"
    out += b"" if previous else b"0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    words = (
        b"/Root 1 0 R /Size %d " % (max(held) + 1) + (b"/Prev %d " % previous if previous else b"") + trailer
    )
    out += b"trailer\n<< %s >>\nstartxref\n%d\n%%%%EOF\n" % (words, table)
    return bytes(out)


def table(data: bytes) -> int:
    """Return where the last table of a file lies."""
    return int(data.rpartition(b"startxref\n")[2].split()[0])
