"""One replay from its captures to its counts, in batches that are whole or never were."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from exfilter.captures import Captured, Unread, why
from exfilter.ledger.rows import put
from exfilter.model import Transfer, Verdict
from exfilter.replaying import tables
from exfilter.replaying.decisions import Decision, Gap
from exfilter.replaying.examining import Answer, Judged, Seen
from exfilter.replaying.side import DECIDED, Side
from exfilter.replaying.tallies import Tallies
from exfilter.replaying.units import Source, Unit, source, units

BATCH = 500
"""Transfers after which a batch is committed,"""
SECONDS = 2.0
"""or so long after the one before."""

Examined = Callable[[Iterable[Unit]], Iterator[tuple[Unit, Answer | None]]]
"""Reads and scans units, and yields them in their order; None: whoever did it broke off."""


class Kept(Protocol):
    """Somebody else who takes down what was sent."""

    def take(self, captured: Captured, judged: Judged, verdict: Verdict) -> str:
        """Take a transfer; return why it was left out, or an empty string."""


@dataclass(frozen=True, slots=True)
class Where:
    """How far a replay is."""

    done: int
    """Bytes of captures that were read."""
    size: int


@dataclass(slots=True)
class Run:
    """A replay that is under way."""

    sides: tuple[Side, ...]
    examined: Examined
    actor: str = ""
    """Who sent what captures name nobody for. Empty: each is called by its file."""
    keys: Path | None = None
    taker: Kept | None = None
    clock: Callable[[], float] = time.monotonic
    where: Where = Where(0, 0)
    _tallies: Tallies = field(init=False)
    _number: int = 0
    _progress: dict[str, tuple[int, bool]] = field(default_factory=dict)
    _since: int = 0
    _committed: float = 0.0
    _now: float = 0.0
    _before: int = 0
    """Bytes of the captures that are done."""

    def __post_init__(self) -> None:
        self._tallies = Tallies(self.sides[0].scratch)
        self._committed = self.clock()

    @property
    def tallies(self) -> Tallies:
        """What was counted."""
        return self._tallies

    def begin(self, about: Mapping[str, str]) -> None:
        """Begin, or go on. Raises ValueError where what was begun is another replay."""
        for side in self.sides:
            with side.scratch.transaction(writes=True) as connection:
                tables.metadata.create_all(connection)
                known: dict[str, str] = dict(connection.execute(sa.select(tables.about)).tuples().all())
                side.done = int(known.pop(DECIDED, 0))
                if known and known != dict(about):
                    changed = ", ".join(sorted(n for n in {*known, *about} if known.get(n) != about.get(n)))
                    msg = f"the state is that of another replay (other {changed}): name another folder"
                    raise ValueError(msg)
                put(connection, tables.about, [{"name": n, "value": v} for n, v in about.items()])
            side.scratch.commit()
        self._number = self.sides[0].done

    def decisions(self, captures: Iterable[Path]) -> Iterator[Decision | Gap]:
        """Yield what would have become of each transfer, in the order of the captures.

        Raises OSError where it cannot be written down.
        """
        found = [self._source(path) for path in captures]
        sources = {each.path: each for each in found if isinstance(each, Source)}
        self.where = Where(0, sum(each.size for each in sources.values()))
        for gap in found:
            if isinstance(gap, Gap):
                self._tallies.gap(gap)
                yield gap
        done = {path: self._known(each) for path, each in sources.items()}
        for unit, answer in self.examined(self._units(sources, done)):
            lost = (Unread(unit.place, "the scan of it broke off"),)
            for item in lost if answer is None else answer:
                yield self._one(sources[unit.capture], item)
            self._count(sources[unit.capture], unit, done)
        self._commit()

    def _units(self, sources: Mapping[Path, Source], done: Mapping[Path, tuple[int, bool]]) -> Iterator[Unit]:
        """Yield the units of all captures that are not done; after each capture one without anything."""
        for path, of in sources.items():
            begin, is_whole = done[path]
            if not is_whole:
                yield from islice(_listed(of, self.actor, self.keys), begin, None)
            yield Unit(path, of.kind, None)

    def _count(self, of: Source, unit: Unit, done: dict[Path, tuple[int, bool]]) -> None:
        """Take a unit for done; commit now and then."""
        units_done, is_end = done[of.path][0], unit.is_end
        done[of.path] = (units_done + (not is_end), is_end)
        self._progress[of.key] = done[of.path]
        if is_end:
            self._before += of.size
            self._now = 0.0
        at = unit.at.start if unit.at else 0
        self.where = replace(self.where, done=max(self._before + at, self.where.done))
        if is_end or self._since >= BATCH or self.clock() - self._committed >= SECONDS:
            self._commit()

    def _source(self, path: Path) -> Source | Gap:
        try:
            return source(path)
        except FileNotFoundError:
            return Gap(str(path), "there is no such file")
        except OSError as error:
            return Gap(str(path), error.strerror or type(error).__name__)
        except ValueError as error:
            return Gap(str(path), why(error).removeprefix(f"{path} "))

    def _known(self, of: Source) -> tuple[int, bool]:
        wanted = sa.select(tables.progress.c.units, tables.progress.c.is_whole)
        with self.sides[0].scratch.transaction() as connection:
            row = connection.execute(wanted.where(tables.progress.c.key == of.key)).one_or_none()
        return (int(row.units), bool(row.is_whole)) if row else (0, False)

    def _one(self, of: Source, item: Seen | Unread) -> Decision | Gap:
        if isinstance(item, Unread):
            gap = Gap(f"{of.path} > {item.place}" if item.place else str(of.path), item.why)
            self._tallies.gap(gap)
            return gap
        self._number, self._since = self._number + 1, self._since + 1
        decision = self._decided(of, item)
        self._tallies.add(decision)
        return decision

    def _decided(self, of: Source, item: Seen) -> Decision:
        transfer = item.captured.transfer
        self._now = when = transfer.time if transfer.time > 0 else self._now or of.begun
        judged = item.judged or tuple(
            side.piece(self._number, _timed(item.piece or item.captured, when)) for side in self.sides
        )
        decided = tuple(
            side.decide(self._number, replace(each, transfer=replace(each.transfer, time=when)))
            for side, each in zip(self.sides, judged, strict=True)
        )
        found = decided[0].verdict.findings
        ids = self.sides[0].view.pipeline.engine.index.customer_ids
        if self.taker:
            timed = replace(judged[0], transfer=replace(judged[0].transfer, time=when))
            problem = self.taker.take(item.captured, timed, decided[0].verdict)
            if problem:
                self._tallies.gap(Gap(f"{of.path} > {item.captured.place}", problem))
        return Decision(
            f"{of.path} > {item.captured.place}",
            item.captured,
            when,
            decided,
            tuple(ids(found.identified)),
            tuple(ids(found.estimated_ordinals)),
        )

    def _commit(self) -> None:
        """Commit the sides, the first one last: it says what is done, and no other is behind it."""
        self._tallies.flush()
        for side in reversed(self.sides):
            side.commit(self._progress, self._number)
        self._progress.clear()
        self._since, self._committed = 0, self.clock()


def _listed(of: Source, actor: str, keys: Path | None) -> Iterator[Unit]:
    """Yield the units of a capture; what ends the reading is one of them."""
    problem = ""
    try:
        yield from units(of, actor, keys)
    except OSError as error:
        problem = error.strerror or str(error) or type(error).__name__
    except ValueError as error:
        problem = why(error).removeprefix(f"{of.path} ")
    if problem:
        yield Unit(of.path, of.kind, None, (Unread("", problem),))


def _timed(captured: Captured, when: float) -> Captured:
    transfer: Transfer = replace(captured.transfer, time=when)
    return replace(captured, transfer=transfer)
