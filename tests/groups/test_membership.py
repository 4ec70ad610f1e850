"""What is known of an actor's groups, and what is not: the policy is told which."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from exfilter.groups import Membership
from exfilter.groups.kept import Kept
from exfilter.model import Transfer

if TYPE_CHECKING:
    from pathlib import Path

ANNA = Transfer("proxy", b"", actor="Anna")
DAY = Membership.LAST_KNOWN


@dataclass
class Directory:
    """Answers, fails, or is slow, and counts how often it was asked."""

    answers: dict[str, frozenset[str]] = field(default_factory=lambda: {"Anna": frozenset({"support"})})
    fault: Exception | None = None
    asked: int = 0
    now: float = 0.0

    def groups(self, actor: str) -> frozenset[str]:
        self.asked += 1
        if self.fault:
            raise self.fault
        return self.answers.get(actor, frozenset())

    def clock(self) -> float:
        return self.now


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def membership(directory: Directory) -> Membership:
    return Membership(lambda: {"anna": frozenset({"vip"})}, directory, directory.clock)


def known(membership: Membership, transfer: Transfer = ANNA) -> tuple[set[str], bool]:
    placed = membership.placed(transfer)
    return set(placed.groups), placed.groups_known


def test_file_and_directory_together(membership: Membership) -> None:
    assert known(membership) == ({"vip", "support"}, True)


def test_without_sources_there_are_no_groups_and_that_is_known() -> None:
    assert known(Membership()) == (set(), True)


@pytest.mark.parametrize("actor", ["", "192.0.2.7", "2001:db8::1"])
def test_nobody_and_addresses_are_not_asked_for(
    membership: Membership, directory: Directory, actor: str
) -> None:
    assert known(membership, Transfer("proxy", b"", actor=actor)) == (set(), True)
    assert directory.asked == 0


def test_an_answer_is_fresh_for_ten_minutes(membership: Membership, directory: Directory) -> None:
    for _ in range(5):
        known(membership)
    assert directory.asked == 1
    directory.answers["Anna"] = frozenset({"sales"})
    directory.now += Membership.FRESH
    assert known(membership) == ({"vip", "sales"}, True)


def test_the_last_answer_holds_for_a_day_then_nothing_is_known(
    membership: Membership, directory: Directory
) -> None:
    known(membership)
    directory.fault = ConnectionError("LDAPSocketOpenError")
    directory.now = DAY - 1
    assert known(membership) == ({"vip", "support"}, True)
    directory.now = DAY
    assert known(membership) == ({"vip"}, False)
    directory.fault = None
    directory.now += Membership.PAUSE
    assert known(membership) == ({"vip", "support"}, True)


def test_an_actor_who_was_never_asked_for_is_not_known_while_it_fails(
    membership: Membership, directory: Directory
) -> None:
    directory.fault = LookupError("twin")
    assert known(membership) == ({"vip"}, False)


def test_nobody_waits_for_a_directory_that_has_just_failed(
    membership: Membership, directory: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    directory.fault = ConnectionError("LDAPSocketOpenError")
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            known(membership)
        assert directory.asked == 1
        directory.now += Membership.PAUSE
        known(membership)
        assert directory.asked == 2
        directory.now += Membership.PAUSE
        directory.fault = None
        known(membership)
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert "(LDAPSocketOpenError)" in said[0]
    assert "answers again" in said[1]


def test_a_failure_that_quotes_a_name_is_said_by_its_kind(
    membership: Membership, directory: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    directory.fault = ValueError("uid=Anna")
    known(membership)
    assert "ValueError" in caplog.text
    assert "uid=Anna" not in caplog.text


def test_many_threads_ask_once(directory: Directory) -> None:
    membership = Membership(None, directory, directory.clock)
    threads = [threading.Thread(target=known, args=(membership,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert directory.asked == 1


def test_what_one_process_was_told_all_know(tmp_path: Path, directory: Directory) -> None:
    file = tmp_path / "groups.sqlite"
    first, second, third = (Membership(None, directory, directory.clock, Kept(file)) for _ in range(3))
    assert known(first) == ({"support"}, True)
    assert file.stat().st_mode & 0o777 == 0o600
    assert known(second) == ({"support"}, True)
    assert directory.asked == 1
    directory.now += Membership.FRESH
    directory.fault = ConnectionError("away")
    assert known(second) == ({"support"}, True)
    assert known(third) == ({"support"}, True), "the last answer, without waiting for the directory"
    assert directory.asked == 2
    boris = Transfer("proxy", b"", actor="Boris")
    assert known(third, boris) == (set(), False)
    assert directory.asked == 2, "nobody waits for it for a while"
    directory.now += DAY
    assert known(Membership(None, directory, directory.clock, Kept(file))) == (set(), False)


@pytest.mark.parametrize("damage", [b"no database", b""])
def test_a_file_of_answers_that_is_damaged_is_as_none(
    tmp_path: Path, directory: Directory, damage: bytes
) -> None:
    (tmp_path / "groups.sqlite").write_bytes(damage)
    membership = Membership(None, directory, directory.clock, Kept(tmp_path / "groups.sqlite"))
    assert known(membership) == ({"support"}, True)
    assert known(membership) == ({"support"}, True)
    assert directory.asked == 1
