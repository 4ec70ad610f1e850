"""Statements that SQLite and PostgreSQL share, where SQLAlchemy has one for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Row = Mapping[str, Any]


def put(connection: sa.Connection, table: sa.Table, rows: Sequence[Row], **changes: object) -> None:
    """Insert rows; where one is there already, make ``changes`` to it, or none.

    ``changes``: by column, a value or an expression; ``excluded`` for that of the row that was to come.
    """
    if not rows:
        return
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = make(table)
    if changes:
        new = statement.excluded
        values = {name: new[name] if each is excluded else each for name, each in changes.items()}
        statement = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=values)
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement, list(rows))


excluded = object()
"""The value of the row that was to come."""
