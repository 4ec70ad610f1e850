"""What decoded bytes are: text, something to open, or nothing that anybody wrote."""

from __future__ import annotations

import re
import unicodedata
import zlib

from exfilter.content import sealed, sniff, wide

INFLATED = 1 << 16
"""Bytes that a small piece of compressed text may become in its place."""
_SHORT = 12
"""Bytes below which chance makes text: then they have to look like a name, a number or an address."""
_LONGER = 32
"""The same where not all is ASCII."""
_TEXT = bytes([*b"\t\n\f\r", *range(0x20, 0x7F), *range(0x80, 0x100)])
_ASCII = bytes(range(0x80))
_FIELD = re.compile(r"[\w .@+'’,()/:;&\n\r-]*\w[\w .@+'’,()/:;&\n\r-]*")
_WORD = re.compile(r"[^\W\d_]+")
_MIXED = re.compile("[A-Z][a-z]{1,3}[A-Z][a-z]+")
_MOST = 0.75
_FOREIGN = "\u0370"
"""From here on letters of other scripts: they do not stand in one word with those of Latin."""
_RUN = re.compile(rb"[\t\n\r\x20-\x7e\xc2-\xf4\x80-\xbf]{12,}")
_ODD = re.compile(r"[^\W\d_]?[^\x00-\x7f](?<![^\W\d_])|[^a-zA-Z]{2}(?<=[^\x00-\x7f])|(?<![A-Za-z])[à-ÿ]")
"""What no word has: a sign that is not ASCII, or a small letter with nothing before it."""
_BREAKS = frozenset("\t\n\f\r")
_MAGICS = (
    *(sniff.GZIP, sniff.ZSTD, sniff.LZ4, sniff.XZ, sniff.LZIP, b"%PDF-"),
    *(b"BZh%d1AY&SY" % level for level in range(1, 10)),
    *(item.magic for item in sniff.SIGNATURES if len(item.magic) > 3 and not item.offset),
)


def text_of(data: bytes) -> str | None:
    """Return the bytes as text if they are text, else None."""
    if b"\x00" in data:
        return _wide(data)
    if data.translate(None, _TEXT):
        return None
    if data.isascii():
        return _plausible(data.decode())
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _legacy(data)
    return _plausible(text) if all(map(_written, text)) else None


def _written(char: str) -> bool:
    """Whether a character is one of a text: shown, a break, or a hint for how others are shown."""
    return char.isprintable() or char in _BREAKS or unicodedata.category(char) == "Cf"


def _plausible(text: str) -> str | None:
    if len(text) >= (_SHORT if text.isascii() else _LONGER):
        return text
    return text if _FIELD.fullmatch(text) and _natural(text) else None


def _natural(text: str) -> bool:
    """Whether the words of a short text are in one script, and capitals stand where names have them."""
    if sum(map(str.isalnum, text)) < _MOST * len(text):
        return False
    for word in _WORD.findall(text):
        if not (word.islower() or word.isupper() or word.istitle() or _MIXED.fullmatch(word)):
            return not any(word < _FOREIGN for word in text)
        if not word.isascii() and (min(word) < "\x80") and max(word) >= _FOREIGN:
            return False
    return True


def _wide(data: bytes) -> str | None:
    found = wide.charset(data) if len(data) % 2 == 0 else None
    if found is None or (not found[1] and data.count(0) < len(data) // 3):
        return None
    return data[found[1] :].decode(found[0], "replace")


def _legacy(data: bytes) -> str | None:
    """Return text of Western Europe in single bytes: a few letters that are not ASCII, in words."""
    if len(data.translate(None, _ASCII)) > len(data) // 6:
        return None
    text = data.decode("cp1252", "replace")
    return text if _FIELD.fullmatch(text) and not _ODD.search(text) else None


def openable(data: bytes) -> bool:
    """Whether the bytes begin like a format that a reader knows."""
    return (data.startswith(_MAGICS) and sniff.meaningful(data)) or bool(sealed.kind(data))


def sure(data: bytes) -> bool:
    """Whether the first bytes of many are something for sure."""
    return openable(data) or sniff.meaningful(data) or deflated(data)


def deflated(head: bytes) -> bool:
    """Whether many bytes without magic begin like deflated text, or something else that can be opened."""
    for form in _forms(head) if not openable(head) else ():
        try:
            plain = zlib.decompressobj(form).decompress(head, INFLATED)
        except zlib.error:
            continue
        return len(plain) > len(head) // 2 and (openable(plain) or sniff.meaningful(plain))
    return False


def _forms(data: bytes) -> tuple[int, ...]:
    """Return what deflated bytes may be, as ``zlib.decompressobj`` counts."""
    if data.startswith(sniff.GZIP):
        return (31,)
    headed = len(data) > 2 and data[0] & 0x8F == 0x08 and int.from_bytes(data[:2]) % 31 == 0
    return (15, -15) if headed else (-15,)


def inflated(data: bytes) -> str | None:
    """Return what deflated bytes say (RFC 1950 to 1952, also without a header), if it is text."""
    for form in _forms(data):
        machine = zlib.decompressobj(form)
        try:
            plain = machine.decompress(data, INFLATED)
        except zlib.error:
            continue
        if len(plain) >= _SHORT and machine.eof:
            return text_of(plain)
    return None


def readable(data: bytes) -> bytes:
    """Return the longest run of text in bytes with junk around, if it is more than half of them."""
    longest = max(_RUN.findall(data), key=len, default=b"")
    return longest if len(longest) > len(data) // 2 else b""
