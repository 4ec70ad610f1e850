"""The tables of cases. No value of a customer is in them, unless a reviewer wrote it into a note."""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA = 1

metadata = sa.MetaData()

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("state", sa.Text, sa.CheckConstraint("state IN ('open', 'closed')"), nullable=False),
    sa.Column("made", sa.Float, nullable=False),  # seconds since the epoch, as all times
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("changed", sa.Float, nullable=False, index=True),
    sqlite_autoincrement=True,
)

members = sa.Table(
    "members",
    metadata,
    sa.Column("case", sa.Integer, sa.ForeignKey("cases.id"), primary_key=True),
    sa.Column(
        "kind", sa.Text, sa.CheckConstraint("kind IN ('transfer', 'actor', 'trace')"), primary_key=True
    ),
    sa.Column("name", sa.Text, primary_key=True),  # id in the quarantine; the ledger's name; of a trace
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),  # of a trace: JSON as `exfilter trace` prints it
)
sa.Index("members_by_name", members.c.kind, members.c.name)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("case", sa.Integer, sa.ForeignKey("cases.id"), nullable=False, index=True),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
