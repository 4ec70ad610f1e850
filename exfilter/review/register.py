"""The register of a configuration folder: accounts, sessions and tokens."""

from __future__ import annotations

import secrets as random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.review.accounts import Accounts
from exfilter.review.sessions import Sessions
from exfilter.review.tables import SCHEMA, STEPS, metadata, secrets
from exfilter.review.tokens import Tokens

if TYPE_CHECKING:
    from exfilter.settings import Settings

MINUTE, HOUR = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Register:
    """Who may, and who is logged in."""

    database: Database
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    secret: str
    """Signs cookies."""

    @classmethod
    def open(cls, given: Settings, clock: Callable[[], float] = time.time) -> Register:
        """Open the review's database, or make it. Raises OSError or ValueError."""
        database = Database(given.review, metadata, SCHEMA, steps=STEPS)
        idle, longest = given.review_idle_minutes * MINUTE, given.review_session_hours * HOUR
        return cls(
            database,
            Accounts(database, clock),
            Sessions(database, clock, idle, longest),
            Tokens(database, clock),
            _secret(database),
        )

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def _secret(database: Database) -> str:
    """Return the secret that cookies are signed with; the first who asks makes it."""
    with database.transaction(writes=True) as connection:
        wanted = sa.select(secrets.c.value).where(secrets.c.name == "cookies")
        found: str | None = connection.scalar(wanted)
        if found is None:
            found = random.token_hex(32)
            connection.execute(sa.insert(secrets).values(name="cookies", value=found))
        return found
