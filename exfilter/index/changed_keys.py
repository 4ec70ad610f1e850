"""Keys of a few rows as flat arrays of tags, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors import Key, lead
from exfilter.index.keys import CUSTOMER_TAG, NAME_TOKEN, TAGS, IndexKey
from exfilter.kernel.siphash import siphash24
from exfilter.model import Int64Array, Kind, Uint64Array

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from exfilter.index.cells import Name

BATCH = 1 << 16
"""Keys that are hashed together."""
_NUMBERS = 4


@dataclass(frozen=True, slots=True)
class Keys:
    """One entry a key of a row. Arrays of one length."""

    tag: Uint64Array
    row: Int64Array
    shape: Int64Array
    """Number within ``shapes``."""
    lead: Int64Array
    block: Int64Array
    """Equal for keys that differ in their last two characters only."""
    shapes: tuple[tuple[Kind, str], ...]

    def of_shape(self, kind: Kind, name: str) -> NDArray[np.bool_]:
        """Return which keys have a shape."""
        wanted = self.shapes.index((kind, name)) if (kind, name) in self.shapes else -1
        chosen: NDArray[np.bool_] = self.shape == wanted
        return chosen


@dataclass(frozen=True, slots=True)
class Tokens:
    """One entry a name of a row. Arrays of one length."""

    first: Uint64Array
    """Hash of the first name's token; where the name is one word, that of the word."""
    last: Uint64Array
    tag: Uint64Array
    """Of the name."""
    single: NDArray[np.bool_]


class Gatherer:
    """What rows hold, as tags: hashed in batches, so that their text is not kept."""

    def __init__(self, key: IndexKey) -> None:
        """``key``: gives the sub-keys of the tags."""
        self._kinds = {kind: key.subkey(purpose) for kind, purpose in TAGS.items()}
        self._token, self._customer = key.subkey(NAME_TOKEN), key.subkey(CUSTOMER_TAG)
        self._shapes: dict[tuple[Kind, str], int] = {}
        self._waiting: list[tuple[Key, int]] = []
        self._names: list[tuple[bytes, bytes, Key, bool]] = []
        self._tags: list[Uint64Array] = []
        self._numbers: list[Int64Array] = []
        self._tokens: list[tuple[Uint64Array, Uint64Array, Uint64Array, NDArray[np.bool_]]] = []

    def add(self, row: int, keys: Iterable[Key]) -> None:
        """Take the keys of a row."""
        self._waiting += [(key, row) for key in keys]
        if len(self._waiting) >= BATCH:
            self._flush()

    def add_name(self, row: int, name: Name) -> None:
        """Take a name that gives the bitmap its tokens."""
        first, last = (name.first or name.last).encode(), (name.last or name.first).encode()
        self._names.append((first, last, name.keys[0], name.single))
        self.add(row, name.keys)

    def customers(self, ids: Sequence[str]) -> Uint64Array:
        """Return the tags of customers."""
        return siphash24(self._customer, [identity.encode() for identity in ids])

    def take(self) -> tuple[Keys, Tokens]:
        """Return everything."""
        self._flush()
        numbers = np.concatenate(self._numbers)
        firsts, lasts, tags, singles = zip(*self._tokens, strict=True)
        tokens = Tokens(*map(np.concatenate, (firsts, lasts, tags, singles)))
        row, shape, leads, block = numbers.T
        return Keys(np.concatenate(self._tags), row, shape, leads, block, tuple(self._shapes)), tokens

    def _flush(self) -> None:
        """Hash what waits."""
        self._tags.append(self._hashed([key for key, _ in self._waiting]))
        rows = [
            (row, self._number(key), lead(key.canonical), hash(key.canonical[:-2]))
            for key, row in self._waiting
        ]
        self._numbers.append(np.array(rows, dtype=np.int64).reshape(-1, _NUMBERS))
        firsts = siphash24(self._token, [first for first, _, _, _ in self._names])
        lasts = siphash24(self._token, [last for _, last, _, _ in self._names])
        tags = self._hashed([key for _, _, key, _ in self._names])
        singles = np.array([single for _, _, _, single in self._names], dtype=np.bool_)
        self._tokens.append((firsts, lasts, tags, singles))
        self._waiting, self._names = [], []

    def _number(self, key: Key) -> int:
        return self._shapes.setdefault((key.kind, key.shape), len(self._shapes))

    def _hashed(self, keys: Sequence[Key]) -> Uint64Array:
        tags = np.empty(len(keys), dtype=np.uint64)
        kinds = np.array([key.kind for key in keys], dtype=np.int64)
        for kind, secret in self._kinds.items():
            places = np.flatnonzero(kinds == kind)
            tags[places] = siphash24(secret, [keys[place].canonical for place in places.tolist()])
        return tags
