"""Answers of a directory in a file, for all processes: a worker that has just been forked knows them too.

Names of people of the company and of their groups; no customer.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT = 1.0
"""Seconds for another process that writes."""
PAUSED = ""
"""In the place of an actor: until when nobody asks the directory."""


class Kept:
    """Answers by actor, with when they were given (seconds since the epoch).

    Where the file cannot be used nothing is known of the past, which is what there is without it.
    """

    def __init__(self, file: Path) -> None:
        """Name the file; it is made, with mode 0600, when the first answer comes."""
        self._file = file

    def answer(self, actor: str) -> tuple[frozenset[str], float] | None:
        """Return what was said last of an actor. None: nothing that is known."""
        with contextlib.suppress(sqlite3.Error, OSError, ValueError), self._opened() as database:
            row = database.execute("SELECT groups, at FROM answers WHERE actor = ?", (actor,)).fetchone()
            return (frozenset(json.loads(row[0])), float(row[1])) if row else None
        return None

    def answers(self) -> dict[str, frozenset[str]]:
        """Return what was said last of each actor."""
        with contextlib.suppress(sqlite3.Error, OSError, ValueError), self._opened() as database:
            rows = database.execute("SELECT actor, groups FROM answers WHERE actor <> ?", (PAUSED,))
            return {actor: frozenset(json.loads(groups)) for actor, groups in rows}
        return {}

    def keep(self, actor: str, groups: frozenset[str], at: float) -> None:
        """Keep an answer."""
        with contextlib.suppress(sqlite3.Error, OSError), self._opened() as database:
            row = (actor, json.dumps(sorted(groups)), at)
            database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", row)

    def paused_until(self) -> float:
        """Return until when nobody asks."""
        found = self.answer(PAUSED)
        return found[1] if found else 0.0

    def pause(self, until: float) -> None:
        """Have nobody ask for some time."""
        self.keep(PAUSED, frozenset(), until)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        database = sqlite3.connect(self._file, timeout=WAIT)
        try:
            with database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS answers (actor TEXT PRIMARY KEY, groups TEXT, at REAL)"
                )
                yield database
        finally:
            database.close()
