"""The tables of the review's own database: who may. No secret is in it, only digests.

The signing secret alone is one; it says that a cookie was made here, and opens no session by itself.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    # Argon2id with its parameters. Empty: no password, OpenID Connect only.
    sa.Column("password", sa.Text, nullable=False),
    # Issuer and subject of OpenID Connect. Empty: an account of this house.
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("made", sa.Float, nullable=False),
    # Who set the password, where it was not the owner: an account, or os:NAME. Who knows it can be both.
    sa.Column("set_by", sa.Text, nullable=False, server_default=""),
)


def _owner() -> sa.ForeignKey:
    return sa.ForeignKey("accounts.name", ondelete="CASCADE")


sessions = sa.Table(
    "sessions",
    metadata,
    # SHA-256 of the id that the browser has: 256 random bits, which need no slow hash.
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, _owner(), nullable=False, index=True),
    # Seconds since the epoch, as all times.
    sa.Column("made", sa.Float, nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("account", sa.Text, _owner(), nullable=False, index=True),
    # It may no more than this, and no more than its account.
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("made", sa.Float, nullable=False),
    sa.Column("ends", sa.Float, nullable=False),
    sa.Column("used", sa.Float),
)

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# A statement from each schema to the next one.
STEPS = ("ALTER TABLE accounts ADD COLUMN set_by TEXT DEFAULT '' NOT NULL",)
SCHEMA = 1 + len(STEPS)
