"""What did not identify, judged together by shape: whether chance did it, and how much is beyond.

Where the parts have records, also by the field in which the values stand: what somebody puts into
other fields beside the customers is not theirs to explain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from detectors import LEADS
from exfilter.evidence.chance import NAME_LEADS, Bearers, Chance, Names, judge_names, judge_numbers
from exfilter.evidence.counted import Counted
from exfilter.evidence.gather import Hits
from exfilter.evidence.values import Looked, distinct
from exfilter.index.statistics import Statistics
from exfilter.kernel.tables import APART, NAME, NAME_LOOSE, NAME_LOWER, NAME_MONO, Tables
from exfilter.model import Int64Array, Judgement, Kind, Ordinals

SIGNIFICANT = -6.0
"""log10 of the probability below which chance did not do it."""
UNEVEN = 2.0
"""Exchanges of one lead are not equally full of customers: some are this much fuller, in odds."""
NEARLY_ALL = 0.9
"""Share of the hits that count: then there is nothing more to be found field by field."""
FEW = 3
"""Hits in a field below which it is not looked at."""


class _Values(NamedTuple):
    """Distinct values of one shape that are judged together."""

    name: str
    rows: Int64Array
    """One hit of each that is one."""
    looked: Int64Array
    """All of them by lead."""


@dataclass(frozen=True, slots=True)
class Judge:
    """The values of one transfer, and what the index knows of chance."""

    hits: Hits
    looked: Looked
    statistics: Statistics
    tables: Tables = field(repr=False)

    def all_shapes(self, identified: Ordinals) -> tuple[int, Ordinals, tuple[Judgement, ...]]:
        """Return the estimated customers, who may be behind them, and a judgement a shape.

        Names come last: who bears one is less sure than whose number it is.
        """
        counted, behind = Counted(self.tables, identified), Counted(self.tables)
        total, judgements = 0, []
        shapes = np.flatnonzero(np.bincount(self.hits.shape)).tolist()
        for shape in sorted(shapes, key=lambda shape: self.tables.shapes[shape].kind is Kind.NAME):
            if shape == NAME_LOOSE:
                continue
            for values, least, known in self._judged_together(shape, counted):
                chance = known or self._chance(shape, values, counted)
                count = max(0, round(chance.customers)) if chance.log10_p < least else 0
                judgements.append(
                    Judgement(values.name, chance.trials, chance.seen, chance.expected, chance.log10_p, count)
                )
                if count:
                    total += count
                    postings = self.hits.posting[values.rows]
                    postings = postings[~counted.hold_bearer(postings)]
                    counted.add_bearers(postings)
                    behind.add_bearers(postings)
        return total, behind.ordinals(), tuple(judgements)

    def _judged_together(
        self, shape: int, counted: Counted
    ) -> Sequence[tuple[_Values, float, Chance | None]]:
        """Return the values of a shape as one, or field by field where that shows more customers.

        With the log10 of the probability below which chance did not do it, and what chance would give; None:
        that depends on who of those before counts.
        """
        rows = distinct(self.hits, shape)
        whole = _Values(self.tables.shapes[shape].name, rows, self.looked.counts[shape])
        column = self.hits.column[rows]
        chance = self._chance(shape, whole, counted)
        as_one = [(whole, SIGNIFICANT, chance)]
        if not column.any():
            return as_one
        count = chance.customers if chance.log10_p < SIGNIFICANT else 0.0
        if count >= NEARLY_ALL * len(rows):
            return as_one
        sizes = np.bincount(column)
        fields = [
            _Values(_named(whole.name, number), rows[column == number], self.looked.of_field(shape, number))
            for number in np.flatnonzero(sizes >= FEW).tolist()
        ]
        least = SIGNIFICANT - math.log10(self.looked.columns(shape))
        chances = [self._chance(shape, values, counted) for values in fields]
        beyond = [number for number, each in enumerate(chances) if each.log10_p < least]
        if sum(chances[number].customers for number in beyond) <= count:
            return as_one
        order = sorted(beyond, key=lambda number: chances[number].log10_p)
        return [(fields[number], least, None) for number in order]

    def _chance(self, shape: int, values: _Values, counted: Counted) -> Chance:
        """Judge the values that are not of customers who count already."""
        if shape in (NAME, NAME_LOWER, NAME_MONO):
            found = np.bincount(self.hits.lead[values.rows], minlength=NAME_LEADS)
            missed = np.maximum(values.looked[:NAME_LEADS] - found, 0)
            return self._names(shape, values.rows, missed, counted)
        found = np.bincount(self.hits.lead[values.rows], minlength=LEADS)
        missed = np.maximum(values.looked - found, 0)
        rest = values.rows[~counted.hold_bearer(self.hits.posting[values.rows])]
        found = np.bincount(self.hits.lead[rest], minlength=LEADS)
        uneven = UNEVEN if self.tables.shapes[shape].kind is Kind.PHONE else 1.0
        return judge_numbers(found, missed, self.statistics.density[shape], uneven)

    def _names(self, shape: int, rows: Int64Array, missed: Int64Array, counted: Counted) -> Chance:
        """Judge the names borne once. The others are looked at only where those have proved a leak."""
        posting, bearers = self.hits.posting[rows], self.hits.bearers[rows]
        rest = np.flatnonzero(bearers <= 2)
        rest = rest[~counted.hold_bearer(posting[rest])]
        once = np.bincount(self.hits.lead[rows[rest[bearers[rest] == 1]]], minlength=NAME_LEADS)
        twice = int((bearers[rest] == 2).sum())
        names = Names(missed, once, twice, self.looked.strangers if shape == NAME else None)
        chance = judge_names(names, self._bearers(shape))
        if chance.log10_p >= SIGNIFICANT:
            return chance
        crowded = posting[bearers > 1]
        beyond = int((~counted.hold_bearer(crowded)).sum()) - chance.crowded
        return replace(chance, customers=chance.customers + max(0.0, beyond))

    def _bearers(self, shape: int) -> Bearers:
        known = self.statistics
        if shape == NAME_MONO:
            return Bearers(known.mono_bearers, known.mono_once, known.mono_twice, 0)
        return Bearers(known.name_bearers, known.names_once, known.names_twice, known.names_once_unknown)


def _named(shape: str, column: int) -> str:
    """Return what a field is called in the judgement."""
    if column >= APART:
        return f"{shape}, over two fields"
    return f"{shape}, field {column}" if column else f"{shape}, outside of records"
