"""Many held transfers at once: rows as the quarantine writes them, without sealed files."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

from exfilter.policy import summary
from exfilter.quarantine.entries import described, utc
from exfilter.quarantine.tables import transfers
from tests.test_quarantine import NOW, upload, verdict

STATES = ("held", "released", "denied", "confirmed")


def fill(file: Path, count: int, *, last: float = NOW) -> None:
    """Write ``count`` entries of 200 actors into a quarantine's database, one a minute up to ``last``."""
    chance = random.Random(7)
    columns = described(upload(), verdict(), NOW)
    assert columns["verdict"] == summary(verdict())
    names = [column.name for column in transfers.columns]
    rows = (_row(number, columns, chance, last - 60.0 * number) for number in range(count))
    with closing(sqlite3.connect(file)) as database, database:
        marks = ", ".join("?" * len(names))
        database.executemany(
            f"INSERT INTO transfers ({', '.join(names)}) VALUES ({marks})",
            ([row.get(name) for name in names] for row in rows),
        )
        moves = "SELECT id, time, 'held', '', reason FROM transfers"
        database.execute(f"INSERT INTO moves (id, time, state, reviewer, reason) {moves}")
        pieces = "SELECT id, time, 'malformed', 1, 9 FROM transfers"
        database.execute(f"INSERT INTO unread (id, time, reason, parts, bytes) {pieces}")


def _row(number: int, columns: dict[str, object], chance: random.Random, time: float) -> dict[str, object]:
    plain = {
        name: json.dumps(each) if isinstance(each, dict | list) else each for name, each in columns.items()
    }
    return plain | {
        "id": f"t-{number:016x}",
        "digest": f"{number:064x}",
        "state": chance.choices(STATES, (8, 1, 1, 1))[0],
        "time": utc(time),
        "actor": f"actor{chance.randrange(200)}@corp.example",
        "destination": f"host{chance.randrange(50)}.example",
        "rule": chance.choice(("many customers", "unread", "canary")),
        "customers": chance.randrange(1, 70_000),
        "attempts": 1,
        "sealed_bytes": 0,
        "sealed_sha256": "",
    }
