"""A customer table to the index: read, hash, group, publish."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from detectors import CANONICALISER
from exfilter.index import canaries, columns, manifest, origins, publish, store
from exfilter.index.arrays import COUNTRIES
from exfilter.index.canaries import Anchors, Planted, Planting, Sheet
from exfilter.index.cells import LeftOut
from exfilter.index.codes import HAS_KEY, HAS_MONO, HAS_NAME
from exfilter.index.columns import Columns, Use
from exfilter.index.customers import Numbered
from exfilter.index.group import described
from exfilter.index.intake import Intake
from exfilter.index.layers import LayerWriter
from exfilter.index.learning import learn
from exfilter.index.manifest import IndexRefused, Manifest
from exfilter.index.opening import open_table
from exfilter.index.parallel import cores
from exfilter.index.report import Report, keys_by_kind, learnt, omitted
from exfilter.index.sealed import seal
from exfilter.index.statistics import Statistics
from exfilter.index.store import Previous
from exfilter.index.tally import write
from exfilter.kernel.layer import NOBODY, Layer
from exfilter.kernel.tables import Shape, Tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from exfilter.index.codes import Shapes
    from exfilter.index.keys import IndexKey
    from exfilter.index.table import Progress, Table
    from exfilter.index.tally import Tally

LEARNING = 0.2
"""Share of the progress for the pass that learns the shapes of ticket numbers."""
READING = 0.6
"""Share for the pass that reads everything."""
MEMORY = 1 << 26
"""Bytes of keys that are kept before they go to disk. Others take a fixed share of it."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to read the table."""

    mapping: tuple[str, ...] = ()
    """``kind=Column``, as in ``--map``. Empty: columns go by their names."""
    region: str = ""
    """Of phone numbers without country code. Empty: none."""
    fresh: bool = False
    """Take nothing over from the index before: every customer gets a new ordinal."""
    workers: int = 0
    """Threads. 0: one for each processor."""
    memory: int = MEMORY
    """Bytes of keys that are kept before they go to disk. The index is the same whatever it is."""
    canaries: tuple[Path, ...] = ()
    """Files of canaries. Empty: those of the index before stay canaries where the table has them."""


_NOBODY = Previous(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.bool_), (), origins.NOWHERE, Planted())


def build(
    source: Path, path: Path, key: IndexKey, options: Options, progress: Progress = lambda _: None
) -> Report:
    """Build the index of the table ``source`` in the directory ``path``.

    Raises ValueError or OSError, with the next step, where there is no usable table or where the
    index before cannot be opened with this key; the index before then stays as it is.
    """
    table = open_table(source)
    used = columns.recognise(table.columns, options.mapping)
    sheets = _sheets(source, used, options)
    workers = options.workers or cores()
    with publish.building(path) as work:
        before = _before(path, key, fresh=options.fresh)
        templates = learn(table, used, workers, lambda done: progress(LEARNING * done))
        with Intake(table, used, templates, options.region, key, work, options.memory) as intake:
            intake.read(workers, lambda done: progress(LEARNING + READING * done))
            if not intake.rows:
                msg = f"{source} holds no row that can be used{_reasons(intake.left_out)}"
                raise ValueError(msg)
            planting = [_plant(intake, sheet, key) for sheet in sheets]
            who = _customers(intake, before)
            progress(LEARNING + READING)
            alone = intake.tokens.alone()
            with LayerWriter(work) as writer:
                tally = write(intake.keys, who.ordinal, alone, intake.shapes, writer, workers)
            planted = _planted(work, planting, who, before)
            shapes, density = described(tally.leads(intake.shapes, intake.crowds), templates)
            ids = chain(before.ids, intake.ids(who.new))
            arrays: dict[str, NDArray[np.generic]] = {
                "roles": intake.tokens.roles(),
                "density": density,
                "customer_tags": who.tags,
                "customer_live": who.live,
                COUNTRIES: origins.of_customers(
                    len(who.tags), who.ordinal, intake.countries(), before.country
                ),
            }
            arrays["customer_ids"], arrays["customer_ids_start"] = seal(ids, key)
            bearing = _bearing(intake.flags(), who)
            gone = int((before.live & ~who.live[: len(before.live)]).sum())
            read = _Read(table, used, intake, gone, intake.identical(), before.planted, planted)
        layer = publish.describe(work, store.LAYER)
        about = Manifest(
            format=manifest.FORMAT,
            canonicaliser=CANONICALISER,
            key_check=manifest.key_check(key),
            customers=who.count,
            ordinals=len(who.tags),
            keys=keys_by_kind(shapes),
            statistics=store.scalars(_statistics(tally, intake.shapes, who, bearing, density)),
            sealed=manifest.seal(shapes, templates, key),
            arrays={**publish.save(work, arrays), **layer},
            has_ids=Use.ID in used.numbers,
            canaries=canaries.seal(planted, key),
        )
        identity = publish.publish(path, work, about, key)
    progress(1.0)
    return _report(identity, read, who, bearing[HAS_KEY], shapes)


@dataclass(frozen=True, slots=True)
class _Read:
    """The table and what was read of it."""

    table: Table
    used: Columns
    intake: Intake
    gone: int
    """Customers of the index before who are not in the table."""
    identical: int
    """Rows that repeat another one in every column in use."""
    planted_before: Planted
    planted: Planted


def _sheets(source: Path, used: Columns, options: Options) -> list[Sheet]:
    """Return the files of canaries. Raises ValueError where the table has no ids to know them by."""
    if options.canaries and Use.ID not in used.numbers:
        msg = f"{source} has no customer ids, by which canaries are known: say which with --map id=COLUMN"
        raise ValueError(msg)
    return [canaries.read(file, options.mapping) for file in options.canaries]


def _plant(intake: Intake, sheet: Sheet, key: IndexKey) -> Planting:
    anchors = Anchors(sheet, key)
    return Planting(sheet, anchors, intake.plant(sheet, anchors))


def _planted(work: Path, planting: list[Planting], who: Numbered, before: Previous) -> Planted:
    """Return who is a canary. Raises ValueError where somebody else has what identifies one."""
    if not planting:
        return before.planted.living(who.live)
    layer = Layer(**{name: np.load(work / f"{name}.npy", mmap_mode="r") for name in store.LAYER})
    tables = Tables((), b"", (layer,), np.zeros(1, dtype=np.uint8), (), ())
    return canaries.planted(canaries.settled(planting, who.ordinal, tables))


def _report(identity: str, of: _Read, who: Numbered, bearing: int, shapes: tuple[Shape, ...]) -> Report:
    """Return the report. ``bearing``: customers with any key."""
    names = of.table.columns
    rows, broken = of.intake.rows - of.intake.planted, of.intake.left_out
    return Report(
        index=identity,
        format=of.table.format,
        charset=of.table.charset,
        columns={use.value: tuple(names[n] for n in some) for use, some in of.used.numbers.items()},
        columns_unused=tuple(names[number] for number in of.used.unused),
        rows=rows + broken.counts.total(),
        rows_used=rows,
        customers=who.count,
        customers_new=int(who.new.sum()),
        customers_gone=of.gone,
        customers_without_identifier=who.count - bearing,
        rows_merged=of.intake.rows - who.count,
        rows_identical=of.identical,
        keys=keys_by_kind(shapes),
        shapes=learnt(shapes),
        rows_left_out=omitted(broken),
        cells_left_out=omitted(of.intake.reader.left_out),
        canaries=of.planted.counts,
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


def _customers(intake: Intake, before: Previous) -> Numbered:
    """Return who is in the table. Raises ValueError where there are too many."""
    found = intake.number(before.tags)
    if len(found.live) > int(NOBODY):
        msg = f"an index holds at most {int(NOBODY)} customers"
        raise ValueError(msg)
    return found


def _bearing(flags: NDArray[np.uint8], who: Numbered) -> dict[int, int]:
    """Return how many customers have any key, a name, a name of one word."""
    found = {}
    for flag in (HAS_KEY, HAS_NAME, HAS_MONO):
        has = np.zeros(len(who.tags), dtype=np.bool_)
        has[who.ordinal[flags & flag != 0]] = True
        found[flag] = int(has.sum())
    return found


def _statistics(
    tally: Tally, shapes: Shapes, who: Numbered, bearing: Mapping[int, int], density: NDArray[np.float64]
) -> Statistics:
    """Return what evidence needs to know of the table."""
    names, monos = tally.bearers[shapes.pair], tally.bearers[shapes.mono]
    return Statistics(
        customers=who.count,
        density=density,
        name_bearers=bearing[HAS_NAME],
        names_once=int(names[0]),
        names_twice=int(names[1]),
        names_once_unknown=tally.unknown,
        mono_bearers=bearing[HAS_MONO],
        mono_once=int(monos[0]),
        mono_twice=int(monos[1]),
    )


def _notes(of: _Read) -> Iterator[str]:
    if of.table.doubt:
        yield of.table.doubt
    lost = len(of.planted_before.ordinals) - len(of.planted.ordinals)
    if lost > 0:
        yield f"{lost} canaries of the index before are in it no more: give their file with --canaries"
    if Use.ID not in of.used.numbers:
        yield (
            "no column holds customer ids: each row got its number as id (row-1, row-2, ...), "
            "which changes when rows are moved; say which column it is with --map id=COLUMN"
        )
    if of.intake.without_id:
        yield f"{of.intake.without_id} rows without a customer id got their number as id (row-1, row-2, ...)"
    if of.intake.reader.without_region:
        yield (
            f"{of.intake.reader.without_region} phone numbers without country code or region are only found "
            f"as they are written: give --region"
        )


def _reasons(left_out: LeftOut) -> str:
    shown = [f"{item.reason} ({item.count}, line {item.lines[0]})" for item in omitted(left_out)]
    return f": {', '.join(shown)}" if shown else ": there is nothing below the names of the columns"
