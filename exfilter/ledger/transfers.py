"""The transfers of the ledger, for an operator: who sent how many where, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.ledger.choosing import NO_SUCH, READERS, SENDERS, Choice, Chosen, chosen
from exfilter.ledger.sets import unpacked, unpacked_fields
from exfilter.ledger.store import Ledger
from exfilter.ledger.tables import exposures, scopes
from exfilter.model import Action


@dataclass(frozen=True, slots=True)
class Row:
    """One transfer."""

    number: int
    time: float
    """Seconds since the epoch, UTC."""
    last: float
    """When it was sent again, or its last piece."""
    attempts: int
    actor: str
    kind: str
    """Of the actor: actor, bulk, exempt or reader."""
    destination: str
    door: str
    verdict: str
    rule: str
    sent: bool
    customers: int
    """As the verdict counted them."""
    estimated: int
    """Of these."""
    transfer_id: str
    """In the quarantine. Empty: it is not there."""
    index_id: str


@dataclass(frozen=True, slots=True)
class Whole:
    """One transfer with what its sets hold now."""

    row: Row
    identified: int
    possible: int
    """Behind the estimate."""
    fields: dict[str, int]


_actor, _destination = scopes.alias(), scopes.alias()
_COLUMNS = (
    *(exposures.c[n] for n in ("id", "first", "last", "attempts", "door", "action", "rule", "sent")),
    *(exposures.c[n] for n in ("customers", "estimated", "transfer_id", "index_id")),
    _actor.c.name.label("actor"), _actor.c.kind, _destination.c.name.label("destination"),
)  # fmt: skip


def listed(
    ledger: Ledger, choice: Choice, limit: int, *, sent: bool | None = None, customers: int = 0
) -> list[Row]:
    """Return the newest first. ``sent``: only such; ``customers``: so many at least."""
    of = chosen(ledger, choice)
    wanted = _select(of).where(exposures.c.customers >= customers).limit(limit)
    if sent is not None:
        wanted = wanted.where(exposures.c.sent.is_(sent))
    with ledger.database.transaction() as connection:
        return [_row(row) for row in connection.execute(wanted).mappings()]


def show(ledger: Ledger, transfer: str) -> list[Whole]:
    """Return a transfer by the ledger's number; by the quarantine's id, all its days.

    Raises ValueError where there is none.
    """
    of = Chosen(kinds=SENDERS + READERS, transfer=transfer)
    wanted = _select(of).add_columns(exposures.c.identified, exposures.c.behind, exposures.c.fields)
    with ledger.database.transaction() as connection:
        found = [_whole(row) for row in connection.execute(wanted).mappings()]
    if not found:
        raise ValueError(NO_SUCH)
    return found


def _select(of: Chosen) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(*_COLUMNS)
        .join(_actor, _actor.c.id == exposures.c.actor)
        .join(_destination, _destination.c.id == exposures.c.destination)
        .where(_actor.c.kind.in_(of.kinds), *of.where())
        .order_by(exposures.c.day.desc(), exposures.c.id.desc())
    )


def _row(row: sa.RowMapping) -> Row:
    names = ("last", "attempts", "actor", "kind", "destination", "door", "rule", "sent", "customers")
    return Row(
        number=row["id"],
        time=row["first"],
        verdict=Action(row["action"]).name.lower(),
        **{name: row[name] for name in (*names, "estimated", "transfer_id", "index_id")},
    )


def _whole(row: sa.RowMapping) -> Whole:
    identified, behind = unpacked(row["identified"]), unpacked(row["behind"])
    fields = {name: len(who) for name, who in unpacked_fields(row["fields"], identified).items()}
    return Whole(_row(row), len(identified), len(behind - identified), fields)
