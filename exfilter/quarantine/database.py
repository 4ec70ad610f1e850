"""The quarantine's SQLite database: its schema, which is its documentation, and its transactions.

No value in clear, no URL: only what a reviewer needs to decide, masked. The bodies are sealed files.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

SCHEMA = 1
BUSY_SECONDS = 5

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


class Database:
    """Short transactions on one file that several processes use at once."""

    def __init__(self, file: Path, tables: sa.MetaData = metadata, schema: int = SCHEMA) -> None:
        """Open the database, or make it. Raises ValueError where it is newer than this exfilter."""
        self._file = file
        self._tables = tables
        self._schema = schema
        url = sa.URL.create("sqlite", database=str(file))
        # hide_parameters: an error must not carry an actor or a masked value into a log.
        self._engine = sa.create_engine(url, hide_parameters=True)
        sa.event.listen(self._engine, "connect", _set_up)
        sa.event.listen(self._engine, "begin", _begin)
        try:
            with _alone(file.parent):
                self._create()
                self._migrate()
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def transaction(self, *, writes: bool = False) -> Iterator[sa.Connection]:
        """Run one transaction; when it ends without an error it is on the disk.

        Raises OSError where the database could not do it (locked too long, disk full, damaged).
        """
        with (
            self._translated(),
            self._engine.connect().execution_options(writes=writes) as connection,
            connection.begin(),
        ):
            yield connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (SQLAlchemyError, sqlite3.Error) as error:
            cause = getattr(error, "orig", None) or error
            msg = f"{self._file}: {cause}; free space, stop what locks it, or restore a backup"
            raise OSError(msg) from None

    def _create(self) -> None:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        plain = sqlite3.connect(self._file, timeout=BUSY_SECONDS)
        with self._translated(), contextlib.closing(plain):
            plain.execute("PRAGMA journal_mode = WAL")  # Stays in the file.

    def _migrate(self) -> None:
        with self.transaction(writes=True) as connection:
            version: Any = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if version > self._schema:
                known = f"this exfilter knows {self._schema}; use a newer exfilter"
                msg = f"{self._file}: schema {version}, {known}"
                raise ValueError(msg)
            if version == 0:
                self._tables.create_all(connection, checkfirst=False)
                connection.exec_driver_sql(f"PRAGMA user_version = {self._schema}")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes waiting: SQLite does not, while a database becomes write-ahead."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _set_up(connection: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's, behind SQLAlchemy
    connection.isolation_level = None  # SQLAlchemy, not sqlite3, says where transactions begin
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    # A transaction that reads before it writes would fail when another process wrote in between.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
