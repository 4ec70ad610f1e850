"""The table of added and changed customers, read as a build reads its table: small, so in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors import tickets
from exfilter.index import columns
from exfilter.index.canaries import Anchors, Planting, Sheet
from exfilter.index.cells import LeftOut, Reader
from exfilter.index.changed_keys import Gatherer, Keys, Tokens
from exfilter.index.columns import Columns, Use
from exfilter.index.learning import is_number
from exfilter.index.opening import open_table
from exfilter.index.origins import Origins
from exfilter.index.table import Broken, Row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from detectors import Key
    from detectors.tickets import Template
    from exfilter.index.keys import IndexKey
    from exfilter.index.origins import Codes
    from exfilter.index.table import Progress, Table
    from exfilter.model import Uint64Array

LEARNING = 0.2
"""Share of the progress for the pass that learns the shapes of ticket numbers."""
WITHOUT_ID = "no customer id: nobody can be updated by it"


@dataclass(frozen=True, slots=True)
class Changes:
    """What the table says of its customers now. Rows that can be used are numbered from 0."""

    table: Table
    used: Columns
    reader: Reader
    seen: int
    """Rows in all, also those that cannot be used."""
    left_out: LeftOut
    ids: tuple[str, ...]
    """Of each row."""
    customers: Uint64Array
    """Tag of each row's customer."""
    keys: Keys
    tokens: Tokens
    countries: Codes
    """Of each row, see ``origins``."""
    templates: tuple[Template, ...]
    """Those that the index has, then those of ticket numbers that none of them fits."""
    planting: tuple[Planting, ...]
    """Files of canaries, whose rows come behind those of the table."""


def read_changes(
    source: Path | None,
    mapping: Sequence[str],
    region: str,
    templates: tuple[Template, ...],
    key: IndexKey,
    progress: Progress,
    sheets: Sequence[Sheet] = (),
) -> Changes:
    """Read the table; None: there are only ``sheets``. ``mapping``, ``region``: as in ``build.Options``.

    ``templates``: the shapes of ticket numbers that the index has. Raises ValueError or OSError
    where there is no table with customer ids.
    """
    named = source or sheets[0].source
    table = open_table(named)
    used = columns.recognise(table.columns, mapping)
    if Use.ID not in used.numbers:
        msg = (
            f"{named}: no column holds customer ids, and without them nobody can be updated: "
            f"say which it is with --map id=COLUMN"
        )
        raise ValueError(msg)
    templates = _learn(table, used, templates, lambda done: progress(LEARNING * done))
    reader, gatherer = Reader(used, templates, region), Gatherer(key)
    ids, left_out, seen, said = list[str](), LeftOut(), 0, Origins()
    rows = table.rows(used.all, lambda done: progress(LEARNING + (1 - LEARNING) * done))
    for row in rows if source else ():
        seen += 1
        identity = "" if isinstance(row, Broken) else reader.customer_id(row.cells)
        if isinstance(row, Broken) or not identity:
            left_out.add(row.reason if isinstance(row, Broken) else WITHOUT_ID, row.line)
        else:
            _gather(gatherer, said, len(ids), reader, row)
            ids.append(identity)
    planting = [
        _plant(gatherer, said, ids, sheet, Reader(sheet.used, templates, region), key) for sheet in sheets
    ]
    if not ids:
        msg = f"{named} holds no row with a customer id that can be used"
        raise ValueError(msg)
    customers = gatherer.customers(ids)
    nothing = np.zeros(len(ids), dtype=np.uint16)
    keys, tokens = gatherer.take()
    return Changes(
        table, used, reader, seen, left_out, tuple(ids), customers, keys, tokens,
        said.take(nothing, nothing), templates, tuple(planting),
    )  # fmt: skip


def _plant(
    gatherer: Gatherer, said: Origins, ids: list[str], sheet: Sheet, reader: Reader, key: IndexKey
) -> Planting:
    """Take the canaries of a file."""
    anchors, first = Anchors(sheet, key), len(ids)
    for number, row in enumerate(sheet.rows):
        anchors.add(number, _gather(gatherer, said, len(ids), reader, Row(row.line, row.cells)))
        ids.append(row.id)
    return Planting(sheet, anchors, slice(first, len(ids)))


def _gather(gatherer: Gatherer, said: Origins, number: int, reader: Reader, row: Row) -> list[Key]:
    keys = list(reader.keys(row.cells, row.line))
    gatherer.add(number, keys)
    said.add(number, reader.origin(row.cells), keys)
    for name in reader.names(row.cells, row.line):
        if name.has_tokens:
            gatherer.add_name(number, name)
        else:
            gatherer.add(number, name.keys)
    return keys


def _learn(
    table: Table, used: Columns, known: tuple[Template, ...], progress: Progress
) -> tuple[Template, ...]:
    """Return the known shapes of ticket numbers, then those of the numbers that have none of these."""
    if Use.TICKET not in used.numbers:
        return known
    reader = Reader(used, (), "")
    strange = (
        value
        for row in table.rows(used.all, progress)
        if not isinstance(row, Broken)
        for value in reader.tickets(row.cells)
        if not tickets.keys(value, known)
    )
    found = [each for each in tickets.learn(strange) if is_number(each) and each not in known]
    return (*known, *found)[: max(len(known), tickets.MAX_TEMPLATES)]
