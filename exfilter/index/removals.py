"""The list of customers to remove: a table with their ids, or one id a line."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from detectors.folding import fold
from exfilter.index import columns
from exfilter.index.cells import LeftOut, Reader
from exfilter.index.columns import Columns, Use
from exfilter.index.keys import CUSTOMER_TAG, IndexKey
from exfilter.index.opening import open_table
from exfilter.index.table import Broken
from exfilter.kernel.siphash import siphash24

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from exfilter.index.table import Table
    from exfilter.model import Int64Array, Uint64Array

ANY_IDENTIFIER = "email"
"""Name of a column that a list of ids lacks and a customer table must have."""


@dataclass(frozen=True, slots=True)
class Removals:
    """Who is to be removed. Arrays of one length."""

    tags: Uint64Array
    """Of the customer."""
    lines: Int64Array
    left_out: LeftOut = field(default_factory=LeftOut)
    """Lines without an id, or that could not be read."""


def read(source: Path, mapping: Sequence[str], key: IndexKey) -> Removals:
    """Return the customers in a table or list. ``mapping``: as in ``--map``, of which only ids count.

    Raises ValueError or OSError where there are none.
    """
    table = open_table(source)
    lines, ids, left_out = array("q"), list[bytes](), LeftOut()
    for line, identity in _ids(source, table, mapping):
        if identity.reason:
            left_out.add(identity.reason, line)
        else:
            lines.append(line)
            ids.append(identity.id.encode())
    if not ids:
        msg = f"{source} holds no customer id"
        raise ValueError(msg)
    return Removals(siphash24(key.subkey(CUSTOMER_TAG), ids), np.array(lines, dtype=np.int64), left_out)


def of(ids: Sequence[str], key: IndexKey) -> Removals:
    """Return the customers with these ids, spelt as in the table. Raises ValueError for an empty one."""
    reader = Reader(Columns({Use.ID: (0,)}, ()), (), "")
    known = [reader.customer_id((each,)) for each in ids]
    if not all(known):
        msg = "one of the customer ids is empty"
        raise ValueError(msg)
    tags = siphash24(key.subkey(CUSTOMER_TAG), [each.encode() for each in known])
    return Removals(tags, np.arange(1, len(known) + 1, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str = field(default="", repr=False)
    reason: str = ""
    """Why there is no id. Empty: there is one."""


def _ids(source: Path, table: Table, mapping: Sequence[str]) -> Iterator[tuple[int, _Entry]]:
    """Yield (line, entry)."""
    column, is_list = _column(source, table, mapping)
    reader = Reader(Columns({Use.ID: (column,)}, ()), (), "")
    if is_list:
        yield 1, _entry(reader.customer_id((table.columns[0],)))
    for row in table.rows((column,), lambda _: None):
        if isinstance(row, Broken):
            yield row.line, _Entry(reason=row.reason)
        else:
            yield row.line, _entry(reader.customer_id(row.cells))


def _entry(identity: str) -> _Entry:
    return _Entry(identity) if identity else _Entry(reason="no customer id")


def _column(source: Path, table: Table, mapping: Sequence[str]) -> tuple[int, bool]:
    """Return the number of the column, and whether it is a list whose first line is an id too."""
    given = [entry for entry in mapping if entry.partition("=")[0].strip() == Use.ID]
    if len(table.columns) == 1 and columns.guess(table.columns[0]) is not Use.ID:
        named = {fold(entry.partition("=")[2].strip()) for entry in given}
        return 0, fold(table.columns[0].strip()) not in named
    found = columns.recognise((*table.columns, ANY_IDENTIFIER), given).numbers.get(Use.ID)
    if found is None:
        msg = f"{source}: no column is recognised as customer ids: say which with --map id=COLUMN"
        raise ValueError(msg)
    return found[0], False
