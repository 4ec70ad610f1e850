"""What an actor did a day, as far as it is known before today: the histories that baselines are made of."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import sqlalchemy as sa

from exfilter.ledger import rollup
from exfilter.ledger.deviation import Measure
from exfilter.ledger.sets import Customers
from exfilter.ledger.spans import MEMORY, History
from exfilter.ledger.tables import meetings, rollups, unread


def history(connection: sa.Connection, scope: int, through: int, today: int, measure: Measure) -> History:
    """Return the counts of a scope by day, from the first one that is known up to yesterday.

    ``scope``: an actor's, for what he was shown a reader's. ``through``: up to where its turns are rolled up.
    """
    counts = _counts(connection, scope, through, today, measure)
    first = _first(connection, scope, counts, today)
    days = np.zeros(max(0, today - first), dtype=np.int64)
    for day, count in counts.items():
        if first <= day < today:
            days[day - first] = count
    return History(days, dt.date.fromordinal(today).weekday())


def _counts(
    connection: sa.Connection, scope: int, through: int, today: int, measure: Measure
) -> Mapping[int, int]:
    if measure is Measure.DESTINATIONS:
        met = sa.select(meetings.c.day, sa.func.count()).where(meetings.c.actor == scope)
        return _pairs(connection, met.group_by(meetings.c.day))
    if measure is Measure.UNSCANNED:
        return _pairs(connection, sa.select(unread.c.day, unread.c.bytes).where(unread.c.actor == scope))
    column = rollups.c.fresh if measure is Measure.NEW else rollups.c.customers
    known = sa.select(rollups.c.day, column).where(rollups.c.scope == scope, rollups.c.day > today - MEMORY)
    counts = dict(_pairs(connection, known))
    return counts | _of_tail(connection, scope, through, today, counts, is_new=measure is Measure.NEW)


def _pairs(connection: sa.Connection, wanted: sa.Select[Any]) -> dict[int, int]:
    return {int(day): int(count) for day, count in connection.execute(wanted)}


def _of_tail(
    connection: sa.Connection,
    scope: int,
    through: int,
    today: int,
    counts: Mapping[int, int],
    *,
    is_new: bool,
) -> dict[int, int]:
    """Return the counts of the days on which there were turns that are not rolled up."""
    days: defaultdict[int, Customers] = defaultdict(Customers)
    for _, day, who in rollup.since(connection, scope, through):
        if day < today:
            days[day].add(who)
    if not days:
        return {}
    if is_new:
        lifetime, fresh = rollup.lifetime_of(connection, scope), dict[int, int]()
        for day in sorted(days):
            fresh[day] = counts.get(day, 0) + days[day].count_new(lifetime)
            lifetime.add(days[day])
        return fresh
    for day, known in rollup.by_day(connection, scope, rollups.c.day.in_(days)):
        days[day].add(known)
    return {day: who.count() for day, who in days.items()}


def _first(connection: sa.Connection, scope: int, counts: Mapping[int, int], today: int) -> int:
    """Return the day on which somebody was first seen: zeros count from then on."""
    met = sa.select(sa.func.min(meetings.c.day)).where(meetings.c.actor == scope)
    first = connection.execute(met).scalar_one()
    return int(max(today - MEMORY, min([today, *counts, *([first] if first is not None else [])])))
