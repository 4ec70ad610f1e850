"""What bytes are, from the bytes alone."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exfilter.content import sealed, wide
from exfilter.model import Reason


@dataclass(frozen=True, slots=True)
class Signature:
    """The bytes that a format has at a fixed place."""

    name: str
    magic: bytes
    offset: int = 0

    def matches(self, head: bytes) -> bool:
        """Whether the head has them. Magic that could be typed does not make text a file."""
        found = head.startswith(self.magic, self.offset)
        return found and not (self.magic.isascii() and self.magic.decode().isprintable() and textual(head))


ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
GZIP = b"\x1f\x8b\x08"
ZSTD = b"\x28\xb5\x2f\xfd"
LZ4 = b"\x04\x22\x4d\x18"
SKIPPABLE = tuple(bytes([number]) + b"\x2a\x4d\x18" for number in range(0x50, 0x60))
"""Frames of Zstandard and LZ4 that hold no data (RFC 8878, section 3.1.2)."""
XZ = b"\xfd7zXZ\x00"
LZIP = b"LZIP\x01"
SEVENZ = b"7z\xbc\xaf\x27\x1c"
COMPRESS = b"\x1f\x9d"
RPM = b"\xed\xab\xee\xdb"
RAR = b"Rar!\x1a\x07"
CAB = b"MSCF\x00\x00\x00\x00"
XAR = b"xar!\x00"
SIGNATURES = (
    *(Signature("zip", magic) for magic in ZIP),
    Signature("ole", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    Signature("7z", SEVENZ),
    Signature("rar", RAR),
    Signature("cab", CAB),
    Signature("xar", XAR),
    Signature("rpm", RPM),
    Signature("xz", XZ),
    Signature("bzip2", b"BZh"),
    Signature("lz4", LZ4),
    Signature("lzip", LZIP),
    Signature("tar", b"ustar", 257),
    Signature("parquet", b"PAR1"),
    Signature("parquet", b"PARE"),
    Signature("arrow", b"ARROW1\x00\x00"),
    Signature("arrow", b"FEA1"),
    Signature("orc", b"ORC"),
    Signature("avro", b"Obj\x01"),
    Signature("tnef", b"\x78\x9f\x3e\x22"),
    Signature("sqlite", b"SQLite format 3\x00"),
    Signature("png", b"\x89PNG\r\n\x1a\n"),
    Signature("jpeg", b"\xff\xd8\xff"),
    Signature("jpeg", b"\x00\x00\x00\x0cjP  \r\n\x87\n"),
    Signature("jpeg", b"\xff\x4f\xff\x51\x00"),
    Signature("jbig2", b"\x97JB2\r\n\x1a\n"),
    Signature("emf", b" EMF\x00\x00\x01\x00", 40),
    Signature("bmp", b"BM"),
    Signature("pict", b"\x00\x11\x02\xff", 10),
    Signature("wmf", b"\xd7\xcd\xc6\x9a\x00\x00"),
    Signature("wmf", b"\x01\x00\x09\x00\x00\x03"),
    Signature("gif", b"GIF8"),
    Signature("riff", b"RIFF"),
    Signature("mp4", b"ftyp", 4),
    Signature("tiff", b"II*\x00"),
    Signature("tiff", b"MM\x00*"),
    Signature("icon", b"\x00\x00\x01\x00"),
    Signature("mp3", b"ID3"),
    Signature("mp3", b"\xff\xfb"),
    Signature("ogg", b"OggS"),
    Signature("flac", b"fLaC"),
    Signature("matroska", b"\x1a\x45\xdf\xa3"),
    Signature("woff", b"wOFF"),
    Signature("woff", b"wOF2"),
    Signature("font", b"\x00\x01\x00\x00\x00"),
    Signature("font", b"OTTO\x00"),
    Signature("font", b"\x01\x00\x02\x00", 8),
    Signature("font", b"\x02\x00\x02\x00", 8),
    Signature("svm", b"VCLMTF"),
    Signature("jxr", b"II\xbc\x01"),
)
MEDIA = frozenset(
    "png jpeg jbig2 jxr emf wmf svm bmp pict gif riff mp4 tiff icon mp3 ogg flac matroska woff font".split()
)
"""Pictures, sound, film, type: they carry no text of their own."""
SPAN = 1 << 10
"""Bytes that are judged together: text has few control characters in each such piece."""
_MAGICS = (
    (b"\x03", b"PK\x03\x04"),
    (b"\x05", b"PK\x05\x06"),
    (b"\xfd", ZSTD),
    (b"\x1c", SEVENZ),
    (b"\x1a", RAR),
    (b"\xfd", XZ),
    (b"\x11", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    (b"\x00", b"SQLite format 3\x00"),
)
"""Magic that no text contains, wherever it stands, and a byte of it that text hardly ever contains: to
look for a byte costs a fiftieth."""
_LATE_GZIP = re.compile(rb"\x1f\x8b\x08[\x00-\x1f].{4}[\x00\x02\x04][\x00-\x0d\xff]", re.DOTALL)
_LATE_BZIP2 = re.compile(rb"BZh[1-9]1AY&SY(?=.{0,16}[\x00-\x08\x80-\xff])", re.DOTALL)
_LATE_PDF = re.compile(rb"%PDF-\d\.\d(?=.{0,2000}?\d \d{1,5} obj)", re.DOTALL)
_INSIDE = tuple(
    (magic, re.compile(re.escape(magic) + rest, re.DOTALL), before)
    for magic, rest, before in (
        (ZIP[0], rb"[\x00-\x63][\x00-\x14]..[\x00-\x63]\x00.{17}[\x00-\x0f]", 0),
        (GZIP, rb"[\x00-\x1f].{4}[\x00\x02\x04][\x00-\x0d\xff]", 0),
        (ZSTD, rb"[\x00-\x07\x10-\x17\x20-\x27\x30-\x37\x40-\x47\x50-\x57\x60-\x67\x70-\x77\x80-\xf7].", 0),
        (LZ4, rb"[\x40-\x7d][\x40\x50\x60\x70]", 0),
        (XZ, rb"\x00[\x00-\x0f]", 0),
        (LZIP, rb"[\x0c-\xfd]", 0),
        (b"BZh", rb"[1-9]1AY&SY", 0),
        (SEVENZ, rb"\x00[\x00-\x09]", 0),
        (RAR, rb"(?:\x00|\x01\x00)", 0),
        (CAB, b"", 0),
        (b"ustar", rb"(?:\x00\d\d|  \x00)", 257),
        (b"!<arch>\n", rb".{58}`\n", 0),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0),
        (b"SQLite format 3\x00", b"", 0),
        (b"%PDF-", rb"\d\.\d(?=.{0,2000}?\d \d{1,5} obj)", 0),
    )
)
"""Magic of containers, what follows it there, and how many bytes stand before it."""
SEAM = 1 << 12
"""Bytes that a look at one of these takes at most."""
_PDF = re.compile(rb"%PDF-\d\.\d")
_PDF_OBJECT = re.compile(rb"\d\s+obj\b")
_SHORT = 1 << 13
"""Bytes below which one instruction after the other is fast enough."""
_ESCAPE, _DELETE = 0x1B, 0x7F
_SPACES = range(0x08, 0x0E)
"""Backspace to carriage return: with ESC, the control characters that text has."""


_BY_FIRST = tuple(
    tuple(item for item in SIGNATURES if item.offset or item.magic[0] == first) for first in range(256)
)
"""The signatures that are possible, by the first byte of a content."""


def signature(head: bytes) -> str:
    """Return the name of a binary format, or an empty string."""
    found = _PDF.search(head, 0, 1024)
    if found and (found.start() == 0 or _PDF_OBJECT.search(head)):
        return "pdf"
    likely = _BY_FIRST[head[0]] if head else ()
    return next((item.name for item in likely if item.matches(head)), "") or sealed.kind(head)


def controls(data: bytes) -> npt.NDArray[np.int64]:
    """Return the places of control characters that text does not have."""
    codes = np.frombuffer(data, dtype=np.uint8)
    # Each of these is one pass with vector instructions; a table of 256 costs as much as all of them.
    late = codes - np.uint8(_SPACES.stop)  # what is smaller wraps around to the end
    between = 0x20 - _SPACES.stop
    if data and codes.min() >= _SPACES.start and late.min() >= between and b"\x7f" not in data:
        return np.empty(0, dtype=np.int64)
    found = (late < between) & (codes != _ESCAPE)
    found |= (codes < _SPACES.start) | (codes == _DELETE)
    return np.flatnonzero(found)


def embedded(data: bytes, *, typed: bool = True) -> int:
    """Return where a container or compressed data begins anywhere in some bytes, or -1.

    `typed`: also by magic that could be typed.
    """
    places = [data.find(magic) for rare, magic in _MAGICS if rare in data]
    if b"\x1f" in data and GZIP in data:
        places.append(_start(_LATE_GZIP, data))
    if _holds(data, b"1AY&SY"):
        places.append(_start(_LATE_BZIP2, data))
    if typed and _holds(data, b"%PDF-"):
        places.append(_start(_LATE_PDF, data))
    return min((place for place in places if place >= 0), default=-1)


def container(data: bytes, start: int) -> int:
    """Return where a container or compressed data begins in the midst of binary data, or -1.

    By more than the magic: in a long film, four bytes come about by chance.
    """
    places = []
    for magic, pattern, before in _INSIDE:
        place = data.find(magic, start + before)
        while place >= 0 and not pattern.match(data, place):
            place = data.find(magic, place + 1)
        if place >= 0:
            places.append(place - before)
    return min(places, default=-1)


def _start(pattern: re.Pattern[bytes], data: bytes) -> int:
    found = pattern.search(data)
    return found.start() if found else -1


def _holds(data: bytes, words: bytes) -> bool:
    """Whether `words`, 5 bytes or more, are in some bytes. Four times as fast as ``in`` where they are not.

    Bytes are looked at as numbers of 16 bits: two of them lie in the words, wherever those begin.
    """
    if len(data) < _SHORT:
        return words in data
    pairs = np.frombuffer(data, dtype="<u2", count=len(data) // 2)
    for part in (words[:4], words[1:5]):
        first, second = np.frombuffer(part, dtype="<u2")
        places = np.flatnonzero(pairs[:-1] == first)
        if (pairs[places + 1] == second).any():
            return words in data
    return False


def compressed(data: bytes) -> int:
    """Return where gzip or zstd begins anywhere in some bytes, or -1."""
    gzip = _LATE_GZIP.search(data)
    places = (gzip.start() if gzip else -1, data.find(ZSTD))
    return min((place for place in places if place >= 0), default=-1)


def textual(head: bytes) -> bool:
    """Whether the bytes begin as text in some charset: hardly any control characters.

    A few bad bytes do not hide a file; random bytes hold 11 % control characters.
    """
    start = head[:SPAN]
    return bool(wide.charset(head)) or len(controls(start)) <= 2 + len(start) // 50


def meaningful(head: bytes) -> bool:
    """Whether the bytes are something for sure: a known format, or text in Unicode."""
    if signature(head) or head.startswith((GZIP, ZSTD)) or wide.charset(head):
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return textual(head)


def opaque(head: bytes) -> bool:
    """Whether the bytes are a binary format, known or not."""
    return bool(signature(head)) or not textual(head)


def reason(head: bytes) -> Reason:
    """Return why a binary content is not scanned."""
    name = signature(head)
    if name in sealed.ENCRYPTED:
        return Reason.ENCRYPTED
    return Reason.UNSUPPORTED if name in MEDIA else Reason.OPAQUE
