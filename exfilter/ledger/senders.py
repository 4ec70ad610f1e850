"""How many customers everybody in the ledger ever sent, and who sent any of a few of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from pyroaring import BitMap

from exfilter.ledger import blobs
from exfilter.ledger.holding import Flags, Int64Array
from exfilter.ledger.sets import Blob, unpacked
from exfilter.ledger.tables import exposures, lifetimes, scopes, tail


@dataclass(frozen=True, slots=True)
class Scopes:
    """All of some kinds, by number."""

    kinds: tuple[str, ...]
    ids: Int64Array
    """Ascending. [scopes]"""
    names: tuple[str, ...]
    bulk: Flags

    @classmethod
    def of(cls, connection: sa.Connection, *kinds: str) -> Scopes:
        """Read them."""
        wanted = sa.select(scopes.c.id, scopes.c.name, scopes.c.kind).where(scopes.c.kind.in_(kinds))
        rows = connection.execute(wanted.order_by(scopes.c.id)).all()
        return cls(
            kinds,
            np.array([row.id for row in rows], dtype=np.int64),
            tuple(row.name for row in rows),
            np.array([row.kind == "bulk" for row in rows], dtype=bool),
        )

    def places(self, numbers: Int64Array) -> Int64Array:
        """Return the place of each number, all of which are among them."""
        places: Int64Array = np.searchsorted(self.ids, numbers)
        return places


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent by, or to, each of some scopes. All [scopes]."""

    sizes: Int64Array
    """Distinct customers, ever."""
    holds: Flags
    """Whether any of those who are wanted is among them."""
    waiting: tuple[int, ...]
    """Exposures with such a customer that are not rolled up."""
    whom: BitMap
    """Of those who are wanted, who was ever sent."""


def sent(connection: sa.Connection, whose: Scopes, wanted: BitMap, *, estimated: bool) -> Sent:
    """Look into the lifetimes and at what is not in them yet. ``estimated``: also who may be behind one.

    The tail comes first: what another process rolls up meanwhile is then in both, and not in neither.
    """
    everybody, waiting = _tails(connection, whose.kinds, wanted, estimated=estimated)
    sizes, holds = np.zeros(len(whose.ids), dtype=np.int64), np.zeros(len(whose.ids), dtype=bool)
    whom = BitMap()
    columns = (lifetimes.c.scope, lifetimes.c.identified, *([lifetimes.c.behind] if estimated else []))
    query = (
        sa.select(*columns)
        .join(scopes, scopes.c.id == lifetimes.c.scope)
        .where(scopes.c.kind.in_(whose.kinds))
    )
    for number, *parts in connection.execute(query):
        everybody.setdefault(number, BitMap()).update(*(unpacked(part) for part in parts))
    for place, number in enumerate(whose.ids.tolist()):
        if number in everybody:
            sizes[place] = len(everybody[number])
            holds[place] = everybody[number].intersect(wanted)
            whom |= everybody[number] & wanted
    return Sent(sizes, holds, waiting, whom)


def _tails(
    connection: sa.Connection, kinds: tuple[str, ...], wanted: BitMap, *, estimated: bool
) -> tuple[dict[int, BitMap], tuple[int, ...]]:
    """Return who is in the tail of each scope, and the exposures with any who is wanted."""
    columns = (tail.c.scope, exposures.c.id, exposures.c.identified, exposures.c.behind)
    query = (
        sa.select(*columns[: 4 if estimated else 3])
        .join(exposures, exposures.c.id == tail.c.exposure)
        .join(scopes, scopes.c.id == tail.c.scope)
        .where(scopes.c.kind.in_(kinds), exposures.c.sent)
    )
    rows = connection.execute(query).all()
    owner, number, content = spread([tuple(row) for row in rows])
    opened = blobs.opened(content)
    everybody: dict[int, BitMap] = {}
    for scope, members in opened.by(owner):
        everybody.setdefault(scope, BitMap()).update(members)
    return everybody, tuple(np.unique(number[opened.meeting(wanted)]).tolist())


def spread(
    rows: list[tuple[int, int, *tuple[Blob | None, ...]]],
) -> tuple[Int64Array, Int64Array, list[Blob]]:
    """Return two numbers and a blob for each blob of each row."""
    flat = [
        (first, second, bytes(blob)) for first, second, *parts in rows for blob in parts if blob is not None
    ]
    numbers = np.array([each[:2] for each in flat], dtype=np.int64).reshape(-1, 2)
    return numbers[:, 0], numbers[:, 1], [each[2] for each in flat]
