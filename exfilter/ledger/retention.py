"""What is too old goes from the ledger, and out of the file: as if it had never been entered.

In small transactions, with a rest after each: a door that wants to write meanwhile waits for some
milliseconds. A crash leaves nothing half counted; the next run goes on where this one ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.ledger import acts, rollup
from exfilter.ledger.rows import excluded, put
from exfilter.ledger.sets import Customers, packed, packed_or_none
from exfilter.ledger.store import Ledger
from exfilter.ledger.tables import (
    chores,
    exposures,
    lifetimes,
    meetings,
    members,
    metadata,
    peers,
    people,
    rollups,
    scopes,
    suspensions,
    tail,
    unread,
)
from exfilter.ledger.writing import taken

ROWS, BYTES = 64, 2 * 1024 * 1024
"""Of exposures that are removed at a time."""
DAYS = 16
"""Of a scope that are read, or removed, at a time."""
PAIRS = 8
"""Meetings that are looked at at a time."""


@dataclass(frozen=True, slots=True)
class Tidied:
    """What one run removed."""

    before: str
    """The first day that is kept, ISO 8601."""
    exposures: int
    names: int
    """Of actors, destinations and groups under which nothing is kept any more."""
    overwritten: bool
    """Whether it is out of the files too. False: somebody was reading; the next run does it."""


def tidy(ledger: Ledger, days: int, who: str = acts.DOOR, reason: str = "") -> Tidied:
    """Remove what is older than so many days, today included. Raises OSError."""
    first = ledger.calendar.day(ledger.clock()) - days + 1
    database = ledger.database
    touched, gone = set[int](), 0
    while batch := _oldest(database, first):
        touched |= _drop(database, batch)
        gone += len(batch)
    for scope in sorted(touched | _with_old_days(database, first)):
        _rebuild(database, scope, first)
    _meet_anew(database, first)
    names = _forget_names(database)
    done = Tidied(ledger.calendar.date(first), gone, names, database.reclaim())
    acts.record(ledger, who, acts.TIDY, [f"before {done.before}: {gone} transfers, {names} names"], reason)
    return done


def claim(ledger: Ledger, chore: str = acts.TIDY) -> bool:
    """Return whether it is on this process to do what one of all doors does once a day."""
    today = ledger.calendar.day(ledger.clock())
    mine = sa.update(chores).where(chores.c.name == chore, chores.c.day < today).values(day=today)
    with ledger.database.transaction(writes=True) as connection:
        put(connection, chores, [{"name": chore, "day": 0}])
        return connection.execute(mine).rowcount == 1


def give_back(ledger: Ledger, chore: str = acts.TIDY) -> None:
    """Leave it to another process after all."""
    with ledger.database.transaction(writes=True) as connection:
        connection.execute(sa.update(chores).where(chores.c.name == chore).values(day=0))


def _oldest(database: Database, first: int) -> list[int]:
    """Return the numbers of some exposures that are too old."""
    length, of = sa.func.length, exposures.c
    size = length(of.identified) + sa.func.coalesce(length(of.behind), 0) + length(of.fields)
    wanted = sa.select(exposures.c.id, size).where(exposures.c.day < first).order_by(exposures.c.day)
    numbers, total = list[int](), 0
    with database.transaction() as connection:
        for number, length in connection.execute(wanted.limit(ROWS)):
            total += length
            if numbers and total > BYTES:
                break
            numbers.append(number)
    return numbers


def _drop(database: Database, numbers: Sequence[int]) -> set[int]:
    """Remove exposures, and return the scopes that had not rolled them up."""
    with database.step() as connection:
        loose = sa.delete(tail).where(tail.c.exposure.in_(numbers)).returning(tail.c.scope)
        touched = set(connection.execute(loose).scalars())
        connection.execute(sa.delete(exposures).where(exposures.c.id.in_(numbers)))
    return touched


def _with_old_days(database: Database, first: int) -> set[int]:
    rolled_up = sa.exists().where(rollups.c.scope == scopes.c.id, rollups.c.day < first)
    not_read = sa.exists().where(unread.c.actor == scopes.c.id, unread.c.day < first)
    with database.transaction() as connection:
        return set(connection.execute(sa.select(scopes.c.id).where(rolled_up | not_read)).scalars())


def _rebuild(database: Database, scope: int, first: int) -> None:
    """Make the lifetime of a scope anew from the days that stay, then remove those that are too old."""
    too_old = sa.select(rollups.c.day).where(rollups.c.scope == scope, rollups.c.day < first)
    with database.transaction() as connection:
        days = connection.execute(too_old).scalars().all()
    done = False
    while not done:
        with database.transaction() as connection:
            through = connection.execute(sa.select(scopes.c.through).where(scopes.c.id == scope)).scalar_one()
            lifetime = _lifetime(connection, scope, first)
        with database.step() as connection:
            done = _replace(connection, scope, through, lifetime)
            connection.execute(sa.delete(unread).where(unread.c.actor == scope, unread.c.day < first))
            _drop_days(connection, scope, days[:1])  # from one day to the next there is no more than this
    for some in batched(days[1:], DAYS):
        with database.step() as connection:
            _drop_days(connection, scope, some)


def _drop_days(connection: sa.Connection, scope: int, days: Sequence[int]) -> None:
    connection.execute(sa.delete(rollups).where(rollups.c.scope == scope, rollups.c.day.in_(days)))


def _lifetime(connection: sa.Connection, scope: int, first: int) -> Customers:
    ends = sa.select(sa.func.min(rollups.c.day), sa.func.max(rollups.c.day))
    begin, end = connection.execute(ends.where(rollups.c.scope == scope, rollups.c.day >= first)).one()
    lifetime = Customers()
    for day in range(begin, end + 1, DAYS) if begin is not None else ():
        for _, who in rollup.by_day(connection, scope, rollups.c.day.between(day, day + DAYS - 1)):
            lifetime.add(who)
    return lifetime


def _replace(connection: sa.Connection, scope: int, through: int, lifetime: Customers) -> bool:
    """Put a lifetime in the place of the one there is, unless a door has rolled up meanwhile."""
    (turn,) = taken(connection, [scope])
    if turn.through != through:
        return False
    connection.execute(sa.delete(lifetimes).where(lifetimes.c.scope == scope))
    if lifetime.identified or lifetime.behind:
        sets = {"identified": packed(lifetime.identified), "behind": packed_or_none(lifetime.behind)}
        put(connection, lifetimes, [{"scope": scope, **sets}], **dict.fromkeys(sets, excluded))
    # All is rolled up to a new turn: no process goes on with what it has kept in mind (see windows.py).
    rollup.roll_up(connection, scope, turn.turn, turn.through)
    return True


def _meet_anew(database: Database, first: int) -> None:
    """Have those who still meet have met on the first day that is kept.

    Where only unread bytes were sent the days after the first are not known: that is a new meeting again.
    """
    pair = sa.select(meetings.c.actor, meetings.c.destination).where(meetings.c.day < first)
    with database.transaction() as connection:
        # By number, as the doors take their turns: of several in one step nobody waits for the other.
        pairs = connection.execute(pair.order_by(meetings.c.actor)).all()
    for some in batched(pairs, PAIRS):
        with database.step() as connection:
            for actor, destination in some:
                _meet_once_more(connection, actor, destination)


def _meet_once_more(connection: sa.Connection, actor: int, destination: int) -> None:
    taken(connection, [actor])
    theirs = (exposures.c.actor == actor, exposures.c.destination == destination, exposures.c.sent)
    since = sa.select(exposures.c.day).where(*theirs).order_by(exposures.c.day).limit(1)
    day = connection.execute(since).scalar_one_or_none()
    here = (meetings.c.actor == actor, meetings.c.destination == destination)
    if day is None:
        connection.execute(sa.delete(meetings).where(*here))
    else:
        connection.execute(sa.update(meetings).where(*here).values(day=day))


def _forget_names(database: Database) -> int:
    """Remove the names that nothing refers to any more, with what is sealed behind pseudonyms."""
    unused = [~sa.exists().where(column == scopes.c.id) for column in _references()]
    with database.transaction() as connection:
        numbers = connection.execute(sa.select(scopes.c.id).where(*unused)).scalars().all()
    names = 0
    for some in batched(numbers, ROWS):
        with database.step() as connection:
            theirs = scopes.c.id.in_(some)
            connection.execute(sa.select(scopes.c.id).where(theirs).order_by(scopes.c.id).with_for_update())
            still = connection.execute(sa.select(scopes.c.id).where(theirs, *unused)).scalars().all()
            _leave(connection, still)
            gone = sa.delete(scopes).where(scopes.c.id.in_(still)).returning(scopes.c.name)
            forgotten = connection.execute(gone).scalars().all()
            names += len(forgotten)
            known = sa.exists().where(scopes.c.name == people.c.pseudonym)
            held = sa.exists().where(suspensions.c.actor == people.c.pseudonym)
            connection.execute(sa.delete(people).where(people.c.pseudonym.in_(forgotten), ~known, ~held))
    return names


def _leave(connection: sa.Connection, gone: Sequence[int]) -> None:
    """Take actors out of groups, and groups from those that are summed up."""
    mine = sa.or_(members.c.actor.in_(gone), members.c.group.in_(gone))
    connection.execute(sa.delete(members).where(mine))
    connection.execute(sa.delete(peers).where(peers.c.group.in_(gone)))


def _references() -> Iterator[sa.Column[int]]:
    """Yield every column, of whatever table, by which something stands under a scope."""
    for table in metadata.sorted_tables:
        if table is members:
            continue  # who was in which group is nothing by itself
        yield from (key.parent for key in table.foreign_keys if key.column is scopes.c.id)
