"""The schema of the quarantine's database, which is its documentation.

No value in clear, no URL: only what a reviewer needs to decide, masked. The bodies are sealed files.
"""

from __future__ import annotations

import sqlalchemy as sa

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
# All that a list is chosen by, so that the wide rows are read of one page only, however many there are.
sa.Index(
    "queue_by_time",
    *(transfers.c[name] for name in ("time", "id", "state", "actor", "destination", "rule", "customers")),
)
sa.Index(
    "queue_by_state",
    *(transfers.c[name] for name in ("state", "time", "id", "actor", "destination", "rule", "customers")),
)

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

# What one reviewer asked for where it takes two.
requests = sa.Table(
    "requests",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, sa.ForeignKey("transfers.id"), nullable=False, index=True),
    sa.Column("what", sa.Text, nullable=False),  # release, open
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("lasts", sa.Float, nullable=False),  # seconds, of the release that is asked for
    sa.Column("ended", sa.Text),  # when it was agreed to, or came to nothing; null: it waits
    sa.Column("by", sa.Text, nullable=False),  # who agreed; empty: nobody
)

# What could not be read, as in the verdict: for figures over many transfers.
unread = sa.Table(
    "unread",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, sa.ForeignKey("transfers.id"), nullable=False),
    sa.Column("time", sa.Text, nullable=False),  # of the transfer
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
)
sa.Index("unread_by_time", unread.c.time, unread.c.reason, unread.c.parts, unread.c.bytes)

# What was found in the headers that a release does not bind, by a keyed digest. No row: nothing was.
loose = sa.Table(
    "loose",
    metadata,
    sa.Column("id", sa.Text, sa.ForeignKey("transfers.id"), primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),  # see binding.py
)

# A statement from each schema to the next one: they stay as they are, whatever the tables become.
STEPS = (
    "DROP INDEX by_time",
    "CREATE INDEX queue_by_time ON transfers (time, id, state, actor, destination, rule, customers)",
    "CREATE INDEX queue_by_state ON transfers (state, time, id, actor, destination, rule, customers)",
    (
        "CREATE TABLE requests (number INTEGER NOT NULL, id TEXT NOT NULL, what TEXT NOT NULL, "
        "time TEXT NOT NULL, reviewer TEXT NOT NULL, reason TEXT NOT NULL, lasts FLOAT NOT NULL, ended TEXT, "
        '"by" TEXT NOT NULL, PRIMARY KEY (number), FOREIGN KEY(id) REFERENCES transfers (id))'
    ),
    "CREATE INDEX ix_requests_id ON requests (id)",
    (
        "CREATE TABLE unread (number INTEGER NOT NULL, id TEXT NOT NULL, time TEXT NOT NULL, "
        "reason TEXT NOT NULL, parts INTEGER NOT NULL, bytes INTEGER NOT NULL, "
        "PRIMARY KEY (number), FOREIGN KEY(id) REFERENCES transfers (id))"
    ),
    (
        "INSERT INTO unread (id, time, reason, parts, bytes) SELECT t.id, t.time, e.value ->> 'reason', "
        "e.value ->> 'parts', e.value ->> 'bytes' FROM transfers t, json_each(t.verdict, '$.unscanned') e"
    ),
    "CREATE INDEX unread_by_time ON unread (time, reason, parts, bytes)",
    (
        "CREATE TABLE loose (id TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (id), "
        "FOREIGN KEY(id) REFERENCES transfers (id))"
    ),
)
SCHEMA = 1 + len(STEPS)
