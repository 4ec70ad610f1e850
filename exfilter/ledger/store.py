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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.ledger import identity, notices
from exfilter.ledger.days import Calendar
from exfilter.ledger.response import NAME_LIMIT, Response
from exfilter.ledger.rollup import AFTER, customers, roll_up
from exfilter.ledger.rows import put
from exfilter.ledger.sets import (
    Customers,
    packed,
    packed_fields,
    packed_or_none,
    repacked_fields,
    unpacked_fields,
)
from exfilter.ledger.suspensions import Look
from exfilter.ledger.tables import SCHEMA, exposures, meetings, metadata, people, scopes, tail, unread
from exfilter.ledger.windows import States
from exfilter.model import Transfer, Verdict
from exfilter.policy import RESPONSE, By, Counted, Past, Question, Window

Scope = tuple[str, str]
"""Kind and name."""


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


@dataclass(frozen=True, slots=True)
class Turn:
    """A scope in a transaction that no other one disturbs."""

    id: int
    turn: int
    through: int


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
    _states: States = field(default_factory=States, repr=False)

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
        database = Database(place, metadata, SCHEMA, password=password, authority=authority)
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
            return self._without_customers(transfer, verdict, decide, when, names, audit_only=audit_only)
        try:
            with self._turns(names, transfer.actor) as (connection, turns):
                day = self.calendar.day(when)
                past = self._past(connection, names, turns, question, verdict, day)
                decided = decide(replace(past, is_suspended=self.response.holds_now(connection, transfer)))
                sent = audit_only or not decided.action.holds
                entry = self._written(connection, transfer, decided, when, turns, sent=sent)
                told = self.response.follow(connection, transfer, decided, when, day, audit_only=audit_only)
        except BaseException:
            self._forget()
            raise
        self.response.followed(transfer, decided, audit_only=audit_only)
        return replace(entry, notices=told)

    def sent(self, entry: Entry, transfer_id: str = "") -> Entry:
        """Have an exposure count after all: its transfer is released and passes."""
        if not entry.number and not entry.notices:
            return entry
        number = entry.number
        with self.database.transaction(writes=True) as connection:
            if number:
                turns = taken(connection, entry.scopes)
                number = _moved(connection, number, sent=True)
                _append(connection, number, turns)
            self._complete(connection, entry, outcome="released", transfer_id=transfer_id)
        return replace(entry, number=number, sent=bool(number))

    def stays(self, entry: Entry) -> None:
        """Have an exposure not count: its transfer was not forwarded after all."""
        if entry.sent or entry.notices:
            with self.database.transaction(writes=True) as connection:
                if entry.sent:
                    _moved(connection, entry.number, sent=False)
                self._complete(connection, entry, outcome="held")
            self._forget()

    def restored(self, transfer_id: str) -> None:
        """Have the exposure of a released transfer not count: it was not forwarded."""
        with self.database.transaction(writes=True) as connection:
            wanted = sa.select(exposures.c.id).where(exposures.c.transfer_id == transfer_id, exposures.c.sent)
            for number in connection.execute(wanted).scalars().all():
                _moved(connection, number, sent=False)
        self._forget()

    def kept(self, entry: Entry, transfer_id: str) -> None:
        """Name the quarantine's entry of an exposure."""
        if entry.number or entry.notices:
            with self.database.transaction(writes=True) as connection:
                if entry.number:
                    _set(connection, entry.number, transfer_id=transfer_id)
                self._complete(connection, entry, transfer_id=transfer_id)

    def _without_customers(
        self,
        transfer: Transfer,
        verdict: Verdict,
        decide: Callable[[Past], Verdict],
        when: float,
        names: Sequence[Scope],
        *,
        audit_only: bool,
    ) -> Entry:
        # What is held anyhow needs no look.
        is_suspended = not verdict.action.holds and self.response.holds(transfer)
        decided = decide(Past(is_suspended=is_suspended))
        told: tuple[str, ...] = ()
        if decided.tell or decided.suspends:
            day = self.calendar.day(when)
            with self.database.transaction(writes=True) as connection:
                told = self.response.follow(connection, transfer, decided, when, day, audit_only=audit_only)
            self.response.followed(transfer, decided, audit_only=audit_only)
        if verdict.findings.unscanned_bytes and (audit_only or not decided.action.holds):
            self._leave_unread(names, verdict, when, transfer.actor)
        return Entry(decided, notices=told)

    def _complete(self, connection: sa.Connection, entry: Entry, **more: str) -> None:
        notices.complete(connection, entry.notices, self.clock(), **more)

    # What a transfer belongs to

    def _scopes(self, transfer: Transfer, verdict: Verdict, question: Question) -> tuple[Scope, ...]:
        """Return actor, destination and groups, in this order. What a bulk sender sends is counted apart."""
        name = self.called(transfer.actor)[:NAME_LIMIT]
        host = (verdict.shown.destination or "unknown")[:NAME_LIMIT]
        if transfer.door == RESPONSE:
            return (("reader", name), ("source", host))
        actor = ("bulk" if question.bulk else "actor", name)
        destination = ("destination", host)
        groups = () if question.bulk else question.groups
        return (actor, destination, *(("group", name) for name in groups))

    @contextlib.contextmanager
    def _turns(self, names: Sequence[Scope], actor: str) -> Iterator[tuple[sa.Connection, list[Turn]]]:
        """Run a transaction in which these scopes are one turn further, and no other one has them."""
        with self.database.transaction(writes=True) as connection:
            try:
                turns = taken(connection, self._numbers(connection, names, actor))
            except KeyError:  # `tidy` has taken a name away that nothing stood under any more
                self._forget()
                turns = taken(connection, self._numbers(connection, names, actor))
            yield connection, turns
        self._ids |= {name: each.id for name, each in zip(names, turns, strict=True)}

    def _numbers(self, connection: sa.Connection, names: Sequence[Scope], actor: str) -> list[int]:
        """Return the number of each scope. Of an actor who is new here, leave the name for the reviewers."""
        pseudonym = names[0][1]
        if self.sealed and pseudonym and names[0] not in self._ids:
            put(connection, people, [{"pseudonym": pseudonym, "name": self.sealed(pseudonym, actor)}])
        return [self._ids.get(name) or _number(connection, name) for name in names]

    def _forget(self) -> None:
        self._ids.clear()
        self._states.forget()

    # What it adds to

    def _past(
        self,
        connection: sa.Connection,
        names: Sequence[Scope],
        turns: Sequence[Turn],
        question: Question,
        verdict: Verdict,
        today: int,
    ) -> Past:
        who = Customers.of(verdict.findings)
        counted: dict[tuple[Window, str], Counted] = {}
        for (kind, name), turn in zip(names, turns, strict=True):
            windows = [window for window in question.windows if window.by == kind]
            if windows:
                days = {window.days for window in windows}
                state = self._states.state(connection, turn.id, turn.through, today, days)
                counted |= {(window, name): state.counted(window.days, who) for window in windows}
        if names[0][0] == "actor":
            counted |= self._viewed(connection, names[0][1], question, today)
        return Past(counted)

    def _viewed(
        self, connection: sa.Connection, name: str, question: Question, today: int
    ) -> dict[tuple[Window, str], Counted]:
        """Return whom the sender of a transfer was shown before."""
        windows = [window for window in question.windows if window.by is By.READER]
        reader = sa.select(scopes.c.id, scopes.c.through).where(
            scopes.c.kind == "reader", scopes.c.name == name
        )
        found = connection.execute(reader).one_or_none() if windows else None
        if found is None:
            return {}
        days = {window.days for window in windows}
        state = self._states.state(connection, found.id, found.through, today, days)
        return {(window, name): state.counted(window.days, Customers()) for window in windows}

    def _written(
        self,
        connection: sa.Connection,
        transfer: Transfer,
        verdict: Verdict,
        when: float,
        turns: Sequence[Turn],
        *,
        sent: bool,
    ) -> Entry:
        key, day = identity.key(self.secret, transfer, verdict.thread), self.calendar.day(when)
        known = _same(connection, key, day, sent=sent)
        row = _described(transfer, verdict, when) | {"sent": sent}
        if known:
            number = known["id"]
            _set(connection, number, **_joined(known, row))
        else:
            actor, destination = turns[0].id, turns[1].id
            row |= {"key": key, "day": day, "actor": actor, "destination": destination}
            number = connection.execute(sa.insert(exposures).returning(exposures.c.id), row).scalar_one()
        _append(connection, number, turns)
        if sent:
            _meet(connection, turns, day)
        for each in turns:
            if each.turn - each.through >= AFTER:
                roll_up(connection, each.id, each.turn, each.through)
        ids = tuple(each.id for each in turns)
        return Entry(verdict, number, ids, sent=sent and not known)

    def _leave_unread(self, names: Sequence[Scope], verdict: Verdict, when: float, actor: str) -> None:
        day, size = self.calendar.day(when), verdict.findings.unscanned_bytes
        with self._turns(names[:2], actor) as (connection, turns):
            row = {"actor": turns[0].id, "day": day, "bytes": size, "transfers": 1}
            more = {"bytes": unread.c.bytes + size, "transfers": unread.c.transfers + 1}
            put(connection, unread, [row], **more)
            _meet(connection, turns, day)


def _number(connection: sa.Connection, name: Scope) -> int:
    """Return the number of a scope, which is made where it is new."""
    row = {"kind": name[0], "name": name[1], "turn": 0, "through": 0}
    put(connection, scopes, [row])
    same = sa.select(scopes.c.id).where(scopes.c.kind == name[0], scopes.c.name == name[1])
    return int(connection.execute(same).scalar_one())


def taken(connection: sa.Connection, numbers: Sequence[int]) -> list[Turn]:
    """Take the next turn of each scope. Raises KeyError where one is not there.

    In one order for all: two transactions never wait for each other.
    """
    mine = scopes.c.id.in_(numbers)
    locked = sa.select(scopes.c.id, scopes.c.turn, scopes.c.through).where(mine).order_by(scopes.c.id)
    found = {row.id: row for row in connection.execute(locked.with_for_update())}
    connection.execute(sa.update(scopes).where(mine).values(turn=scopes.c.turn + 1))
    return [Turn(number, found[number].turn + 1, found[number].through) for number in numbers]


def _append(connection: sa.Connection, number: int, turns: Sequence[Turn]) -> None:
    rows = [{"scope": each.id, "turn": each.turn, "exposure": number} for each in turns]
    put(connection, tail, rows)


def _meet(connection: sa.Connection, turns: Sequence[Turn], day: int) -> None:
    put(connection, meetings, [{"actor": turns[0].id, "destination": turns[1].id, "day": day}])


def _set(connection: sa.Connection, number: int, **values: object) -> None:
    connection.execute(sa.update(exposures).where(exposures.c.id == number).values(**values))


def _same(connection: sa.Connection, key: bytes, day: int, *, sent: bool) -> Mapping[Any, Any] | None:
    """Return the exposure that another one is the same as."""
    is_same = (exposures.c.key == key, exposures.c.day == day, exposures.c.sent == sent)
    return connection.execute(sa.select(exposures).where(*is_same)).mappings().one_or_none()


def _moved(connection: sa.Connection, number: int, *, sent: bool) -> int:
    """Have an exposure count, or not any more. Return its number: one that is the same takes it in."""
    row = connection.execute(sa.select(exposures).where(exposures.c.id == number)).mappings().one()
    other = _same(connection, row["key"], row["day"], sent=sent)
    if other is None:
        _set(connection, number, sent=sent)
        return number
    if other["id"] != number:
        _set(connection, other["id"], **_joined(other, dict(row)))
        connection.execute(sa.delete(tail).where(tail.c.exposure == number))
        connection.execute(sa.delete(exposures).where(exposures.c.id == number))
    return int(other["id"])


def _described(transfer: Transfer, verdict: Verdict, when: float) -> dict[str, object]:
    found, who = verdict.findings, Customers.of(verdict.findings)
    return {
        "first": when,
        "last": when,
        "attempts": 1,
        "door": transfer.door,
        "action": int(verdict.action),
        "rule": verdict.rule,
        "transfer_id": "",
        "index_id": verdict.versions.index,
        "customers": int(found.customers),
        "estimated": who.estimated,
        "identified": packed(who.identified),
        "behind": packed_or_none(who.behind),
        "fields": packed_fields(found.exposed, who.identified),
    }


def _joined(known: Mapping[Any, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Return an exposure that came again, or of which another piece came."""
    both = customers(known["identified"], known["behind"], known["estimated"])
    before = both.identified.copy()
    more = customers(row["identified"], row["behind"], row["estimated"])
    who = Customers(both.identified | more.identified, both.behind | more.behind)
    fields = unpacked_fields(known["fields"], before)
    for name, each in unpacked_fields(row["fields"], more.identified).items():
        fields[name] = fields.get(name, each) | each
    estimated = max(both.estimated, more.estimated)
    return {
        "last": max(known["last"], row["last"]),
        "attempts": known["attempts"] + 1,
        "action": row["action"],
        "rule": row["rule"],
        "customers": len(who.identified) + estimated,
        "estimated": estimated,
        "identified": packed(who.identified),
        "behind": packed_or_none(who.behind),
        "fields": repacked_fields(fields, who.identified),
    }
