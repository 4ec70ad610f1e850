"""Tokens for programs: an account's, with at most its rights, shown once, until they end."""

from __future__ import annotations

import contextlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.review.roles import Person, Role
from exfilter.review.sessions import NOTED, digest
from exfilter.review.tables import accounts, tokens

PREFIX = "exfilter"
"""So that scanners for leaked secrets know one when they see one."""
DAY = 86_400.0
LABEL_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Token:
    """One token, without its secret."""

    id: str
    account: str
    role: Role
    label: str
    made: float
    ends: float
    used: float | None
    """When it was last shown, about. None: never."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """All tokens. Errors of the database are OSError; mistakes ValueError."""

    database: Database
    clock: Callable[[], float]

    def add(self, account: str, role: Role, days: float, label: str = "") -> str:
        """Return a new token of an account: the only time that it is seen. Raises ValueError."""
        secret, id_, now = secrets.token_urlsafe(32), secrets.token_hex(4), self.clock()
        row = {"id": id_, "digest": digest(secret), "account": account, "role": role, "made": now}
        short = "".join(char for char in label if char.isprintable())[:LABEL_LIMIT]
        with self.database.transaction(writes=True) as connection:
            owner = connection.execute(sa.select(accounts).where(accounts.c.name == account)).first()
            _check(owner, account, role)
            connection.execute(sa.insert(tokens).values(ends=now + days * DAY, label=short, **row))
        return f"{PREFIX}_{id_}_{secret}"

    def person(self, token: str) -> Person | None:
        """Return as whom a token acts; None: it has ended, was never, or its account is disabled."""
        prefix, _, rest = token.strip().partition("_")
        id_, _, secret = rest.partition("_")
        enabled = accounts.c.disabled.is_(False)
        wanted = (
            sa.select(tokens, accounts.c.role.label("most")).join(accounts).where(tokens.c.id == id_, enabled)
        )
        with self.database.transaction() as connection:
            row = connection.execute(wanted).first()
        good = row is not None and hmac.compare_digest(row.digest, digest(secret))
        if row is None or not good or prefix != PREFIX or row.ends <= self.clock():
            return None
        self._note(row.id, row.used)
        most, own = Role(row.most), Role(row.role)
        return Person(row.account, own if most.includes(own) else most)

    def listed(self) -> list[Token]:
        """Return those that have not ended, newest first."""
        columns = [tokens.c[name] for name in Token.__slots__]
        wanted = sa.select(*columns).where(tokens.c.ends > self.clock()).order_by(tokens.c.made.desc())
        with self.database.transaction() as connection:
            return [Token(*row) for row in connection.execute(wanted)]

    def revoke(self, id_: str) -> str:
        """End a token for good. Return whose it was. Raises ValueError where there is none."""
        with self.database.transaction(writes=True) as connection:
            gone = sa.delete(tokens).where(tokens.c.id == id_).returning(tokens.c.account)
            account = connection.scalar(gone)
        if account is None:
            msg = "there is no such token: see `exfilter review token list`"
            raise ValueError(msg)
        return str(account)

    def _note(self, id_: str, used: float | None) -> None:
        now = self.clock()
        if used is None or now - used > NOTED:
            with contextlib.suppress(OSError), self.database.transaction(writes=True) as connection:
                connection.execute(sa.update(tokens).where(tokens.c.id == id_).values(used=now))


def _check(owner: sa.Row[tuple[object, ...]] | None, account: str, role: Role) -> None:
    """Raise ValueError where an account cannot have a token of this role."""
    if owner is None:
        msg = f"there is no account {account}: see `exfilter review user list`"
        raise ValueError(msg)
    allowed = [each for each in Role if Role(owner.role).includes(each)]
    if role not in allowed:
        msg = f"{account} has the role {owner.role}: give a token of theirs the role {' or '.join(allowed)}"
        raise ValueError(msg)
