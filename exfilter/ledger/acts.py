"""The audit log: what people, and the doors by themselves, did. One row each, chained, never cleared.

No customer is in it. Of an erasure the subject is a keyed digest of the customer's id, not the ordinal: with
the index an ordinal leads back to the id, and the digest does not. Who has the id and the index key can still
prove that it was erased, and when.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.audit import Checkpoint, Content, Link, Signer
from exfilter.database import Database
from exfilter.ledger import chained, passages
from exfilter.ledger.rows import put
from exfilter.ledger.store import Ledger
from exfilter.ledger.tables import acts, chain, checkpoints

TIDY, ERASE, CASE, LIST, TRACE = "tidy", "erase", "open case", "list customers", "trace"
EXPORT = "export audit log"
DOOR = passages.DOOR
"""Who does what nobody asked for."""
DIGEST = 16
"""Bytes."""
STRETCH = 1000
"""Rows that are read at a time."""


@dataclass(frozen=True, slots=True)
class Act:
    """One row."""

    time: float
    """Seconds since the epoch, UTC."""
    who: str
    act: str
    subject: str
    reason: str


def record(
    ledger: Ledger,
    who: str,
    act: str,
    subjects: Iterable[str],
    reason: str,
    about: Mapping[str, object] | None = None,
) -> None:
    """Write down what is done, a row for each subject. Raises OSError."""
    now = ledger.clock()
    told = [chained.content(now, who, act, subject, reason, about) for subject in subjects]
    with ledger.database.transaction(writes=True) as connection:
        chained.append(connection, told)


def listed(database: Database, act: str = "", limit: int = -1) -> list[Act]:
    """Return the newest first. ``act``: only such; ``limit``: so many, -1: all."""
    wanted = sa.select(acts.c.time, acts.c.who, acts.c.act, acts.c.subject, acts.c.reason)
    wanted = wanted.order_by(acts.c.number.desc())
    if act:
        wanted = wanted.where(acts.c.act == act)
    if limit >= 0:
        wanted = wanted.limit(limit)
    with database.transaction() as connection:
        return [Act(*row) for row in connection.execute(wanted)]


def digest(ledger: Ledger, customer_id: str) -> str:
    """Return what an erased customer is called, hexadecimal."""
    text = b"exfilter-erased-1\0" + customer_id.encode("utf-8", "surrogatepass")
    return hmac.digest(ledger.secret, text, hashlib.sha256)[:DIGEST].hex()


# The log as a chain


@dataclass(frozen=True, slots=True)
class Log:
    """The whole log as it is stored: ``exfilter.audit.verifying`` says whether it is whole."""

    links: Sequence[Link]
    """In the order of their numbers. ``content`` is the digest of what stands there now."""
    end: Link | None
    """What the end of the chain is said to be; of it only number and hash. None: nothing was ever chained."""
    checkpoints: Sequence[Checkpoint]
    """In the order of their numbers."""
    last_time: float = 0.0
    """Of the last act; seconds since the epoch, UTC."""


def read(database: Database) -> Log:
    """Read the whole log, in one moment."""
    with database.transaction() as connection:
        links = [
            Link(number, row.previous, told.digest(), row.hash) for number, told, row in _rows(connection)
        ]
        end = connection.execute(sa.select(chain.c.number, chain.c.hash)).one_or_none()
        order = sa.select(checkpoints).order_by(checkpoints.c.number, checkpoints.c.time)
        signed = [
            Checkpoint(row.number, row.hash, row.time, row.signer, row.signature)
            for row in connection.execute(order)
        ]
        last = connection.execute(sa.select(acts.c.time).order_by(acts.c.number.desc()).limit(1)).scalar()
    said = Link(end.number, "", "", end.hash) if end is not None else None
    return Log(links, said, signed, float(last or 0.0))


def contents(database: Database) -> Iterator[tuple[int, Content]]:
    """Yield all that the log says, oldest first."""
    with database.transaction() as connection:
        for number, told, _ in _rows(connection):
            yield number, told


def sign(database: Database, signer: Signer, now: float) -> Checkpoint | None:
    """Sign how far the log goes and keep that. None: that is signed already, or there is nothing.

    Raises OSError.
    """
    with database.transaction(writes=True) as connection:
        end = connection.execute(sa.select(chain.c.number, chain.c.hash)).one_or_none()
        if end is None or not end.number or _is_signed(connection, end.number, signer):
            return None
        made = signer.checkpoint(end.number, end.hash, now)
        row = {"number": made.number, "signer": made.signer, "hash": made.hash}
        put(connection, checkpoints, [row | {"time": made.time, "signature": made.signature}])
        return made


def _is_signed(connection: sa.Connection, number: int, signer: Signer) -> bool:
    mine = sa.select(checkpoints.c.number).where(
        checkpoints.c.number == number, checkpoints.c.signer == signer.public
    )
    return connection.execute(mine).first() is not None


def _rows(connection: sa.Connection) -> Iterator[tuple[int, Content, sa.Row[tuple[object, ...]]]]:
    wanted = sa.select(acts).order_by(acts.c.number)
    for row in connection.execution_options(yield_per=STRETCH).execute(wanted):
        yield row.number, Content(row.time, row.who, row.act, row.subject, row.reason, row.about), row
