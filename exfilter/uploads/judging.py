"""The verdict on one request of an upload in pieces: on all that is known of the upload.

**A piece** is kept first, so that of two neighbours that are read at the same time one sees the other. Then
it is read as any transfer is, and the seams to the pieces beside it are read. Who is found joins those that
the other pieces held, and the policy decides on all of them. The piece after which nothing is missing
completes the upload.

**What completes it** (that piece, or a request of its own) is judged with the whole, which is read as one
transfer. A whole of which bytes are missing, never seen or forgotten, is unscanned to that extent.

**What was held** for who is in it stays held: every further request of that upload is refused. A piece that
was held only because it could not be read is judged anew the next time: its bytes are kept.

**Estimates** of pieces are not added up; see ``tally``. The whole is read again for that reason too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

from exfilter.body import pieces, size
from exfilter.index.keys import IndexKey
from exfilter.model import Expired, Findings, Reason, Transfer, Unscanned, Verdict
from exfilter.policy import UNTIL_WHOLE, Stage, decide, is_listed, refused
from exfilter.scan import SHOWN, Pipeline
from exfilter.uploads import tally
from exfilter.uploads.assembly import Piece
from exfilter.uploads.framing import Data, carried
from exfilter.uploads.request import Request, Step, Whole
from exfilter.uploads.stitching import Plan, Stitching
from exfilter.uploads.store import Kept, Session, Store
from exfilter.uploads.tally import Tally


class Uploads:
    """Judges requests of uploads in pieces. Its folder is made when the first one comes."""

    def __init__(
        self,
        folder: Path,
        key: IndexKey,
        hours: float,
        room: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Name the folder, the index key, the hours after which pieces are dropped, and the bytes for all."""
        self._room = room
        self._folder = folder
        self._key = key
        self._hours = hours
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: Store | None = None

    def examine(self, pipeline: Pipeline, transfer: Transfer, request: Request, expired: Expired) -> Verdict:
        """Scan, remember and decide. Raises OSError or ValueError where it cannot be remembered."""
        store = self._store()
        store.sweep()
        stitching = Stitching(store, store.family(transfer, request), request)
        verdict = _Judge(store, pipeline, transfer, request, expired, stitching).verdict()
        # Nobody knows which upload a start belongs to.
        thread = "" if request.step is Step.START else store.thread(stitching.id)
        return replace(verdict, shown=pipeline.engine.names(transfer), thread=thread)

    def _store(self) -> Store:
        with self._lock:
            if self._opened is None:
                self._opened = Store(self._folder, self._key, self._hours, self._room, self._clock)
            return self._opened


@dataclass(frozen=True, slots=True)
class _Judge:
    """Of one request."""

    store: Store
    pipeline: Pipeline
    transfer: Transfer
    request: Request
    expired: Expired
    stitching: Stitching

    def verdict(self) -> Verdict:
        """Return the verdict, and remember what it says of the upload."""
        steps = {Step.START: self._start, Step.PIECE: self._piece, Step.COMMIT: self._commit}
        try:
            return steps[self.request.step]()
        except OSError:
            # The pieces beside it are gone when another request of the upload was held meanwhile.
            now = self.store.session(self.stitching.id)
            if now and now.state == "refused":
                return self._refused(now)
            raise

    # Starts and pieces

    def _start(self) -> Verdict:
        found = self._read(self.transfer)
        over = (self.request.total or 0) - self.pipeline.limits.bytes_in
        if over > 0:
            found = _with(found, Unscanned("upload", Reason.OVER_BUDGET, over))
        # A body that is not the beginning of the upload is not read again with the whole.
        verdict = self._decide(found, Stage.PIECE if self.request.carries else Stage.LAST)
        if self.request.carries and not verdict.action.holds:
            self.store.begin(self.stitching.family, self.request, self._data, tally.of(found))
        return verdict

    def _piece(self) -> Verdict:
        most = self.pipeline.limits.bytes_in
        kept = self.store.keep(self.stitching.id, self.stitching.family, self.request, self._data, most)
        if kept.session.state == "refused":
            return self._refused(kept.session)
        if kept.late:
            return self._decide(self._read(self.transfer), Stage.LAST)
        if kept.piece:
            return self._kept(kept, kept.piece)
        return self._too_large(kept) if kept.over else self._repeated(kept.session)

    def _too_large(self, kept: Kept) -> Verdict:
        found = _with(self._read(self.transfer), Unscanned("upload", Reason.OVER_BUDGET, kept.over))
        return self._settle(_joined(kept.session.tally, found), Stage.PIECE)

    def _kept(self, kept: Kept, piece: Piece) -> Verdict:
        starts = self.stitching.beginnings(piece)
        found = self._with_seams(self._read(self.transfer), self.stitching.seams(piece, starts))
        union = self.store.count(self.stitching.id, piece, tally.of(found))
        union = reduce(tally.together, (start.tally for start in starts), union)
        together = union.findings(found.unscanned, found.bytes, found.exhibits)
        if not self.stitching.completes(kept.session, piece):
            ahead = self.stitching.ahead(kept.session, piece)
            if ahead and is_listed(self.pipeline.policy, self.transfer):
                # The last bytes of what nobody has seen the first of, or under another name: not read whole.
                return self._settle(_with(together, Unscanned("upload", Reason.OPAQUE, ahead)), Stage.LAST)
            stage = Stage.PIECE if self.stitching.awaits(kept.session, piece) else Stage.LAST
            return self._settle(together, stage)
        # What could not be read of the piece by itself is read with the whole.
        unread = tuple(item for item in together.unscanned if item.reason not in UNTIL_WHOLE)
        end = (piece.rank or 0) + piece.size
        total = end if self.request.last else kept.session.total or end
        whole = Whole((self.request.name,), total=total)
        return self._complete((whole,), replace(together, unscanned=unread), kept.digest, self.transfer)

    def _with_seams(self, found: Findings, seams: Sequence[bytes]) -> Findings:
        """Add who is found in seams. Terms are not: most of them stand in the pieces too."""
        for seam in seams:
            beside = self._read(replace(self._bare, body=seam))
            both = tally.over(tally.of(found), tally.of(beside, terms=False))
            unread = tuple(item for item in beside.unscanned if item.reason not in UNTIL_WHOLE)
            shown = (*found.exhibits, *beside.exhibits)[:SHOWN]
            found = both.findings((*found.unscanned, *unread), found.bytes, shown)
        return found

    # What completes an upload

    def _commit(self) -> Verdict:
        names = {self.request.name, *(name for whole in self.request.wholes for name in whole.names)}
        known = {name: self.store.session(self.stitching.identity(name)) for name in sorted(names)}
        sessions = [session for session in known.values() if session]
        held = next((session for session in sessions if session.state == "refused"), None)
        if held:
            return self._refused(held)
        digest, _ = self.store.content(pieces(self.transfer.body), self.request.name)
        mine = known[self.request.name]
        if mine and mine.state == "committed" and mine.ended == digest:
            return self._repeated(mine)
        found = self._read(self.transfer)
        if self._completes_nothing(mine):
            return self._decide(found, Stage.PIECE if mine else Stage.WHOLE)
        union = reduce(tally.together, (session.tally for session in sessions), tally.of(found))
        together = union.findings(found.unscanned, found.bytes, found.exhibits)
        return self._complete(self.request.wholes, together, digest, self._bare)

    def _completes_nothing(self, mine: Session | None) -> bool:
        if mine is None:
            return not self.request.certain
        total = self.request.wholes[0].total
        asks = self.request.asks and mine.state == "open" and total is not None
        return asks and not self.stitching.reaches(total or 0)

    def _complete(
        self, wholes: Sequence[Whole], together: Findings, digest: str, envelope: Transfer
    ) -> Verdict:
        try:
            return self._judged(wholes, together, digest, envelope)
        except OSError:
            # The pieces are gone when another request completed the upload meanwhile. This one's is counted.
            now = self.store.session(self.stitching.id)
            if now and now.state == "committed":
                return self._repeated(now)
            raise

    def _judged(
        self, wholes: Sequence[Whole], together: Findings, digest: str, envelope: Transfer
    ) -> Verdict:
        found = together
        plans = [self.stitching.plan(whole) for whole in wholes]
        for plan in plans:
            found = self._with_whole(found, plan, envelope)
        verdict = self._decide(found, Stage.LAST)
        if verdict.action.holds and not self._holds_what_lasts(found):
            return verdict  # There was not enough time: the next try is judged anew.
        for plan in plans:
            self.stitching.forget_starts(plan.ways)
        names = {self.request.name, *(name for whole in wholes for name in whole.names)}
        ids, union = [self.stitching.identity(name) for name in sorted(names)], tally.of(found)
        for identity in ids:
            if verdict.action.holds:
                self.store.refuse(identity, self.stitching.family, verdict.action, union)
            else:
                self.store.commit(identity, self.stitching.family, digest, union, found.unscanned)
        return verdict

    def _holds_what_lasts(self, found: Findings) -> bool:
        lasting = tuple(item for item in found.unscanned if item.reason is not Reason.DEADLINE)
        return self._decide(replace(found, unscanned=lasting), Stage.LAST).action.holds

    def _with_whole(self, found: Findings, plan: Plan, envelope: Transfer) -> Findings:
        for way in plan.ways:
            body = self.stitching.body(way)
            read = self._read(replace(envelope, body=body))
            if body.trouble:
                raise body.trouble[0]
            both = tally.over(tally.of(found), tally.of(read))
            shown = (*read.exhibits, *found.exhibits)[:SHOWN]
            found = both.findings((*found.unscanned, *read.unscanned), found.bytes, shown)
        return _with(found, Unscanned("upload", Reason.OPAQUE, plan.missing)) if plan.missing else found

    # Verdicts

    @property
    def _data(self) -> Data:
        return carried(self.transfer.body, self.request.framing, self.transfer.header("content-type"))

    @property
    def _bare(self) -> Transfer:
        """The transfer without what was read already."""
        return replace(self.transfer, body=b"", url="", headers=(), trailers=())

    def _read(self, transfer: Transfer) -> Findings:
        return self.pipeline.engine.findings(transfer, self.pipeline.limits, self.expired)

    def _decide(self, found: Findings, stage: Stage) -> Verdict:
        policy, engine = self.pipeline.policy, self.pipeline.engine
        # Of all pieces: a tally knows its customers by their numbers alone.
        whole = engine.with_canaries(found)
        return decide(policy, self.transfer, whole, engine.versions(policy.digest), stage)

    def _settle(self, found: Findings, stage: Stage) -> Verdict:
        """Decide on a piece. One that would be held if all of it were readable ends the upload."""
        verdict = self._decide(found, stage)
        if verdict.action.holds and self._decide(replace(found, unscanned=()), Stage.WHOLE).action.holds:
            self.store.refuse(self.stitching.id, self.stitching.family, verdict.action, tally.of(found))
        return verdict

    def _refused(self, session: Session) -> Verdict:
        versions = self.pipeline.engine.versions(self.pipeline.policy.digest)
        found = self.pipeline.engine.with_canaries(session.tally.findings((), size(self.transfer.body)))
        return refused(session.action, found, versions)

    def _repeated(self, session: Session) -> Verdict:
        """Decide anew on what was found, when the request that completed an upload comes again."""
        envelope = self._read(replace(self.transfer, body=b""))
        found = _joined(session.tally, envelope)
        unread = (*session.unscanned, *envelope.unscanned)
        return self._decide(replace(found, unscanned=unread, bytes=size(self.transfer.body)), Stage.LAST)


def _joined(known: Tally, found: Findings) -> Findings:
    union = tally.together(known, tally.of(found))
    return union.findings(found.unscanned, found.bytes, found.exhibits)


def _with(found: Findings, more: Unscanned) -> Findings:
    return replace(found, unscanned=(*found.unscanned, more))
