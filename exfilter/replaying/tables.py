"""What a replay keeps beside the tables of its scratch ledger."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

about = sa.Table(
    "replay_about",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),  # policies, indexes and options: others make another replay
)

progress = sa.Table(
    "replay_progress",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),  # of the capture, see units.source
    sa.Column("units", sa.Integer, nullable=False),  # that are decided
    sa.Column("is_whole", sa.Boolean, nullable=False),  # whether its end was reached
)

recent = sa.Table(
    "replay_recent",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),  # of the transfer, counted over all captures
    sa.Column("action", sa.Integer, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("held", sa.Boolean, nullable=False),
)

totals = sa.Table(
    "replay_totals",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)

parties = sa.Table(
    "replay_parties",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),  # actor or destination
    sa.Column("name", sa.Text, primary_key=True),  # customers in it masked
    sa.Column("transfers", sa.Integer, nullable=False),
    sa.Column("held", sa.Integer, nullable=False),
    sa.Column("held_after", sa.Integer, nullable=False),
    sa.Column("first", sa.Float),  # time of the first that would be held; none: nothing would
    sa.Column("first_after", sa.Float),
    sqlite_with_rowid=False,
)

rows = sa.Table(
    "replay_rows",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),  # held, changed or unread
    sa.Column("row", sa.Text, nullable=False),  # JSON
)
