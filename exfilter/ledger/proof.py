"""The audit log as a chain: read as a whole to be verified or exported, and signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.audit import Checkpoint, Content, Link, Signer
from exfilter.database import Database
from exfilter.ledger.rows import put
from exfilter.ledger.tables import acts, chain, checkpoints

STRETCH = 1000
"""Rows that are read at a time."""


@dataclass(frozen=True, slots=True)
class Log:
    """The whole log as it is stored: ``exfilter.audit.verifying`` says whether it is whole."""

    links: Sequence[Link]
    """In the order of their numbers. ``content`` is the digest of what stands there now."""
    end: Link | None
    """What the end of the chain is said to be; of it only number and hash. None: nothing was ever chained."""
    checkpoints: Sequence[Checkpoint]
    """In the order of their numbers."""


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
    said = Link(end.number, "", "", end.hash) if end is not None else None
    return Log(links, said, signed)


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
