"""The rows of the ledger that a transfer makes or changes, in a transaction of its caller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from exfilter.ledger.asking import Scope, Turn
from exfilter.ledger.rollup import customers
from exfilter.ledger.rows import put
from exfilter.ledger.sets import (
    Customers,
    packed,
    packed_fields,
    packed_or_none,
    repacked_fields,
    unpacked_fields,
)
from exfilter.ledger.tables import exposures, meetings, members, other_ids, scopes, tail, unread
from exfilter.model import Transfer, Verdict


def number(connection: sa.Connection, name: Scope) -> int:
    """Return the number of a scope, which is made where it is new."""
    row = {"kind": name[0], "name": name[1], "turn": 0, "through": 0}
    put(connection, scopes, [row])
    same = sa.select(scopes.c.id).where(scopes.c.kind == name[0], scopes.c.name == name[1])
    return int(connection.execute(same).scalar_one())


def taken(connection: sa.Connection, numbers: Sequence[int]) -> list[Turn]:
    """Take the next turn of each scope. Raises KeyError where one is not there, and takes none.

    In one order for all: two transactions never wait for each other.
    """
    mine = scopes.c.id.in_(numbers)
    locked = sa.select(scopes.c.id, scopes.c.turn, scopes.c.through).where(mine).order_by(scopes.c.id)
    found = {row.id: row for row in connection.execute(locked.with_for_update())}
    turns = [Turn(number, found[number].turn + 1, found[number].through) for number in numbers]
    connection.execute(sa.update(scopes).where(mine).values(turn=scopes.c.turn + 1))
    return turns


def join(connection: sa.Connection, names: Sequence[Scope], turns: Sequence[Turn], day: int) -> None:
    """Remember which groups an actor is in."""
    groups = [turn.id for name, turn in zip(names, turns, strict=True) if name[0] == "group"]
    put(connection, members, [{"actor": turns[0].id, "group": group, "day": day} for group in groups])


def append(connection: sa.Connection, number: int, turns: Sequence[Turn]) -> None:
    """Have an exposure stand in a turn of each scope."""
    rows = [{"scope": each.id, "turn": each.turn, "exposure": number} for each in turns]
    put(connection, tail, rows)


def meet(connection: sa.Connection, turns: Sequence[Turn], day: int) -> None:
    """Remember when an actor first sent something to a destination."""
    put(connection, meetings, [{"actor": turns[0].id, "destination": turns[1].id, "day": day}])


def leave_unread(connection: sa.Connection, turns: Sequence[Turn], day: int, size: int) -> None:
    """Add bytes that could not be read to those that an actor sent on a day."""
    if size:
        row = {"actor": turns[0].id, "day": day, "bytes": size, "transfers": 1}
        more = {"bytes": unread.c.bytes + size, "transfers": unread.c.transfers + 1}
        put(connection, unread, [row], **more)
        meet(connection, turns, day)


def change(connection: sa.Connection, number: int, **values: object) -> None:
    """Change an exposure."""
    connection.execute(sa.update(exposures).where(exposures.c.id == number).values(**values))


def call(connection: sa.Connection, number: int, transfer_id: str) -> None:
    """Have an exposure go by an id of the quarantine. It is also found by the one that it had before."""
    if transfer_id:
        had = sa.select(exposures.c.transfer_id).where(exposures.c.id == number)
        remember(connection, number, {connection.execute(had).scalar_one()} - {transfer_id})
        change(connection, number, transfer_id=transfer_id)


def remember(connection: sa.Connection, number: int, ids: Iterable[str]) -> None:
    """Have an exposure be found by more ids of the quarantine."""
    put(connection, other_ids, [{"exposure": number, "transfer_id": each} for each in ids if each])


def same(connection: sa.Connection, key: bytes, day: int, *, sent: bool) -> Mapping[Any, Any] | None:
    """Return the exposure that another one is the same as."""
    is_same = (exposures.c.key == key, exposures.c.day == day, exposures.c.sent == sent)
    return connection.execute(sa.select(exposures).where(*is_same)).mappings().one_or_none()


def moved(connection: sa.Connection, number: int, *, sent: bool, **values: float) -> int:
    """Have an exposure count, or not any more. Return its number: one that is the same takes it in.

    ``values``: what else changes, such as the day on which it left.
    """
    row = connection.execute(sa.select(exposures).where(exposures.c.id == number)).mappings().one()
    mine = dict(row) | values
    other = same(connection, mine["key"], mine["day"], sent=sent)
    if other is None:
        change(connection, number, sent=sent, **values)
        return number
    if other["id"] != number:
        change(connection, other["id"], **joined(other, mine))
        before = sa.select(other_ids.c.transfer_id).where(other_ids.c.exposure == number)
        remember(connection, other["id"], (mine["transfer_id"], *connection.execute(before).scalars()))
        connection.execute(sa.delete(tail).where(tail.c.exposure == number))
        connection.execute(sa.delete(exposures).where(exposures.c.id == number))
    return int(other["id"])


def described(transfer: Transfer, verdict: Verdict, who: Customers, when: float) -> dict[str, Any]:
    """Return what is written down of a transfer."""
    found = verdict.findings
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
        "estimated": round(who.estimated),
        "identified": packed(who.identified),
        "behind": packed_or_none(who.behind),
        "fields": packed_fields(found.exposed, who.identified),
    }


def joined(known: Mapping[Any, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Return an exposure that came again, or of which another piece came."""
    both = customers(known["identified"], known["behind"], known["estimated"])
    before = both.identified.copy()
    more = customers(row["identified"], row["behind"], row["estimated"])
    who = both.with_(more)
    fields = unpacked_fields(known["fields"], before)
    for name, each in unpacked_fields(row["fields"], more.identified).items():
        fields[name] = fields.get(name, each) | each
    estimated = round(max(who.estimated, more.estimated))
    graver = max(known, row, key=lambda each: each["action"])
    return {
        "last": max(known["last"], row["last"]),
        "attempts": known["attempts"] + 1,
        "action": graver["action"],
        "rule": graver["rule"],
        "customers": len(who.identified) + estimated,
        "estimated": estimated,
        "identified": packed(who.identified),
        "behind": packed_or_none(who.behind),
        "fields": repacked_fields(fields, who.identified),
    }
