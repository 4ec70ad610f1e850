"""What is normal for an actor, by his own past and by his peers, and how likely a day like today is.

`normal` has the model. One measure at a time: histories and peers of customers say nothing about bytes.
Pure: no clock, no storage. Total: no counts whatever raise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from exfilter.ledger.deviation import Deviation, Measure, corrected
from exfilter.ledger.normal import UNKNOWN, Normals, Prior, log10_tail, normals, prior
from exfilter.ledger.spans import MOST, History, Span
from exfilter.model import Int64Array

__all__ = [
    "Deviation", "History", "Measure", "Own", "Peers", "Span", "corrected", "deviation", "deviations",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Peers:
    """What is normal in a group. Computed once a day; a span that is missing is one nobody is known of."""

    spans: Mapping[Span, Prior] = field(default_factory=dict)

    @classmethod
    def of(cls, histories: Sequence[History]) -> Peers:
        """Summarise a group. The actor who will be judged may be among them."""
        made = {}
        for span in Span:
            counts = _matrix([each.past(span) for each in histories])
            made[span] = prior(counts, normals(counts))
        return cls(made)

    def to_json(self) -> str:
        """Write it down."""
        return json.dumps({span.name: asdict(each) for span, each in self.spans.items()})

    @classmethod
    def from_json(cls, text: str) -> Peers:
        """Read what `to_json` wrote. Raises ValueError for anything else."""
        try:
            return cls({Span[name]: Prior.read(fields) for name, fields in json.loads(text).items()})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            msg = "this is no summary of peers; compute it again"
            raise ValueError(msg) from error


def _matrix(rows: list[Int64Array]) -> Int64Array:
    """Return rows of different lengths as one array, padded with `UNKNOWN`."""
    filled = np.full((len(rows), max(map(len, rows), default=0)), UNKNOWN, dtype=np.int64)
    for number, row in enumerate(rows):
        filled[number, : len(row)] = row
    return filled


@dataclass(frozen=True, slots=True)
class Own:
    """What is kept of a history for one day's decisions."""

    spans: tuple[Span, ...]
    normals: tuple[Normals, ...]
    """Of one actor, by span, as are the next two."""
    most: tuple[int, ...]
    recent: tuple[int, ...]

    @classmethod
    def of(cls, history: History) -> Own:
        """Summarise a history. It is the same the whole day."""
        spans = history.spans
        past = [history.past(span) for span in spans]
        most = tuple(int(each.max(initial=0)) for each in past)
        return cls(
            spans, tuple(normals(each[None]) for each in past), most, tuple(map(history.recent, spans))
        )


def deviations(own: Own, peers: Peers, today: int) -> tuple[Deviation, ...]:
    """Judge today's count so far: by itself, and with the six and 29 days before it."""
    each = zip(own.spans, own.normals, own.most, own.recent, strict=True)
    return tuple(
        _deviation(span, known, most, peers.spans.get(span, Prior()), min(max(today, 0), MOST) + recent)
        for span, known, most, recent in each
    )


def deviation(own: Own, peers: Peers, today: int) -> Deviation:
    """Return the most unusual of `deviations`, its chance times their number.

    More today never makes it likelier.
    """
    return corrected(deviations(own, peers, today))


def _deviation(span: Span, own: Normals, most: int, peers: Prior, seen: int) -> Deviation:
    tail = float(log10_tail(own, peers, np.array([seen], dtype=np.float64))[0])
    known, active = int(own.known[0]), int(own.active[0])
    median = round(math.exp(own.location[0])) if active else None
    theirs = round(math.exp(peers.location)) if peers.actors else None
    return Deviation(
        span, seen, known, active, median, most if active else None, peers.actors, theirs, round(tail, 6)
    )
