"""What a worker does with a unit: read it and scan it, for the rules as they are and as they may be.

Pure but for the deadline: what was sent before is not known here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from exfilter import body, settings
from exfilter.captures import Captured, Unread, why
from exfilter.model import Findings, Reason, Stream, Transfer, Verdict
from exfilter.replaying.units import Unit, opened
from exfilter.scan import SEAM, Pipeline
from exfilter.scanner import Scanner
from exfilter.uploads import recognise

WEBSOCKET = "WEBSOCKET"
UNIT = 4.0
"""Deadlines that all transfers of a unit have together."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A transfer as one side sees it, with nothing known of the past."""

    transfer: Transfer
    """With its actor's groups. In the place of its body stands a digest of it."""
    verdict: Verdict
    read: Verdict
    """The same as if nothing had been left unread."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A transfer that was scanned."""

    captured: Captured
    """Without the body."""
    judged: tuple[Judged, ...] = ()
    """By side: as it is, as it may be."""
    piece: Captured | None = None
    """The whole transfer, where it is part of an upload in pieces: those are judged in order. Else None."""


Answer = tuple[Seen | Unread, ...]


@dataclass(frozen=True, slots=True)
class View:
    """The pipeline of one side."""

    pipeline: Pipeline
    placed: Callable[[Transfer], Transfer]
    """Gives a transfer its actor's groups, as they are now."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a replay is done with: the folder's own policy and index, and perhaps others beside them."""

    folder: Path
    policy: Path | None = None
    index: Path | None = None

    @property
    def is_diff(self) -> bool:
        """Whether there are two sides."""
        return self.policy is not None or self.index is not None

    def given(self) -> tuple[settings.Settings, ...]:
        """Return the settings of each side. Raises OSError or ValueError."""
        own = settings.load(self.folder)
        if not self.is_diff:
            return (own,)
        return own, own.model_copy(
            update={"policy": self.policy or own.policy, "index": self.index or own.index}
        )


@dataclass(frozen=True, slots=True)
class Examiner:
    """Scans units."""

    views: tuple[View, ...]
    deadline: float
    """Seconds for one transfer."""
    clock: Callable[[], float] = field(default=time.monotonic)

    def __call__(self, unit: Unit) -> Answer:
        """Return what came of the transfers of a unit, in their order."""
        return tuple(self._examined(unit))

    def _examined(self, unit: Unit) -> Iterator[Seen | Unread]:
        end = self.clock() + UNIT * self.deadline
        streams: list[Stream | None] = [None] * len(self.views)
        try:
            for item in opened(unit):
                if isinstance(item, Unread):
                    yield item
                elif recognise(item.transfer):
                    yield Seen(_bodiless(item), piece=item)
                elif item.transfer.method == WEBSOCKET:
                    yield self._of_stream(item, streams, f"{unit.capture} {unit.place}", end)
                else:
                    yield Seen(_bodiless(item), tuple(self._judged(item, end)))
        except Exception as error:  # noqa: BLE001 - fail closed: what cannot be read is never "nothing there"
            yield Unread(unit.place, why(error))

    def _of_stream(self, item: Captured, streams: list[Stream | None], name: str, end: float) -> Seen:
        """Judge a message of a stream with those before it."""
        given = [each or Stream(name) for each in streams]
        judged = tuple(self._judged(item, end, given))
        sent = body.whole(item.transfer.body)
        for number, (before, each) in enumerate(zip(given, judged, strict=True)):
            found = each.verdict.findings
            streams[number] = replace(
                before,
                last=(before.last + sent)[-SEAM:],
                customers=tuple(map(int, found.identified)) or before.customers,
                unread=max(before.unread, found.unscanned_bytes),
            )
        return Seen(_bodiless(item), judged)

    def _judged(self, item: Captured, end: float, streams: list[Stream] | None = None) -> Iterator[Judged]:
        first: Findings | None = None
        until = min(self.clock() + self.deadline, end)
        for number, view in enumerate(self.views):
            transfer = view.placed(item.transfer)
            if streams:
                transfer = replace(transfer, stream=streams[number])
            same = number > 0 and not streams and view.pipeline.engine is self.views[0].pipeline.engine
            verdict = self._verdict(view.pipeline, transfer, item, until, first if same else None)
            first = verdict.findings if number == 0 and verdict.versions.index else first
            read = view.pipeline.of_what_was_read(transfer, verdict)
            yield Judged(stripped(transfer), lean(verdict), lean(read))

    def _verdict(
        self, pipeline: Pipeline, transfer: Transfer, item: Captured, until: float, known: Findings | None
    ) -> Verdict:
        try:
            if known is not None:
                return pipeline.judge(transfer, known)
            return pipeline.examine(transfer, lambda: self.clock() >= until, missing=item.missing)
        except Exception as error:  # noqa: BLE001 - fail closed: a defect of ours is never "nothing found"
            return pipeline.failed(type(error).__name__, transfer, Reason.MALFORMED)


def views(given: tuple[settings.Settings, ...], *, whole: bool) -> tuple[View, ...]:
    """Open the pipelines of all sides. Those with one index and one set of terms share what is found.

    ``whole``: as for ``Index.open``.
    """
    made: list[View] = []
    for each in given:
        scanner = Scanner(each, whole=whole)
        pipeline = scanner.pipeline()
        if made and _is_same(given[0], each, made[0].pipeline, pipeline):
            pipeline = replace(pipeline, engine=made[0].pipeline.engine)
        made.append(View(pipeline, scanner.placed))
    return tuple(made)


def _is_same(own: settings.Settings, other: settings.Settings, first: Pipeline, second: Pipeline) -> bool:
    return own.index == other.index and first.policy.terms == second.policy.terms


def open_examiner(wanted: Wanted) -> Examiner:
    """Open what a worker needs. Raises OSError or ValueError."""
    given = wanted.given()
    return Examiner(views(given, whole=False), given[0].deadline)


def stripped(transfer: Transfer) -> Transfer:
    """Return a transfer with a digest in the place of its body: two are the same where their bodies are."""
    if not body.size(transfer.body):
        return replace(transfer, body=b"", stream=None)
    digest = hashlib.blake2b(digest_size=32)
    for piece in body.pieces(transfer.body):
        digest.update(piece)
    return replace(transfer, body=digest.digest(), stream=None)


def lean(verdict: Verdict) -> Verdict:
    """Return a verdict without what nobody asks for here: places, judgements, receivers."""
    found = replace(verdict.findings, exhibits=(), judgements=(), explained=())
    suspends = replace(verdict.suspends, tell=()) if verdict.suspends else None
    return replace(verdict, findings=found, tell=(), suspends=suspends)


def _bodiless(item: Captured) -> Captured:
    return replace(item, transfer=replace(item.transfer, body=b"", stream=None))
