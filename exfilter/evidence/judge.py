"""What did not identify, judged together by shape: whether chance did it, and how much is beyond."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from detectors import LEADS
from exfilter.evidence.chance import NAME_LEADS, Bearers, Chance, Names, judge_names, judge_numbers
from exfilter.evidence.counted import Counted
from exfilter.evidence.gather import Hits
from exfilter.evidence.values import Looked, distinct
from exfilter.index.statistics import Statistics
from exfilter.kernel.tables import NAME, NAME_LOOSE, NAME_LOWER, NAME_MONO, Tables
from exfilter.model import Int64Array, Judgement, Kind, Ordinals

SIGNIFICANT = -6.0
"""log10 of the probability below which chance did not do it."""
UNEVEN = 2.0
"""Exchanges of one lead are not equally full of customers: some are this much fuller, in odds."""


@dataclass(frozen=True, slots=True)
class Judge:
    """The values of one transfer, and what the index knows of chance."""

    hits: Hits
    looked: Looked
    statistics: Statistics
    tables: Tables = field(repr=False)

    def all_shapes(self, identified: Ordinals) -> tuple[int, Ordinals, tuple[Judgement, ...]]:
        """Return the estimated customers, who may be behind them, and a judgement a shape."""
        counted, behind = Counted(self.tables, identified), Counted(self.tables)
        total, judgements = 0, []
        for shape in np.flatnonzero(np.bincount(self.hits.shape)).tolist():
            if shape == NAME_LOOSE:
                continue
            rows = distinct(self.hits, shape)
            chance = self._chance(shape, rows, counted)
            count = max(0, round(chance.customers)) if chance.log10_p < SIGNIFICANT else 0
            name = self.tables.shapes[shape].name
            judgements.append(
                Judgement(name, chance.trials, chance.seen, chance.expected, chance.log10_p, count)
            )
            if count:
                total += count
                postings = self.hits.posting[rows]
                postings = postings[~counted.hold_bearer(postings)]
                counted.add_bearers(postings)
                behind.add_bearers(postings)
        return total, behind.ordinals(), tuple(judgements)

    def _chance(self, shape: int, rows: Int64Array, counted: Counted) -> Chance:
        """Judge the values that are not of customers who count already. ``rows``: one hit of each value."""
        found = np.bincount(self.hits.lead[rows], minlength=LEADS)
        missed = np.maximum(self.looked.counts[shape] - found, 0)
        if shape in (NAME, NAME_LOWER, NAME_MONO):
            return self._names(shape, rows, missed, counted)
        rest = rows[~counted.hold_bearer(self.hits.posting[rows])]
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
        names = Names(missed[:NAME_LEADS], once, twice, self.looked.strangers if shape == NAME else None)
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
