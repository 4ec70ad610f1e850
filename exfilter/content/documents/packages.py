"""Files that were put into a document: the streams and hexadecimal data in which they lie."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from exfilter.content import binary
from exfilter.content.sandbox.found import Member, Text

_PACKAGE = 2


def native(data: bytes) -> Iterator[Member | Text]:
    r"""Yield the file in a stream ``\x01Ole10Native``: a size, and what the packager wrote."""
    size = int.from_bytes(data[:4], "little")
    yield from packager(data[4 : 4 + size] if size else data[4:])


def packager(data: bytes) -> Iterator[Member | Text]:
    """Yield the file that the Windows packager wrapped, with its names; else the data as it is."""
    if int.from_bytes(data[:2], "little") == _PACKAGE:
        label, _, rest = data[2:].partition(b"\0")
        source, _, rest = rest.partition(b"\0")
        length = int.from_bytes(rest[4:8], "little")
        rest = rest[8 + length :]
        size = int.from_bytes(rest[:4], "little")
        if rest[4:] and size <= len(rest) - 4:
            names = "\n".join(dict.fromkeys(name.decode("cp1252", "replace") for name in (label, source)))
            yield Member(names, [rest[4 : 4 + size]])
            yield Text("\n".join(binary.strings(rest[4 + size :])) + "\n", "names")  # the same, in 16 bits
            return
    yield Member("embedded", [data])


def embedded(data: bytes) -> Iterator[Member | Text]:
    """Yield the file in an object of OLE 1 (MS-OLEDS, section 2.2.5), as RTF holds it."""
    at = 8
    kind = b""
    for number in range(3):  # class, topic, item
        size = struct.unpack_from("<I", data, at)[0]
        name = data[at + 4 : at + 4 + size].rstrip(b"\0")
        kind = kind if number else name
        at += 4 + size
    size = struct.unpack_from("<I", data, at)[0]
    inner = data[at + 4 : at + 4 + size]
    if kind.lower() == b"package":
        yield from packager(inner)
    else:
        yield Member(kind.decode("cp1252", "replace") or "embedded", [inner])
