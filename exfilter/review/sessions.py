"""Sessions, on the server: the browser has a random id in a signed cookie, here is its digest."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.review.roles import Person, Role
from exfilter.review.tables import accounts, sessions

NOTED = 60.0
"""Seconds between two notes of when somebody was seen: reading writes nothing most of the time."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Who is logged in. Errors of the database are OSError."""

    database: Database
    clock: Callable[[], float]
    idle: float
    """Seconds without a request after which a session ends."""
    longest: float
    """Seconds after which it ends in any case."""

    def begin(self, account: str) -> str:
        """Return the id of a new session. Those that are over are cleared on the way."""
        secret, now = secrets.token_urlsafe(32), self.clock()
        row = {"digest": digest(secret), "account": account, "made": now, "seen": now}
        with self.database.transaction(writes=True) as connection:
            connection.execute(sa.delete(sessions).where(~self._alive(now)))
            connection.execute(sa.insert(sessions).values(row))
        return secret

    def person(self, secret: str) -> Person | None:
        """Return whose session it is; None: it is over, was never, or its account is disabled."""
        now = self.clock()
        wanted = (
            sa.select(accounts.c.name, accounts.c.role, sessions.c.digest, sessions.c.seen)
            .join(accounts, accounts.c.name == sessions.c.account)
            .where(sessions.c.digest == digest(secret), accounts.c.disabled.is_(False), self._alive(now))
        )
        with self.database.transaction() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            return None
        if now - row.seen > min(NOTED, self.idle / 4):
            self._note(row.digest, now)
        return Person(row.name, Role(row.role))

    def end(self, secret: str) -> None:
        """End one session."""
        with self.database.transaction(writes=True) as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.digest == digest(secret)))

    def _note(self, key: str, now: float) -> None:
        """Note when somebody was seen. Where it cannot be written the session ends early, that is all."""
        with contextlib.suppress(OSError), self.database.transaction(writes=True) as connection:
            connection.execute(sa.update(sessions).where(sessions.c.digest == key).values(seen=now))

    def _alive(self, now: float) -> sa.ColumnElement[bool]:
        return (sessions.c.seen > now - self.idle) & (sessions.c.made > now - self.longest)


def digest(secret: str) -> str:
    """Return what is stored of an id of 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
