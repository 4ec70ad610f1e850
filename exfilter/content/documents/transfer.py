"""Base64 as mail programs read it: what is no letter of it is skipped, and padding does not end it."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_STANDARD = bytes.maketrans(b"-_", b"+/")
_NO_LETTER = bytes(set(range(256)) - set(_LETTERS + b"-_="))
_SPACE = b" \t\r\n"
_SAMPLE = 1 << 12
_LINES = 100


def is_base64(sample: bytes) -> bool:
    """Whether the beginning of some bytes is base64, with few other characters in between."""
    letters = sample[:_SAMPLE].translate(None, _SPACE)
    return len(letters.translate(None, _NO_LETTER)) >= 0.9 * len(letters) > 0


def is_regular(sample: bytes) -> bool:
    """Whether lines are as programs write base64: equally long and without blanks. Else it may be words."""
    lines = sample.replace(b"\r", b"").rstrip(b"\n").split(b"\n")[:_LINES]
    return b" " not in sample and len({len(line) for line in lines[:-1]}) < 2


def base64(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what letters of base64 stand for (RFC 2045, section 6.8, and the alphabet for URLs)."""
    carry = b""
    for chunk in chunks:
        *ended, going = (carry + chunk.translate(_STANDARD, _NO_LETTER)).split(b"=")
        yield b"".join(map(_quads, ended))
        cut = len(going) // 4 * 4
        yield binascii.a2b_base64(going[:cut])
        carry = going[cut:]
    yield _quads(carry)


def _quads(letters: bytes) -> bytes:
    """Return the bytes of letters that end here. One letter too many says nothing."""
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
