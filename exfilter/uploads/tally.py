"""Who was found in the pieces of an upload together: it never shrinks.

Identified customers are a set, so a union is exact. An estimate is a statement on one text (so many names
cannot be chance), and two of them do not add up: the same people may be behind both. So of the pieces'
estimates the one counts that adds most to the identified: e - |E & I|, for e customers among E, beside the
identified I. One more in I takes at most one from that and adds one, so the sum does not shrink. What several
pieces would only prove together is found when the whole is read.

Who stands in the pieces with a field is a set by field, so a union again. It keeps who does not count yet: a
name in one piece is exposed when its customer is identified in another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from exfilter.model import Exhibit, Findings, Kind, Ordinals, Unscanned

_FIELDS = tuple(kind.name.lower() for kind in Kind)


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
    exposed: Mapping[str, Ordinals] = field(default_factory=dict)
    """By field: who stands in them with it, also who does not count. Empty: nobody looked."""

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
        counted = np.union1d(self.identified, self.behind)
        exposed = {kind: np.intersect1d(who, counted, True) for kind, who in self.exposed.items()}  # noqa: FBT003 - numpy's
        fields = {kind: min(count, customers) for kind, count in self.fields.items()}
        return Findings(
            self.identified,
            self.added,
            self.behind,
            fields | {kind: len(who) for kind, who in exposed.items()},
            self.terms,
            unscanned,
            size,
            exhibits,
            exposed=exposed,
        )


def of(findings: Findings, *, terms: bool = True) -> Tally:
    """Return what one transfer holds."""
    return Tally(
        findings.identified,
        findings.estimated,
        findings.estimated_ordinals,
        findings.fields,
        findings.terms if terms else {},
        findings.exposed,
    )


def together(one: Tally, other: Tally) -> Tally:
    """Return what two texts hold, neither of which is part of the other."""
    return _joined(one, other, _sums(one.fields, other.fields), _sums(one.terms, other.terms))


def over(one: Tally, other: Tally) -> Tally:
    """Return what two readings of the same text hold: what occurs in both is counted once."""
    return _joined(one, other, _maxima(one.fields, other.fields), _maxima(one.terms, other.terms))


def _joined(one: Tally, other: Tally, fields: dict[str, int], terms: dict[str, int]) -> Tally:
    identified = np.union1d(one.identified, other.identified)
    exposed = _unions(one.exposed, other.exposed)
    choices = [
        Tally(identified, each.estimated, each.behind, fields, terms, exposed) for each in (one, other)
    ]
    return max(choices, key=lambda each: each.added)


def _unions(one: Mapping[str, Ordinals], other: Mapping[str, Ordinals]) -> dict[str, Ordinals]:
    return {key: np.union1d(one.get(key, _nobody()), other.get(key, _nobody())) for key in {**one, **other}}


def _sums(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}


def _maxima(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: max(one.get(key, 0), other.get(key, 0)) for key in {**one, **other}}


def stored(tally: Tally) -> dict[str, object]:
    """Return the columns that keep a tally: ordinals as little-endian 64-bit integers.

    ``exposed``: those of everybody with a field, then for each a byte with a bit by field.
    """
    return {
        "identified": tally.identified.astype("<i8").tobytes(),
        "estimated": int(tally.estimated),
        "behind": tally.behind.astype("<i8").tobytes(),
        "fields": json.dumps({key: int(count) for key, count in tally.fields.items()}),
        "terms": json.dumps({key: int(count) for key, count in tally.terms.items()}),
        "exposed": _packed(tally.exposed) if tally.exposed else None,
    }


def restored(
    identified: bytes, estimated: int, behind: bytes, fields: str, terms: str, exposed: bytes | None = None
) -> Tally:
    """Return the tally that such columns keep. ``exposed``: None where an older exfilter kept it."""
    return Tally(
        _ordinals(identified),
        estimated,
        _ordinals(behind),
        json.loads(fields),
        json.loads(terms),
        {} if exposed is None else _unpacked(exposed),
    )


def _packed(exposed: Mapping[str, Ordinals]) -> bytes:
    everybody = np.unique(np.concatenate(list(exposed.values())))
    bits = np.zeros(len(everybody), np.uint8)
    for bit, kind in enumerate(_FIELDS):
        bits[np.searchsorted(everybody, exposed.get(kind, _nobody()))] |= 1 << bit
    return everybody.astype("<i8").tobytes() + bits.tobytes()


def _unpacked(data: bytes) -> dict[str, Ordinals]:
    count = len(data) // 9
    everybody, bits = _ordinals(data[: 8 * count]), np.frombuffer(data, np.uint8, count, 8 * count)
    return {kind: everybody[(bits >> bit & 1) > 0] for bit, kind in enumerate(_FIELDS)}


def _ordinals(data: bytes) -> Ordinals:
    return np.frombuffer(data, "<i8").astype(np.int64)
