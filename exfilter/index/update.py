"""Added, changed and removed customers to a new version: the base as it is, and a layer above it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from exfilter.index import affected, arrays, canaries, growth, manifest, origins, publish, removals, store
from exfilter.index.affected import Affected
from exfilter.index.arrays import COUNTRIES, KEPT, LAYER, UPDATE
from exfilter.index.canaries import Planted
from exfilter.index.changes import Changes, read_changes
from exfilter.index.layers import LayerWriter
from exfilter.index.manifest import IndexRefused
from exfilter.index.overlay import overlay
from exfilter.index.report import keys_by_kind
from exfilter.index.sealed import seal
from exfilter.index.store import Index, Version
from exfilter.index.update_report import SHOWN_LINES, UpdateReport, report
from exfilter.kernel.layer import Layer

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from detectors.tickets import Template
    from exfilter.index.keys import IndexKey
    from exfilter.index.manifest import Manifest
    from exfilter.index.origins import Codes
    from exfilter.index.removals import Removals
    from exfilter.index.statistics import Statistics
    from exfilter.index.table import Progress
    from exfilter.kernel.tables import Shape, Tables
    from exfilter.model import Int64Array, Uint64Array

READING = 0.5
"""Share of the progress for the table of changes."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an update is to do. One file at least."""

    changes: Path | None = None
    """Customer table. Whoever is in it is added, or has all keys replaced by what it says."""
    remove: Path | None = None
    """Ids of customers to remove: a table, or one a line."""
    mapping: tuple[str, ...] = ()
    region: str = ""
    """Both as in ``build.Options``."""
    canaries: tuple[Path, ...] = ()
    """Files of canaries: added, or changed, like customers."""
    listed: Removals | None = None
    """As ``remove``, of no file."""


def update(path: Path, key: IndexKey, request: Request, progress: Progress = lambda _: None) -> UpdateReport:
    """Publish a new version of the index in ``path`` in which the request is done, all of it.

    Raises ValueError or OSError, with the next step, where a file cannot be used, where the index
    has no customer ids or cannot be opened, and where none of the ids to remove is in it. The index
    then stays as it is.
    """
    if not (request.changes or request.remove or request.listed or request.canaries):
        msg = (
            "nothing to do: give a table of changed customers, or --remove with a list of ids, or --canaries"
        )
        raise ValueError(msg)
    with publish.building(path) as work:
        of = _Before.open(path, key)
        publish.link(of.version.directory, work, KEPT)
        changes = None
        sheets = [canaries.read(file, request.mapping) for file in request.canaries]
        if request.changes is not None or sheets:
            templates = of.index.tables.templates
            changes = read_changes(
                request.changes, request.mapping, request.region, templates, key,
                lambda done: progress(READING * done), sheets,
            )  # fmt: skip
        listed = removals.read(request.remove, request.mapping, key) if request.remove else request.listed
        who = affected.find(of.tags, of.index.live, changes, listed)
        _refuse_unclear(request, changes, listed, who)
        progress(READING)
        about, planted = _write(work, of, changes, who, key)
        identity = publish.publish(path, work, about, key)
    progress(1.0)
    shapes, _ = manifest.unseal(about, key)
    return report(identity, about, shapes, changes, listed, who, planted)


@dataclass(frozen=True, slots=True)
class _Before:
    """The index that is updated."""

    version: Version
    index: Index
    tags: Uint64Array
    """Of the customer, by ordinal."""

    @classmethod
    def open(cls, path: Path, key: IndexKey) -> _Before:
        """Open it, whole. Raises IndexRefused also where it knows its customers by their rows alone."""
        index = Index.open(path, key)
        version = store.version(path, key)
        if not version.about.has_ids:
            msg = (
                f"{path}: the index was built of a table without customer ids, so that nobody in it can be "
                f"known again: build it of one with ids, with `exfilter index build CUSTOMERS`"
            )
            raise IndexRefused(msg)
        names = [name for name in arrays.names(version.about) if name.endswith("customer_tags")]
        return cls(version, index, store.customer_tags(store.load(version, names)))


def _refuse_unclear(
    request: Request, changes: Changes | None, listed: Removals | None, who: Affected
) -> None:
    """Do nothing at all where it is not clear what is meant."""
    if listed is None:
        return
    both = np.flatnonzero(np.isin(listed.tags, changes.customers)) if changes else np.empty(0, np.int64)
    if len(both):
        lines = ", ".join(map(str, listed.lines[both][:SHOWN_LINES].tolist()))
        msg = (
            f"{len(both)} of the ids in {request.remove} are among the changes too (lines {lines}): "
            f"nothing was done; take them out of one of the two"
        )
        raise ValueError(msg)
    if not (who.listed >= 0).any():
        source = request.remove or "the list"
        msg = (
            f"none of the {len(listed.tags)} ids in {source} was ever in the index: nothing was done; "
            f"look at their spelling and, in a table, at the column (--map id=COLUMN)"
        )
        raise ValueError(msg)


def _write(
    work: Path, of: _Before, changes: Changes | None, who: Affected, key: IndexKey
) -> tuple[Manifest, Planted]:
    """Write what is not linked, and return the manifest, and who is a canary now."""
    theirs = np.zeros(len(who.live), dtype=np.bool_)
    theirs[who.changed] = theirs[who.removed] = True
    with LayerWriter(work, UPDATE) as writer:
        writer.add(*overlay(of.index.tables, theirs, *_keys(changes, who)))
    about = of.version.about
    built = about.arrays["customer_tags"].shape[0]
    shapes, templates, roles, statistics = _frequencies(work, of.index, changes, who)
    planted = _planted(work, of.index, changes, who)
    ids = chain(of.index.all_ids(built), (changes.ids[row] for row in who.new) if changes else ())
    blocks, starts = seal(ids, key, label=UPDATE)
    written: dict[str, NDArray[np.generic]] = {
        "roles": roles,
        "density": statistics.density,
        "customer_live": who.live,
        COUNTRIES: _countries(of.index, changes, who),
        f"{UPDATE}customer_tags": np.concatenate((of.tags[built:], who.new_tags)),
        f"{UPDATE}customer_ids": blocks,
        f"{UPDATE}customer_ids_start": starts,
    }
    new = msgspec.structs.replace(
        about,
        format=manifest.FORMAT,
        customers=statistics.customers,
        ordinals=len(who.live),
        keys=keys_by_kind(shapes),
        statistics=store.scalars(statistics),
        sealed=manifest.seal(shapes, templates, key),
        arrays={
            **{name: about.arrays[name] for name in KEPT},
            **publish.save(work, written),
            **publish.describe(work, (f"{UPDATE}{name}" for name in LAYER)),
        },
        updated={name: about.updated.get(name, 0) + count for name, count in who.counts.items()},
        canaries=canaries.seal(planted, key),
    )
    return new, planted


def _planted(work: Path, index: Index, changes: Changes | None, who: Affected) -> Planted:
    """Return who is a canary. Raises ValueError where somebody else has what identifies a new one."""
    teams = index.planted.by_ordinal()
    if changes and changes.planting:
        teams |= canaries.settled(changes.planting, who.ordinal, _now(work, index.tables))
    return canaries.planted(teams).living(who.live)


def _now(work: Path, tables: Tables) -> Tables:
    """Return what is looked up in, with the layer that was written."""
    above = Layer(**{name: np.load(work / f"{UPDATE}{name}.npy", mmap_mode="r") for name in LAYER})
    return replace(tables, layers=(tables.layers[0], above))


def _countries(index: Index, changes: Changes | None, who: Affected) -> Codes:
    """Return the country of every ordinal: of changed customers, what the table says now."""
    if changes is None:
        return index.country
    return origins.of_customers(len(who.live), who.ordinal, changes.countries, index.country)


def _keys(changes: Changes | None, who: Affected) -> tuple[Uint64Array, Int64Array]:
    """Return the tags of the changed customers' keys and their ordinals."""
    if changes is None:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
    return changes.keys.tag, who.ordinal[changes.keys.row]


def _frequencies(
    work: Path, index: Index, changes: Changes | None, who: Affected
) -> tuple[tuple[Shape, ...], tuple[Template, ...], NDArray[np.uint8], Statistics]:
    """Return shapes, templates, the bitmap of name tokens and the statistics with the changes."""
    tables, customers = index.tables, int(who.live.sum())
    if changes is None:
        statistics = replace(index.statistics, customers=customers)
        return tables.shapes, tables.templates, tables.roles, statistics
    shapes, density = growth.grown_shapes(index, changes.keys, changes.templates)
    now = _now(work, tables)
    newcomers = np.where(who.was[who.ordinal], -1, who.ordinal)
    statistics = growth.grown_statistics(
        index, now, changes.keys, changes.tokens, newcomers, customers, density
    )
    return shapes, changes.templates, growth.grown_roles(tables.roles, changes.tokens), statistics
