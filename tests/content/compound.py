"""Writes compound files (MS-CFB) and small documents of Office 97 inside them, by hand."""

from __future__ import annotations

import struct
from collections.abc import Mapping

FREE, END, FAT, NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
SECTOR, MINI, CUTOFF = 512, 64, 4096


class _Writer:
    def __init__(self, *, scattered: bool) -> None:
        self.sectors: list[bytes] = []
        self.table: list[int] = []
        self.minis: list[bytes] = []
        self.mini_table: list[int] = []
        self.scattered = scattered

    def put(self, data: bytes) -> int:
        """Write data in sectors of its own; return the first. Scattered: the last sector lies first."""
        pieces = [data[at : at + SECTOR].ljust(SECTOR, b"\0") for at in range(0, len(data), SECTOR)]
        order = list(range(len(pieces)))
        if self.scattered:
            order.reverse()
        places = {piece: len(self.sectors) + at for at, piece in enumerate(order)}
        self.sectors += [pieces[piece] for piece in order]
        follows = [places.get(piece + 1, END) for piece in order]
        self.table += follows
        return places.get(0, END)

    def small(self, data: bytes) -> int:
        """Write data in small sectors; return the first."""
        start = len(self.minis)
        count = -(-len(data) // MINI)
        self.minis += [data[at : at + MINI].ljust(MINI, b"\0") for at in range(0, len(data), MINI)]
        self.mini_table += [*range(start + 1, start + count), END]
        return start


def _entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    raw = (name + "\0").encode("utf-16-le")
    head = raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw), kind, 1, NONE, right, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)


def compound(streams: Mapping[str, bytes], *, scattered: bool = False) -> bytes:
    """Return a file with these streams; a path ``A/B`` is stream B in storage A."""
    writer = _Writer(scattered=scattered)
    folders: dict[str, list[str]] = {"": []}
    for path in streams:
        steps = path.split("/")
        for depth in range(len(steps)):
            parent, node = "/".join(steps[:depth]), "/".join(steps[: depth + 1])
            if node not in folders.setdefault(parent, []):
                folders[parent].append(node)
    nodes = [""]
    for node in nodes:
        nodes += folders.get(node, [])
    numbers = {node: number for number, node in enumerate(nodes)}
    places = {}
    for path, data in streams.items():
        places[path] = writer.put(data) if len(data) >= CUTOFF else writer.small(data) if data else END
    root = b"".join(writer.minis)
    directory = b""
    for node in nodes:
        parent = node.rpartition("/")[0]
        siblings = folders[parent] if node else []
        after = siblings[siblings.index(node) + 1 :] if node else []
        right = numbers[after[0]] if after else NONE
        child = numbers[folders[node][0]] if folders.get(node) else NONE
        if not node:
            directory += _entry("Root Entry", 5, NONE, child, writer.put(root) if root else END, len(root))
        elif node in streams:
            directory += _entry(node.rpartition("/")[2], 2, right, NONE, places[node], len(streams[node]))
        else:
            directory += _entry(node.rpartition("/")[2], 1, right, child, 0, 0)
    return _file(writer, directory)


def _file(writer: _Writer, directory: bytes) -> bytes:
    writer.scattered = False
    minis = writer.mini_table + [FREE] * (-len(writer.mini_table) % (SECTOR // 4))
    mini_start = writer.put(struct.pack(f"<{len(minis)}I", *minis)) if minis else END
    start = writer.put(directory)
    count = 1
    while count * (SECTOR // 4) < len(writer.table) + count:
        count += 1
    first = len(writer.sectors)
    table = writer.table + [FAT] * count
    table += [FREE] * (count * (SECTOR // 4) - len(table))
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack(
        "<IIIIIIIII", 0, count, start, 0, CUTOFF, mini_start, len(minis) * 4 // SECTOR, END, 0
    )
    header += struct.pack("<109I", *range(first, first + count), *[FREE] * (109 - count))
    return header + b"".join(writer.sectors) + struct.pack(f"<{len(table)}I", *table)


def word(*pieces: str | bytes, flags: int = 0, language: int = 0x409, marks: str = "") -> dict[str, bytes]:
    """Return the streams of a document: text in UTF-16, bytes as they are (MS-DOC, section 2.5)."""
    text = b"".join(piece if isinstance(piece, bytes) else piece.encode("utf-16-le") for piece in pieces)
    start = 1024
    borders, places, at = [0], b"", start
    for piece in pieces:
        size = len(piece) if isinstance(piece, bytes) else len(piece.encode("utf-16-le")) // 2
        borders.append(borders[-1] + size)
        places += struct.pack("<HIH", 0, (at * 2) | 1 << 30 if isinstance(piece, bytes) else at, 0)
        at += size * (1 if isinstance(piece, bytes) else 2)
    held = struct.pack(f"<{len(borders)}I", *borders) + places
    table = b"\x01" + struct.pack("<H", 4) + b"\0" * 4 + b"\x02" + struct.pack("<I", len(held)) + held
    head = struct.pack("<HHHHHH", 0xA5EC, 0xC1, 0, language, 0, 0x200 | flags).ljust(32, b"\0")
    head += struct.pack("<H", 14) + bytes(28) + struct.pack("<H", 22) + bytes(88) + struct.pack("<H", 93)
    head += bytes(8 * 33) + struct.pack("<II", 0, len(table)) + bytes(8 * 59)
    return {
        "WordDocument": head.ljust(start, b"\0") + text,
        "1Table": table,
        **({"Data": marks.encode()} if marks else {}),
    }


def old_word(text: bytes) -> dict[str, bytes]:
    """Return the streams of a document of Word 6."""
    head = struct.pack("<HHHHHH", 0xA5DC, 0x65, 0, 0x409, 0, 0).ljust(24, b"\0")
    head += struct.pack("<II", 768, 768 + len(text)) + bytes(20) + struct.pack("<I", len(text))
    return {"WordDocument": head.ljust(768, b"\0") + text}


def record(kind: int, data: bytes, version: int = 0) -> bytes:
    """Return a record of a presentation."""
    return struct.pack("<HHI", version, kind, len(data)) + data


def slides(*atoms: bytes, encrypted: bool = False) -> dict[str, bytes]:
    """Return the streams of a presentation (MS-PPT, section 2.1)."""
    token = 0xF3D1C4DF if encrypted else 0xE391C05F
    document = record(1000, record(1001, bytes(40), 1) + b"".join(atoms), 15)
    user = record(0x0FF6, struct.pack("<IIIHHBBHI", 20, token, 0, 4, 1012, 3, 0, 0, 8) + b"name")
    return {"PowerPoint Document": document, "Current User": user}


def properties(*pairs: tuple[int, bytes], page: int = 1252) -> bytes:
    """Return a property set with values that are text (MS-OLEPS, section 2.25)."""
    held = [(1, struct.pack("<IHH", 2, page, 0))]
    held += [
        (key, struct.pack("<II", 30, len(value) + 1) + value + b"\0" * (1 + -(len(value) + 1) % 4))
        for key, value in pairs
    ]
    at, listed, values = 8 + 8 * len(held), b"", b""
    for key, value in held:
        listed += struct.pack("<II", key, at + len(values))
        values += value
    section = struct.pack("<II", 8 + len(listed) + len(values), len(held)) + listed + values
    return struct.pack("<HHI16xI16xI", 0xFFFE, 0, 0x20005, 1, 48) + section


def module(source: bytes) -> bytes:
    """Return a module stream whose source is compressed by literals only (MS-OVBA, section 2.4.1)."""
    out = b"performance cache\0" + b"\x01"
    for at in range(0, len(source), 3000):
        piece = source[at : at + 3000]
        chunk = b"".join(b"\0" + piece[start : start + 8] for start in range(0, len(piece), 8))
        out += struct.pack("<H", 0xB000 | (len(chunk) - 1)) + chunk
    return out


def message(values: Mapping[str, str | bytes], at: str = "", page: int = 1252) -> dict[str, bytes]:
    """Return the streams of a message, a recipient or an attachment (MS-OXMSG, section 2.1)."""
    fixed = bytes(32) + struct.pack("<IIII", 0x3FFD0003, 6, page, 0)
    streams = {f"{at}__properties_version1.0": fixed}
    for tag, value in values.items():
        data = value if isinstance(value, bytes) else value.encode("utf-16-le")
        streams[f"{at}__substg1.0_{tag}"] = data
    return streams
