"""What a build did, without any value of the table: numbers, lines, names of columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exfilter.kernel.tables import FIXED_SHAPES, Shape
from exfilter.model import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exfilter.index.cells import LeftOut

FEW = 3
"""Ticket numbers of one shape below which its prefix may tell who has them."""

_LETTER = re.compile("[A-Z]")


@dataclass(frozen=True, slots=True)
class Learnt:
    """One shape of phones or tickets."""

    kind: str
    shape: str
    keys: int


@dataclass(frozen=True, slots=True)
class Omitted:
    """Rows or cells that were not used."""

    reason: str
    count: int
    lines: tuple[int, ...]
    """The first few."""


@dataclass(frozen=True, slots=True)
class Report:
    """Numbers of one build."""

    index: str
    """Id of the new index."""
    format: str
    charset: str
    columns: Mapping[str, tuple[str, ...]]
    """Names of the columns in use, by what they were used for."""
    columns_unused: tuple[str, ...]
    rows: int
    """Below the line of column names, also broken ones."""
    rows_used: int
    customers: int
    customers_new: int
    customers_gone: int
    """In the index before, but not in this table. Their ordinals are kept."""
    customers_without_identifier: int
    rows_merged: int
    """Further rows of a customer who had one already."""
    rows_identical: int
    """Rows that repeat another one in every column in use."""
    keys: Mapping[str, int]
    """Distinct keys by kind."""
    shapes: tuple[Learnt, ...]
    rows_left_out: tuple[Omitted, ...]
    cells_left_out: tuple[Omitted, ...]
    canaries: Mapping[str, int]
    """By team. They are customers too."""
    notes: tuple[str, ...]


def omitted(left_out: LeftOut) -> tuple[Omitted, ...]:
    """Return what was left out, the most frequent reason first."""
    return tuple(
        Omitted(reason, count, tuple(left_out.lines[reason]))
        for reason, count in left_out.counts.most_common()
    )


def learnt(shapes: tuple[Shape, ...]) -> tuple[Learnt, ...]:
    """Return the shapes of phones and tickets that have keys."""
    return tuple(
        Learnt(shape.kind.name.lower(), shown(shape), shape.keys)
        for shape in shapes[len(FIXED_SHAPES) :]
        if shape.keys
    )


def shown(shape: Shape) -> str:
    """Return a shape's name; the letters of a rare one may be a word from the table."""
    if shape.kind is Kind.TICKET and shape.keys < FEW and not shape.name.startswith("digits "):
        return _LETTER.sub("X", shape.name)
    return shape.name


def keys_by_kind(shapes: tuple[Shape, ...]) -> dict[str, int]:
    """Return the distinct keys of each kind. Fixed shapes of names share theirs."""
    counts = {kind.name.lower(): 0 for kind in Kind}
    for name, shape in {shape.name: shape for shape in shapes}.items():
        if name not in (FIXED_SHAPES[2], FIXED_SHAPES[4]):
            counts[shape.kind.name.lower()] += shape.keys
    return counts
