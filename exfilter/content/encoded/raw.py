"""Bytes that stand in a text as characters, one for each: what escapes stood for, or a string of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exfilter.content.encoded.meaning import deflated, openable

_MAGIC = re.compile(
    "\x1f\x8b\x08|PK\x03\x04|BZh[1-9]1AY&SY|\xfd7zXZ\x00|\\(\xb5/\xfd|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07"
    "|\xd0\xcf\x11\xe0\xa1\xb1|SQLite format 3\x00|%PDF-1|x[\x01\x5e\x9c\xda]"
)
_SIGNS = "\x00\x01\x9c\xda"
_BYTES = re.compile("[\x00-\xff]+")
_HEAD = 1 << 12
_TRIES = 1000
"""Beginnings that are looked at in a text and are none."""


def contents(text: str) -> Iterator[bytes | None]:
    """Yield the archives and compressed bytes in a text; None where there were too many beginnings.

    They have one of some characters that hardly any text has: a zero, or the second byte of zlib.
    """
    at = tries = 0
    odd = any(map(text.__contains__, _SIGNS))
    while odd and (begin := _MAGIC.search(text, at)):
        start = begin.start()
        head = _bytes(text, start, start + _HEAD)
        at = begin.end()
        if openable(head) or deflated(head):
            data = _bytes(text, start, len(text))
            at = start + len(data)
            yield data
        elif (tries := tries + 1) > _TRIES:
            yield None
            return


def _bytes(text: str, start: int, stop: int) -> bytes:
    found = _BYTES.match(text, start, stop)
    # Of Python's literals this escape is left.
    return found[0].replace("\\'", "'").encode("latin-1") if found else b""
