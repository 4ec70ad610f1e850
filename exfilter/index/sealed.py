"""Customer ids, encrypted in blocks: the index holds no plaintext, and an id costs one block.

AES-SIV (RFC 5297) with the number of the block as associated data: deterministic, so that the
same table gives the same index, and a block does not open in another one's place.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import batched, chain, islice
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


def seal(
    ids: Iterable[str], key: IndexKey, *, label: str = "", first_block: int = 0
) -> tuple[Bytes, Int64Array]:
    """Return the blocks one after another, and where each begins and the last ends.

    ``label``: of the stretch of ids, where an index has several. ``first_block``: number of the first.
    """
    cipher = AESSIV(key.subkey(CUSTOMER_IDS, CIPHER_KEY))
    blocks = bytearray()
    starts = [0]
    for number, block in enumerate(batched(ids, BLOCK), first_block):
        blocks += cipher.encrypt(msgspec.msgpack.encode(block), [_place(label, number)])
        starts.append(len(blocks))
    return np.frombuffer(bytes(blocks), dtype=np.uint8), np.array(starts, dtype=np.int64)


def _place(label: str, block: int) -> bytes:
    return f"{label}{block}".encode()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Ids that were sealed together."""

    blocks: Bytes
    starts: Int64Array
    """Both as ``seal`` returns them."""
    count: int
    label: str = ""


class SealedIds:
    """Customer ids by ordinal: those of the first stretch, then those of the next."""

    def __init__(self, key: IndexKey, *stretches: Stretch) -> None:
        """Open nothing yet."""
        self._stretches = stretches
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
            stretch, within = self._find(int(ordinals[place]))
            number, at = divmod(within, BLOCK)
            found[place] = self._block(stretch, number)[at]
        return found

    def __iter__(self) -> Iterator[str]:
        """Yield all ids by ascending ordinal. Raises AlteredError."""
        return self.since(0)

    def since(self, ordinal: int) -> Iterator[str]:
        """Yield the ids from an ordinal on. Raises AlteredError."""
        for number, stretch in enumerate(self._stretches):
            first, skipped = divmod(ordinal, BLOCK)
            opened = (self._open(number, block) for block in range(first, len(stretch.starts) - 1))
            yield from islice(chain.from_iterable(opened), skipped, None)
            ordinal = max(0, ordinal - stretch.count)

    def _find(self, ordinal: int) -> tuple[int, int]:
        """Return the number of the stretch, and the place in it."""
        for number, stretch in enumerate(self._stretches):
            if ordinal < stretch.count:
                return number, ordinal
            ordinal -= stretch.count
        msg = "no customer has this ordinal"
        raise IndexError(msg)

    def _open(self, number: int, block: int) -> Sequence[str]:
        stretch = self._stretches[number]
        sealed = stretch.blocks[stretch.starts[block] : stretch.starts[block + 1]].tobytes()
        try:
            plain = self._cipher.decrypt(sealed, [_place(stretch.label, block)])
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
