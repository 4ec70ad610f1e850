"""Tags of all rows to the arrays of the index and the statistics that evidence rests on. Pure numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors import LEADS, names, tickets
from exfilter.index.statistics import Statistics
from exfilter.kernel.tables import EMAIL, FIXED_SHAPES, NAME_MONO, Shape, commonness
from exfilter.model import Int64Array, Kind, Uint64Array

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from detectors.tickets import Template
    from exfilter.index.collect import Keys, Tokens

EMAIL_SPACE = 2.0**60
SLOTS_A_TOKEN = 16
SMALLEST_BITMAP = 4096
BLOCK = 100
"""Numbers that differ in their last two digits only."""


def records(tag: Uint64Array, ordinal: Int64Array) -> tuple[Uint64Array, NDArray[np.uint32]]:
    """Return tags and bearers, sorted by both, each pair once."""
    order = np.lexsort((ordinal, tag))
    tag, ordinal = tag[order], ordinal[order]
    new = np.ones(len(tag), dtype=np.bool_)
    new[1:] = (tag[1:] != tag[:-1]) | (ordinal[1:] != ordinal[:-1])
    return tag[new], ordinal[new].astype(np.uint32)


def shapes(keys: Keys, templates: Iterable[Template]) -> tuple[tuple[Shape, ...], NDArray[np.float64]]:
    """Return the shapes with their distinct keys, and the density of each by lead.

    Density, float64[shapes, leads]: the chance that a random value with that lead is a key.
    """
    distinct = {shape: _distinct(keys, number) for number, shape in enumerate(keys.shapes)}
    spaces = _spaces(distinct, templates)
    none = np.empty((0, 2), dtype=np.int64)
    found, leads = [], []
    for number, name in enumerate(FIXED_SHAPES):
        kind = Kind.EMAIL if number == EMAIL else Kind.NAME
        counted = name if number in (EMAIL, NAME_MONO) else names.SHAPE
        leads.append(distinct.get((kind, counted), none))
        found.append(Shape(name, kind, EMAIL_SPACE if number == EMAIL else 0.0, len(leads[-1])))
    for kind, name in sorted(spaces):
        leads.append(distinct.get((kind, name), none))
        found.append(Shape(name, kind, spaces[kind, name], len(leads[-1])))
    return tuple(found), np.stack([_density(*pair) for pair in zip(found, leads, strict=True)])


def _distinct(keys: Keys, number: int) -> Int64Array:
    """Return lead and block of each distinct key of one shape."""
    rows = np.flatnonzero(keys.shape == number)
    _, first = np.unique(keys.tag[rows], return_index=True)
    return np.stack((keys.lead[rows[first]].astype(np.int64), keys.block[rows[first]]), axis=1)


def _spaces(
    found: Iterable[tuple[Kind, str]], templates: Iterable[Template]
) -> dict[tuple[Kind, str], float]:
    """Return the number of values of each shape of phones and tickets."""
    spaces: dict[tuple[Kind, str], float] = {
        (kind, name): 10.0 ** _digits(name) for kind, name in found if kind is Kind.PHONE
    }
    for template in templates:
        spaces[Kind.TICKET, template.shape] = template.space
        bare = template.bare_digits
        if bare >= tickets.MIN_BARE_DIGITS:
            spaces[Kind.TICKET, tickets.bare_shape(bare)] = 10.0**bare
    return spaces


def _digits(shape: str) -> int:
    return int(shape.removeprefix("+").rpartition(" ")[2])


def _density(shape: Shape, distinct: Int64Array) -> NDArray[np.float64]:
    """Return the chance by lead: that of a number with the lead, or of one beside a customer's.

    Numbers are handed out in blocks. Where a lead's keys crowd in blocks of a hundred, so do the
    numbers of strangers; what counts is then how full the blocks are, without the key itself.
    """
    if shape.space <= 0.0:
        return np.full(LEADS, 1.0 if shape.keys else 0.0)
    if shape.kind is Kind.PHONE or shape.name.startswith("digits "):
        lead, block = distinct.T
        counts = np.bincount(lead, minlength=LEADS).astype(np.float64)
        _, place, full = np.unique(block, return_inverse=True, return_counts=True)
        beside = np.bincount(lead, weights=(full[place] - 1) / BLOCK, minlength=LEADS) / np.maximum(counts, 1)
        density: NDArray[np.float64] = np.maximum(counts / (shape.space / LEADS), beside)
        return np.minimum(density, 1.0)
    return np.full(LEADS, min(shape.keys / shape.space, 1.0))


def roles(tokens: Tokens) -> NDArray[np.uint8]:
    """Return the bitmap of name tokens, as ``kernel.tables.Tables.roles`` has it."""
    both = tokens.first[tokens.single]
    first = np.concatenate((tokens.first[~tokens.single], both))
    last = np.concatenate((tokens.last[~tokens.single], both))
    count = len(np.unique(np.concatenate((first, last))))
    size = max(SMALLEST_BITMAP, 1 << (max(1, count * SLOTS_A_TOKEN) - 1).bit_length())
    slots = [(hashes & np.uint64(size - 1)).astype(np.int64) for hashes in (first, last)]
    given, family = (commonness(np.bincount(slot, minlength=size)) for slot in slots)
    return given | family << np.uint8(4)


def statistics(
    keys: Keys, tokens: Tokens, ordinal: Int64Array, customers: int, density: NDArray[np.float64]
) -> Statistics:
    """Return what evidence needs to know of the table. ``ordinal``: of each row."""
    bearers, once, twice, once_tags = _frequencies(keys, names.SHAPE, ordinal)
    mono_bearers, mono_once, mono_twice, _ = _frequencies(keys, names.MONO, ordinal)
    return Statistics(
        customers=customers,
        density=density,
        name_bearers=bearers,
        names_once=once,
        names_twice=twice,
        names_once_unknown=_unknown(tokens, ordinal, once_tags),
        mono_bearers=mono_bearers,
        mono_once=mono_once,
        mono_twice=mono_twice,
    )


def _frequencies(keys: Keys, shape: str, ordinal: Int64Array) -> tuple[int, int, int, Uint64Array]:
    """Return customers with such a name, names borne once, names borne twice, tags of those borne once."""
    if (Kind.NAME, shape) not in keys.shapes:
        return 0, 0, 0, np.empty(0, dtype=np.uint64)
    rows = np.flatnonzero(keys.shape == keys.shapes.index((Kind.NAME, shape)))
    who = ordinal[keys.row[rows]]
    tags, bearers = _bearers(keys.tag[rows], who)
    return len(np.unique(who)), int((bearers == 1).sum()), int((bearers == 2).sum()), tags[bearers == 1]


def _bearers(tag: Uint64Array, who: Int64Array) -> tuple[Uint64Array, Int64Array]:
    """Return the distinct tags and how many customers have each."""
    order = np.lexsort((who, tag))
    tag, who = tag[order], who[order]
    new = np.ones(len(tag), dtype=np.bool_)
    new[1:] = (tag[1:] != tag[:-1]) | (who[1:] != who[:-1])
    tags, counts = np.unique(tag[new], return_counts=True)
    return tags, counts.astype(np.int64)


def _unknown(tokens: Tokens, ordinal: Int64Array, once: Uint64Array) -> int:
    """Return how many names borne once have a token that nobody else has in that place.

    Without their customer such names would not even be candidates. A name of one word stands in both.
    """
    if not len(tokens.row):
        return 0
    who = ordinal[tokens.row]
    alone = np.zeros(len(who), dtype=np.bool_)
    for token in (tokens.first, tokens.last):
        known, bearers = _bearers(token, who)
        alone |= bearers[np.searchsorted(known, token)] == 1
    return len(np.intersect1d(tokens.tag[alone & ~tokens.single], once))


def ordinals(rows: Uint64Array, previous: Uint64Array) -> tuple[Int64Array, Sequence[int], Uint64Array]:
    """Return the ordinal of each row, the row of each new ordinal, and the tag of every ordinal.

    ``rows``: tag of each row's customer. ``previous``: tags by ordinal in the index before. Known
    customers keep their ordinal; new ones follow in the order of the table.
    """
    tags, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    by_tag = np.argsort(previous, kind="stable")
    at = np.minimum(np.searchsorted(previous, tags, sorter=by_tag), max(0, len(previous) - 1))
    number = np.full(len(tags), -1, dtype=np.int64)
    if len(previous):
        known = previous[by_tag[at]] == tags
        number[known] = by_tag[at[known]]
    new = np.flatnonzero(number < 0)
    new = new[np.argsort(first[new], kind="stable")]
    number[new] = len(previous) + np.arange(len(new))
    return number[inverse], first[new].tolist(), np.concatenate((previous, tags[new]))
