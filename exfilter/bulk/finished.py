"""What a run has found so far, file by file.

Files with the same content are named: each but one is a copy, and counts no customers. The one is the first
of those in which most customers were found: an older index, or a reading that had no time left, may have
found fewer in the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import batched
from typing import Any, NamedTuple

import sqlalchemy as sa

from exfilter.bulk.state import PAGE, State, as_name
from exfilter.bulk.tables import items

_other = items.alias("other")
_first = (
    sa.select(_other.c.id)
    .where(_other.c.digest == items.c.digest)
    .order_by(_other.c.customers.desc(), _other.c.id)
    .limit(1)
    .scalar_subquery()
)
_original = items.alias("original")
_with_original = items.outerjoin(_original, sa.and_(_original.c.id == _first, _original.c.id != items.c.id))

HEAVY = 8
"""Rows with their results that are in memory together: one names all customers of its file."""
HAS_RESULT = items.c.result.is_not(None)
IS_COPY = sa.func.coalesce(items.c.id != _first, 0)
RULE = sa.func.coalesce(sa.func.json_extract(items.c.result, "$.rule"), "")
"""That decided. Empty: the result does not say."""
FIRST = (_original.c.root.label("first_root"), _original.c.key.label("first_key"))
"""The file that this one is a copy of. NULL: of none."""
WEIGHTIEST = (items.c.held.desc(), items.c.customers.desc(), (items.c.unread != "").desc(), items.c.id)
"""What would be held, then who has most customers, then what was not read, then as listed."""


class Ranked(NamedTuple):
    """A file, without anything that names a customer."""

    prefix: str
    """The path up to the name, with the last separator."""
    name: str
    size: int
    customers: int
    held: bool
    rule: str
    unread: str
    """Reasons, with commas. Empty: all was read."""
    owner: str
    type: str
    copy_of: str
    """The path of the file with the same content that counts. Empty: it is the one that does."""


def results(state: State) -> Iterator[str]:
    """Yield the results as JSON, in the order of the listing."""
    wanted = sa.select(items.c.result).where(HAS_RESULT).order_by(items.c.id)
    yield from (row.result for row in state.rows(wanted, HEAVY))


def rows(state: State) -> Iterator[dict[str, Any]]:
    """Yield an object a file: what ``scan`` says of it, whose it is, and what it is a copy of."""
    wanted = sa.select(items, *FIRST).select_from(_with_original).where(HAS_RESULT).order_by(items.c.id)
    for row in state.rows(wanted, HEAVY):
        result = json.loads(row.result)
        yield {
            "path": result["path"],
            "folder": as_name(row.folder),
            "owner": as_name(row.owner),
            "type": as_name(row.type),
            "version": row.version,
            "day": row.day,
            "held": row.held,
            **{name: result[name] for name in ("rule", "customers", "identified", "estimated")},
            "customer_ids": result["customer_ids"],
            "fields": result["fields"],
            "unscanned": result["unscanned"],
            "bytes": result["bytes"],
            "seconds": result["seconds"],
            "duplicate_of": _first_path(row) or None,
        }


def ranked(state: State, limit: int) -> Iterator[Ranked]:
    """Yield the weightiest files, so many at most."""
    # Only numbers are sorted: what SQLite spills into a temporary file names nobody.
    order = sa.select(items.c.id).where(HAS_RESULT).order_by(*WEIGHTIEST).limit(limit)
    for some in batched((row.id for row in state.rows(order)), PAGE):
        yield from _looked_up(state, some)


def _looked_up(state: State, some: tuple[int, ...]) -> Iterator[Ranked]:
    columns = (items.c.id, items.c.root, items.c.key, items.c.size, items.c.customers, items.c.held,
               items.c.unread, items.c.owner, items.c.type)  # fmt: skip
    wanted = sa.select(*columns, RULE.label("rule"), *FIRST).select_from(_with_original)
    found = {row.id: row for row in state.rows(wanted.where(items.c.id.in_(some)))}
    for number in some:
        row = found[number]
        folder, slash, name = as_name(row.root + row.key).rpartition("/")
        yield Ranked(
            folder + slash, name, row.size, row.customers, row.held, row.rule, row.unread,
            as_name(row.owner), as_name(row.type), _first_path(row),
        )  # fmt: skip


def _first_path(row: sa.Row[Any]) -> str:
    return "" if row.first_root is None else as_name(row.first_root + row.first_key)
