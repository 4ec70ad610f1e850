"""The schema of the uploads' database, which is its documentation.

No value in clear, no address and no name: what names an actor, destination, upload or block is a keyed
digest.
"""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA = 2
STEPS = ("ALTER TABLE sessions ADD COLUMN exposed BLOB",)
"""What takes a database of schema 1 to 2, and so on."""

metadata = sa.MetaData()

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),  # digest of family and name of the upload; of a start, random
    sa.Column("family", sa.Text, nullable=False),  # digest of actor, destination and protocol
    sa.Column(
        "state",
        sa.Text,
        sa.CheckConstraint("state IN ('begun', 'open', 'expired', 'refused', 'committed')"),
        nullable=False,
    ),  # begun: a start, whose name only its answer says; expired: its pieces are gone
    sa.Column("total", sa.Integer),  # bytes of the whole, as declared
    sa.Column("partial", sa.Boolean, nullable=False),  # of a start: it will be a piece of another upload
    sa.Column("bytes", sa.Integer, nullable=False),  # of all pieces that are kept
    sa.Column("first", sa.Float, nullable=False),  # seconds since the epoch, when it was begun or begun anew
    sa.Column("last", sa.Float, nullable=False),
    sa.Column("action", sa.Integer),  # of a refused one: what it was refused with
    sa.Column("ended", sa.Text),  # of a committed one: digest of the request that completed it
    sa.Column("identified", sa.LargeBinary, nullable=False),  # ordinals of customers, see tally.py
    sa.Column("estimated", sa.Integer, nullable=False),
    sa.Column("behind", sa.LargeBinary, nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("terms", sa.Text, nullable=False),
    sa.Column("unscanned", sa.Text, nullable=False),  # of a committed one: pairs of reason and bytes
    sa.Column("exposed", sa.LargeBinary),  # who stands in it with which field; null: kept before schema 2
)
sa.Index("by_family", sessions.c.family, sessions.c.state)
sa.Index("by_last", sessions.c.last)

pieces = sa.Table(
    "pieces",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),  # in the order in which they came
    sa.Column("session", sa.Text, sa.ForeignKey("sessions.id"), nullable=False),
    sa.Column("latest", sa.Integer, nullable=False),  # the turn in which it last came: retries count
    sa.Column("place", sa.Text, nullable=False),  # digest of offset, part number or block id
    sa.Column("rank", sa.Integer),  # offset or part number; null: not known before the commit
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),  # HMAC-SHA256 of the bytes
    sa.Column("file", sa.Text, nullable=False),  # encrypted, see sealed.py
    sa.Column("counted", sa.Boolean, nullable=False),  # whether the session's tally holds what is in it
    sa.UniqueConstraint("session", "place", "digest"),  # a retry is the same piece
)
sa.Index("by_rank", pieces.c.session, pieces.c.rank)
