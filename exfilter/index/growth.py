"""What an index knows of its own frequencies, with the customers of an update added to it.

What is gone is not subtracted: the index does not hold which kind and shape a key has. So chances
are taken as somewhat higher than they are, until the next build counts anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from detectors import LEADS, names, tickets
from exfilter.index.statistics import Statistics
from exfilter.kernel.tables import FIRST, LAST, NAME_MONO, Shape, commonness
from exfilter.model import Int64Array, Kind, Uint64Array

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from detectors.tickets import Template
    from exfilter.index.changed_keys import Keys, Tokens
    from exfilter.index.store import Index
    from exfilter.kernel.tables import Tables

BLOCK = 100
"""Numbers that differ in their last two digits only."""


def grown_shapes(
    index: Index, keys: Keys, templates: tuple[Template, ...]
) -> tuple[tuple[Shape, ...], NDArray[np.float64]]:
    """Return shapes and densities (``Statistics.density``) with the keys that the index does not have.

    Known shapes keep their numbers, new ones follow. ``templates``: also of the new ones.
    """
    keys = _unknown(index.tables, keys)
    known = {(shape.kind, shape.name) for shape in index.tables.shapes}
    spaces = _spaces((shape for shape in keys.shapes if shape not in known), templates)
    found = index.tables.shapes + tuple(
        Shape(name, kind, space, 0)
        for (kind, name), space in sorted(spaces.items())
        if (kind, name) not in known
    )
    before = np.zeros((len(found), LEADS))
    before[: len(index.tables.shapes)] = index.statistics.density
    grown = [_grown(number, *pair, keys) for number, pair in enumerate(zip(found, before, strict=True))]
    return tuple(shape for shape, _ in grown), np.stack([density for _, density in grown])


def _unknown(tables: Tables, keys: Keys) -> Keys:
    """Return the keys that are in no layer, also not as those of nobody: each once."""
    known = np.zeros(len(keys.tag), dtype=np.bool_)
    for layer in tables.layers:
        known |= layer.look_up(keys.tag)[0]
    _, first = np.unique(keys.tag, return_index=True)
    new = first[~known[first]]
    return replace(
        keys,
        tag=keys.tag[new],
        row=keys.row[new],
        shape=keys.shape[new],
        lead=keys.lead[new],
        block=keys.block[new],
    )


def _spaces(
    shapes: Iterable[tuple[Kind, str]], templates: Iterable[Template]
) -> dict[tuple[Kind, str], float]:
    """Return how many values there are of phones and tickets of new shapes."""
    spaces: dict[tuple[Kind, str], float] = {
        (kind, name): 10.0 ** int(name.removeprefix("+").rpartition(" ")[2])
        for kind, name in shapes
        if kind is Kind.PHONE
    }
    for template in templates:
        spaces[Kind.TICKET, template.shape] = template.space
        bare = template.bare_digits
        if bare >= tickets.MIN_BARE_DIGITS:
            spaces[Kind.TICKET, tickets.bare_shape(bare)] = 10.0**bare
    return spaces


def _grown(
    number: int, shape: Shape, before: NDArray[np.float64], keys: Keys
) -> tuple[Shape, NDArray[np.float64]]:
    """Return a shape and its density by lead with the new keys."""
    named = names.SHAPE if shape.kind is Kind.NAME and number != NAME_MONO else shape.name
    of_shape = keys.of_shape(shape.kind, named)
    count = int(of_shape.sum())
    if not count:
        return shape, before
    more = replace(shape, keys=shape.keys + count)
    if shape.space <= 0.0:
        return more, np.ones(LEADS)
    if shape.kind is not Kind.PHONE and not shape.name.startswith("digits "):
        return more, np.minimum(before + count / shape.space, 1.0)
    lead, block = keys.lead[of_shape], keys.block[of_shape]
    counts = np.bincount(lead, minlength=LEADS).astype(np.float64)
    _, place, full = np.unique(block, return_inverse=True, return_counts=True)
    beside = np.bincount(lead, weights=(full[place] - 1) / BLOCK, minlength=LEADS) / np.maximum(counts, 1)
    # Keys add up over a lead. How full blocks are does not: those of the update are others.
    return more, np.minimum(np.maximum(before + counts / (shape.space / LEADS), beside), 1.0)


def grown_roles(roles: NDArray[np.uint8], tokens: Tokens) -> NDArray[np.uint8]:
    """Return the bitmap of name tokens, raised for these. Its size stays."""
    size = len(roles)
    given, family = (
        commonness(np.bincount(_slots(some, size), minlength=size)) for some in (tokens.first, tokens.last)
    )
    grown: NDArray[np.uint8] = np.maximum(roles & FIRST, given)
    grown |= np.maximum(roles & LAST, family << np.uint8(4))
    return grown


def _slots(hashes: Uint64Array, size: int) -> Int64Array:
    slots: Int64Array = (hashes & np.uint64(size - 1)).astype(np.int64)
    return slots


def grown_statistics(
    index: Index,
    now: Tables,
    keys: Keys,
    tokens: Tokens,
    newcomers: Int64Array,
    customers: int,
    density: NDArray[np.float64],
) -> Statistics:
    """Return what evidence needs to know. ``now``: the layers with the update.

    ``newcomers``: of each row, the ordinal of a customer who was not in the index; -1: it has another
    one's. ``customers``: who is in the index now.
    """
    known = index.statistics
    bearers, (once, twice) = _names(index.tables, now, keys, names.SHAPE, newcomers)
    mono_bearers, (mono_once, mono_twice) = _names(index.tables, now, keys, names.MONO, newcomers)
    return Statistics(
        customers=customers,
        density=density,
        name_bearers=known.name_bearers + bearers,
        names_once=max(0, known.names_once + once),
        names_twice=max(0, known.names_twice + twice),
        names_once_unknown=known.names_once_unknown + _of_unknown_tokens(index.tables, now, tokens),
        mono_bearers=known.mono_bearers + mono_bearers,
        mono_once=max(0, known.mono_once + mono_once),
        mono_twice=max(0, known.mono_twice + mono_twice),
    )


def _names(
    before: Tables, now: Tables, keys: Keys, shape: str, newcomers: Int64Array
) -> tuple[int, tuple[int, int]]:
    """Return new customers with such names, and how many more names have one bearer, and two."""
    of_shape = keys.of_shape(Kind.NAME, shape)
    tags = np.unique(keys.tag[of_shape])
    was, is_ = (tables.bearers(tables.look_up(tags)) for tables in (before, now))
    once, twice = (int((is_ == count).sum()) - int((was == count).sum()) for count in (1, 2))
    who = np.unique(newcomers[keys.row[of_shape]])
    return int((who >= 0).sum()), (once, twice)


def _of_unknown_tokens(before: Tables, now: Tables, tokens: Tokens) -> int:
    """Return how many new names borne once have a token that the index did not know in its place."""
    size = len(before.roles)
    strange = (before.roles[_slots(tokens.first, size)] & FIRST == 0) | (
        before.roles[_slots(tokens.last, size)] & LAST == 0
    )
    tags = np.unique(tokens.tag[strange & ~tokens.single])
    return int((now.bearers(now.look_up(tags)) == 1).sum())
