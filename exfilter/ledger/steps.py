"""From each schema of the ledger to the next one, on a ledger that is in use."""

from __future__ import annotations

import sqlalchemy as sa

from exfilter.ledger.tables import chain, checkpoints, other_ids


def _other_ids(connection: sa.Connection) -> None:
    other_ids.create(connection)


def _chain(connection: sa.Connection) -> None:
    for column in ("about", "previous", "hash"):
        connection.exec_driver_sql(f"ALTER TABLE acts ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
    connection.exec_driver_sql("CREATE INDEX acts_by_subject ON acts (subject)")
    for table in (chain, checkpoints):
        table.create(connection)


STEPS = (_other_ids, _chain)
"""The first one takes schema 1 to 2."""
