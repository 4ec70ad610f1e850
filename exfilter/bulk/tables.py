"""The state of a run, in a SQLite file of its folder.

A file has its row when it was listed; it is finished when the row has a result. What is here names
customers, so the folder is its owner's alone.
"""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA = 1
metadata = sa.MetaData()

judges = sa.Table(
    "judges",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("exfilter", sa.Text, nullable=False),
    sa.Column("index", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.UniqueConstraint("exfilter", "index", "policy"),
)
"""With what files were read and judged: a run of many days sees more than one index."""

about = sa.Table(
    "about",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # urls, judge, listed
    sa.Column("value", sa.Text, nullable=False),
)

items = sa.Table(
    "items",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # Names as bytes: those of files need not be Unicode.
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("owner", sa.LargeBinary, nullable=False),
    sa.Column("folder", sa.LargeBinary, nullable=False),
    sa.Column("type", sa.LargeBinary, nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("ranges", sa.Integer, nullable=False),  # 0: it is read as a whole
    sa.Column("turn", sa.Integer, nullable=False, server_default="0"),  # see `run`
    sa.Column("day", sa.Text),  # of the scan, UTC
    sa.Column("judge", sa.ForeignKey("judges.id")),
    sa.Column("digest", sa.LargeBinary),  # of the content, keyed; NULL: nothing or not all of it was read
    sa.Column("held", sa.Boolean),
    sa.Column("customers", sa.Integer),
    sa.Column("unread", sa.Text),  # reasons of what was not read, sorted, with commas; empty: all was read
    sa.Column("result", sa.Text),  # JSON; NULL: it is not finished
    sa.UniqueConstraint("root", "key"),
)

sa.Index("open_items", items.c.turn, items.c.id, sqlite_where=items.c.result.is_(None))
sa.Index("contents", items.c.digest, items.c.customers.desc(), items.c.id)

parts = sa.Table(
    "parts",
    metadata,
    sa.Column("item", sa.ForeignKey("items.id"), primary_key=True),
    sa.Column("start", sa.Integer, primary_key=True),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False, server_default="0"),
    sa.Column("answer", sa.LargeBinary),  # NULL: it is not read yet
)
"""Ranges of large files, until the last of a file is read."""
