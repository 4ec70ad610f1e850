"""The schema of the ledger, which is its documentation. The same on SQLite and on PostgreSQL.

Customers are ordinals of the index, in roaring bitmaps; no value in clear, no URL. ``exposures`` is what
happened. All that is counted from it can be made anew: ``rollups`` and ``lifetimes`` hold the customers of
its rows up to a turn of their scope, ``tail`` names the rows after it.

What is older than ``retention_days`` is gone from all of them (retention.py). Numbers are never used again:
whoever has kept one in mind does not meet another row under it.
"""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA = 4
"""steps.py takes an older one to it."""

metadata = sa.MetaData()

_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite numbers rows by itself only where they are of its own kind of integer."""

KINDS = ("actor", "bulk", "destination", "exempt", "group", "reader", "source")

scopes = sa.Table(
    "scopes",
    metadata,
    sa.Column("id", _Number, primary_key=True),
    # actor: what he sent, bulk: that where he is declared to, exempt: that which an allow rule lets pass
    # reader: what he was shown, source: by whom
    sa.Column("kind", sa.Text, sa.CheckConstraint(f"kind IN {KINDS}"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),  # actors by pseudonym where so set, customers masked
    sa.Column("turn", _Number, nullable=False),  # of the last exposure
    sa.Column("through", _Number, nullable=False),  # the last turn that is rolled up
    sa.UniqueConstraint("kind", "name"),
    sqlite_autoincrement=True,
)

exposures = sa.Table(
    "exposures",
    metadata,
    sa.Column("id", _Number, primary_key=True),
    sa.Column(
        "key", sa.LargeBinary, nullable=False
    ),  # see identity.py: the same for a retry, on the same day
    sa.Column("day", sa.Integer, nullable=False),  # see days.py
    sa.Column("first", sa.Float, nullable=False),  # when it was sent; seconds since the epoch, UTC
    sa.Column("last", sa.Float, nullable=False),  # and sent again, or its last piece
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("actor", _Number, sa.ForeignKey("scopes.id"), nullable=False),  # or bulk, exempt, reader
    sa.Column("destination", _Number, sa.ForeignKey("scopes.id"), nullable=False),
    sa.Column("door", sa.Text, nullable=False),
    sa.Column("action", sa.Integer, nullable=False),  # of the verdict, model.Action
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("sent", sa.Boolean, nullable=False),  # whether it was forwarded
    sa.Column("transfer_id", sa.Text, nullable=False),  # in the quarantine, the last; empty: it is not there
    sa.Column("index_id", sa.Text, nullable=False),
    sa.Column("customers", sa.Integer, nullable=False),
    sa.Column("estimated", sa.Integer, nullable=False),  # of these, beyond the identified
    sa.Column("identified", sa.LargeBinary, nullable=False),  # bitmap
    sa.Column("behind", sa.LargeBinary),  # bitmap: who may be behind the estimate
    sa.Column("fields", sa.LargeBinary, nullable=False),  # who with which field, see sets.py
    sa.UniqueConstraint("key", "day", "sent"),  # of one upload, some pieces may have passed and one been held
    sqlite_autoincrement=True,
)
sa.Index("exposures_by_actor", exposures.c.actor, exposures.c.day)
sa.Index("exposures_by_destination", exposures.c.destination, exposures.c.day)
sa.Index("exposures_by_transfer", exposures.c.transfer_id)
sa.Index("exposures_by_day", exposures.c.day)
sa.Index(
    "exposures_held", exposures.c.day, sqlite_where=~exposures.c.sent, postgresql_where=~exposures.c.sent
)

# What a transfer was called in the quarantine before: one that is denied and sent again is held anew.
other_ids = sa.Table(
    "other_ids",
    metadata,
    sa.Column(
        "exposure",
        _Number,
        sa.ForeignKey("exposures.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)
sa.Index("other_ids_by_transfer", other_ids.c.transfer_id)

tail = sa.Table(
    "tail",
    metadata,
    sa.Column("scope", _Number, sa.ForeignKey("scopes.id"), primary_key=True),
    sa.Column("turn", _Number, primary_key=True, autoincrement=False),
    sa.Column("exposure", _Number, sa.ForeignKey("exposures.id"), nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("tail_by_exposure", tail.c.exposure)

rollups = sa.Table(
    "rollups",
    metadata,
    sa.Column("scope", _Number, sa.ForeignKey("scopes.id"), primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column(
        "customers", sa.Integer, nullable=False
    ),  # distinct; here and below, whom an estimate all but names is identified
    sa.Column(
        "fresh", sa.Integer, nullable=False
    ),  # of these, not in the scope's days before, as it was then
    sa.Column("identified", sa.LargeBinary, nullable=False),
    sa.Column("behind", sa.LargeBinary),
    sa.Column("estimated", sa.Float, nullable=False),  # how many of those behind count, see sets.py
    sqlite_with_rowid=False,
)

lifetimes = sa.Table(
    "lifetimes",
    metadata,
    sa.Column("scope", _Number, sa.ForeignKey("scopes.id"), primary_key=True, autoincrement=False),
    sa.Column("identified", sa.LargeBinary, nullable=False),
    sa.Column("behind", sa.LargeBinary),
)

members = sa.Table(
    "members",
    metadata,
    sa.Column("actor", _Number, sa.ForeignKey("scopes.id"), primary_key=True, autoincrement=False),
    sa.Column("group", _Number, sa.ForeignKey("scopes.id"), primary_key=True, autoincrement=False),
    sa.Column("day", sa.Integer, nullable=False),  # the first on which he sent as one of it
    sqlite_with_rowid=False,
)

peers = sa.Table(
    "peers",
    metadata,
    sa.Column("group", _Number, primary_key=True, autoincrement=False),  # scope; 0: all actors
    sa.Column("measure", sa.Text, primary_key=True),  # deviation.Measure
    sa.Column("day", sa.Integer, nullable=False),  # on which it was summed up
    sa.Column("summary", sa.Text, nullable=False),  # JSON, baseline.Peers
)

meetings = sa.Table(
    "meetings",
    metadata,
    sa.Column("actor", _Number, sa.ForeignKey("scopes.id"), primary_key=True, autoincrement=False),
    sa.Column("destination", _Number, sa.ForeignKey("scopes.id"), primary_key=True, autoincrement=False),
    sa.Column(
        "day", sa.Integer, nullable=False
    ),  # the first on which he sent customers, or unread bytes, there
    sqlite_with_rowid=False,
)

sa.Index("meetings_by_destination", meetings.c.destination)

unread = sa.Table(
    "unread",
    metadata,
    sa.Column("actor", _Number, sa.ForeignKey("scopes.id"), primary_key=True, autoincrement=False),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("bytes", _Number, nullable=False),  # that were forwarded and could not be read
    sa.Column("transfers", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

suspensions = sa.Table(
    "suspensions",
    metadata,
    sa.Column("actor", sa.Text, primary_key=True),  # by pseudonym where so set; no row: he is not suspended
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("who", sa.Text, nullable=False),  # the reviewer; empty: a rule
    sa.Column("rule", sa.Text, nullable=False),  # empty: a reviewer
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("tell", sa.Text, nullable=False),  # JSON: receivers that hear when he is lifted
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", _Number, primary_key=True),
    sa.Column("notice", sa.Text, nullable=False),  # id by which a receiver knows what it has already
    sa.Column("receiver", sa.Text, nullable=False),  # of the policy
    sa.Column("made", sa.Float, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # JSON, see notices.py
    sa.Column("state", sa.Text, sa.CheckConstraint("state IN ('waiting', 'sent', 'failed')"), nullable=False),
    sa.Column("due", sa.Float, nullable=False),  # not to be sent before
    sa.Column("lease", sa.Float, nullable=False),  # until when it is one courier's; 0: nobody's
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("ended", sa.Float),  # when it was sent or given up
    sa.Column("error", sa.Text, nullable=False),  # of the last attempt
    sa.UniqueConstraint("notice", "receiver"),
)
sa.Index("outbox_by_receiver", outbox.c.receiver, outbox.c.state, outbox.c.due)

# What people, and the doors by themselves, did to the ledger or with it. Never cleared.
acts = sa.Table(
    "acts",
    metadata,
    sa.Column("number", _Number, primary_key=True),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),  # no customer, see acts.py
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False, server_default=""),  # JSON: versions; empty: none
    sa.Column("previous", sa.Text, nullable=False, server_default=""),  # this and the next: audit/chain.py
    sa.Column("hash", sa.Text, nullable=False, server_default=""),  # empty: from before there was a chain
    sqlite_autoincrement=True,
)
sa.Index("acts_by_subject", acts.c.subject)

# The end of the chain of acts: one row. Whoever writes the next act has it for himself.
chain = sa.Table(
    "chain",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", _Number, nullable=False),  # of the last act; 0: none is chained
    sa.Column("hash", sa.Text, nullable=False),
)

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("number", _Number, primary_key=True, autoincrement=False),  # of the act; see audit/signing.py
    sa.Column("signer", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
)

people = sa.Table(
    "people",
    metadata,
    sa.Column("pseudonym", sa.Text, primary_key=True),  # of an actor, as in scopes
    sa.Column("name", sa.LargeBinary, nullable=False),  # sealed to the reviewers' keys, see who/names.py
)

chores = sa.Table(
    "chores",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("day", sa.Integer, nullable=False),  # on which one of the doors began it last
)
