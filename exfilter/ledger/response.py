"""What follows of a verdict beside the transfer's own fate: its actor is suspended, others are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.ledger import identity, notices, suspensions
from exfilter.ledger.noted import NAME_LIMIT, REASON_LIMIT, one_line
from exfilter.ledger.suspensions import Look, Suspension
from exfilter.ledger.tables import scopes
from exfilter.model import Transfer, Verdict
from exfilter.who.pseudonyms import is_pseudonym

NO_ACTORS = "destination", "source", "group"
"""Kinds of scopes that nobody is."""


@dataclass(frozen=True, slots=True)
class Response:
    """The suspensions and the outbox of a ledger, as a door and a reviewer use them."""

    database: Database
    secret: bytes
    called: Callable[[str], str]
    """What the ledger calls an actor."""
    known_as: Callable[[str], Sequence[str]]
    """All that it may have called him, also while pseudonyms were set otherwise."""
    clock: Callable[[], float]
    look: Look

    def holds(self, transfer: Transfer) -> bool:
        """Whether the actor is suspended, as far as it is known here. Raises OSError: it is not."""
        return bool(transfer.actor) and self.look.has(self._names(transfer.actor))

    def holds_now(self, connection: sa.Connection, transfer: Transfer) -> bool:
        """Whether the actor is suspended."""
        return bool(transfer.actor) and suspensions.is_suspended(connection, self._names(transfer.actor))

    def follow(
        self,
        connection: sa.Connection,
        transfer: Transfer,
        verdict: Verdict,
        when: float,
        day: int,
        *,
        audit_only: bool,
    ) -> tuple[str, ...]:
        """Suspend and tell as a verdict says, and return the ids of the notices on the transfer.

        In audit-only mode others are told, and nobody is suspended: it would last when the mode ends.
        """
        if verdict.suspends and transfer.actor and not audit_only:
            self._suspend(connection, transfer, verdict, when)
        if not verdict.tell:
            return ()
        held = verdict.action.holds and not audit_only
        outcome = "held" if held else "passed"
        actor = self._shown(transfer, verdict)
        notice = notices.of_transfer(transfer, verdict, actor, when, outcome=outcome, audit_only=audit_only)
        key = identity.key(self.secret, transfer, verdict.thread)
        what = (str(day), verdict.rule, verdict.action.name)
        name, now = notices.name_of(self.secret, notice["type"], "transfer", key, *what), self.clock()
        due = now + notices.PATIENCE if held else now
        notices.post(connection, name, notice, verdict.tell, now, due=due)
        return (name,)

    def followed(self, transfer: Transfer, verdict: Verdict, *, audit_only: bool) -> None:
        """Know at once of a suspension that has just been written down."""
        if verdict.suspends and transfer.actor and not audit_only:
            self.look.add(self._name(transfer.actor))

    # What reviewers do

    def suspend(self, actor: str, who: str, reason: str, tell: Sequence[str]) -> str | None:
        """Suspend an actor, and return what the ledger calls him. None: he is so already."""
        name, reason = actor if is_pseudonym(actor) else self._name(actor), one_line(reason, REASON_LIMIT)
        with self.database.transaction(writes=True, names=[_lock(name)]) as connection:
            if suspensions.is_suspended(connection, self._names(actor)):
                return None
            suspension = Suspension(name, self.clock(), who, "", reason, tuple(tell))
            suspensions.suspend(connection, suspension)
            self._announce(connection, "suspended", suspension, suspension.since, who, reason, tell)
        return name

    def lift(self, actor: str, who: str, reason: str, tell: Sequence[str]) -> list[str]:
        """End what holds an actor, and return what he was called. Empty: nothing did."""
        now, reason = self.clock(), one_line(reason, REASON_LIMIT)
        with self.database.transaction(writes=True) as connection:
            ended = suspensions.lift(connection, self._names(actor), now, who, reason)
            for each in ended:
                those = sorted({*tell, *each.tell})
                self._announce(connection, "lifted", each, now, who, reason, those)
        return [each.actor for each in ended]

    def is_known(self, actor: str) -> bool:
        """Whether the ledger has anything of an actor: transfers with customers, or with unread bytes."""
        mine = scopes.c.name.in_([actor, *self._names(actor)]) & scopes.c.kind.not_in(NO_ACTORS)
        with self.database.transaction() as connection:
            return connection.execute(sa.select(scopes.c.id).where(mine).limit(1)).first() is not None

    def suspended(self) -> list[Suspension]:
        """Return who is suspended, newest first."""
        with self.database.transaction() as connection:
            return suspensions.listed(connection)

    # Inside

    def _suspend(self, connection: sa.Connection, transfer: Transfer, verdict: Verdict, when: float) -> None:
        if not verdict.suspends or self.holds_now(connection, transfer):
            return
        by, name = verdict.suspends, self._name(transfer.actor)
        suspension = Suspension(name, when, "", by.rule, verdict.reason, by.tell)
        if suspensions.suspend(connection, suspension):
            shown = self._shown(transfer, verdict)
            self._announce(connection, "suspended", suspension, when, "", verdict.reason, by.tell, shown)

    def _announce(
        self,
        connection: sa.Connection,
        kind: str,
        of: Suspension,
        when: float,
        who: str,
        reason: str,
        tell: Sequence[str],
        shown: str | None = None,
    ) -> None:
        actor = of.actor if shown is None else shown
        notice = notices.of_actor(kind, actor, when, who=who, rule=of.rule, reason=reason)
        name = notices.name_of(self.secret, kind, kind, of.actor, repr(of.since))
        now = self.clock()
        notices.post(connection, name, notice, tell, now, due=now)

    def _shown(self, transfer: Transfer, verdict: Verdict) -> str:
        """Return what others may read of an actor: his pseudonym, or his name with customers masked."""
        name = self._name(transfer.actor)
        return verdict.shown.actor if name == transfer.actor[:NAME_LIMIT] else name

    def _name(self, actor: str) -> str:
        return self.called(actor)[:NAME_LIMIT]

    def _names(self, actor: str) -> list[str]:
        return [name[:NAME_LIMIT] for name in {*self.known_as(actor), self.called(actor)}]


def _lock(name: str) -> str:
    return f"suspension {name}"
