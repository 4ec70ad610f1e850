"""Keys of rows that Python has read, as the records that the native reader makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from exfilter.index.codes import HAS_KEY, HAS_MONO, HAS_NAME, ROW_BITS, Shapes, block_hash
from exfilter.kernel.siphash import siphash24
from exfilter.model import Kind, Uint64Array

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from detectors import Key
    from exfilter.index.cells import Name


class Records(NamedTuple):
    """What rows hold. Rows are numbered within their block."""

    keys: Uint64Array
    """[n, 2]: tag; row above the code."""
    names: Uint64Array
    """[n, 4]: hashes of the first and the last token; tag of the pair, 0 for a name of one word; twice the
    row, and one more for a name of one word."""
    samples: Uint64Array
    """[n, 3], of numbers: hash of the block, tag, code."""


class Gatherer:
    """What some rows hold, until it is asked for."""

    def __init__(self, keys: Mapping[str, bytes], shapes: Shapes) -> None:
        """``keys``: SipHash keys, as ``codes.tag_keys`` gives them."""
        self._keys, self._shapes = keys, shapes
        self._secret = int.from_bytes(keys["sample"][:8], "little")
        self.sampled = 0
        """Bits of a block's hash that must be zero."""
        self._start()

    def _start(self) -> None:
        self._found: dict[Kind, list[tuple[bytes, int, int]]] = {kind: [] for kind in Kind}
        self._names: list[tuple[bytes, bytes, int, int]] = []
        self.flags: dict[int, int] = {}
        """By row."""

    def add(self, row: int, keys: Iterable[Key]) -> None:
        """Take the keys of a row."""
        for key in keys:
            self._found[key.kind].append((key.canonical, row, self._shapes.code(key)))
            shape = self._shapes.number[key.kind, key.shape]
            flag = {self._shapes.pair: HAS_NAME, self._shapes.mono: HAS_MONO}.get(shape, 0)
            self.flags[row] = self.flags.get(row, 0) | HAS_KEY | flag

    def add_name(self, row: int, name: Name) -> None:
        """Take a name that gives the bitmap its tokens."""
        place = -1 if name.single else len(self._found[Kind.NAME])
        first, last = name.first or name.last, name.last or name.first
        self._names.append((first.encode(), last.encode(), place, row << 1 | name.single))
        self.add(row, name.keys)

    def take(self) -> Records:
        """Return everything, and start anew."""
        tags = {kind: self._tags(kind.name.lower(), [it[0] for it in self._found[kind]]) for kind in Kind}
        keys, samples = [np.empty((0, 2), np.uint64)], [np.empty((0, 3), np.uint64)]
        for kind, found in self._found.items():
            seconds = [row << ROW_BITS | code for _, row, code in found]
            keys.append(np.stack((tags[kind], np.array(seconds, dtype=np.uint64)), axis=1))
            if kind in (Kind.PHONE, Kind.TICKET):
                samples.append(self._samples(found, tags[kind]))
        names = self._pairs(tags[Kind.NAME])
        self._start()
        return Records(np.concatenate(keys), names, np.concatenate(samples))

    def _tags(self, purpose: str, messages: Sequence[bytes]) -> Uint64Array:
        return siphash24(self._keys[purpose], messages)

    def _samples(self, found: Sequence[tuple[bytes, int, int]], tags: Uint64Array) -> Uint64Array:
        chosen = []
        for (canonical, _, code), tag in zip(found, tags.tolist(), strict=True):
            shape = self._shapes.of_code(code)
            if self._shapes.by_lead(shape):
                block = block_hash(canonical, shape, self._secret)
                if block >> 64 - self.sampled == 0:
                    chosen.append((block, tag, code))
        return np.array(chosen, dtype=np.uint64).reshape(-1, 3)

    def _pairs(self, tags: Uint64Array) -> Uint64Array:
        first = self._tags("token", [name[0] for name in self._names])
        last = self._tags("token", [name[1] for name in self._names])
        place = np.array([name[2] for name in self._names], dtype=np.int64)
        pair = np.zeros(len(place), dtype=np.uint64)
        pair[place >= 0] = tags[place[place >= 0]]
        return np.stack((first, last, pair, np.array([name[3] for name in self._names], np.uint64)), axis=1)
