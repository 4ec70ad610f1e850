"""Cases: transfers, actors and traces that belong together, with notes, open or closed."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from exfilter.database import Database
from exfilter.review.case_tables import SCHEMA, cases, members, metadata, notes

FILE = "cases.sqlite"
TITLE, NOTE, TRACE = 200, 20_000, 1_000_000
"""Characters at most."""
MOST = 1000
"""Members of a case."""

OPEN_CASE, CLOSE_CASE, REOPEN_CASE = "open review case", "close review case", "reopen review case"
ADD, REMOVE, NOTED, REPORT = "add to case", "remove from case", "note on case", "report of case"


class CaseState(enum.StrEnum):
    """Whether somebody still works on it."""

    OPEN = "open"
    CLOSED = "closed"


class MemberKind(enum.StrEnum):
    """What can belong to a case."""

    TRANSFER = "transfer"
    ACTOR = "actor"
    TRACE = "trace"


class NoCase(ValueError):  # noqa: N818
    """A number that no case has."""


@dataclass(frozen=True, slots=True)
class Member:
    """One that belongs to a case."""

    kind: MemberKind
    name: str
    time: float
    by: str
    content: str
    """Of a trace, JSON; else empty."""


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote."""

    time: float
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """One case."""

    id: int
    title: str
    state: CaseState
    made: float
    """Seconds since the epoch, UTC."""
    by: str
    changed: float
    members: tuple[Member, ...] = ()
    """Oldest first. Empty in a list, as are the notes."""
    notes: tuple[Note, ...] = ()

    def named(self, kind: MemberKind) -> tuple[str, ...]:
        """Return the names of its members of a kind."""
        return tuple(each.name for each in self.members if each.kind is kind)


@dataclass(frozen=True, slots=True)
class Cases:
    """All cases of a folder."""

    database: Database
    clock: Callable[[], float]

    @classmethod
    def open(cls, folder: Path, clock: Callable[[], float]) -> Cases:
        """Open them, or make the file. Raises OSError or ValueError."""
        return cls(Database(folder / FILE, metadata, SCHEMA), clock)

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def begin(self, title: str, by: str) -> int:
        """Open a case and return its number. Raises ValueError for a title that is none."""
        now = self.clock()
        row = {"title": _text(title, TITLE, "title"), "state": CaseState.OPEN, "by": by}
        with self.database.transaction(writes=True) as connection:
            made = sa.insert(cases).values(made=now, changed=now, **row).returning(cases.c.id)
            return int(connection.execute(made).scalar_one())

    def listed(self, state: CaseState | None = None, holding: str = "", most: int = 200) -> list[Case]:
        """Return the last changed first. ``holding``: only those that the transfer of this id belongs to."""
        wanted = sa.select(cases).order_by(cases.c.changed.desc(), cases.c.id.desc()).limit(most)
        if state is not None:
            wanted = wanted.where(cases.c.state == state)
        if holding:
            of = members.c.kind == MemberKind.TRANSFER, members.c.name == holding
            wanted = wanted.where(cases.c.id.in_(sa.select(members.c.case).where(*of)))
        with self.database.transaction() as connection:
            return [_case(row) for row in connection.execute(wanted).mappings()]

    def get(self, number: int) -> Case:
        """Return a case with all that belongs to it. Raises NoCase."""
        of = sa.select(members).where(members.c.case == number).order_by(members.c.time, members.c.name)
        said = sa.select(notes).where(notes.c.case == number).order_by(notes.c.number)
        with self.database.transaction() as connection:
            row = connection.execute(sa.select(cases).where(cases.c.id == number)).mappings().one_or_none()
            if row is None:
                raise _unknown()
            return _case(
                row,
                members=tuple(_member(each) for each in connection.execute(of).mappings()),
                notes=tuple(Note(each.time, each.by, each.text) for each in connection.execute(said)),
            )

    def add(self, number: int, kind: MemberKind, names: Sequence[str], by: str, content: str = "") -> None:
        """Let some belong to a case; those that do already are left as they are. Raises ValueError."""
        told = [_text(name, TITLE, "name") for name in names]
        if len(content) > TRACE:
            msg = f"a trace has {TRACE:,} characters at most: attach a shorter one"
            raise ValueError(msg)
        with self._changed(number) as connection:
            for name in told:
                row = {"kind": kind, "name": name, "by": by, "content": content, "time": self.clock()}
                try:
                    with connection.begin_nested():
                        connection.execute(sa.insert(members).values(case=number, **row))
                except IntegrityError:
                    continue
            count = sa.select(sa.func.count()).where(members.c.case == number)
            if connection.execute(count).scalar_one() > MOST:
                msg = f"a case has {MOST:,} members at most: open another one"
                raise ValueError(msg)

    def remove(self, number: int, kind: MemberKind, name: str) -> None:
        """Let one belong to it no more."""
        this = members.c.case == number, members.c.kind == kind, members.c.name == name
        with self._changed(number) as connection:
            connection.execute(sa.delete(members).where(*this))

    def note(self, number: int, text: str, by: str) -> None:
        """Add a note: notes are never altered. Raises ValueError for an empty one."""
        row = {"time": self.clock(), "by": by, "text": _text(text, NOTE, "note")}
        with self._changed(number) as connection:
            connection.execute(sa.insert(notes).values(case=number, **row))

    def set_state(self, number: int, state: CaseState) -> None:
        """Close a case, or open it again."""
        with self._changed(number, to=state) as connection:
            connection.execute(sa.update(cases).where(cases.c.id == number).values(state=state))

    @contextmanager
    def _changed(self, number: int, to: CaseState | None = None) -> Iterator[sa.Connection]:
        """Change a case. Raises NoCase, or ValueError where it is closed."""
        with self.database.transaction(writes=True) as connection:
            state = connection.execute(sa.select(cases.c.state).where(cases.c.id == number)).scalar()
            if state is None:
                raise _unknown()
            if state == CaseState.CLOSED and to is None:
                msg = f"case {number} is closed: open it again first"
                raise ValueError(msg)
            yield connection
            connection.execute(sa.update(cases).where(cases.c.id == number).values(changed=self.clock()))


def _case(row: sa.RowMapping, **more: Any) -> Case:  # noqa: ANN401 - fields of a case
    return Case(**dict(row) | {"state": CaseState(row["state"])} | more)


def _member(row: sa.RowMapping) -> Member:
    return Member(MemberKind(row["kind"]), row["name"], row["time"], row["by"], row["content"])


def _text(text: str, most: int, what: str) -> str:
    short = text.strip()
    if not short or len(short) > most:
        msg = f"write a {what} of 1 to {most:,} characters"
        raise ValueError(msg)
    return short


def _unknown() -> NoCase:
    return NoCase("there is no such case; see the list of cases")
