"""Two reviewers: where it takes both, and where both come at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from exfilter import reviewers
from exfilter.quarantine import AskedAlready, IllegalMove, Quarantine, State, What
from tests.test_quarantine import BODY, INDEX, POLICY, Clock, side_by_side, upload, verdict


@pytest.fixture
def strict(tmp_path: Path, keys: tuple[Path, Path], clock: Clock) -> Iterator[Quarantine]:
    with Quarantine.open(tmp_path / "quarantine", keys[1], clock, second_reviewer=True) as opened:
        yield opened


class TestRelease:
    def test_one_reviewer_is_not_enough_and_what_he_said_waits(self, strict: Quarantine) -> None:
        held = strict.hold(upload(), verdict())
        assert strict.release(held, "rita", "asked the sender") is State.HELD
        assert strict.redeem(upload(), POLICY, INDEX) is None
        (wish,) = strict.show(held).waiting
        assert (wish.what, wish.reviewer, wish.reason) == (What.RELEASE, "rita", "asked the sender")

    def test_another_one_makes_it_so(self, strict: Quarantine) -> None:
        held = strict.hold(upload(), verdict())
        strict.release(held, "rita", "asked the sender")
        assert strict.waits_for_another(held, "rita", What.RELEASE)
        assert not strict.waits_for_another(held, "ben", What.RELEASE)
        assert strict.release(held, "ben", "agreed") is State.RELEASED
        entry = strict.show(held)
        assert not entry.waiting
        assert [(each.reviewer, each.by) for each in entry.requests] == [("rita", "ben")]
        assert strict.redeem(upload(), POLICY, INDEX) == held

    @pytest.mark.parametrize("same", ["rita", "RITA", " rita "])
    def test_the_same_one_cannot_agree_with_herself(self, strict: Quarantine, same: str) -> None:
        held = strict.hold(upload(), verdict())
        strict.release(held, "rita", "")
        with pytest.raises(AskedAlready, match=r"rita asked for it at .*: it takes another reviewer"):
            strict.release(held, same, "")
        assert strict.show(held).state is State.HELD

    @pytest.mark.parametrize(("one", "other"), [("os:rita", "rita"), ("rita", "os:ben")])
    def test_an_os_user_and_an_account_may_be_one_person(
        self, strict: Quarantine, one: str, other: str
    ) -> None:
        held = strict.hold(upload(), verdict())
        strict.release(held, one, "")
        assert strict.waits_for_another(held, other, What.RELEASE)
        assert strict.release(held, other, "") is State.HELD
        assert [each.reviewer for each in strict.show(held).waiting] == [one, other]
        third = "os:carl" if other.startswith("os:") else "carl"
        assert strict.release(held, third, "") is State.RELEASED
        assert [each.by for each in strict.show(held).requests] == ["", third]
        assert not strict.show(held).waiting

    def test_nobody_can_ask_without_a_name(self, strict: Quarantine) -> None:
        with pytest.raises(ValueError, match="say who you are"):
            strict.release(strict.hold(upload(), verdict()), " ", "")

    def test_of_two_times_the_shorter_holds(self, strict: Quarantine, clock: Clock) -> None:
        held = strict.hold(upload(), verdict())
        strict.release(held, "rita", "", dt.timedelta(hours=1))
        strict.release(held, "ben", "", dt.timedelta(hours=9))
        clock.now += 3601
        assert strict.redeem(upload(), POLICY, INDEX) is None

    def test_a_wish_lapses_after_a_day(self, strict: Quarantine, clock: Clock) -> None:
        held = strict.hold(upload(), verdict())
        strict.release(held, "rita", "")
        clock.now += 24 * 3600 + 1
        assert not strict.show(held).waiting
        assert strict.release(held, "ben", "") is State.HELD
        assert [each.reviewer for each in strict.show(held).waiting] == ["ben"]

    def test_one_alone_denies_and_the_wish_comes_to_nothing(self, strict: Quarantine) -> None:
        held = strict.hold(upload(), verdict())
        strict.release(held, "rita", "")
        strict.deny(held, "ben", "not hers to send")
        assert not strict.show(held).waiting
        with pytest.raises(IllegalMove):
            strict.release(held, "carl", "")


class TestOpen:
    def test_the_first_one_sees_nothing_and_needs_no_key(self, strict: Quarantine, tmp_path: Path) -> None:
        held = strict.hold(upload(), verdict())
        assert strict.reveal(held, (), "rita", "to see what it is") is None
        other = strict.hold(upload(b"other"), verdict())
        assert strict.export(other, (), tmp_path / "out", reviewer="rita") is False
        assert not (tmp_path / "out").exists()

    def test_the_second_one_sees_it_once(self, strict: Quarantine, keys: tuple[Path, Path]) -> None:
        held, secret = strict.hold(upload(), verdict()), reviewers.identities(keys[0])
        strict.reveal(held, secret, "rita", "")
        opened = strict.reveal(held, secret, "ben", "")
        assert opened is not None
        assert isinstance(opened.body, memoryview)
        assert bytes(opened.body) == BODY
        assert strict.reveal(held, secret, "ben", "again") is None

    def test_agreeing_to_open_is_not_agreeing_to_release(self, strict: Quarantine) -> None:
        held = strict.hold(upload(), verdict())
        strict.reveal(held, (), "rita", "")
        assert strict.release(held, "ben", "") is State.HELD


def fail(_done: bool) -> None:  # noqa: FBT001 - as the quarantine calls it
    msg = "the ledger is full"
    raise OSError(msg)


class TestNoted:
    @pytest.mark.parametrize("how", ["release", "deny", "confirm"])
    def test_what_cannot_be_recorded_is_not_decided(self, quarantine: Quarantine, how: str) -> None:
        held = quarantine.hold(upload(), verdict())
        with pytest.raises(OSError, match="ledger is full"):
            getattr(quarantine, how)(held, "rita", "", noted=fail)
        assert quarantine.show(held).state is State.HELD
        assert len(quarantine.show(held).moves) == 1

    def test_a_body_is_not_read_before_it_is_recorded(
        self, quarantine: Quarantine, tmp_path: Path, keys: tuple[Path, Path]
    ) -> None:
        held = quarantine.hold(upload(), verdict())
        with pytest.raises(OSError, match="ledger is full"):
            quarantine.export(held, keys[0], tmp_path / "out", noted=fail)
        assert not (tmp_path / "out").exists()
        with pytest.raises(OSError, match="ledger is full"):
            quarantine.reveal(held, reviewers.identities(keys[0]), "rita", "", fail)

    def test_it_is_told_whether_it_waits(self, strict: Quarantine) -> None:
        told = list[bool]()
        held = strict.hold(upload(), verdict())
        for who in ("rita", "ben"):
            strict.release(held, who, "", noted=told.append)
        assert told == [False, True]


def test_of_two_at_once_one_wins_and_the_other_is_told(quarantine: Quarantine, tmp_path: Path) -> None:
    held = quarantine.hold(upload(), verdict())

    def decide(who: str) -> str:
        with Quarantine.open(tmp_path / "quarantine") as mine:
            try:
                mine.deny(held, who, "")
            except IllegalMove as error:
                return str(error)
        return who

    done = side_by_side([partial(decide, "rita"), partial(decide, "ben")])
    (winner,) = [each for each in done if each in {"rita", "ben"}]
    (told,) = [each for each in done if each not in {"rita", "ben"}]
    assert f"is denied (decided by {winner} at 20" in told
    assert quarantine.show(held).moves[-1].reviewer == winner
