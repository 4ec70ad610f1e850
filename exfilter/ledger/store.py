"""The ledger: what was sent before, asked and added to in one transaction with the decision.

**Nothing twice, nothing missed.** A transfer is decided and written down while no other transfer of the same
actor, to the same destination or of the same groups is: of two that come at once, the second one sees the
first. It is written before it is forwarded. A crash in between leaves an exposure of a transfer that was not
forwarded; its retry is the same exposure.

What is held was not sent, and does not count until it is released.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.ledger import identity, notices, passages, writing
from exfilter.ledger.asking import About, Asking, Scope, Turn
from exfilter.ledger.days import Calendar
from exfilter.ledger.noted import NAME_LIMIT
from exfilter.ledger.response import Response
from exfilter.ledger.rollup import AFTER, SOON, roll_up
from exfilter.ledger.rows import put
from exfilter.ledger.sets import Customers
from exfilter.ledger.steps import STEPS
from exfilter.ledger.suspensions import Look
from exfilter.ledger.tables import SCHEMA, exposures, metadata, people
from exfilter.model import Transfer, Verdict
from exfilter.policy import RESPONSE, UNREAD, Past, Question


@dataclass(frozen=True, slots=True)
class Entry:
    """What was written down of a transfer."""

    verdict: Verdict
    number: int = 0
    """Of the exposure. 0: nobody is in it."""
    scopes: tuple[int, ...] = ()
    sent: bool = False
    """Whether this made it one that was sent."""
    notices: tuple[str, ...] = ()
    """Those on the transfer that others get."""


def _itself(actor: str) -> Sequence[str]:
    return (actor,)


@dataclass(slots=True)
class Ledger:
    """Exposures in one database. Several processes use it at once; an object of it is for one thread."""

    database: Database
    secret: bytes = field(repr=False)
    """Key of what makes two requests the same."""
    calendar: Calendar = field(default_factory=Calendar)
    called: Callable[[str], str] = str
    """What the ledger calls an actor."""
    clock: Callable[[], float] = time.time
    known_as: Callable[[str], Sequence[str]] = _itself
    """All that it may call an actor, or have called him."""
    sealed: Callable[[str, str], bytes] | None = None
    """Seals an actor's pseudonym and name to the reviewers. None: actors go by their names."""
    response: Response = field(init=False, repr=False)
    _ids: dict[Scope, int] = field(default_factory=dict, repr=False)
    _asked: Asking = field(default_factory=Asking, repr=False)
    _members: set[tuple[Scope, ...]] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        look = Look(self.database)
        self.response = Response(self.database, self.secret, self.called, self.known_as, self.clock, look)

    @classmethod
    def open(
        cls,
        place: Path | sa.URL,
        secret: bytes,
        *,
        password: str = "",
        authority: Path | None = None,
        calendar: Calendar | None = None,
        called: Callable[[str], str] = str,
        known_as: Callable[[str], Sequence[str]] | None = None,
        sealed: Callable[[str, str], bytes] | None = None,
    ) -> Self:
        """Open the ledger, or make it. Raises OSError or ValueError."""
        database = Database(place, metadata, SCHEMA, steps=STEPS, password=password, authority=authority)
        days = calendar or Calendar()
        return cls(database, secret, days, called, known_as=known_as or _itself, sealed=sealed)

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def check(self) -> None:
        """Raise OSError where nothing could be written down now."""
        with self.database.transaction(writes=True):
            pass

    def enter(
        self,
        transfer: Transfer,
        verdict: Verdict,
        question: Question,
        decide: Callable[[Past], Verdict],
        *,
        audit_only: bool = False,
    ) -> Entry:
        """Decide on a transfer with what was sent before, and write down who is in it.

        Raises OSError where that cannot be done: then the door must not forward it.
        """
        when = transfer.time or self.clock()
        names = self._scopes(transfer, verdict, question)
        if not verdict.findings.customers:
            return self._without_customers(
                transfer, verdict, question, decide, when, names, audit_only=audit_only
            )
        # Sets of millions are made before the transaction: nobody else can write while it lasts.
        who = Customers.of(verdict.findings)
        about = About(who.folded(), _unread_bytes(transfer, verdict))
        row = writing.described(transfer, verdict, who, when)
        key = identity.key(self.secret, transfer, verdict.thread, crowd=bool(about.who.behind))
        try:
            with self._turns(names, transfer.actor) as (connection, turns):
                day = self.calendar.day(when)
                past = self._asked.past(connection, names, turns, question, about, day)
                decided = decide(replace(past, is_suspended=self.response.holds_now(connection, transfer)))
                sent = audit_only or not decided.action.holds
                row |= {"key": key, "day": day, "sent": sent}
                row |= {"action": int(decided.action), "rule": decided.rule}
                entry = self._written(connection, decided, row, turns, often=question.is_apart)
                # A retry has the same bytes again, another piece of an upload has others.
                if entry.sent or (sent and verdict.thread):
                    writing.leave_unread(connection, turns, day, about.unread)
                told = self.response.follow(connection, transfer, decided, when, day, audit_only=audit_only)
        except BaseException:
            self._forget()
            raise
        self.response.followed(transfer, decided, audit_only=audit_only)
        return replace(entry, notices=told)

    def sent(self, entry: Entry, transfer_id: str = "") -> Entry:
        """Have an exposure count after all: its transfer is released and passes.

        ``transfer_id``: of the release, by which ``restored`` finds it again.
        """
        number = entry.number
        with self.database.transaction(writes=True) as connection:
            if number:
                turns = writing.taken(connection, entry.scopes)
                now = self.clock()
                day = self.calendar.day(now)
                number = writing.moved(connection, number, sent=True, day=day, first=now, last=now)
                if number == entry.number:
                    writing.call(connection, number, transfer_id)
                else:  # It was sent before, and stays so if this one is not forwarded.
                    writing.remember(connection, number, (transfer_id,))
                writing.append(connection, number, turns)
                writing.meet(connection, turns, day)
            self._complete(connection, entry, outcome="released", transfer_id=transfer_id)
            passages.passed(connection, self.clock(), transfer_id, entry.verdict)
        return replace(entry, number=number, sent=bool(number) and number == entry.number)

    def stays(self, entry: Entry) -> None:
        """Have an exposure not count: its transfer was not forwarded after all."""
        if entry.sent or entry.notices:
            with self.database.transaction(writes=True) as connection:
                if entry.sent:
                    writing.moved(connection, entry.number, sent=False)
                self._complete(connection, entry, outcome="held")
            self._forget()

    def restored(self, transfer_id: str) -> None:
        """Have the exposure of a released transfer not count: it was not forwarded."""
        with self.database.transaction(writes=True) as connection:
            wanted = sa.select(exposures.c.id).where(exposures.c.transfer_id == transfer_id, exposures.c.sent)
            for number in connection.execute(wanted).scalars().all():
                writing.moved(connection, number, sent=False)
            passages.returned(connection, self.clock(), transfer_id)
        self._forget()

    def kept(self, entry: Entry, transfer_id: str, fingerprint: str = "") -> None:
        """Name the quarantine's entry of an exposure. That it is held comes into the audit log.

        ``fingerprint``: of what the quarantine has written of it.
        """
        with self.database.transaction(writes=True) as connection:
            if entry.number:
                writing.call(connection, entry.number, transfer_id)
            self._complete(connection, entry, transfer_id=transfer_id)
            passages.held(connection, self.clock(), transfer_id, entry.verdict, fingerprint)

    def _without_customers(
        self,
        transfer: Transfer,
        verdict: Verdict,
        question: Question,
        decide: Callable[[Past], Verdict],
        when: float,
        names: Sequence[Scope],
        *,
        audit_only: bool,
    ) -> Entry:
        # What is held anyhow, or never, needs no look.
        needs_look = not verdict.action.holds and transfer.door != RESPONSE
        is_suspended = needs_look and self.response.holds(transfer)
        past = self._unread(verdict, when, names, transfer.actor, question)
        decided = decide(replace(past, is_suspended=is_suspended))
        told: tuple[str, ...] = ()
        if decided.tell or decided.suspends:
            day = self.calendar.day(when)
            with self.database.transaction(writes=True) as connection:
                self._leave_name(connection, names[0], transfer.actor)
                told = self.response.follow(connection, transfer, decided, when, day, audit_only=audit_only)
            self.response.followed(transfer, decided, audit_only=audit_only)
        size = _unread_bytes(transfer, verdict)
        if size and (audit_only or not decided.action.holds):
            with self._turns(names[:2], transfer.actor) as (connection, turns):
                writing.leave_unread(connection, turns, self.calendar.day(when), size)
        return Entry(decided, notices=told)

    def _unread(
        self, verdict: Verdict, when: float, names: Sequence[Scope], actor: str, question: Question
    ) -> Past:
        """Return how unusual the unread bytes are of a transfer in which nobody was found."""
        asked = question.measures & {UNREAD}
        if not asked or not verdict.findings.unscanned_bytes:
            return Past()
        only = replace(question, windows=frozenset(), measures=asked)
        with self._turns(names, actor) as (connection, turns):
            about = About(Customers(), verdict.findings.unscanned_bytes)
            return self._asked.past(connection, names, turns, only, about, self.calendar.day(when))

    def _complete(self, connection: sa.Connection, entry: Entry, **more: str) -> None:
        notices.complete(connection, entry.notices, self.clock(), **more)

    # What a transfer belongs to

    def _scopes(self, transfer: Transfer, verdict: Verdict, question: Question) -> tuple[Scope, ...]:
        """Return actor, destination and groups, in this order. What is declared or exempt counts apart."""
        name = self.called(transfer.actor)[:NAME_LIMIT]
        host = (verdict.shown.destination or "unknown")[:NAME_LIMIT]
        if transfer.door == RESPONSE:
            return (("reader", name), ("source", host))
        actor = ("bulk" if question.bulk else "exempt" if question.exempt else "actor", name)
        destination = ("destination", host)
        groups = () if question.is_apart else question.groups
        return (actor, destination, *(("group", name) for name in groups))

    @contextlib.contextmanager
    def _turns(self, names: Sequence[Scope], actor: str) -> Iterator[tuple[sa.Connection, list[Turn]]]:
        """Run a transaction in which these scopes are one turn further, and no other one has them."""
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(self.database.transaction(writes=True))
            try:
                turns = writing.taken(connection, self._numbers(connection, names, actor))
            except KeyError:  # `tidy` has taken a name away that nothing stood under any more
                # Anew: who enters a name waits for others who do, and must not keep them waiting.
                self._forget()
                stack.pop_all().close()
                connection = stack.enter_context(self.database.transaction(writes=True))
                turns = writing.taken(connection, self._numbers(connection, names, actor))
            if tuple(names) not in self._members:
                writing.join(connection, names, turns, self.calendar.day(self.clock()))
            yield connection, turns
        self._ids |= {name: each.id for name, each in zip(names, turns, strict=True)}
        self._members.add(tuple(names))

    def _numbers(self, connection: sa.Connection, names: Sequence[Scope], actor: str) -> list[int]:
        """Return the number of each scope. Of an actor who is new here, leave the name for the reviewers."""
        self._leave_name(connection, names[0], actor)
        return [self._ids.get(name) or writing.number(connection, name) for name in names]

    def _leave_name(self, connection: sa.Connection, of: Scope, actor: str) -> None:
        """Leave an actor's name for the reviewers, sealed, where he is new here and goes by a pseudonym."""
        pseudonym = of[1]
        if self.sealed and pseudonym and of not in self._ids:
            put(connection, people, [{"pseudonym": pseudonym, "name": self.sealed(pseudonym, actor)}])

    def _forget(self) -> None:
        self._ids.clear()
        self._members.clear()
        self._asked.forget()

    # What it adds to

    def _written(
        self,
        connection: sa.Connection,
        verdict: Verdict,
        row: dict[str, Any],
        turns: Sequence[Turn],
        *,
        often: bool,
    ) -> Entry:
        sent = bool(row["sent"])
        known = writing.same(connection, row["key"], row["day"], sent=sent)
        if known:
            number = known["id"]
            writing.change(connection, number, **writing.joined(known, row))
        else:
            actor, destination = turns[0].id, turns[1].id
            row |= {"actor": actor, "destination": destination}
            number = connection.execute(sa.insert(exposures).returning(exposures.c.id), row).scalar_one()
        writing.append(connection, number, turns)
        if sent:
            writing.meet(connection, turns, row["day"])
        for each in turns:
            if each.turn - each.through >= (AFTER if often or each is not turns[0] else SOON):
                self._asked.catch_up(connection, each.id, each.turn)
                roll_up(connection, each.id, each.turn, each.through)
        ids = tuple(each.id for each in turns)
        return Entry(verdict, number, ids, sent=sent and not known)


def _unread_bytes(transfer: Transfer, verdict: Verdict) -> int:
    """Return how many bytes of a transfer were sent unread. What was shown was not sent."""
    return 0 if transfer.door == RESPONSE else verdict.findings.unscanned_bytes
