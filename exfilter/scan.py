"""The pipeline: content, kernel, evidence, policy. No clock, no network, nothing is written.

Proxy, command line and replay are thin doors on ``Pipeline``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import batched, chain, islice

import numpy as np

from detectors import CANONICALISER, names
from detectors.terms import Terms
from exfilter import __version__, content, evidence, kernel
from exfilter.body import size, whole
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
    Shown,
    Stream,
    Transfer,
    Unscanned,
    Verdict,
    Versions,
    never,
)
from exfilter.policy import Policy, decide, failed, hosts, viewed

SEAM = 4096
"""Bytes of a message that are read together with what came before it."""
SHOWN_IN_PART = 200
"""Places of one part that may be shown to a reviewer."""
READ_FOR_SHOWN = 16
"""Hits that are looked at for each of them: a part may have a hundred thousand."""
SHOWN_AT_MOST = 20_000
"""Places of one transfer that are kept until it is known whose customers count."""
SHOWN = 100
"""Places of one transfer that are shown."""

_METHOD = re.compile(r"[A-Z-]{1,20}|")
_LABEL = re.compile(r"[^.]+")

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
        seen = _Seen()
        last: Unscanned | None = None
        for item in chain(content.read(transfer, limits, expired), _joined(transfer, limits, expired)):
            if isinstance(item, Unscanned):
                self._leave(item, show, seen)
                continue
            last = Unscanned(item.provenance, Reason.DEADLINE, max(1, len(item.text)))
            if expired():
                self._leave(last, show, seen)
            else:
                self._read(item, show, seen)
        # Fail closed: a deadline that passed while the last part was read has passed all the same.
        if expired() and not any(item.reason is Reason.DEADLINE for item in seen.unscanned):
            self._leave(last or _unread(transfer), show, seen)
        found = self._weigh(transfer, seen, explain=explain)
        return self.with_canaries(_with_stream(found, transfer.stream)) if transfer.stream else found

    def with_canaries(self, found: Findings) -> Findings:
        """Return the findings with the canaries among all who are identified in them."""
        return replace(found, canaries=self.index.planted.found(found.identified))

    def shown(self, text: str, show: Show = mask) -> str:
        """Return a name that somebody chose, with the customers in it masked."""
        if not text:
            return text
        shown, at = "", 0
        for start, end, kind in self._places(text):
            shown += text[at:start] + show(text[start:end], kind)
            at = end
        return shown + text[at:]

    def shown_host(self, host: str) -> str:
        """Return a host name; a label that holds a customer is masked whole. An address stays as it is."""
        if not host or hosts.address(host):
            return host
        places = self._places(host)

        def label(match: re.Match[str]) -> str:
            touched = any(start < match.end() and end > match.start() for start, end, _ in places)
            return mask(match[0], Kind.NAME) if touched else match[0]

        return _LABEL.sub(label, host)

    def shown_file(self, path: str) -> str:
        """Return a path; its ending is no part of an address that stands before it."""
        stem, dot, ending = self.shown(path).rpartition(".")
        return self.shown(stem) + dot + ending

    def names(self, transfer: Transfer) -> Shown:
        """Return what logs and lists call the transfer.

        The actor stays as he is: he is an account of the company and no customer's value, and logs
        are there to name him.
        """
        method = transfer.method
        return Shown(
            actor=transfer.actor,
            destination=self.shown_host(transfer.destination),
            # Any word may be a method, also somebody's address.
            method=self.shown(method) if _METHOD.fullmatch(method) else "other",
            file=self.shown_file(transfer.name),
        )

    def _places(self, text: str) -> list[tuple[int, int, Kind]]:
        """Return where customers stand in a name, apart from each other.

        A word alone that is also somebody's whole name is left: most users and sites are called by one.
        """
        found = kernel.find(text, self.index.tables)
        columns = (found.start.tolist(), found.end.tolist(), found.kind.tolist(), found.shape.tolist())
        places: list[tuple[int, int, Kind]] = []
        for start, end, kind, shape in sorted(zip(*columns, strict=True), key=lambda row: (row[0], -row[1])):
            word = text[start:end]
            if shape == NAME_LOOSE and word.isalpha() and not names.is_cjk(word):
                continue
            if places and start < places[-1][1]:
                before = places[-1]
                places[-1] = (before[0], max(before[1], end), before[2])
            else:
                places.append((start, end, Kind(kind)))
        return places

    def _leave(self, unread: Unscanned, show: Show, seen: _Seen) -> None:
        seen.unscanned.append(replace(unread, part=self._provenance(unread.part, show)))

    def _provenance(self, path: str, show: Show) -> str:
        """Return a path with the customers in it masked: file and field names are the sender's own words."""
        return self.shown(path, show) if '"' in path or ":" in path else path

    def _read(self, part: Part, show: Show, seen: _Seen) -> None:
        matches = kernel.find(part.text, self.index.tables, part.records)
        seen.observed.append(evidence.Observed(matches, part.records))
        if len(matches.tag) and len(seen.exhibits) < SHOWN_AT_MOST:
            provenance = self._provenance(part.provenance, show)
            seen.exhibits.extend(_exhibits(provenance, part.text, matches, show))
        seen.terms.update(self.terms.count(part.text))

    def _weigh(self, transfer: Transfer, seen: _Seen, *, explain: bool) -> Findings:
        tables, statistics = self.index.tables, self.index.statistics
        known = np.array(transfer.stream.customers if transfer.stream else (), dtype=np.int64)
        weighed = evidence.weigh(seen.observed, tables, statistics, known, explain=explain)
        counted = np.union1d(weighed.identified, weighed.estimated_ordinals)
        return Findings(
            identified=weighed.identified,
            estimated=weighed.estimated,
            estimated_ordinals=weighed.estimated_ordinals,
            fields={field: len(who) for field, who in weighed.exposed.items()},
            terms=dict(seen.terms),
            unscanned=tuple(seen.unscanned),
            bytes=size(transfer.body),
            exhibits=tuple(islice(_of_counted(seen.exhibits, counted, tables), SHOWN)),
            judgements=weighed.judgements,
            explained=weighed.explained,
            canaries=self.index.planted.found(weighed.identified),
            exposed=weighed.exposed,
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What has come together while the parts are read."""

    observed: list[evidence.Observed] = field(default_factory=list)
    exhibits: list[tuple[Exhibit, int]] = field(default_factory=list)
    """With the posting of each: whose it is."""
    unscanned: list[Unscanned] = field(default_factory=list)
    terms: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What every door examines its transfers with."""

    engine: Engine
    policy: Policy
    limits: Limits

    def examine(
        self,
        transfer: Transfer,
        expired: Expired = never,
        *,
        missing: tuple[Unscanned, ...] = (),
        explain: bool = False,
        reveal: bool = False,
    ) -> Verdict:
        """Return the verdict on one transfer. ``missing``: what of it the door never had."""
        found = self.engine.findings(transfer, self.limits, expired, explain=explain, reveal=reveal)
        return self.judge(transfer, replace(found, unscanned=(*found.unscanned, *missing)))

    def judge(self, transfer: Transfer, found: Findings) -> Verdict:
        """Return the verdict on what this engine, or one with its index and terms, found in a transfer."""
        verdict = decide(self.policy, transfer, found, self.engine.versions(self.policy.digest))
        return replace(verdict, shown=self.engine.names(transfer), thread=_thread(transfer))

    def view(
        self, transfer: Transfer, expired: Expired = never, *, missing: tuple[Unscanned, ...] = ()
    ) -> Verdict:
        """Return who is in what an actor was shown: allow, as long as nothing is known of the past."""
        found = self.engine.findings(transfer, self.limits, expired)
        found = replace(found, unscanned=(*found.unscanned, *missing))
        return replace(
            viewed(found, self.engine.versions(self.policy.digest)), shown=self.engine.names(transfer)
        )

    def failed(self, reason: str, transfer: Transfer, cause: Reason) -> Verdict:
        """Return what the policy says of a transfer that was not examined. Never raises."""
        versions = self.engine.versions(self.policy.digest)
        verdict = failed(reason, transfer, versions, self.policy, cause)
        verdict = replace(verdict, thread=_thread(transfer))
        try:
            return replace(verdict, shown=self.engine.names(transfer))
        except Exception:  # noqa: BLE001 - fail closed: names that cannot be looked at are not shown
            return verdict

    def would_hold_what_was_read(self, transfer: Transfer, verdict: Verdict) -> bool:
        """Whether a transfer would be held also if nothing of it had been left unread."""
        return self.of_what_was_read(transfer, verdict).action.holds

    def of_what_was_read(self, transfer: Transfer, verdict: Verdict) -> Verdict:
        """Return the verdict as it were if nothing of the transfer had been left unread."""
        if not verdict.findings.unscanned:
            return verdict
        return decide(self.policy, transfer, replace(verdict.findings, unscanned=()), verdict.versions)


def _thread(transfer: Transfer) -> str:
    return transfer.stream.id if transfer.stream else ""


def _joined(transfer: Transfer, limits: Limits, expired: Expired) -> Iterator[Part]:
    """Yield what stands over the seam between a message and those before it.

    What cannot be read there was read, or reported, in the messages themselves.
    """
    if transfer.stream and transfer.stream.last:
        start = whole(transfer.body)[:SEAM]
        about = tuple(header for header in transfer.headers if header[0].lower() == "content-type")
        seam = Transfer(transfer.door, transfer.stream.last + start, name="stream", headers=about)
        yield from (item for item in content.read(seam, limits, expired) if isinstance(item, Part))


def _with_stream(found: Findings, stream: Stream) -> Findings:
    """Return the findings in a message with those in the messages before it."""
    before = np.array(stream.customers, dtype=np.int64)
    unread = (Unscanned("messages before", Reason.OPAQUE, stream.unread),) if stream.unread else ()
    identified = np.union1d(found.identified, before)
    return replace(found, identified=identified, unscanned=(*found.unscanned, *unread))


def _unread(transfer: Transfer) -> Unscanned:
    """Return the whole transfer, which was not read in time."""
    return Unscanned(transfer.name or "transfer", Reason.DEADLINE, max(1, size(transfer.body)))


def _exhibits(part: str, text: str, matches: Matches, show: Show) -> Iterator[tuple[Exhibit, int]]:
    """Yield the distinct values at the beginning of a part, the longest reading of each place."""
    _, first = np.unique(matches.tag[: READ_FOR_SHOWN * SHOWN_IN_PART], return_index=True)
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
    """Yield the exhibits whose customers count, with the first of those. ``counted``: sorted."""
    for some in batched(exhibits, SHOWN):
        postings = np.array([posting for _, posting in some], dtype=np.uint32)
        bearers = tables.bearers(postings).tolist()
        row, ordinal = tables.expand(postings)
        place = np.minimum(np.searchsorted(counted, ordinal), max(0, len(counted) - 1))
        counts = counted[place] == ordinal if len(counted) else np.zeros(len(row), dtype=np.bool_)
        rows, first = np.unique(row[counts], return_index=True)
        for number, mine in zip(rows.tolist(), ordinal[counts][first].tolist(), strict=True):
            yield replace(some[number][0], ordinal=mine, bearers=bearers[number])
