"""Writes archives of kinds for which there is no other library: stored, as their formats say."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

import py7zr
import pycdlib

Files = dict[str, bytes]


def sevenzip(files: Files) -> bytes:
    """Return a 7z file."""
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return out.getvalue()


def iso(files: Files) -> bytes:
    """Return an image in ISO 9660 with the names of Joliet and Rock Ridge."""
    image = pycdlib.PyCdlib()
    image.new(joliet=3, rock_ridge="1.09")
    for number, (name, data) in enumerate(files.items()):
        image.add_fp(
            io.BytesIO(data),
            len(data),
            f"/F{number}.;1",
            rr_name=name.replace("/", "_"),
            joliet_path=f"/{name}",
        )
    out = io.BytesIO()
    image.write_fp(out)
    image.close()
    return out.getvalue()


def cpio(files: Files) -> bytes:
    """Return an archive of "new ASCII" cpio."""
    body = b""
    for name, data in {**files, "TRAILER!!!": b""}.items():
        raw = name.encode() + b"\x00"
        numbers = (1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % number for number in numbers) + raw
        body += head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
    return body


def ar(files: Files) -> bytes:
    """Return an archive of ar with the long names of BSD."""
    body = b"!<arch>\n"
    for name, data in files.items():
        raw = name.encode()
        whole = raw + data
        label = b"#1/%d" % len(raw)
        body += b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (label, 0, 0, 0, 0o100644, len(whole))
        body += whole + b"\n" * (len(whole) % 2)
    return body


def cabinet(files: Files) -> bytes:
    """Return a cabinet of one folder, stored (MS-CAB)."""
    data = b"".join(files.values())
    entries, place = b"", 0
    for name, content in files.items():
        entries += struct.pack("<2L4H", len(content), place, 0, 33, 0, 0xA0) + name.encode() + b"\x00"
        place += len(content)
    blocks = [data[start : start + 32768] for start in range(0, len(data), 32768)]
    begin = 36 + 8 + len(entries)
    stored = b"".join(struct.pack("<L2H", 0, len(block), len(block)) + block for block in blocks)
    head = struct.pack("<4s5L2B5H", b"MSCF", 0, begin + len(stored), 0, 44, 0, 3, 1, 1, len(files), 0, 1, 0)
    return head + struct.pack("<L2H", begin, len(blocks), 0) + entries + stored


def rar4(files: Files, *, encrypted: bool = False) -> bytes:
    """Return an archive of RAR 1.5 to 4, stored (technote.txt)."""

    def block(kind: int, flags: int, fields: bytes) -> bytes:
        rest = struct.pack("<B2H", kind, flags, 7 + len(fields)) + fields
        return struct.pack("<H", zlib.crc32(rest) & 0xFFFF) + rest

    body = b"Rar!\x1a\x07\x00" + block(0x73, 0, bytes(6))
    for name, data in files.items():
        raw = name.encode()
        fields = struct.pack(
            "<2LBLL2BHL", len(data), len(data), 3, zlib.crc32(data), 0x21, 29, 0x30, len(raw), 0o100644
        )
        body += block(0x74, 0x8000 | encrypted * 4, fields + raw) + data
    return body + block(0x7B, 0x4000, b"")


def rar5(files: Files, *, encrypted: bool = False) -> bytes:
    """Return an archive of RAR 5, stored (rarlab.com/technote.htm)."""

    def number(value: int) -> bytes:
        out = b""
        while value > 127:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        return out + bytes([value])

    def block(kind: int, flags: int, fields: bytes, sizes: bytes = b"", extra: bytes = b"") -> bytes:
        rest = number(kind) + number(flags) + (number(len(extra)) if extra else b"") + sizes + fields + extra
        rest = number(len(rest)) + rest
        return struct.pack("<L", zlib.crc32(rest)) + rest

    body = b"Rar!\x1a\x07\x01\x00" + block(1, 0, number(0))
    for name, data in files.items():
        raw = name.encode()
        fields = number(4) + number(len(data)) + number(0o100644) + struct.pack("<L", zlib.crc32(data))
        fields += number(0) + number(1) + number(len(raw)) + raw
        secret = number(1) + number(0) + number(0) + bytes([15]) + bytes(32)
        extra = number(len(secret)) + secret if encrypted else b""
        body += block(2, 2 | bool(extra), fields, number(len(data)), extra) + data
    return body + block(5, 0, number(0))


def xar(files: Files) -> bytes:
    """Return an archive of xar, with files that are compressed by zlib."""
    heap, entries = bytes(20), ""
    for number, (name, data) in enumerate(files.items()):
        packed = zlib.compress(data)
        sums = f"<archived-checksum style='sha1'>{hashlib.sha1(packed).hexdigest()}</archived-checksum>"
        sums += f"<extracted-checksum style='sha1'>{hashlib.sha1(data).hexdigest()}</extracted-checksum>"
        place = f"<length>{len(packed)}</length><offset>{len(heap)}</offset><size>{len(data)}</size>"
        coding = "<encoding style='application/x-gzip'/>"
        about = f"<name>{name}</name><type>file</type>"
        entries += f"<file id='{number}'><data>{place}{coding}{sums}</data>{about}</file>"
        heap += packed
    checksum = "<checksum style='sha1'><offset>0</offset><size>20</size></checksum>"
    whole = f"<?xml version='1.0' encoding='UTF-8'?><xar><toc>{checksum}{entries}</toc></xar>".encode()
    packed = zlib.compress(whole)
    return (
        struct.pack(">4s2H2QL", b"xar!", 28, 1, len(packed), len(whole), 1)
        + packed
        + hashlib.sha1(packed).digest()
        + heap[20:]
    )


def compressed(data: bytes) -> bytes:
    """Return the beginning of some data as ``compress`` writes it, in codes of 9 bits that are letters."""
    bits = sum(byte << 9 * number for number, byte in enumerate(data[:250]))
    return b"\x1f\x9d\x90" + bits.to_bytes((9 * min(250, len(data)) + 7) // 8, "little")
