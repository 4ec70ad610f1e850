"""How unusual a count is, as a value and as a sentence for a reviewer."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from exfilter.ledger.spans import Span

MODEL = "log-logistic counts, zeros apart"


class Measure(enum.StrEnum):
    """What is counted a day. The value is what is said of it.

    Over 7 and 30 days the days' counts are added up: who is sent on two days counts twice, but for the
    new ones.
    """

    CUSTOMERS = "sent {} customers"
    NEW = "sent {} customers whom he never sent before"
    DESTINATIONS = "sent to {} new destinations"
    UNSCANNED = "sent {} bytes that could not be read"
    VIEWED = "looked at {} customers"


@dataclass(frozen=True, slots=True)
class Deviation:
    """How unusual one count is."""

    span: Span
    seen: int
    """Today's count, or that of the days that end today."""
    known: int
    """Own spans of this kind in the past."""
    active: int
    """Those with a count above zero."""
    median: int | None
    """Of the active ones. None: there are none."""
    most: int | None
    peers: int
    """Peers of whom anything is known."""
    peers_median: int | None
    """Median of the peers' medians. None: there are no peers."""
    log10_p: float
    """Of the chance of at least so many, times ``looks``. At most 0."""
    looks: int = 1
    """Spans that were looked at to find this one."""

    @property
    def probability(self) -> float:
        """The chance of at least so many on such a day, of somebody with his past and his peers."""
        return float(10.0**self.log10_p)

    def sentence(self, measure: Measure = Measure.CUSTOMERS, *, past: bool = False) -> str:
        """Say it, for a reviewer. ``past``: the day that was looked at is not today."""
        odds = f"probability {_written(self.log10_p)} ({MODEL}{f'; {self.looks} looks' * (self.looks > 1)})"
        what = measure.format(f"{self.seen:,}")
        return f"this actor {what} {self._when(past=past)}; {self._own()}; {self._theirs()}; {odds}"

    def _when(self, *, past: bool) -> str:
        if self.span.days == 1:
            return "that day" if past else "today"
        return f"in the {self.span} up to then" if past else f"in {self.span}"

    def _own(self) -> str:
        if not self.known:
            return f"no earlier {self.span} of his are known to compare it with"
        if self.median is None or self.most is None:
            return f"nothing of the kind on his {self.known:,} {self.span} before"
        often = f"{self.active:,} of {self.known:,} with any"
        return f"his own {self.span}: median {self.median:,}, most {self.most:,} ({often})"

    def _theirs(self) -> str:
        if self.peers_median is None:
            return "nothing is known of his peers yet"
        return f"his peers: median {self.peers_median:,}"


def _written(log10_p: float) -> str:
    """Write a probability with one digit, however small it is."""
    if log10_p > -2:
        return f"{10**log10_p:.2f}"
    power = math.floor(log10_p)
    digit = round(10 ** (log10_p - power))
    return f"{digit}e{power}" if digit < 10 else f"1e{power + 1}"


def corrected(looked: Iterable[Deviation]) -> Deviation:
    """Return the most unusual of several, its chance times the number of looks (Bonferroni)."""
    each = tuple(looked)
    looks = sum(one.looks for one in each)
    alone = {one: one.log10_p - math.log10(one.looks) for one in each}
    least = min(each, key=alone.__getitem__)
    return replace(least, log10_p=min(0.0, round(alone[least] + math.log10(looks), 6)), looks=looks)
