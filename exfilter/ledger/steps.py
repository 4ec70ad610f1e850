"""From each schema of the ledger to the next one, on a ledger that is in use."""

from __future__ import annotations

import sqlalchemy as sa

from exfilter.audit import GENESIS, Content, Link
from exfilter.ledger.tables import chain, checkpoints, other_ids


def _other_ids(connection: sa.Connection) -> None:
    other_ids.create(connection)


def _exempt(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        return _check_anew(connection, "'destination', 'group'", "'destination', 'exempt', 'group'")
    kinds = "'actor', 'bulk', 'destination', 'exempt', 'group', 'reader', 'source'"
    connection.exec_driver_sql(
        "ALTER TABLE scopes DROP CONSTRAINT scopes_kind_check, "
        f"ADD CONSTRAINT scopes_kind_check CHECK (kind IN ({kinds}))"
    )
    return None


def _check_anew(connection: sa.Connection, old: str, new: str) -> None:
    """Change the CHECK of ``scopes``, as SQLite's documentation has it (lang_altertable.html, 7)."""
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    change = "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'scopes'"
    connection.exec_driver_sql(change, (old, new))
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _chain(connection: sa.Connection) -> None:
    for column in ("about", "previous", "hash"):
        connection.exec_driver_sql(f"ALTER TABLE acts ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
    connection.exec_driver_sql("CREATE INDEX acts_by_subject ON acts (subject)")
    for table in (chain, checkpoints):
        table.create(connection)
    _chain_old(connection)


def _chain_old(connection: sa.Connection) -> None:
    """Chain what was written by an exfilter that had no chain yet."""
    number, head = 0, GENESIS
    rows = "SELECT number, time, who, act, subject, reason FROM acts ORDER BY number"
    change = sa.text("UPDATE acts SET previous = :previous, hash = :hash WHERE number = :number")
    for row in connection.exec_driver_sql(rows).all():
        link = Link.after(row.number, head, Content(*row[1:]).digest())
        connection.execute(change, {"previous": head, "hash": link.hash, "number": link.number})
        number, head = link.number, link.hash
    if number:
        connection.execute(sa.insert(chain), {"id": 1, "number": number, "hash": head})


STEPS = (_other_ids, _exempt, _chain)
"""The first one takes schema 1 to 2."""
