"""The audit log as a chain: read as a whole to be verified or exported, and signed.

Whoever can write the database can write anything into it: what is read here may be of any type and size.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from exfilter import private
from exfilter.audit import Checkpoint, Content, Link, Signer, signing
from exfilter.audit.verifying import verify
from exfilter.database import Database
from exfilter.ledger.noted import THE_END
from exfilter.ledger.rows import put
from exfilter.ledger.tables import acts, chain, checkpoints

STRETCH = 1000
"""Rows that are read at a time."""
LAST = ".last"
"""Ends the name of the file beside the signing key that has the last checkpoint."""


@dataclass(frozen=True, slots=True)
class Log:
    """The whole log as it is stored: ``exfilter.audit.verifying`` says whether it is whole."""

    links: Sequence[Link]
    """In the order of their numbers. ``content``: digest of what stands there now. Empty: it has none."""
    end: Link | None
    """What the end of the chain is said to be; of it only number and hash. None: nothing was ever chained."""
    checkpoints: Sequence[Checkpoint]
    """In the order of their numbers."""


def read(database: Database) -> Log:
    """Read the whole log, in one moment."""
    with database.transaction() as connection:
        links = [
            Link(number, row.previous, _digest(told), row.hash) for number, told, row in _rows(connection)
        ]
        last = sa.select(chain.c.number, chain.c.hash).where(chain.c.id == THE_END)
        end = connection.execute(last).one_or_none()
        order = sa.select(checkpoints).order_by(checkpoints.c.number, checkpoints.c.time)
        signed = [_checkpoint(row) for row in connection.execute(order)]
    return Log(links, Link(end.number, "", "", end.hash) if end is not None else None, signed)


def contents(database: Database) -> Iterator[tuple[int, Content]]:
    """Yield all that the log says, oldest first. Of a log that is whole."""
    with database.transaction() as connection:
        for number, told, _ in _rows(connection):
            yield number, told


def kept(key: Path) -> list[Checkpoint]:
    """Return the last checkpoint that was signed with a key: it is kept beside it, out of the database.

    Raises ValueError where what is kept there is none.
    """
    file = _last(key)
    return [signing.read(file.read_text("utf-8", "replace"))] if file.exists() else []


def sign(database: Database, key: Path, now: float) -> Checkpoint | None:
    """Sign how far the log goes, and keep that there and beside the key. None: there is nothing new.

    Raises ValueError where the log is not the one that was signed before: that is never signed anew. OSError.
    """
    signer, log = Signer(key), read(database)
    mine = [each for each in (*log.checkpoints, *kept(key)) if each.signer == signer.public]
    result = verify(log.links, log.end, mine, {signer.public})
    if result.fault is not None:
        found = result.fault
        msg = f"the audit log is not whole and was not signed: entry {found.number} is {found.kind}"
        raise ValueError(msg)
    if not log.links or result.signed == log.links[-1].number:
        return None
    made = signer.checkpoint(log.links[-1].number, log.links[-1].hash, now)
    row = {"number": made.number, "signer": made.signer, "hash": made.hash}
    with database.transaction(writes=True) as connection:
        put(connection, checkpoints, [row | {"time": made.time, "signature": made.signature}])
    _keep(_last(key), made)
    return made


def _keep(file: Path, made: Checkpoint) -> None:
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    private.write(fresh, made.told().encode() + b"\n")
    fresh.replace(file)
    private.sync_folder(file.parent)


def _last(key: Path) -> Path:
    return key.with_name(key.name + LAST)


def _digest(told: Content) -> str:
    try:
        return told.digest()
    except (ValueError, TypeError):  # no door writes such an entry
        return ""


def _checkpoint(row: sa.Row[Any]) -> Checkpoint:
    """Return a stored checkpoint; one of other types than a door writes has a wrong signature."""
    is_one = isinstance(row.number, int) and isinstance(row.time, float) and math.isfinite(row.time)
    texts = [text if isinstance(text, str) else "" for text in (row.hash, row.signer, row.signature)]
    number, when = (row.number, row.time) if is_one else (0, 0.0)
    return Checkpoint(number, texts[0], when, texts[1], texts[2])


def _rows(connection: sa.Connection) -> Iterator[tuple[int, Content, sa.Row[Any]]]:
    wanted = sa.select(acts).order_by(acts.c.number)
    for row in connection.execution_options(yield_per=STRETCH).execute(wanted):
        yield row.number, Content(row.time, row.who, row.act, row.subject, row.reason, row.about), row
