"""Rows of the page: columns with words in dictionaries, deflated, as text that no browser interprets.

A chunk knows nothing of those before it, so that memory is bounded whatever the names are.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from exfilter.bulk.finished import Ranked

ROWS = 10_000
"""Of a chunk."""
TEXT = 4 << 20
"""Characters of names from which on a chunk is full."""
WORDS = ("prefix", "owner", "type", "rule", "unread")
"""Columns of which each word stands once in a chunk."""
PLAIN = ("name", "size", "customers", "held")
LEVEL = 6


@dataclass(slots=True)
class Chunk:
    """Some rows, as columns."""

    rows: int = 0
    text: int = 0
    _words: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {} for name in WORDS})
    _columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in WORDS + PLAIN})
    _copies: list[tuple[int, str]] = field(default_factory=list)

    def add(self, row: Ranked) -> None:
        """Take the next row."""
        for name, words in self._words.items():
            self._columns[name].append(words.setdefault(getattr(row, name), len(words)))
        for name in PLAIN:
            self._columns[name].append(getattr(row, name))
        if row.copy_of:
            self._copies.append((self.rows, row.copy_of))
        self.rows += 1
        self.text += len(row.prefix) + len(row.name) + len(row.copy_of)

    def packed(self) -> str:
        """Return it in letters, digits, ``+``, ``/`` and ``=``."""
        words = {name: list(words) for name, words in self._words.items()}
        told = {"words": words, **self._columns, "copies": self._copies}
        return base64.b64encode(
            zlib.compress(json.dumps(told, separators=(",", ":")).encode(), LEVEL)
        ).decode()


def chunks(rows: Iterable[Ranked]) -> Iterator[Chunk]:
    """Yield the rows in chunks of bounded size."""
    chunk = Chunk()
    for row in rows:
        chunk.add(row)
        if chunk.rows >= ROWS or chunk.text >= TEXT:
            yield chunk
            chunk = Chunk()
    if chunk.rows:
        yield chunk


def unpacked(packed: str) -> list[Ranked]:
    """Return the rows of a chunk: what the script does, for the tests."""
    told = json.loads(zlib.decompress(base64.b64decode(packed)))
    copies = dict(told["copies"])
    columns = {name: [told["words"][name][each] for each in told[name]] for name in WORDS}
    columns |= {name: told[name] for name in PLAIN}
    rows = range(len(told["name"]))
    return [
        Ranked(**{name: column[row] for name, column in columns.items()}, copy_of=copies.get(row, ""))
        for row in rows
    ]
