"""The accounts: who may, with which role. Whoever is changed or disabled is logged out at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from exfilter.database import Database
from exfilter.ledger.passages import DOOR
from exfilter.review import passwords
from exfilter.review.roles import Person, Role
from exfilter.review.tables import accounts, sessions, tokens

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
"""Plain letters: two names that look alike are one."""
_ACCESS = (sessions, tokens)
FIRST = "exfilter review user add NAME --role admin"


@dataclass(frozen=True, slots=True)
class Account:
    """One row, without its password."""

    name: str
    role: Role
    disabled: bool
    outside: bool
    """Whether it is of OpenID Connect."""
    made: float
    set_by: str
    """Who set the password. Empty: its owner, or there is none."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """All accounts. Errors of the database are OSError; mistakes ValueError, with the next step."""

    database: Database
    clock: Callable[[], float]

    def add(self, name: str, role: Role, password: str, by: str = "") -> Account:
        """Make an account. Raises ValueError: the name is taken or none, the password too easy.

        ``by``: who knows the password besides its owner.
        """
        known = unused(name)
        self._insert(known, role, passwords.hashed(password, known), "", by)
        return self.get(known)

    def listed(self) -> list[Account]:
        """Return all, by name."""
        with self.database.transaction() as connection:
            return [
                _account(row) for row in connection.execute(sa.select(accounts).order_by(accounts.c.name))
            ]

    def get(self, name: str) -> Account:
        """Return one. Raises ValueError where there is none."""
        with self.database.transaction() as connection:
            return _account(_row(connection, name))

    def verified(self, name: str, password: str) -> Person | None:
        """Return whose password it is; None: nobody's, or the account is disabled. Takes the same time."""
        with self.database.transaction() as connection:
            row = connection.execute(sa.select(accounts).where(accounts.c.name == folded(name))).first()
        stored = row.password if row else ""
        if not passwords.fits(stored, password) or row is None or row.disabled:
            return None
        if passwords.is_outdated(stored):
            self._update(row.name, password=passwords.again(password))
        return Person(row.name, Role(row.role))

    def set_password(self, name: str, password: str, by: str = "") -> None:
        """Give an account another password; its sessions and tokens end. ``by``: as in ``add``."""
        account = self.get(name)
        if account.outside:
            msg = f"{account.name} logs in by OpenID Connect: the password is changed there"
            raise ValueError(msg)
        self._update(account.name, _ACCESS, password=passwords.hashed(password, account.name), set_by=by)

    def set_role(self, name: str, role: Role) -> None:
        """Give an account another role. Raises ValueError for the last admin."""
        self._change(name, {"role": role}, leaves=role is not Role.ADMIN)

    def disable(self, name: str) -> None:
        """Lock an account; its sessions and tokens end for good. Raises ValueError for the last admin."""
        self._change(name, {"disabled": True}, leaves=True, ends=_ACCESS)

    def end(self, name: str) -> None:
        """Lock an account that has no role at its issuer any more, be it the last admin's."""
        self._update(folded(name), _ACCESS, disabled=True)

    def enable(self, name: str) -> None:
        """Unlock an account."""
        self._change(name, {"disabled": False}, leaves=False)

    def has_admin(self) -> bool:
        """Whether somebody can say who may."""
        with self.database.transaction() as connection:
            return bool(connection.scalar(_admins()))

    def of(self, subject: str) -> Account | None:
        """Return the account of somebody at the issuer. None: there is none."""
        with self.database.transaction() as connection:
            row = connection.execute(sa.select(accounts).where(accounts.c.subject == subject)).first()
        return _account(row) if row is not None and subject else None

    def outside(self, name: str, role: Role, subject: str) -> Person | None:
        """Return who logged in by OpenID Connect; None: disabled. An account is made, or its role changed.

        Raises ValueError where the name is somebody else's.
        """
        account = self.of(subject)
        if account is None:
            self._insert(unused(name), role, "", subject)
            return Person(spelt(name), role)
        if account.disabled:
            return None
        if account.role != role:
            self._update(account.name, (sessions,), role=role)
        return Person(account.name, role)

    def _insert(self, name: str, role: Role, password: str, subject: str, by: str = "") -> None:
        values = {"name": name, "role": role, "password": password, "subject": subject, "set_by": by}
        try:
            with self.database.transaction(writes=True) as connection:
                connection.execute(sa.insert(accounts).values(disabled=False, made=self.clock(), **values))
        except IntegrityError:
            msg = f"there is an account {name} already: see `exfilter review user list`"
            raise ValueError(msg) from None

    def _change(
        self, name: str, values: dict[str, object], *, leaves: bool, ends: tuple[sa.Table, ...] = (sessions,)
    ) -> None:
        """Change a row. ``leaves``: it is no admin's afterwards."""
        with self.database.transaction(writes=True) as connection:
            row = _row(connection, name)
            is_admin = row.role == Role.ADMIN and not row.disabled
            if leaves and is_admin and connection.scalar(_admins()) == 1:
                msg = f"{row.name} is the last admin: make somebody else admin first"
                raise ValueError(msg)
            connection.execute(sa.update(accounts).where(accounts.c.name == row.name).values(values))
            _end(connection, row.name, ends)

    def _update(self, name: str, ends: tuple[sa.Table, ...] = (), **values: object) -> None:
        with self.database.transaction(writes=True) as connection:
            connection.execute(sa.update(accounts).where(accounts.c.name == name).values(values))
            _end(connection, name, ends)


def _end(connection: sa.Connection, name: str, ends: tuple[sa.Table, ...]) -> None:
    for each in ends:
        connection.execute(sa.delete(each).where(each.c.account == name))


def folded(name: str) -> str:
    """Return the one spelling of what was typed."""
    return name.strip().lower()


def spelt(name: str) -> str:
    """Return the one spelling of a name. Raises ValueError for what cannot be one."""
    known = folded(name)
    if not NAME.fullmatch(known):
        msg = "a name has 1 to 64 plain letters, digits and . _ @ + -, and begins with a letter or digit"
        raise ValueError(msg)
    return known


def unused(name: str) -> str:
    """Return the one spelling of a new name. Raises ValueError for what is none, or the door's own."""
    known = spelt(name)
    if known == DOOR:
        msg = f"{DOOR} is the door's own name in the audit log: call the account after the person whose it is"
        raise ValueError(msg)
    return known


def _admins() -> sa.Select[int]:
    enabled = accounts.c.disabled.is_(False)
    return sa.select(sa.func.count()).select_from(accounts).where(accounts.c.role == Role.ADMIN, enabled)


def _row(connection: sa.Connection, name: str) -> sa.Row[tuple[object, ...]]:
    row = connection.execute(sa.select(accounts).where(accounts.c.name == folded(name))).first()
    if row is None:
        msg = "there is no account of that name: see `exfilter review user list`"
        raise ValueError(msg)
    return row


def _account(row: sa.Row[tuple[object, ...]]) -> Account:
    return Account(row.name, Role(row.role), row.disabled, bool(row.subject), row.made, row.set_by)
