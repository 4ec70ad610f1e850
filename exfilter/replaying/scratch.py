"""A ledger that is thrown away, or kept beside a replay that is to go on: written in batches.

All that is decided of a batch, and how far the captures were read, is on the disk together or not at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.index import keys
from exfilter.ledger import Ledger
from exfilter.ledger.days import Calendar
from exfilter.ledger.tables import SCHEMA, metadata
from exfilter.settings import Settings


class Scratch(Database):
    """One transaction that lasts until it is committed; those of the ledger are parts of it."""

    def __init__(self, file: Path) -> None:
        """Open the file, or make it. Raises OSError or ValueError."""
        self._held: sa.Connection | None = None
        super().__init__(file, metadata, SCHEMA)
        self.is_batched = True

    is_batched = False

    @contextlib.contextmanager
    def transaction(self, *, writes: bool = False, names: Iterable[str] = ()) -> Iterator[sa.Connection]:
        """Run a part of the batch: undone by itself where it raises."""
        if not self.is_batched:
            with super().transaction(writes=writes, names=names) as connection:
                yield connection
            return
        with self._translated():
            connection = self._connection()
            if not writes:
                yield connection
                return
            with connection.begin_nested():
                yield connection

    @contextlib.contextmanager
    def step(self) -> Iterator[sa.Connection]:
        """Run a part of the batch; nobody else is kept waiting."""
        with self.transaction(writes=True) as connection:
            yield connection

    def reclaim(self) -> bool:
        """Leave it: the file goes as a whole."""
        return True

    def commit(self) -> None:
        """Have the batch on the disk."""
        held, self._held = self._held, None
        if held is not None:
            with self._translated(), contextlib.closing(held):
                held.commit()

    def close(self) -> None:
        """Close the file. What is not committed is undone."""
        held, self._held = self._held, None
        if held is not None:
            held.close()
        super().close()

    def _connection(self) -> sa.Connection:
        if self._held is None:
            self._held = self._kind.engine.connect().execution_options(writes=True)
            self._held.begin()
        return self._held


def opened(file: Path, given: Settings) -> Ledger:
    """Open a scratch ledger, or make it; actors go by their names. Raises OSError or ValueError."""
    secret = keys.load(given.index_key).subkey(keys.EXPOSURES, 32)
    return Ledger(Scratch(file), secret, Calendar.of(given.timezone))
