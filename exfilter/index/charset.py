"""One decision on the charset of a customer table: byte order mark, UTF-8, UTF-16, else a Latin one."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, NamedTuple

from exfilter.index.table import SNIFFED, opened

if TYPE_CHECKING:
    from pathlib import Path


class Charset(NamedTuple):
    """How to decode a table."""

    codec: str
    shown: str


_MARKS = (
    (codecs.BOM_UTF32_LE, Charset("utf-32", "UTF-32")),
    (codecs.BOM_UTF32_BE, Charset("utf-32", "UTF-32")),
    (codecs.BOM_UTF8, Charset("utf-8-sig", "UTF-8")),
    (codecs.BOM_UTF16_LE, Charset("utf-16", "UTF-16")),
    (codecs.BOM_UTF16_BE, Charset("utf-16", "UTF-16")),
)
_UTF8 = Charset("utf-8", "UTF-8")
_CP1252 = Charset("cp1252", "Windows-1252 (it is not UTF-8)")
_LATIN_1 = Charset("latin-1", "Latin-1 (it is not UTF-8)")
_NOT_IN_CP1252 = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))


def detect(path: Path) -> Charset:
    """Return the charset of a file. Reads all of it."""
    with opened(path) as file:
        head = file.content.read(SNIFFED)
        for mark, charset in _MARKS:
            if head.startswith(mark):
                return charset
        utf16 = _utf16(head)
        if utf16:
            return utf16
        file.content.seek(0)
        good = bad = 0
        undefined = False
        for line in file.content:
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                good += 1
            except UnicodeDecodeError:
                bad += 1
                undefined |= any(byte in line for byte in _NOT_IN_CP1252)
    # A stray byte does not make Latin-1 of a UTF-8 file: its row is left out instead.
    if bad <= good:
        return _UTF8
    return _LATIN_1 if undefined else _CP1252


def _utf16(head: bytes) -> Charset | None:
    """Recognise UTF-16 without a mark by its zero bytes: every other one in Latin text."""
    pairs = len(head) // 2
    for codec, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if pairs and zeros[:pairs].count(0) * 10 > pairs * 7 and head.count(0) * 10 < len(head) * 6:
            return Charset(codec, "UTF-16")
    return None
