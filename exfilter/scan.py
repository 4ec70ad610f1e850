"""The pipeline: content, kernel, evidence, policy. No clock, no network, nothing is written.

Proxy, command line and replay are thin doors on ``examine``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from detectors import CANONICALISER
from detectors.folding import fold
from detectors.terms import Terms
from exfilter import __version__, content, evidence, kernel
from exfilter.index.store import Index
from exfilter.kernel.tables import NAME_LOOSE, Matches, Tables
from exfilter.limits import Limits
from exfilter.mask import mask
from exfilter.mask import reveal as reveal_values
from exfilter.model import (
    Exhibit,
    Expired,
    Findings,
    Kind,
    Masked,
    Ordinals,
    Part,
    Reason,
    Transfer,
    Unscanned,
    Verdict,
    Versions,
    never,
)
from exfilter.policy import Policy, decide

SHOWN_IN_PART = 200
"""Places of one part that may be shown to a reviewer."""
SHOWN_AT_MOST = 20_000
"""Places of one transfer that are kept until it is known whose customers count."""
SHOWN = 100
"""Places of one transfer that are shown."""

Show = Callable[[str, Kind], Masked]


@dataclass(frozen=True, slots=True)
class Engine:
    """An opened index and the policy's terms: all that a scan looks things up in."""

    index: Index
    terms: Terms

    def versions(self, policy_digest: str) -> Versions:
        """Return what has to be known to replay a verdict of this engine."""
        return Versions(__version__, CANONICALISER, kernel.NAME, self.index.id, policy_digest)

    def findings(
        self,
        transfer: Transfer,
        limits: Limits,
        expired: Expired = never,
        *,
        explain: bool = False,
        reveal: bool = False,
    ) -> Findings:
        """Return what the transfer holds. ``reveal``: show values in clear instead of masked."""
        show: Show = reveal_values if reveal else mask
        seen = _Seen([], [], [], Counter())
        for item in content.read(transfer, limits, expired):
            if isinstance(item, Part) and not expired():
                self._read(item, show, seen)
            else:
                unread = item if isinstance(item, Unscanned) else _not_reached(item)
                part = _redacted(unread.part, self.index.tables, show)
                seen.unscanned.append(replace(unread, part=part))
        return self._weigh(transfer, seen, explain=explain)

    def _read(self, part: Part, show: Show, seen: _Seen) -> None:
        matches = kernel.find(part.text, self.index.tables, part.records)
        seen.observed.append(evidence.Observed(matches, part.records))
        if len(matches.tag) and len(seen.exhibits) < SHOWN_AT_MOST:
            provenance = _redacted(part.provenance, self.index.tables, show)
            seen.exhibits.extend(_exhibits(provenance, part.text, matches, show))
        seen.terms.update(self.terms.count(fold(part.text)))

    def _weigh(self, transfer: Transfer, seen: _Seen, *, explain: bool) -> Findings:
        tables, statistics = self.index.tables, self.index.statistics
        weighed = evidence.weigh(seen.observed, tables, statistics, explain=explain)
        counted = np.union1d(weighed.identified, weighed.estimated_ordinals)
        return Findings(
            identified=weighed.identified,
            estimated=weighed.estimated,
            estimated_ordinals=weighed.estimated_ordinals,
            fields=weighed.fields,
            terms=dict(seen.terms),
            unscanned=tuple(seen.unscanned),
            bytes=len(transfer.body),
            exhibits=tuple(islice(_of_counted(seen.exhibits, counted, tables), SHOWN)),
            judgements=weighed.judgements,
            explained=weighed.explained,
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What has come together while the parts are read."""

    observed: list[evidence.Observed]
    exhibits: list[tuple[Exhibit, int]]
    """With the posting of each: whose it is."""
    unscanned: list[Unscanned]
    terms: Counter[str]


def examine(
    engine: Engine, policy: Policy, transfer: Transfer, limits: Limits, expired: Expired = never
) -> Verdict:
    """Return the verdict on one transfer."""
    findings = engine.findings(transfer, limits, expired)
    return decide(policy, transfer, findings, engine.versions(policy.digest))


def _not_reached(part: Part) -> Unscanned:
    return Unscanned(part.provenance, Reason.DEADLINE, len(part.text))


def _redacted(provenance: str, tables: Tables, show: Show) -> str:
    """Return the path with the customers in it masked: file names are the sender's own words."""
    if '"' not in provenance and ":" not in provenance:
        return provenance
    matches = kernel.find(provenance, tables)
    shown, at = "", 0
    for start, end, kind in zip(
        matches.start.tolist(), matches.end.tolist(), matches.kind.tolist(), strict=True
    ):
        if start >= at:
            shown += provenance[at:start] + show(provenance[start:end], Kind(kind))
            at = end
    return shown + provenance[at:]


def _exhibits(part: str, text: str, matches: Matches, show: Show) -> Iterator[tuple[Exhibit, int]]:
    """Yield the distinct values of a part, the longest reading of each place."""
    _, first = np.unique(matches.tag, return_index=True)
    first = first[matches.shape[first] != NAME_LOOSE]
    order = first[np.lexsort((-matches.end[first], matches.start[first]))][:SHOWN_IN_PART]
    shown = 0
    for row in order.tolist():
        start, end = int(matches.start[row]), int(matches.end[row])
        if end > shown:
            kind = Kind(int(matches.kind[row]))
            yield Exhibit(part, kind, show(text[start:end], kind), -1, 0), int(matches.posting[row])
            shown = end


def _of_counted(exhibits: list[tuple[Exhibit, int]], counted: Ordinals, tables: Tables) -> Iterator[Exhibit]:
    """Yield the exhibits whose customers count."""
    for exhibit, posting in exhibits:
        _, ordinals = evidence.expand(np.array([posting], dtype=np.uint32), tables)
        mine = ordinals[np.isin(ordinals, counted)]
        if len(mine):
            yield replace(exhibit, ordinal=int(mine[0]), bearers=len(ordinals))
