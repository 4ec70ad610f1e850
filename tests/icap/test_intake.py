"""A large body is read while it arrives, and whoever reads it is let go where nobody waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from exfilter.body import whole
from exfilter.door import page, spool
from exfilter.door.metrics import Refusal
from exfilter.door.problems import Problem
from exfilter.door.spool import Spool
from exfilter.door.tasks import Outcome
from exfilter.icap import intake
from exfilter.icap.intake import Intake
from exfilter.model import Headers, Transfer

if TYPE_CHECKING:
    from pathlib import Path

    from exfilter.door.desk import Desk
    from exfilter.door.pool import Arrival

PASSES = Outcome(forward=True)
REFUSED = Outcome(forward=False)
TRAILERS = (("X-Sum", "1"),)


@dataclass
class Reader:
    """Who reads a body that arrives."""

    sizes: list[int] = field(default_factory=list)
    lost: bool = False
    is_gone: bool = False

    def more(self, size: int) -> None:
        assert not self.is_gone
        self.sizes.append(size)

    def abandon(self) -> None:
        assert not self.is_gone
        self.is_gone = True


@dataclass
class FakeDesk:
    """Notes what it is asked."""

    reader: Reader | None = field(default_factory=Reader)
    """None: nobody has the time."""
    begun: int = 0
    judged: list[tuple[bytes, Headers, object]] = field(default_factory=list)
    refused: list[tuple[str, Refusal, bool]] = field(default_factory=list)

    def arriving(self, transfer: Transfer, file: int) -> Arrival | None:
        assert transfer.body == b""
        assert file > 0
        self.begun += 1
        return cast("Arrival | None", self.reader)

    async def judge(self, transfer: Transfer, arrival: Arrival | None = None) -> Outcome:
        self.judged.append((whole(transfer.body), transfer.trailers, arrival))
        return PASSES

    async def refuse(self, transfer: Transfer, reason: str, why: Refusal, *, lost: bool) -> Outcome:
        del transfer
        self.refused.append((reason, why, lost))
        return REFUSED


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 5)
    monkeypatch.setattr(intake, "STEP", 20)
    monkeypatch.setattr(Spool, "folder", tmp_path)


def took(desk: FakeDesk, size: int, *, limit: int = 100, problem: Problem | None = None) -> Intake:
    """Return a request of which so many bytes have arrived, two by two."""
    made = Intake(cast("Desk", desk), Transfer("icap", b"", method="POST"), problem, limit)
    for _ in range(size // 2):
        made.take(b"ab")
    return made


def judged(made: Intake, trailers: Headers = (), *, lost: bool = False) -> Outcome:
    outcome = asyncio.run(made.judge(trailers, lost=lost))
    made.close()
    return outcome


def test_who_reads_it_hears_of_every_step_and_says_what_it_is() -> None:
    desk = FakeDesk(reader := Reader())
    assert judged(took(desk, 70)) is PASSES
    assert (desk.begun, reader.sizes, reader.is_gone) == (1, [20, 40, 60], False)
    assert desk.judged == [(b"ab" * 35, (), reader)]


def test_a_small_body_is_read_when_it_is_whole() -> None:
    desk = FakeDesk()
    assert judged(took(desk, 18)) is PASSES
    assert (desk.begun, desk.judged) == (0, [(b"ab" * 9, (), None)])


def test_where_nobody_has_the_time_nobody_is_asked_again() -> None:
    desk = FakeDesk(reader=None)
    assert judged(took(desk, 70)) is PASSES
    assert (desk.begun, desk.judged) == (1, [(b"ab" * 35, (), None)])


def test_who_was_taken_away_hears_no_more() -> None:
    desk = FakeDesk(reader := Reader())
    made = took(desk, 30)
    reader.lost = True
    for _ in range(40):
        made.take(b"ab")
    assert reader.sizes == [20]
    made.close()
    assert reader.is_gone


def test_what_has_trailers_is_read_again_with_them() -> None:
    desk = FakeDesk(reader := Reader())
    assert judged(took(desk, 30), TRAILERS) is PASSES
    assert reader.is_gone
    assert desk.judged == [(b"ab" * 15, TRAILERS, None)]


def test_nobody_reads_what_is_too_large() -> None:
    desk = FakeDesk(reader := Reader())
    made = took(desk, 102)
    assert made.trouble
    assert made.trouble.page == page.too_large(100)
    assert judged(made, lost=True) is REFUSED
    assert (reader.sizes, reader.is_gone) == ([20, 40, 60, 80, 100], True)
    assert [(why, lost) for _, why, lost in desk.refused] == [(Refusal.TOO_LARGE, True)]


def test_nobody_reads_what_is_refused_whatever_it_is() -> None:
    desk = FakeDesk()
    wrong = Problem("wrong", Refusal.OTHER, page.MALFORMED)
    assert judged(took(desk, 70, problem=wrong)) is REFUSED
    assert (desk.begun, desk.refused) == (0, [("wrong", Refusal.OTHER, False)])


def test_what_finds_no_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spool, "room", Spool.stored + 10)
    desk = FakeDesk()
    made = took(desk, 70)
    assert made.trouble
    assert made.trouble.page is page.REFUSED
    assert judged(made) is REFUSED
    assert [why for _, why, _ in desk.refused] == [Refusal.NO_ROOM]


def test_whoever_goes_takes_the_reader_along() -> None:
    desk = FakeDesk(reader := Reader())
    took(desk, 30).close()
    assert reader.is_gone
