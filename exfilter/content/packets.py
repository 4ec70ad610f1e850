"""OpenPGP packets (RFC 9580, section 4): their headers, and what begins with one for sure.

Nothing but the structure says that bytes are OpenPGP, and short random bytes are everywhere (tokens,
digests). So the first packet has to make sense in several ways.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

SESSION_KEY, SIGNATURE, PASSWORD_KEY, ONE_PASS, SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY = range(1, 8)
COMPRESSED, OLD_SEALED, MARKER, LITERAL, TRUST, USER = range(8, 14)
SUBKEY, ATTRIBUTE, SEALED, AEAD, PADDING = 14, 17, 18, 20, 21
ENCRYPTED = frozenset({SESSION_KEY, PASSWORD_KEY, OLD_SEALED, SEALED, AEAD})
"""What is encrypted, and what stands in front of it to say for whom."""
_LEADING = frozenset({SESSION_KEY, PASSWORD_KEY, MARKER})
"""What makes no message by itself."""
_FOLLOWING = _LEADING | ENCRYPTED | {SIGNATURE, ONE_PASS, LITERAL, COMPRESSED}
_KEYS = frozenset({SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY, SUBKEY})
_KNOWN = frozenset({*range(1, 15), *range(17, 22)})
_MANY = 1000
"""Packets that are looked at."""
_INDEFINITE = 3
_ALGORITHMS = frozenset({1, 2, 3, 16, 17, 18, 19, 22, 25, 26, 27, 28})
"""Of public keys (RFC 9580, section 9.1)."""
_ALGORITHM = frozenset(bytes([number]) for number in _ALGORITHMS)
_WAYS = frozenset({0, 1, 3, 4})
"""To make a key of a password (section 3.7.1)."""
_SIGNATURES = frozenset({0, 1, 2, *range(0x10, 0x14), 0x18, 0x19, 0x1F, 0x20, 0x28, 0x30, 0x40, 0x50})
_CIPHERS, _MODES, _HASHES = range(1, 14), range(1, 4), range(1, 15)
_CODERS = frozenset({b"\x01", b"\x02", b"\x03"})
_PLAIN = 512
"""Bytes of compressed packets that are looked at."""
_BITS = range(512, 16385)
"""Of the first number of a key."""
_NUMBERED = frozenset({1, 2, 3, 16, 17})
"""Algorithms whose keys begin with a number."""
_YEARS = range(0x2A00_0000, 0x8000_0000)
"""Seconds of 1992 to 2038: when a key was made."""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands in front of the body of a packet."""

    tag: int
    body: int
    """Where the body begins."""
    size: int
    """Bytes of the body or of its first piece; -1: all that is left."""
    partial: bool
    """Another piece follows."""


def header(data: bytes, at: int = 0) -> Header | None:
    """Return the header at a place, or None where there is none that is whole."""
    first = data[at : at + 1]
    if not first or first[0] < 0x80:
        return None
    if first[0] & 0x40:
        found = length(data, at + 1)
        return None if found is None else Header(first[0] & 0x3F, *found)
    width = first[0] & 3
    tag, body = first[0] >> 2 & 0x0F, at + 1 + (1 << width)
    if width == _INDEFINITE:
        return Header(tag, at + 1, -1, partial=False)
    if len(data) < body:
        return None
    return Header(tag, body, int.from_bytes(data[at + 1 : body]), partial=False)


def length(data: bytes, at: int) -> tuple[int, int, bool] | None:
    """Return where a body or a piece of it begins, its size, and whether another piece follows."""
    octets = data[at : at + 5]
    if not octets:
        return None
    if octets[0] < 192:
        return at + 1, octets[0], False
    if octets[0] < 224:
        return (at + 2, (octets[0] - 192 << 8) + octets[1] + 192, False) if len(octets) > 1 else None
    if octets[0] < 255:
        return at + 1, 1 << (octets[0] & 0x1F), True
    return (at + 5, int.from_bytes(octets[1:]), False) if len(octets) == 5 else None


def begins(head: bytes, whole: bool) -> bool:  # noqa: FBT001
    """Whether bytes begin with OpenPGP packets. `whole`: there is nothing behind `head`."""
    first = header(head)
    if first is None or first.tag not in _KNOWN:
        return False
    end = first.body + first.size if first.size >= 0 else len(head)
    body = head[first.body : end]
    if first.tag in _LEADING:
        following = header(head, end) if not first.partial else None
        return following is not None and following.tag in _FOLLOWING and _is_leading(first.tag, body)
    if first.size < 0 and first.tag != COMPRESSED:
        return False
    return _is_message(first.tag, body) and (not whole or _ends(head, first))


def _ends(data: bytes, first: Header) -> bool:
    """Whether packets, as far as they say their lengths, end where the data ends."""
    found: Header | None = first
    for _ in range(_MANY):
        if found is None or found.tag not in _KNOWN:
            return False
        end = found.body + found.size if found.size >= 0 else len(data)
        if end == len(data) or (found.partial and end < len(data)):
            return True
        found = header(data, end)
    return True


def _is_leading(tag: int, body: bytes) -> bool:
    if tag == MARKER:
        return body == b"PGP"
    if tag == SESSION_KEY:
        fits = len(body) > 20 and body[1] in (0, 21, 33) if body[:1] == b"\x06" else body[9:10] in _ALGORITHM
        return len(body) > 20 and body[0] in (2, 3, 6) and fits
    if not 3 < len(body) < 200:
        return False
    if body[0] == 6:
        return body[2] in _CIPHERS and body[3] in _MODES
    return (
        body[0] in (4, 5)
        and body[1] in _CIPHERS
        and (body[2] in _MODES if body[0] == 5 else body[2] in _WAYS)
    )


def _is_message(tag: int, body: bytes) -> bool:
    """Whether the body of a packet is one of its kind."""
    return len(body) >= 8 and tag in _KINDS and _KINDS[tag](body)


def _is_key(body: bytes) -> bool:
    place = 5 if body[0] > 3 else 7
    bits = int.from_bytes(body[place + 1 : place + 3])
    known = body[0] in (3, 4, 5, 6) and body[place] in _ALGORITHMS
    return (
        known
        and int.from_bytes(body[1:5]) in _YEARS
        and (body[0] > 4 or body[place] not in _NUMBERED or bits in _BITS)
    )


def _is_signature(body: bytes) -> bool:
    fits = body[1] in _SIGNATURES and body[2] in _ALGORITHMS and body[3] in _HASHES
    return body[0] in (4, 5, 6) and fits


def _is_one_pass(body: bytes) -> bool:
    return body[0] in (3, 6) and body[1] in _SIGNATURES and body[2] in _HASHES and body[3] in _ALGORITHMS


def _is_sealed(body: bytes) -> bool:
    return body[0] == 1 or (body[0] == 2 and body[1] in _CIPHERS and body[2] in _MODES)


def _is_literal(body: bytes) -> bool:
    end = 2 + body[1]
    date = body[end : end + 4]
    name = body[2:end].decode("utf-8", "replace")
    return body[0] in b"btum" and len(date) == 4 and _is_date(date) and name.isprintable()


def _is_date(seconds: bytes) -> bool:
    return int.from_bytes(seconds) in _YEARS or not any(seconds)


def _holds_packets(body: bytes) -> bool:
    """Whether compressed data begins with a packet. Of bzip2 its own magic is enough."""
    algorithm, plain = body[0], body[1:]
    if algorithm == 3:
        return plain.startswith(b"BZh")
    if algorithm:
        try:
            plain = zlib.decompressobj(-15 if algorithm == 1 else 15).decompress(plain, _PLAIN)
        except zlib.error:
            return False
    first = header(plain)
    again = first is not None and first.tag == COMPRESSED and plain[first.body : first.body + 1] in _CODERS
    return algorithm < 3 and (again or begins(plain[:_PLAIN], whole=False))


_KINDS: dict[int, Callable[[bytes], bool]] = {
    **dict.fromkeys(_KEYS, _is_key),
    SIGNATURE: _is_signature,
    ONE_PASS: _is_one_pass,
    SEALED: _is_sealed,
    AEAD: lambda body: body[0] == 1 and body[1] in _CIPHERS and body[2] in _MODES,
    LITERAL: _is_literal,
    COMPRESSED: _holds_packets,
}
