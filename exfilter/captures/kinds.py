"""Which kind of capture a file is, by its first bytes."""

from __future__ import annotations

import enum
import zlib
from pathlib import Path

from exfilter.captures.captured import Refused

HEAD = 64
_BOM = b"\xef\xbb\xbf"
_PCAP = frozenset(
    bytes.fromhex(magic) for magic in ("d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "0a0d0d0a")
)
"""Of libpcap, in both byte orders, with microseconds and nanoseconds; and of a section of pcapng."""
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


class Kind(enum.StrEnum):
    """A format of captures."""

    DUMP = "mitmproxy dump"
    HAR = "HAR"
    WARC = "WARC"
    PACKETS = "pcap"


def kind(path: Path) -> Kind:
    """Return the kind of a capture. Raises OSError, and ValueError for what is none."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head[:4] in _PCAP:
        return Kind.PACKETS
    if head.startswith(b"WARC/") or (head.startswith(b"\x1f\x8b") and _holds_warc(path)):
        return Kind.WARC
    if head.removeprefix(_BOM).lstrip()[:1] == b"{":
        return Kind.HAR
    if not head or _begins_dump(head, path):
        return Kind.DUMP
    raise Refused(_refusal(path, head))


def _begins_dump(head: bytes, path: Path) -> bool:
    digits, colon, _ = head[:13].partition(b":")
    return digits.isdigit() and (bool(colon) or path.stat().st_size == len(digits))


def _holds_warc(path: Path) -> bool:

    with path.open("rb") as file:
        try:
            return zlib.decompressobj(31).decompress(file.read(4096), HEAD).startswith(b"WARC/")
        except zlib.error:
            return False


def _refusal(path: Path, head: bytes) -> str:
    packed = next((name for magic, name in _COMPRESSED.items() if head.startswith(magic)), "")
    if packed:
        return f"{path} is compressed ({packed}): unpack it first (only WARC files are read as they are)"
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return f"{path} is UTF-16 text: save it as UTF-8"
    known = "a mitmproxy dump, HAR, WARC, pcap or pcapng"
    return f"{path} is not a capture that is known here: replay reads {known}"
