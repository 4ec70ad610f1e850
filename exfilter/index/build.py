"""A customer table to the index: read, hash, group, publish."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from detectors import CANONICALISER
from exfilter.index import columns, group, manifest, publish, store
from exfilter.index.cells import LeftOut, Reader
from exfilter.index.collect import Collector, Keys, Tokens
from exfilter.index.columns import Columns, Use
from exfilter.index.layers import LayerWriter
from exfilter.index.manifest import IndexRefused, Manifest
from exfilter.index.opening import open_table
from exfilter.index.reading import Rows, learn, read
from exfilter.index.report import Report, keys_by_kind, learnt, omitted
from exfilter.index.sealed import seal
from exfilter.index.store import Previous
from exfilter.kernel.layer import NOBODY
from exfilter.kernel.tables import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from detectors.tickets import Template
    from exfilter.index.keys import IndexKey
    from exfilter.index.statistics import Statistics
    from exfilter.index.table import Progress, Table
    from exfilter.model import Int64Array, Uint64Array

LEARNING = 0.2
"""Share of the progress for the pass that learns the shapes of ticket numbers."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to read the table."""

    mapping: tuple[str, ...] = ()
    """``kind=Column``, as in ``--map``. Empty: columns go by their names."""
    region: str = ""
    """Of phone numbers without country code. Empty: none."""
    fresh: bool = False
    """Take nothing over from the index before: every customer gets a new ordinal."""


@dataclass(frozen=True, slots=True)
class _Customers:
    """Who is in the table."""

    ordinal: Int64Array
    """Of each row."""
    new: tuple[int, ...]
    """Row of each new ordinal."""
    tags: Uint64Array
    """Of every ordinal, also of customers who are gone."""
    live: NDArray[np.bool_]
    """By ordinal."""
    gone: int
    """Customers of the index before who are not in the table."""

    @property
    def count(self) -> int:
        """Customers in the table."""
        return int(self.live.sum())


_NOBODY = Previous(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.bool_), ())


def build(
    source: Path, path: Path, key: IndexKey, options: Options, progress: Progress = lambda _: None
) -> Report:
    """Build the index of the table ``source`` in the directory ``path``.

    Raises ValueError or OSError, with the next step, where there is no usable table or where the
    index before cannot be opened with this key; the index before then stays as it is.
    """
    table = open_table(source)
    used = columns.recognise(table.columns, options.mapping)
    with publish.building(path) as work:
        before = _before(path, key, fresh=options.fresh)
        templates = learn(table, used, lambda done: progress(LEARNING * done))
        reader = Reader(used, templates, options.region)
        collector = Collector(key)
        rows = read(table, used, reader, collector, lambda done: progress(LEARNING + (1 - LEARNING) * done))
        if not len(rows):
            msg = f"{source} holds no row that can be used{_reasons(rows.left_out)}"
            raise ValueError(msg)
        who = _customers(rows, before, has_ids=Use.ID in used.numbers)
        keys, tokens = collector.keys()
        grouped = _group(keys, tokens, who, templates)
        arrays = dict(grouped.arrays)
        ids = chain(before.ids, (rows.ids[row] for row in who.new))
        arrays["customer_ids"], arrays["customer_ids_start"] = seal(ids, key)
        with LayerWriter(work) as writer:
            writer.add(*group.records(keys.tag, who.ordinal[keys.row]))
        layer = publish.describe(work, store.LAYER)
        about = Manifest(
            format=manifest.FORMAT,
            canonicaliser=CANONICALISER,
            key_check=manifest.key_check(key),
            customers=who.count,
            ordinals=len(who.tags),
            keys=keys_by_kind(grouped.shapes),
            statistics=store.scalars(grouped.statistics),
            sealed=manifest.seal(grouped.shapes, templates, key),
            arrays={**publish.save(work, arrays), **layer},
        )
        identity = publish.publish(path, work, about, key)
    progress(1.0)
    bearing = len(np.unique(who.ordinal[keys.row]))
    return _report(identity, _Read(table, used, reader, rows), who, bearing, grouped.shapes)


@dataclass(frozen=True, slots=True)
class _Read:
    """The table and what was read of it."""

    table: Table
    used: Columns
    reader: Reader
    rows: Rows


def _report(identity: str, of: _Read, who: _Customers, bearing: int, shapes: tuple[Shape, ...]) -> Report:
    """Return the report. ``bearing``: customers with any key."""
    names = of.table.columns
    rows = len(of.rows)
    return Report(
        index=identity,
        format=of.table.format,
        charset=of.table.charset,
        columns={use.value: tuple(names[n] for n in some) for use, some in of.used.numbers.items()},
        columns_unused=tuple(names[number] for number in of.used.unused),
        rows=of.rows.seen,
        rows_used=rows,
        customers=who.count,
        customers_new=len(who.new),
        customers_gone=who.gone,
        customers_without_identifier=who.count - bearing,
        rows_merged=rows - who.count,
        rows_identical=rows - len(np.unique(np.array(of.rows.contents))),
        keys=keys_by_kind(shapes),
        shapes=learnt(shapes),
        rows_left_out=omitted(of.rows.left_out),
        cells_left_out=omitted(of.reader.left_out),
        notes=tuple(_notes(of)),
    )


def _before(path: Path, key: IndexKey, *, fresh: bool) -> Previous:
    """Return the index before: who is in it keeps the ordinal."""
    if fresh:
        return _NOBODY
    try:
        return store.previous(path, key) or _NOBODY
    except IndexRefused as error:
        msg = (
            f"{error}. The build takes the customers' numbers over from there; "
            f"with --fresh it starts over, and the numbers of older decisions are lost"
        )
        raise IndexRefused(msg) from None


def _customers(rows: Rows, before: Previous, *, has_ids: bool) -> _Customers:
    """Return who is in the table. Without ids a customer is what one row, or several equal ones, say."""
    tags = rows.collector.customers()
    if not has_ids:
        _, first, same = np.unique(np.array(rows.contents), return_index=True, return_inverse=True)
        tags = tags[first[same]]
    ordinal, new, known = group.ordinals(tags, before.tags)
    if len(known) > int(NOBODY):
        msg = f"an index holds at most {int(NOBODY)} customers"
        raise ValueError(msg)
    live = np.zeros(len(known), dtype=np.bool_)
    live[ordinal] = True
    gone = int((before.live & ~live[: len(before.live)]).sum())
    return _Customers(ordinal, tuple(new), known, live, gone)


@dataclass(frozen=True, slots=True)
class _Grouped:
    """The arrays of the index but for the ids, and what the manifest says of them."""

    arrays: dict[str, NDArray[np.generic]]
    shapes: tuple[Shape, ...]
    statistics: Statistics


def _group(keys: Keys, tokens: Tokens, who: _Customers, templates: tuple[Template, ...]) -> _Grouped:
    shapes, density = group.shapes(keys, templates)
    arrays: dict[str, NDArray[np.generic]] = {
        "roles": group.roles(tokens),
        "density": density,
        "customer_tags": who.tags,
        "customer_live": who.live,
    }
    return _Grouped(arrays, shapes, group.statistics(keys, tokens, who.ordinal, who.count, density))


def _notes(of: _Read) -> Iterator[str]:
    if of.table.doubt:
        yield of.table.doubt
    if Use.ID not in of.used.numbers:
        yield (
            "no column holds customer ids: each row got its number as id (row-1, row-2, ...), "
            "which changes when rows are moved; say which column it is with --map id=COLUMN"
        )
    if of.rows.without_id:
        yield f"{of.rows.without_id} rows without a customer id got their number as id (row-1, row-2, ...)"
    if of.reader.without_region:
        yield (
            f"{of.reader.without_region} phone numbers without country code or region are only found "
            f"as they are written: give --region"
        )


def _reasons(left_out: LeftOut) -> str:
    shown = [f"{item.reason} ({item.count}, line {item.lines[0]})" for item in omitted(left_out)]
    return f": {', '.join(shown)}" if shown else ": there is nothing below the names of the columns"
