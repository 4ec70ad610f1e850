"""An actor's own past: counts by local day, cut into what can be compared with today."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np

from exfilter.model import Int64Array

MEMORY = 365
"""Days of the past that count."""
REST = frozenset({5, 6})
"""Days of the week on which most rest; Monday is 0."""
MOST = 10**15
"""Counts beyond it are taken for it: no sum of a year overflows."""


class Span(enum.StrEnum):
    """What is compared with what: days of a kind with such days, sums with sums over as many days."""

    WORK = "work days"
    REST = "rest days"
    WEEK = "7 days"
    MONTH = "30 days"

    @property
    def days(self) -> int:
        """Its length."""
        return {Span.WEEK: 7, Span.MONTH: 30}.get(self, 1)


@dataclass(frozen=True, slots=True)
class History:
    """An actor's own counts, up to yesterday."""

    counts: Int64Array = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """By local day, without gaps, zeros included, oldest first. Begins when he was first seen."""
    today: int = 0
    """Day of the week of the day after the last one. Monday is 0."""
    rest: frozenset[int] = REST

    def past(self, span: Span) -> Int64Array:
        """Return the counts of a span, oldest first; sums only of days that are not in the current one."""
        counts = np.clip(self.counts[-MEMORY:], 0, MOST)
        if span.days == 1:
            weekday = (self.today - np.arange(len(counts), 0, -1)) % 7
            resting = np.isin(weekday, list(self.rest))
            alike: Int64Array = counts[resting == (span is Span.REST)]
            return alike
        before = counts[: max(0, len(counts) - span.days + 1)]
        whole = len(before) // span.days * span.days
        sums: Int64Array = before[len(before) - whole :].reshape(-1, span.days).sum(axis=1)
        return sums

    def recent(self, span: Span) -> int:
        """Return what the current span already has from the days before today."""
        days = span.days - 1
        return int(np.clip(self.counts[-days:], 0, MOST).sum()) if days else 0

    @property
    def spans(self) -> tuple[Span, ...]:
        """Those that today belongs to."""
        return (Span.REST if self.today % 7 in self.rest else Span.WORK), Span.WEEK, Span.MONTH
