"""Keys of all rows as flat arrays of tags: hashed in batches, so that a table of millions fits."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors import Key, lead
from exfilter.index.keys import CUSTOMER_TAG, NAME_TOKEN, TAGS, IndexKey
from exfilter.kernel.siphash import siphash24
from exfilter.model import Int64Array, Kind, Uint64Array

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from exfilter.index.cells import Name

BATCH = 1 << 16
"""Keys that are hashed together."""


@dataclass(frozen=True, slots=True)
class Keys:
    """One entry a key of a row. Arrays of one length."""

    tag: Uint64Array
    row: Int64Array
    shape: NDArray[np.uint16]
    """Number within ``shapes``."""
    lead: NDArray[np.uint16]
    block: Int64Array
    """Equal for keys that differ in their last two characters only."""
    shapes: tuple[tuple[Kind, str], ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """One entry a name of a row. Arrays of one length."""

    first: Uint64Array
    """Hash of the first name's token; where the name is one word, that of the word."""
    last: Uint64Array
    tag: Uint64Array
    """Of the pair. Names of one word: 0."""
    row: Int64Array
    single: NDArray[np.bool_]


class Hasher:
    """Collects short messages and hashes them a batch at a time."""

    def __init__(self, key: bytes) -> None:
        """``key``: 16 bytes."""
        self._key = key
        self._waiting: list[bytes] = []
        self._done: list[Uint64Array] = []

    def add(self, message: bytes) -> None:
        """Take one message."""
        self._waiting.append(message)
        if len(self._waiting) >= BATCH:
            self._flush()

    def tags(self) -> Uint64Array:
        """Return the tags of all messages, in the order in which they came."""
        self._flush()
        return np.concatenate(self._done) if self._done else np.empty(0, dtype=np.uint64)

    def _flush(self) -> None:
        if self._waiting:
            self._done.append(siphash24(self._key, self._waiting))
            self._waiting = []


class Collector:
    """What the rows of a table hold, as tags."""

    def __init__(self, key: IndexKey) -> None:
        """``key``: gives the sub-keys of the tags."""
        self._hashers = {kind: Hasher(key.subkey(purpose)) for kind, purpose in TAGS.items()}
        self._rows = {kind: array("q") for kind in Kind}
        self._shapes = {kind: array("H") for kind in Kind}
        self._leads = {kind: array("H") for kind in Kind}
        self._blocks = {kind: array("q") for kind in Kind}
        self._numbers: dict[tuple[Kind, str], int] = {}
        token_key = key.subkey(NAME_TOKEN)
        self._first, self._last = Hasher(token_key), Hasher(token_key)
        self._name_place, self._name_row, self._single = array("q"), array("q"), array("b")
        self._customers = Hasher(key.subkey(CUSTOMER_TAG))

    def add(self, row: int, keys: Iterable[Key]) -> None:
        """Take the keys of a row."""
        for key in keys:
            kind = key.kind
            self._hashers[kind].add(key.canonical)
            self._rows[kind].append(row)
            number = self._numbers.setdefault((kind, key.shape), len(self._numbers))
            self._shapes[kind].append(number)
            self._leads[kind].append(lead(key.canonical))
            self._blocks[kind].append(hash(key.canonical[:-2]))

    def add_name(self, row: int, name: Name, *, single: bool) -> None:
        """Take a name that gives the bitmap its tokens. ``single``: it is one word."""
        self._name_place.append(-1 if single else len(self._rows[Kind.NAME]))
        self._name_row.append(row)
        self._single.append(single)
        self._first.add((name.first or name.last).encode())
        self._last.add((name.last or name.first).encode())
        self.add(row, name.keys)

    def add_customer(self, identity: bytes) -> None:
        """Take what tells the customer of the next row: rows with the same are one customer."""
        self._customers.add(identity)

    def customers(self) -> Uint64Array:
        """Return a tag for each row."""
        return self._customers.tags()

    def keys(self) -> tuple[Keys, Tokens]:
        """Return everything."""
        tags = {kind: hasher.tags() for kind, hasher in self._hashers.items()}
        place = np.array(self._name_place, dtype=np.int64)
        single = np.array(self._single, dtype=np.bool_)
        pair = np.zeros(len(place), dtype=np.uint64)
        pair[~single] = tags[Kind.NAME][place[~single]]
        tokens = Tokens(
            self._first.tags(), self._last.tags(), pair, np.array(self._name_row, dtype=np.int64), single
        )
        found = Keys(
            np.concatenate([tags[kind] for kind in Kind]),
            np.concatenate([np.array(self._rows[kind], dtype=np.int64) for kind in Kind]),
            np.concatenate([np.array(self._shapes[kind], dtype=np.uint16) for kind in Kind]),
            np.concatenate([np.array(self._leads[kind], dtype=np.uint16) for kind in Kind]),
            np.concatenate([np.array(self._blocks[kind], dtype=np.int64) for kind in Kind]),
            tuple(self._numbers),
        )
        return found, tokens
