"""A quarantine of an older exfilter becomes one of this, with all that is in it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from exfilter.quarantine import Choice, Quarantine, State
from tests.test_quarantine import upload, verdict

FIRST = """
DROP INDEX queue_by_time; DROP INDEX queue_by_state; DROP TABLE requests; DROP TABLE unread;
DROP TABLE loose;
CREATE INDEX by_time ON transfers (time); PRAGMA user_version = 1;
"""


def schema(file: Path) -> dict[str, str]:
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: re.sub(r"\s*([(),])\s*", r"\1", " ".join(text.split())).lower() for name, text in rows}


def test_the_first_schema_becomes_this_one_and_keeps_its_entries(
    quarantine: Quarantine, tmp_path: Path
) -> None:
    file = tmp_path / "quarantine" / "quarantine.sqlite"
    fresh, held = schema(file), quarantine.hold(upload(), verdict())
    figures = quarantine.figures("")
    assert figures.unread
    quarantine.close()
    with closing(sqlite3.connect(file)) as database:
        database.executescript(FIRST)
    with Quarantine.open(tmp_path / "quarantine", second_reviewer=True) as later:
        assert [entry.id for entry in later.page(Choice()).entries] == [held]
        assert later.figures("") == figures
        assert later.release(held, "rita", "") is State.HELD
    assert schema(file) == fresh
