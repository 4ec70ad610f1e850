"""Who was found in the pieces of an upload together: it never shrinks.

Identified customers are a set, so a union is exact. An estimate is a statement on one text (so many names
cannot be chance), and two of them do not add up: the same people may be behind both. So of the pieces'
estimates the one counts that adds most to the identified: e - |E & I|, for e customers among E, beside the
identified I. One more in I takes at most one from that and adds one, so the sum does not shrink. What several
pieces would only prove together is found when the whole is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from exfilter.model import Exhibit, Findings, Ordinals, Unscanned


def _nobody() -> Ordinals:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Tally:
    """What was found in several pieces."""

    identified: Ordinals = field(default_factory=_nobody)
    estimated: int = 0
    behind: Ordinals = field(default_factory=_nobody)
    """Who may be behind the estimate."""
    fields: Mapping[str, int] = field(default_factory=dict)
    terms: Mapping[str, int] = field(default_factory=dict)

    @property
    def added(self) -> int:
        """Estimated customers beside the identified ones."""
        both = np.intersect1d(self.identified, self.behind, assume_unique=True)
        return max(0, self.estimated - len(both))

    def findings(
        self, unscanned: tuple[Unscanned, ...], size: int, exhibits: tuple[Exhibit, ...] = ()
    ) -> Findings:
        """Return it as the findings of a transfer."""
        customers = len(self.identified) + self.added
        fields = {kind: min(count, customers) for kind, count in self.fields.items()}
        return Findings(
            self.identified, self.added, self.behind, fields, self.terms, unscanned, size, exhibits
        )


def of(findings: Findings, *, terms: bool = True) -> Tally:
    """Return what one transfer holds."""
    return Tally(
        findings.identified,
        findings.estimated,
        findings.estimated_ordinals,
        findings.fields,
        findings.terms if terms else {},
    )


def together(one: Tally, other: Tally) -> Tally:
    """Return what two texts hold, neither of which is part of the other."""
    return _joined(one, other, _sums(one.fields, other.fields), _sums(one.terms, other.terms))


def over(one: Tally, other: Tally) -> Tally:
    """Return what two readings of the same text hold: what occurs in both is counted once."""
    return _joined(one, other, _maxima(one.fields, other.fields), _maxima(one.terms, other.terms))


def _joined(one: Tally, other: Tally, fields: dict[str, int], terms: dict[str, int]) -> Tally:
    identified = np.union1d(one.identified, other.identified)
    choices = [Tally(identified, each.estimated, each.behind, fields, terms) for each in (one, other)]
    return max(choices, key=lambda each: each.added)


def _sums(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}


def _maxima(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: max(one.get(key, 0), other.get(key, 0)) for key in {**one, **other}}


def stored(tally: Tally) -> dict[str, object]:
    """Return the columns that keep a tally: ordinals as little-endian 64-bit integers."""
    return {
        "identified": tally.identified.astype("<i8").tobytes(),
        "estimated": int(tally.estimated),
        "behind": tally.behind.astype("<i8").tobytes(),
        "fields": json.dumps({key: int(count) for key, count in tally.fields.items()}),
        "terms": json.dumps({key: int(count) for key, count in tally.terms.items()}),
    }


def restored(identified: bytes, estimated: int, behind: bytes, fields: str, terms: str) -> Tally:
    """Return the tally that such columns keep."""
    return Tally(_ordinals(identified), estimated, _ordinals(behind), json.loads(fields), json.loads(terms))


def _ordinals(data: bytes) -> Ordinals:
    return np.frombuffer(data, "<i8").astype(np.int64)
