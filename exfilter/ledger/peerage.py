"""What is normal in each group of actors, and among all of them: summed up once a day."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from exfilter.ledger import daily
from exfilter.ledger.baseline import History, Measure, Peers
from exfilter.ledger.rows import excluded, put
from exfilter.ledger.store import Ledger
from exfilter.ledger.tables import members, peers, scopes

MOST = 500
"""Actors of a group that are looked at; of a larger one, some by lot, every day others."""
ALL = 0
"""In the place of a group: all actors."""


def sum_up(ledger: Ledger) -> int:
    """Sum up every group, and return how many there are. Raises OSError.

    Reads in short transactions, which keep nobody from writing.
    """
    today = ledger.calendar.day(ledger.clock())
    with ledger.database.transaction() as connection:
        actors = {
            kind: list(connection.execute(sa.select(scopes.c.id).where(scopes.c.kind == kind)).scalars())
            for kind in ("actor", "reader")
        }
        groups: defaultdict[int, list[int]] = defaultdict(list)
        for group, actor in connection.execute(sa.select(members.c.group, members.c.actor)):
            groups[group].append(actor)
    groups[ALL] = actors["actor"]
    for group, everybody in groups.items():
        for measure in Measure:
            if measure is Measure.VIEWED:
                continue
            _keep(ledger, group, measure, today, everybody)
    _keep(ledger, ALL, Measure.VIEWED, today, actors["reader"])
    return len(groups)


def _keep(ledger: Ledger, group: int, measure: Measure, today: int, everybody: Sequence[int]) -> None:
    lot = random.Random(f"{today} {group}")  # noqa: S311 - a sample, not a secret
    some = lot.sample(everybody, MOST) if len(everybody) > MOST else everybody
    summary = Peers.of([_history(ledger, scope, today, measure) for scope in some])
    row = {"group": group, "measure": measure.name, "day": today, "summary": summary.to_json()}
    with ledger.database.transaction(writes=True) as connection:
        put(connection, peers, [row], day=excluded, summary=excluded)


def _history(ledger: Ledger, scope: int, today: int, measure: Measure) -> History:
    with ledger.database.transaction() as connection:
        through = connection.execute(
            sa.select(scopes.c.through).where(scopes.c.id == scope)
        ).scalar_one_or_none()
        return daily.history(connection, scope, through or 0, today, measure)
