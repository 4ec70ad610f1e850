"""SipHash-2-4 (Aumasson and Bernstein, 2012), 64 bits, over many short messages at once in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exfilter.model import Uint64Array

KEY_BYTES = 16
_BLOCK = 8


def siphash24(key: bytes, messages: Sequence[bytes]) -> Uint64Array:
    """Return the tag of each message. Raises ValueError for a key that is not 16 bytes."""
    if len(key) != KEY_BYTES:
        msg = "a SipHash key has 16 bytes"
        raise ValueError(msg)
    tags = np.empty(len(messages), dtype=np.uint64)
    lengths = np.fromiter(map(len, messages), dtype=np.int64, count=len(messages))
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        tags[rows] = _same_length(key, [messages[row] for row in rows.tolist()], int(length))
    return tags


def _same_length(key: bytes, messages: list[bytes], length: int) -> Uint64Array:
    blocks = length // _BLOCK + 1
    padded = np.zeros((len(messages), blocks * _BLOCK), dtype=np.uint8)
    if length:
        padded[:, :length] = np.frombuffer(b"".join(messages), dtype=np.uint8).reshape(-1, length)
    padded[:, -1] = length & 0xFF
    words = padded.view("<u8")
    k0, k1 = np.frombuffer(key, dtype="<u8")
    v = [
        np.full(len(messages), initial ^ half, dtype=np.uint64)
        for initial, half in (
            (np.uint64(0x736F6D6570736575), k0),
            (np.uint64(0x646F72616E646F6D), k1),
            (np.uint64(0x6C7967656E657261), k0),
            (np.uint64(0x7465646279746573), k1),
        )
    ]
    for column in range(blocks):
        word = words[:, column]
        v[3] ^= word
        _round(v)
        _round(v)
        v[0] ^= word
    v[2] ^= np.uint64(0xFF)
    for _ in range(4):
        _round(v)
    result: Uint64Array = v[0] ^ v[1] ^ v[2] ^ v[3]
    return result


def _rotate(word: Uint64Array, bits: int) -> Uint64Array:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


def _round(v: list[Uint64Array]) -> None:
    v[0] += v[1]
    v[1] = _rotate(v[1], 13) ^ v[0]
    v[0] = _rotate(v[0], 32)
    v[2] += v[3]
    v[3] = _rotate(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = _rotate(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = _rotate(v[1], 17) ^ v[2]
    v[2] = _rotate(v[2], 32)
