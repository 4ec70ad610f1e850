"""One side of a replay: a policy and an index, and what the capture has shown of the past so far."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa

from exfilter.captures import Captured
from exfilter.index import keys
from exfilter.ledger import Ledger, peerage, retention
from exfilter.ledger.rows import put
from exfilter.model import Action, Reason, Verdict
from exfilter.policy import Hindsight, Past
from exfilter.replaying import tables
from exfilter.replaying.examining import Judged, View, lean, stripped
from exfilter.replaying.scratch import Scratch, opened
from exfilter.settings import Settings
from exfilter.uploads import Uploads, recognise

DECIDED = "decided"
"""The name under which a side keeps how many transfers it has decided."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What would have become of a transfer."""

    verdict: Verdict
    held: bool
    """Whether it would be held for what was found in it, or before it, not only for what was not read."""


@dataclass(slots=True)
class Side:
    """Decides transfers one after the other, as a door would have with what it had seen before."""

    view: View
    ledger: Ledger
    uploads: Uploads
    retention: int
    """Days."""
    deadline: float
    done: int = 0
    """Transfers that are decided in the ledger already."""
    now: float = 0.0
    """Time of the capture."""
    _day: int = 0
    _first: int = 0
    _batch: list[dict[str, object]] = field(default_factory=list)

    @classmethod
    def open(cls, file: Path, given: Settings, view: View) -> Side:
        """Open the ledger of a side, or make it. Raises OSError or ValueError."""
        ledger = opened(file, given)
        key = keys.load(given.index_key)
        side = cls(
            view,
            ledger,
            Uploads(
                file.with_suffix(".uploads"), key, given.upload_hours, given.upload_bytes, lambda: side.now
            ),
            given.retention_days,
            given.deadline,
        )
        ledger.clock = lambda: side.now
        return side

    @property
    def scratch(self) -> Scratch:
        """The ledger's database."""
        found = self.ledger.database
        if not isinstance(found, Scratch):
            raise TypeError
        return found

    def decide(self, number: int, judged: Judged) -> Decided:
        """Decide on the transfer of that number and write it down. Raises OSError where it cannot be."""
        if number <= self.done:
            return self._again(number, judged)
        self.now = judged.transfer.time
        self._keep_up()
        behind = Hindsight(self.view.pipeline.policy, judged.transfer)
        held = False

        def recalled(past: Past) -> Verdict:
            nonlocal held
            final = lean(behind.recall(judged.verdict, past))
            is_whole = not judged.verdict.findings.unscanned
            held = (final if is_whole else behind.recall(judged.read, past)).action.holds
            return final

        verdict = self.ledger.enter(judged.transfer, judged.verdict, behind.question, recalled).verdict
        decided = Decided(verdict, held)
        self._remember(number, decided)
        return decided

    def piece(self, number: int, captured: Captured) -> Judged:
        """Judge a request of an upload in pieces, with those before it."""
        self.now = captured.transfer.time
        transfer = self.view.placed(captured.transfer)
        pipeline, end = self.view.pipeline, time.monotonic() + self.deadline
        try:
            request = recognise(transfer)
            if request is None or number <= self.done:
                verdict = pipeline.examine(
                    transfer, lambda: time.monotonic() >= end, missing=captured.missing
                )
            else:
                verdict = self.uploads.examine(pipeline, transfer, request, lambda: time.monotonic() >= end)
                verdict = self._with_missing(verdict, captured)
        except Exception as error:  # noqa: BLE001 - fail closed: a defect of ours is never "nothing found"
            verdict = pipeline.failed(type(error).__name__, transfer, Reason.MALFORMED)
        read = pipeline.of_what_was_read(transfer, verdict)
        return Judged(stripped(transfer), lean(verdict), lean(read))

    def _with_missing(self, verdict: Verdict, captured: Captured) -> Verdict:
        """Judge anew where the capture lacks some of the piece."""
        if not captured.missing:
            return verdict
        found = replace(verdict.findings, unscanned=(*verdict.findings.unscanned, *captured.missing))
        again = self.view.pipeline.judge(self.view.placed(captured.transfer), found)
        return replace(
            max(again, verdict, key=lambda each: each.action), findings=found, thread=verdict.thread
        )

    def _keep_up(self) -> None:
        """Do what a door does once a day: sum up what is normal, let go what is too old."""
        day = self.ledger.calendar.day(self.now)
        if day <= self._day:
            return
        is_first, self._day = not self._day, day
        self._first = self._first or day
        if not is_first and any(rule.unusual for rule in self.view.pipeline.policy.rules):
            peerage.sum_up(self.ledger)
        if day - self._first >= self.retention:
            retention.tidy(self.ledger, self.retention)
            self._first = day - self.retention + 1
            self.ledger._forget()  # noqa: SLF001 - as a door does that finds a name gone

    # A crash between the commits of two sides leaves one of them a batch ahead: it answers from memory.

    def _remember(self, number: int, decided: Decided) -> None:
        verdict = decided.verdict
        row = {"number": number, "action": int(verdict.action), "rule": verdict.rule}
        self._batch.append({**row, "reason": verdict.reason, "held": decided.held})

    def _again(self, number: int, judged: Judged) -> Decided:
        wanted = sa.select(tables.recent).where(tables.recent.c.number == number)
        with self.scratch.transaction() as connection:
            row = connection.execute(wanted).one()
        verdict = replace(judged.verdict, action=Action(row.action), rule=row.rule, reason=row.reason)
        return Decided(verdict, bool(row.held))

    def commit(self, progress: Mapping[str, tuple[int, bool]], number: int) -> None:
        """Have all on the disk that was decided, up to a number, with how far each capture was read."""
        with self.scratch.transaction(writes=True) as connection:
            if self._batch:
                connection.execute(sa.delete(tables.recent))
                connection.execute(sa.insert(tables.recent), self._batch)
            rows = [{"key": key, "units": units, "is_whole": end} for key, (units, end) in progress.items()]
            put(connection, tables.about, [{"name": DECIDED, "value": str(number)}], value=str(number))
            for row in rows:
                put(connection, tables.progress, [row], units=row["units"], is_whole=row["is_whole"])
        self._batch.clear()
        self.scratch.commit()

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()
