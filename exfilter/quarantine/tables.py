"""The schema of the quarantine's database, which is its documentation.

No value in clear, no URL: only what a reviewer needs to decide, masked. The bodies are sealed files.
"""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA = 1

metadata = sa.MetaData()

transfers = sa.Table(
    "transfers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),  # HMAC-SHA256, see binding.py
    sa.Column("state", sa.Text, sa.CheckConstraint("state IN ('held', 'released', 'denied', 'confirmed')")),
    sa.Column("time", sa.Text, nullable=False),  # when it was sent; all times UTC, ISO 8601
    sa.Column("door", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),  # this and the next as shown: customers masked
    sa.Column("destination", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("customers", sa.Integer, nullable=False),
    sa.Column("identified", sa.Integer, nullable=False),
    sa.Column("estimated", sa.Integer, nullable=False),
    sa.Column("fields", sa.JSON, nullable=False),  # distinct customers by kind
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("verdict", sa.JSON, nullable=False),  # policy.summary
    sa.Column("exhibits", sa.JSON, nullable=False),  # masked
    sa.Column("policy", sa.Text, nullable=False),  # digest; with the index, what a release is bound to
    sa.Column("index_id", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),  # the same transfer, sent again while it was held
    sa.Column("sealed_bytes", sa.Integer, nullable=False),
    sa.Column("sealed_sha256", sa.Text, nullable=False),  # of the sealed file, which anyone may check
    sa.Column("expires", sa.Text),  # of a release
    sa.Column("redeemed", sa.Text),  # when the one retry passed
    sa.Column("refused", sa.Text),  # why the last retry of a released transfer did not pass
)
# One entry for all tries of a transfer under one policy and index, whichever process holds it first.
sa.Index(
    "one_held",
    transfers.c.digest,
    transfers.c.policy,
    transfers.c.index_id,
    unique=True,
    sqlite_where=transfers.c.state == "held",
)
sa.Index("by_digest", transfers.c.digest)
sa.Index("by_time", transfers.c.time)

moves = sa.Table(
    "moves",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, sa.ForeignKey("transfers.id"), nullable=False, index=True),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # the state that it moved to
    sa.Column("reviewer", sa.Text, nullable=False),  # empty: the door
    sa.Column("reason", sa.Text, nullable=False),
)
