"""Customer ids, encrypted in blocks: the index holds no plaintext, and an id costs one block.

AES-SIV (RFC 5297) with the number of the block as associated data: deterministic, so that the
same table gives the same index, and a block does not open in another one's place.
"""

from __future__ import annotations

import functools
from itertools import batched
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from numpy.typing import NDArray

from exfilter.index.keys import CUSTOMER_IDS, SHAPES, IndexKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from exfilter.model import Int64Array

BLOCK = 4096
"""Ids of one block."""
CACHED = 64
"""Blocks that are kept open."""
CIPHER_KEY = 64

Bytes = NDArray[np.uint8]


class AlteredError(ValueError):
    """What was sealed does not open."""


def seal(ids: Iterable[str], key: IndexKey) -> tuple[Bytes, Int64Array]:
    """Return the blocks one after another, and where each begins and the last ends."""
    cipher = AESSIV(key.subkey(CUSTOMER_IDS, CIPHER_KEY))
    blocks = bytearray()
    starts = [0]
    for number, block in enumerate(batched(ids, BLOCK)):
        blocks += cipher.encrypt(msgspec.msgpack.encode(block), [str(number).encode()])
        starts.append(len(blocks))
    return np.frombuffer(bytes(blocks), dtype=np.uint8), np.array(starts, dtype=np.int64)


class SealedIds:
    """Customer ids by ordinal."""

    def __init__(self, blocks: Bytes, starts: Int64Array, key: IndexKey) -> None:
        """``blocks``, ``starts``: as ``seal`` returns them."""
        self._blocks, self._starts = blocks, starts
        self._cipher = AESSIV(key.subkey(CUSTOMER_IDS, CIPHER_KEY))
        self._block = functools.lru_cache(maxsize=CACHED)(self._open)

    def ids(self, ordinals: Int64Array) -> list[str]:
        """Return the id of each ordinal. Raises IndexError for one that there is not."""
        order = np.argsort(ordinals, kind="stable")
        if len(order) and ordinals[order[0]] < 0:
            msg = "an ordinal is not negative"
            raise IndexError(msg)
        found = [""] * len(order)
        for place in order.tolist():
            number, within = divmod(int(ordinals[place]), BLOCK)
            found[place] = self._block(number)[within]
        return found

    def __iter__(self) -> Iterator[str]:
        """Yield all ids by ascending ordinal."""
        for number in range(len(self._starts) - 1):
            yield from self._open(number)

    def _open(self, number: int) -> Sequence[str]:
        if number + 1 >= len(self._starts):
            msg = "no customer has this ordinal"
            raise IndexError(msg)
        block = self._blocks[self._starts[number] : self._starts[number + 1]].tobytes()
        try:
            plain = self._cipher.decrypt(block, [str(number).encode()])
        except InvalidTag:
            msg = "a block of customer ids does not open: the index is altered"
            raise AlteredError(msg) from None
        return msgspec.msgpack.decode(plain, type=tuple[str, ...])


def seal_shapes(plain: bytes, key: IndexKey) -> bytes:
    """Seal the shapes: the prefix of a ticket number may be a word from the table."""
    return AESSIV(key.subkey(SHAPES, CIPHER_KEY)).encrypt(plain, [])


def open_shapes(sealed: bytes, key: IndexKey) -> bytes:
    """Return what ``seal_shapes`` was given. Raises AlteredError."""
    try:
        return AESSIV(key.subkey(SHAPES, CIPHER_KEY)).decrypt(sealed, [])
    except InvalidTag:
        msg = "the shapes do not open: the manifest is altered"
        raise AlteredError(msg) from None
