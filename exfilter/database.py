"""Short transactions on a database that several processes use: a SQLite file, or PostgreSQL by URL."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sqlite3
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from exfilter.loopback import is_here

BUSY_SECONDS = 5
"""How long a transaction waits for others."""
INCREMENTAL = 2
"""``auto_vacuum`` of SQLite: pages are given back when they are asked for."""
PAGES = 64
"""Of a SQLite file that are given back at a time: others write in between."""
REST = 4.0
"""What clears up rests so many times as long as it has kept others waiting."""
LEAST_REST = 0.005
"""Seconds."""

type Step = str | Callable[[sa.Connection], None]
"""What takes a schema to the next one: a statement, or what is done in the same transaction."""


class _Kind(Protocol):
    """What differs from one kind of database to the other."""

    engine: sa.Engine
    next_step: str

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Keep other processes waiting while the schema is looked at."""

    def prepare(self) -> None:
        """Make it ready for the first transaction."""

    def version(self, connection: sa.Connection) -> int:
        """Return the number of its schema; 0: it is empty."""

    def set_version(self, connection: sa.Connection, version: int) -> None:
        """Remember the number of its schema."""

    def exclude(self, connection: sa.Connection, names: Iterable[str]) -> None:
        """Keep other transactions on these names waiting until this one ends."""

    def reclaim(self, tables: sa.MetaData) -> bool:
        """Give back what is free. Return whether what was deleted is out of the files now."""


class Database:
    """Opened tables. Errors of the database are OSError, without any value."""

    def __init__(
        self,
        place: Path | sa.URL,
        tables: sa.MetaData,
        schema: int,
        *,
        steps: Sequence[Step] = (),
        password: str = "",
        authority: Path | None = None,
    ) -> None:
        """Open the database, or make it; of an older schema, change it.

        ``steps``: what takes schema 1 to 2, and so on. ``password`` and ``authority`` (a file
        of certificates; None: the system's) are of a server. Raises ValueError where the database is newer
        than this exfilter.
        """
        self._name = str(place) if isinstance(place, Path) else place.render_as_string(hide_password=True)
        self._tables = tables
        self._kind: _Kind = _File(place) if isinstance(place, Path) else _Server(place, password, authority)
        try:
            with self._translated(), self._kind.alone():
                self._kind.prepare()
                self._migrate(tables, schema, steps)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close all connections."""
        self._kind.engine.dispose()

    @contextlib.contextmanager
    def transaction(self, *, writes: bool = False, names: Iterable[str] = ()) -> Iterator[sa.Connection]:
        """Run one transaction; when it ends without an error it is on the disk.

        ``names``: what no other transaction may touch meanwhile that names it too. Raises OSError where
        the database could not do it (locked too long, disk full, damaged, not reached).
        """
        with (
            self._translated(),
            self._kind.engine.connect().execution_options(writes=writes) as connection,
            connection.begin(),
        ):
            self._kind.exclude(connection, names)
            yield connection

    @contextlib.contextmanager
    def step(self) -> Iterator[sa.Connection]:
        """Run one small transaction of many that clear up, and leave time to others after it."""
        began = time.monotonic()
        with self.transaction(writes=True) as connection:
            yield connection
        _rest(began)

    def reclaim(self) -> bool:
        """Give back what is free, in small steps. Return whether what was deleted is out of the files now.

        On a server the room is free for others; when its bytes are overwritten is the server's.
        """
        with self._translated():
            return self._kind.reclaim(self._tables)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (SQLAlchemyError, sqlite3.Error) as error:
            cause = getattr(error, "orig", None) or error
            msg = f"{self._name}: {_told(cause)}; {self._kind.next_step}"
            raise OSError(msg) from None

    def _migrate(self, tables: sa.MetaData, schema: int, steps: Sequence[Step]) -> None:
        with self.transaction() as connection:  # one that writes would wait for others, in every worker
            if self._kind.version(connection) == schema:
                return
        with self.transaction(writes=True) as connection:
            version = self._kind.version(connection)
            if version > schema:
                known = f"this exfilter knows {schema}; use a newer exfilter"
                msg = f"{self._name}: schema {version}, {known}"
                raise ValueError(msg)
            if version == 0:
                tables.create_all(connection, checkfirst=False)
            else:
                for step in steps[version - 1 :]:
                    if isinstance(step, str):
                        connection.exec_driver_sql(step)
                    else:
                        step(connection)
            if version < schema:
                self._kind.set_version(connection, schema)


class _File:
    """SQLite. One transaction writes at a time: it excludes all others."""

    next_step = "free space, stop what locks it, or restore a backup"

    def __init__(self, file: Path) -> None:
        self._file = file
        url = sa.URL.create("sqlite", database=str(file))
        # hide_parameters: an error must not carry an actor or a masked value into a log.
        self.engine = sa.create_engine(url, hide_parameters=True)
        sa.event.listen(self.engine, "connect", _set_up)
        sa.event.listen(self.engine, "begin", _begin)

    def alone(self) -> contextlib.AbstractContextManager[None]:
        return _alone(self._file.parent)

    def prepare(self) -> None:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        plain = sqlite3.connect(self._file, timeout=BUSY_SECONDS)
        with contextlib.closing(plain):
            # Both stay in the file. To set what is set already would wait for who writes.
            if plain.execute("PRAGMA auto_vacuum").fetchone() != (INCREMENTAL,):
                plain.execute(f"PRAGMA auto_vacuum = {INCREMENTAL}")
            plain.execute("PRAGMA journal_mode = WAL")

    def version(self, connection: sa.Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    def set_version(self, connection: sa.Connection, version: int) -> None:
        connection.exec_driver_sql(f"PRAGMA user_version = {version}")

    def exclude(self, connection: sa.Connection, names: Iterable[str]) -> None:
        pass

    def reclaim(self, tables: sa.MetaData) -> bool:  # noqa: ARG002 - a file is given back as a whole
        plain = sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None)
        with contextlib.closing(plain):
            free = plain.execute("PRAGMA freelist_count").fetchone()[0]
            for _ in range(0, free, PAGES):
                _shorten(plain)
            # Waiting for readers, it would keep all writers waiting.
            plain.execute("PRAGMA busy_timeout = 50")
            plain.execute("PRAGMA wal_checkpoint(PASSIVE)")
            return not plain.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


class _Server:
    """PostgreSQL. Its certificate is verified, unless it is on this machine."""

    next_step = "start the server, correct the URL, the password or the authority, or free space there"

    def __init__(self, url: sa.URL, password: str, authority: Path | None) -> None:
        arguments: dict[str, Any] = {"timeout": BUSY_SECONDS, "application_name": "exfilter"}
        if url.host and not is_here(url.host):
            arguments["ssl_context"] = ssl.create_default_context(cafile=authority)
        if not find_spec("pg8000"):
            msg = "PostgreSQL needs an extra: run `pip install 'exfilter[postgres]'`"
            raise ValueError(msg)
        self.engine = sa.create_engine(
            url.set(drivername="postgresql+pg8000", password=password or None),
            hide_parameters=True,
            connect_args=arguments,
            pool_pre_ping=True,
        )
        sa.event.listen(self.engine, "connect", _limit)

    def alone(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def prepare(self) -> None:
        try:
            self.engine.connect().close()
        except AttributeError:  # pg8000 has no password to answer with
            msg = "the PostgreSQL server wants a password: set ledger_password_file"
            raise OSError(msg) from None

    def version(self, connection: sa.Connection) -> int:
        self.exclude(connection, ["schema"])
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS exfilter_schema (version integer NOT NULL)")
        found = connection.exec_driver_sql("SELECT max(version) FROM exfilter_schema").scalar_one()
        return int(found or 0)

    def set_version(self, connection: sa.Connection, version: int) -> None:
        connection.execute(sa.text("INSERT INTO exfilter_schema VALUES (:version)"), {"version": version})

    def exclude(self, connection: sa.Connection, names: Iterable[str]) -> None:
        # In one order for all: two transactions never wait for each other.
        for number in sorted({_number(name) for name in names}):
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))

    def reclaim(self, tables: sa.MetaData) -> bool:
        connection = self.engine.raw_connection()
        driver: Any = connection.driver_connection
        try:
            driver.rollback()
            driver.autocommit = True  # VACUUM is no part of a transaction
            cursor = driver.cursor()
            cursor.execute("SET statement_timeout = 0")
            for table in tables.sorted_tables:
                cursor.execute(f'VACUUM "{table.name}"')
        finally:
            connection.invalidate()
        return True


def _shorten(plain: sqlite3.Connection) -> None:
    began = time.monotonic()
    plain.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
    _rest(began)


def _rest(began: float) -> None:
    time.sleep(max(LEAST_REST, REST * (time.monotonic() - began)))


def _number(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _told(cause: object) -> str:
    """Return what went wrong. A server's message may quote a row: only its code is shown."""
    about = cause.args[0] if isinstance(cause, BaseException) and cause.args else cause
    if isinstance(about, dict):
        return f"PostgreSQL error {about.get('C', 'unknown')}"
    return str(cause)


def _limit(connection: Any, _record: object) -> None:  # noqa: ANN401 - pg8000's, behind SQLAlchemy
    cursor = connection.cursor()
    cursor.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
    cursor.execute(f"SET statement_timeout = '{4 * BUSY_SECONDS}s'")
    connection.commit()
    cursor.close()


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
        "secure_delete = ON",  # what was deleted is overwritten, also where a bitmap was changed
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    # A transaction that reads before it writes would fail when another process wrote in between.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
