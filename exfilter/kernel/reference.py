"""The kernel in plain Python: text in, arrays of candidates and hits out.

It is the contract. Slow and obvious; the oracle of the native kernel's tests, and what runs where
no compiler was at hand. Everything that is looked for is local: no candidate reaches further
than ``limits.Limits.overlap``, so long text can be read in slices that overlap. Only which fields
hold given and family names is a matter of all records of a text (``plain.apart``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors import lead
from exfilter.kernel.layer import NOBODY
from exfilter.kernel.plain.addresses import addresses, split_addresses
from exfilter.kernel.plain.candidate import Candidate, Text
from exfilter.kernel.plain.numbers import even_numbers, numbers
from exfilter.kernel.plain.people import people
from exfilter.kernel.plain.references import ticket_numbers
from exfilter.kernel.siphash import siphash24
from exfilter.kernel.tables import EMAIL, NAME_LOOSE, Candidates, Matches, Tables
from exfilter.model import Int64Array, Kind


def find(text: str, tables: Tables, records: Int64Array | None = None) -> Matches:
    """Return what ``text`` holds. ``records``: ascending offsets which no name reaches across."""
    given = Text.of(text, records)
    shapes = {shape.name: number for number, shape in enumerate(tables.shapes) if shape.keys}
    known = tables.shapes[EMAIL].keys > 0
    found = list(addresses(given)) if known else []
    masked = _without(given.folded, found)
    found += split_addresses(given) if known else []
    numbered = [*numbers(given, shapes), *even_numbers(given, shapes), *ticket_numbers(given, tables)]
    found += sorted(numbered, key=lambda each: each.start)
    named, strangers = people(given, masked, tables)
    place = None if given.sources is None else given.sources.__getitem__
    return look_up(_hashed(found + named, tables), strangers, place, tables)


def _without(folded: str, found: list[Candidate]) -> str:
    """Blank the addresses, keeping length: the words of an address are not a person's name."""
    if not found:
        return folded
    pieces, at = [], 0
    for candidate in sorted(found, key=lambda c: (c.start, -c.end)):
        if candidate.end > at:
            start = max(at, candidate.start)
            pieces += [folded[at:start], "0" * (candidate.end - start)]
            at = candidate.end
    return "".join(pieces) + folded[at:]


# -- look-up ---------------------------------------------------------------------------------

CANDIDATE = np.dtype(
    [("start", "i8"), ("end", "i8"), ("tag", "u8"), ("shape", "u2"), ("lead", "u2"), ("column", "u1")]
)


def _hashed(found: list[Candidate], tables: Tables) -> NDArray[np.void]:
    rows = [(c.start, c.end, 0, c.shape, c.lead or lead(c.canonical), c.column) for c in found]
    hashed = np.array(rows, dtype=CANDIDATE)
    kinds = [tables.shapes[candidate.shape].kind for candidate in found]
    for kind in Kind:
        mine = [row for row, other in enumerate(kinds) if other == kind]
        hashed["tag"][mine] = siphash24(tables.kind_keys[kind], [found[row].canonical for row in mine])
    return hashed


def look_up(
    found: NDArray[np.void],
    strangers: int,
    sources: Callable[[Int64Array], Int64Array] | None,
    tables: Tables,
) -> Matches:
    """Return the hits among candidates, in order of their place, and what was looked for.

    ``found``: records of ``CANDIDATE``. ``sources``: gives the source characters of offsets in it.
    """
    tag = found["tag"]
    posting = tables.look_up(tag)
    hit = np.flatnonzero(posting != NOBODY)
    hit = hit[np.lexsort((tag[hit], found["shape"][hit], found["end"][hit], found["start"][hit]))]
    start, end = found["start"][hit], found["end"][hit]
    if sources is not None:
        start, end = sources(start), sources(end - 1) + 1
    kinds = np.array([shape.kind for shape in tables.shapes], dtype=np.uint8)
    return Matches(
        kind=kinds[found["shape"][hit]],
        shape=found["shape"][hit],
        start=start,
        end=end,
        posting=posting[hit],
        tag=tag[hit],
        lead=found["lead"][hit],
        column=found["column"][hit],
        candidates=_distinct(found, strangers),
    )


def _distinct(found: NDArray[np.void], strangers: int) -> Candidates:
    found = found[found["shape"] != NAME_LOOSE]
    _, first = np.unique(found[["shape", "tag", "column"]], return_index=True)
    found = found[first]
    return Candidates(found["shape"], found["lead"], found["tag"], found["column"], strangers)
