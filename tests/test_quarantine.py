"""The quarantine: sealed and whole after any crash, decided once, redeemed once, and silent about values."""

from __future__ import annotations

import datetime as dt
import os
import random
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.model import (
    Action,
    Exhibit,
    Findings,
    Kind,
    Masked,
    Reason,
    Shown,
    Transfer,
    Unscanned,
    Verdict,
    Versions,
)
from exfilter.quarantine import IllegalMove, Quarantine, State, generate_reviewer_key, unbound
from exfilter.quarantine.binding import VOLATILE, digest
from exfilter.quarantine.entries import outline, printable

ROOT = Path(__file__).parent.parent
POLICY, INDEX = "policy-1", "index-1"
NOW = 1_790_000_000.0
BODY = b"Hanna Example,hanna@mail.example,+49 30 23125 017\n" * 500


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def upload(body: bytes | memoryview = BODY, **changes: object) -> Transfer:
    transfer = Transfer(
        "proxy",
        body,
        actor="anna",
        destination="files.example",
        method="POST",
        url="https://files.example/up?name=hanna@mail.example",
        headers=(("Host", "files.example"), ("Content-Type", "text/csv"), ("Cookie", "s=1")),
        trailers=(("X-End", "1"),),
        time=NOW,
    )
    return replace(transfer, **changes)  # type: ignore[arg-type]


SHOWN = Shown("h•••", "h•••.files.example", "POST")


def verdict(policy: str = POLICY, index: str = INDEX, shown: Shown = SHOWN) -> Verdict:
    exhibit = Exhibit('multipart[2] "hanna example.csv" > row[3]', Kind.EMAIL, Masked("h•••@m•••"), 7, 1)
    unread = (Unscanned('multipart[3] "hanna example.pdf"', Reason.MALFORMED, 9),)
    ordinals = np.arange(500, dtype=np.int64)
    findings = Findings(ordinals, 2, ordinals, {"email": 500}, {}, unread, len(BODY), (exhibit,))
    versions = Versions("0.1.0", 1, "reference", index, policy)
    return Verdict(Action.QUARANTINE, "many customers", "502 customers", versions, findings, shown=shown)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    pair = tmp_path / "reviewer.key", tmp_path / "reviewers.txt"
    generate_reviewer_key(*pair)
    return pair


@pytest.fixture
def quarantine(tmp_path: Path, keys: tuple[Path, Path], clock: Clock) -> Iterator[Quarantine]:
    with Quarantine.open(tmp_path / "quarantine", keys[1], clock) as opened:
        yield opened


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestHold:
    def test_what_is_held_can_be_seen_and_opened(
        self, quarantine: Quarantine, keys: tuple[Path, Path], tmp_path: Path
    ) -> None:
        held = quarantine.hold(upload(), verdict())
        entry = quarantine.show(held)
        assert (entry.state, entry.customers, entry.identified, entry.estimated) == (State.HELD, 502, 500, 2)
        assert (entry.actor, entry.destination, entry.method) == ("h•••", "h•••.files.example", "POST")
        assert (entry.time, entry.bytes, entry.attempts) == ("2026-09-21T14:13:20.000000+00:00", len(BODY), 1)
        quarantine.export(held, keys[0], tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == BODY

    @pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 3_000_000])
    def test_bodies_of_any_size_come_back_whole(
        self, quarantine: Quarantine, keys: tuple[Path, Path], tmp_path: Path, size: int
    ) -> None:
        body = random.Random(size).randbytes(size)
        held = quarantine.hold(upload(memoryview(body)), verdict())
        quarantine.export(held, keys[0], tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == body

    def test_an_id_is_short_and_cannot_be_guessed(self, quarantine: Quarantine) -> None:
        ids = {quarantine.hold(upload(bytes([number])), verdict()) for number in range(9)}
        assert len(ids) == 9
        assert all(len(each) == 18 and each.startswith("t-") and each[2:].isalnum() for each in ids)

    def test_nothing_in_the_folder_shows_a_value(self, quarantine: Quarantine, tmp_path: Path) -> None:
        quarantine.hold(upload(actor="hanna", destination="hanna.files.example"), verdict())
        everything = b"".join(
            file.read_bytes() for file in (tmp_path / "quarantine").rglob("*") if file.is_file()
        )
        assert b"files.example" in everything
        for value in (b"hanna", b"Hanna", b"23125", b"/up?"):
            assert value not in everything

    def test_every_file_is_its_owners_alone(self, quarantine: Quarantine, tmp_path: Path) -> None:
        quarantine.hold(upload(), verdict())
        for path in [tmp_path / "quarantine", *(tmp_path / "quarantine").rglob("*")]:
            assert mode(path) == (0o700 if path.is_dir() else 0o600)

    def test_a_retry_while_held_is_the_same_entry(self, quarantine: Quarantine, tmp_path: Path) -> None:
        held = quarantine.hold(upload(), verdict())
        assert [quarantine.hold(upload(time=NOW + 9), verdict()) for _ in range(3)] == [held] * 3
        assert quarantine.show(held).attempts == 4
        assert len(list((tmp_path / "quarantine" / "bodies").iterdir())) == 1

    @pytest.mark.parametrize(
        "other",
        [
            upload(BODY + b"\n"),
            upload(actor="ben"),
            upload(destination="other.example"),
            upload(method="PUT"),
            upload(url="https://files.example/elsewhere"),
            upload(headers=(("Content-Type", "text/csv"), ("X-More", "1"))),
            upload(trailers=()),
        ],
    )
    def test_what_differs_in_anything_bound_is_another_entry(
        self, quarantine: Quarantine, other: Transfer
    ) -> None:
        assert quarantine.hold(other, verdict()) != quarantine.hold(upload(), verdict())

    def test_under_another_policy_it_is_another_entry(self, quarantine: Quarantine) -> None:
        assert quarantine.hold(upload(), verdict()) != quarantine.hold(upload(), verdict(policy="policy-2"))

    def test_without_a_key_to_seal_to_nothing_is_held(self, tmp_path: Path) -> None:
        with Quarantine.open(tmp_path / "q") as opened, pytest.raises(ValueError, match="exfilter init"):
            opened.hold(upload(), verdict())

    def test_a_full_disk_raises_and_leaves_nothing(self, quarantine: Quarantine, tmp_path: Path) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            with pytest.raises(OSError, match="could not be sealed"):
                quarantine.hold(upload(bytes(1_000_000)), verdict())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert quarantine.entries() == []
        assert list((tmp_path / "quarantine" / "bodies").iterdir()) == []

    def test_a_database_that_is_locked_or_gone_raises(self, quarantine: Quarantine, tmp_path: Path) -> None:
        with closing(
            sqlite3.connect(tmp_path / "quarantine" / "quarantine.sqlite", isolation_level=None)
        ) as other:
            other.execute("DROP TABLE moves")
        with pytest.raises(OSError, match=r"quarantine\.sqlite: no such table") as caught:
            quarantine.hold(upload(), verdict())
        assert "anna" not in str(caught.value)
        assert quarantine.entries() == []

    def test_threads_of_one_door_hold_side_by_side(self, quarantine: Quarantine) -> None:
        bodies = [random.Random(number % 4).randbytes(200_000) for number in range(8)]
        held = side_by_side([partial(quarantine.hold, upload(each), verdict()) for each in bodies])
        assert len(set(held)) == 4
        assert sorted(entry.attempts for entry in quarantine.entries()) == [2, 2, 2, 2]
        assert quarantine.verify().whole

    def test_several_threads_hold_one_transfer_once(self, tmp_path: Path, keys: tuple[Path, Path]) -> None:
        def hold() -> str:
            with Quarantine.open(tmp_path / "q", keys[1]) as mine:
                return mine.hold(upload(), verdict())

        assert len(set(side_by_side([hold] * 6))) == 1
        with Quarantine.open(tmp_path / "q") as opened:
            assert [entry.attempts for entry in opened.entries()] == [6]
            assert opened.verify().orphans == ()


class TestStates:
    def test_entries_are_listed_by_state_newest_first(self, quarantine: Quarantine) -> None:
        ids = [quarantine.hold(upload(bytes([number]), time=NOW + number), verdict()) for number in range(4)]
        quarantine.release(ids[0], "rita", "")
        quarantine.deny(ids[1], "rita", "")
        quarantine.confirm(ids[2], "rita", "")
        assert [entry.id for entry in quarantine.entries()] == ids[::-1]
        for state, expected in zip(
            (State.RELEASED, State.DENIED, State.CONFIRMED, State.HELD), ids, strict=True
        ):
            assert [entry.id for entry in quarantine.entries(state)] == [expected]

    @pytest.mark.parametrize("first", ["release", "deny", "confirm"])
    @pytest.mark.parametrize("second", ["release", "deny", "confirm"])
    def test_a_decision_is_final(self, quarantine: Quarantine, first: str, second: str) -> None:
        held = quarantine.hold(upload(), verdict())
        getattr(quarantine, first)(held, "rita", "asked the sender")
        before = quarantine.show(held)
        with pytest.raises(IllegalMove, match="only held transfers"):
            getattr(quarantine, second)(held, "ben", "")
        assert quarantine.show(held) == before

    def test_every_move_is_remembered(self, quarantine: Quarantine, clock: Clock) -> None:
        held = quarantine.hold(upload(), verdict())
        clock.now += 60
        quarantine.deny(held, "rita", "not hers to send")
        moves = [
            (move.state, move.reviewer, move.reason, move.time[14:19]) for move in quarantine.show(held).moves
        ]
        assert moves == [
            (State.HELD, "", "502 customers", "13:20"),
            (State.DENIED, "rita", "not hers to send", "14:20"),
        ]

    def test_an_unknown_id_is_refused_with_the_next_step(
        self, quarantine: Quarantine, keys: tuple[Path, Path]
    ) -> None:
        with pytest.raises(ValueError, match="exfilter quarantine list"):
            quarantine.show("t-x")
        with pytest.raises(ValueError, match="exfilter quarantine list"):
            quarantine.deny("t-x", "", "")
        with pytest.raises(ValueError, match="exfilter quarantine list"):
            quarantine.export("t-x", keys[0], Path("/nowhere"))

    def test_of_several_reviewers_at_once_one_decides(self, quarantine: Quarantine, tmp_path: Path) -> None:
        held = quarantine.hold(upload(), verdict())

        def decide(how: str) -> bool:
            with Quarantine.open(tmp_path / "quarantine") as mine:
                try:
                    getattr(mine, how)(held, how, "")
                except IllegalMove:
                    return False
                return True

        done = side_by_side([partial(decide, how) for how in ("release", "deny", "confirm") * 2])
        assert sum(done) == 1
        assert len(quarantine.show(held).moves) == 2


class TestRedeem:
    def test_a_released_transfer_passes_once(self, quarantine: Quarantine) -> None:
        held = quarantine.hold(upload(), verdict())
        assert quarantine.redeem(upload(), POLICY, INDEX) is None
        quarantine.release(held, "rita", "")
        assert quarantine.redeem(upload(), POLICY, INDEX) == held
        assert quarantine.redeem(upload(), POLICY, INDEX) is None
        assert quarantine.show(held).redeemed

    def test_what_is_held_again_afterwards_is_a_new_entry(self, quarantine: Quarantine) -> None:
        held = quarantine.hold(upload(), verdict())
        quarantine.release(held, "rita", "")
        quarantine.redeem(upload(), POLICY, INDEX)
        assert quarantine.hold(upload(), verdict()) != held

    @pytest.mark.parametrize("decide", ["deny", "confirm"])
    def test_nothing_else_passes(self, quarantine: Quarantine, decide: str) -> None:
        getattr(quarantine, decide)(quarantine.hold(upload(), verdict()), "rita", "")
        assert quarantine.redeem(upload(), POLICY, INDEX) is None

    @pytest.mark.parametrize(
        "other",
        [
            upload(BODY[:-1]),
            upload(actor="ben"),
            upload(destination="other.example"),
            upload(url="https://files.example/elsewhere"),
            upload(headers=(("Host", "files.example"), ("Content-Type", "text/plain"))),
        ],
    )
    def test_only_the_exact_transfer_passes(self, quarantine: Quarantine, other: Transfer) -> None:
        held = quarantine.hold(upload(), verdict())
        quarantine.release(held, "rita", "")
        assert quarantine.redeem(other, POLICY, INDEX) is None
        assert quarantine.redeem(upload(), POLICY, INDEX) == held

    def test_a_fresh_cookie_does_not_matter(self, quarantine: Quarantine) -> None:
        held = quarantine.hold(upload(), verdict())
        quarantine.release(held, "rita", "")
        fresh = (
            ("host", "files.example"),
            ("content-type", "text/csv"),
            ("cookie", "s=2"),
            ("Date", "today"),
        )
        assert quarantine.redeem(upload(headers=fresh), POLICY, INDEX) == held

    @pytest.mark.parametrize(
        ("policy", "index", "later", "why"),
        [
            ("policy-2", INDEX, 0, "the policy changed"),
            (POLICY, "index-2", 0, "the index changed"),
            (POLICY, INDEX, 24 * 3600 + 1, "expired"),
        ],
    )
    def test_a_stale_release_does_not_pass_and_says_why(
        self, quarantine: Quarantine, clock: Clock, *, policy: str, index: str, later: int, why: str
    ) -> None:
        held = quarantine.hold(upload(), verdict())
        quarantine.release(held, "rita", "")
        clock.now += later
        assert quarantine.redeem(upload(), policy, index) is None
        assert why in (quarantine.show(held).refused or "")

    def test_a_release_lasts_as_long_as_was_said(self, quarantine: Quarantine, clock: Clock) -> None:
        held = quarantine.hold(upload(), verdict())
        quarantine.release(held, "rita", "", dt.timedelta(hours=1))
        clock.now += 3599
        assert quarantine.redeem(upload(), POLICY, INDEX) == held
        with pytest.raises(ValueError, match="positive"):
            quarantine.release(held, "rita", "", dt.timedelta())

    def test_a_release_by_which_nothing_was_sent_holds_again_and_says_why(
        self, quarantine: Quarantine, clock: Clock
    ) -> None:
        held = quarantine.hold(upload(), verdict())
        quarantine.restore(held)
        assert quarantine.show(held).state is State.HELD
        quarantine.release(held, "rita", "agreed", dt.timedelta(hours=1))
        assert quarantine.redeem(upload(), POLICY, INDEX) == held
        quarantine.restore(held)
        entry = quarantine.show(held)
        assert entry.redeemed is None
        assert "could not be reached; the release still holds" in (entry.refused or "")
        assert quarantine.redeem(upload(), POLICY, INDEX) == held
        assert quarantine.redeem(upload(), POLICY, INDEX) is None
        quarantine.restore(held)
        clock.now += 3601
        assert quarantine.redeem(upload(), POLICY, INDEX) is None, "no longer than was said"

    def test_several_processes_redeem_once(self, quarantine: Quarantine, tmp_path: Path) -> None:
        held = quarantine.hold(upload(), verdict())
        quarantine.release(held, "rita", "")
        out = run("redeem", tmp_path / "quarantine")
        assert sorted(out) == ["None"] * 5 + [held]


class TestBinding:
    def test_whatever_is_not_bound_is_handed_back_for_examination(self) -> None:
        headers = (*((name.title(), f"value of {name}") for name in sorted(VOLATILE)), ("X-Bound", "1"))
        rest = unbound(upload(headers=headers))
        assert rest.headers == headers[:-1]
        assert (rest.body, rest.url, rest.trailers) == (b"", "", ())
        assert digest(b"k", upload(headers=headers)) == digest(b"k", upload(headers=headers[-1:]))

    @given(
        *[
            st.lists(
                st.tuples(st.sampled_from(["a", "ab", "", "b"]), st.sampled_from(["a", "ba", ""])), max_size=3
            )
        ]
        * 2
    )
    def test_equal_digests_mean_equal_headers(
        self, one: list[tuple[str, str]], two: list[tuple[str, str]]
    ) -> None:
        same = digest(b"k", upload(headers=tuple(one))) == digest(b"k", upload(headers=tuple(two)))
        assert same is (one == two)

    def test_text_that_is_no_unicode_is_bound_too(self) -> None:
        assert digest(b"k", upload(url="\udcff")) != digest(b"k", upload(url="\udcfe"))


class TestExport:
    def test_the_whole_request_can_be_had(
        self, quarantine: Quarantine, keys: tuple[Path, Path], tmp_path: Path
    ) -> None:
        held = quarantine.hold(upload(b"x=1", headers=(("A", "1"), ("B", "\udcff"))), verdict())
        quarantine.export(held, keys[0], tmp_path / "out", request=True)
        assert (tmp_path / "out").read_bytes() == (
            b"POST https://files.example/up?name=hanna@mail.example HTTP/1.1\r\nA: 1\r\nB: \xff\r\n\r\n"
            b"x=1\r\nX-End: 1\r\n"
        )

    def test_it_is_its_owners_alone_and_overwrites_nothing(
        self, quarantine: Quarantine, keys: tuple[Path, Path], tmp_path: Path
    ) -> None:
        held = quarantine.hold(upload(), verdict())
        quarantine.export(held, keys[0], tmp_path / "out")
        assert mode(tmp_path / "out") == 0o600
        (tmp_path / "out").write_text("mine")
        with pytest.raises(FileExistsError, match="not overwritten"):
            quarantine.export(held, keys[0], tmp_path / "out")
        assert (tmp_path / "out").read_text() == "mine"

    def test_another_key_opens_nothing(self, quarantine: Quarantine, tmp_path: Path) -> None:
        held = quarantine.hold(upload(), verdict())
        generate_reviewer_key(tmp_path / "other.key", tmp_path / "other.txt")
        with pytest.raises(ValueError, match="no key opens it"):
            quarantine.export(held, tmp_path / "other.key", tmp_path / "out")
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        "damage", [lambda data: data[:-1], lambda data: data[:-9] + b"x" + data[-8:], lambda _: b""]
    )
    def test_a_damaged_body_leaves_nothing_behind(
        self,
        quarantine: Quarantine,
        keys: tuple[Path, Path],
        tmp_path: Path,
        damage: Callable[[bytes], bytes],
    ) -> None:
        held = quarantine.hold(upload(bytes(200_000)), verdict())
        file = tmp_path / "quarantine" / "bodies" / f"{held}.age"
        file.write_bytes(damage(file.read_bytes()))
        with pytest.raises(ValueError, match=r"damaged|no key opens"):
            quarantine.export(held, keys[0], tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert quarantine.verify().damaged == (held,)

    def test_a_body_under_another_id_is_refused(
        self, quarantine: Quarantine, keys: tuple[Path, Path], tmp_path: Path
    ) -> None:
        one, two = (quarantine.hold(upload(body), verdict()) for body in (b"1", b"2"))
        bodies = tmp_path / "quarantine" / "bodies"
        (bodies / f"{one}.age").write_bytes((bodies / f"{two}.age").read_bytes())
        with pytest.raises(ValueError, match="holds another transfer"):
            quarantine.export(one, keys[0], tmp_path / "out")

    def test_a_forged_body_under_the_right_id_is_refused(
        self, quarantine: Quarantine, keys: tuple[Path, Path], tmp_path: Path
    ) -> None:
        held = quarantine.hold(upload(b"1"), verdict())
        file = tmp_path / "quarantine" / "bodies" / f"{held}.age"
        identity = pyrage.x25519.Identity.from_str(keys[0].read_text().splitlines()[-1])
        plain = pyrage.decrypt(file.read_bytes(), [identity])
        file.write_bytes(pyrage.encrypt(plain[:-1] + b"2", [identity.to_public()]))
        with pytest.raises(ValueError, match="holds another transfer"):
            quarantine.export(held, keys[0], tmp_path / "out")
        assert not (tmp_path / "out").exists()


class TestKeys:
    def test_they_are_written_once(self, tmp_path: Path, keys: tuple[Path, Path]) -> None:
        before = keys[0].read_bytes()
        assert mode(keys[0]) == 0o600
        for pair in (keys, (tmp_path / "new", keys[1]), (keys[0], tmp_path / "new")):
            with pytest.raises(FileExistsError, match="not overwritten"):
                generate_reviewer_key(*pair)
        assert keys[0].read_bytes() == before
        assert not (tmp_path / "new").exists()

    def test_a_private_key_that_others_can_read_is_refused(
        self, quarantine: Quarantine, keys: tuple[Path, Path], tmp_path: Path
    ) -> None:
        held = quarantine.hold(upload(), verdict())
        keys[0].chmod(0o640)
        with pytest.raises(PermissionError, match="chmod 600"):
            quarantine.export(held, keys[0], tmp_path / "out")

    def test_a_private_key_among_the_public_ones_is_not_repeated(
        self, tmp_path: Path, keys: tuple[Path, Path]
    ) -> None:
        with pytest.raises(ValueError, match=r"reviewer\.key:2: not an age public key") as caught:
            Quarantine.open(tmp_path / "q", keys[0])
        assert "SECRET" not in str(caught.value)

    @pytest.mark.parametrize("text", ["", "# none\n", "AGE-SECRET-KEY-1FOO\n"])
    def test_a_file_without_a_private_key_is_refused(
        self, quarantine: Quarantine, tmp_path: Path, text: str
    ) -> None:
        held = quarantine.hold(upload(), verdict())
        (tmp_path / "k").write_text(text)
        (tmp_path / "k").chmod(0o600)
        with pytest.raises(ValueError, match="backup"):
            quarantine.export(held, tmp_path / "k", tmp_path / "out")

    @pytest.mark.parametrize("text", ["", "\n", "# nobody yet\n"])
    def test_a_file_of_reviewers_that_names_nobody_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "reviewers.txt").write_text(text)
        with pytest.raises(ValueError, match=r"reviewers\.txt: holds no public key"):
            Quarantine.open(tmp_path / "q", tmp_path / "reviewers.txt")

    def test_all_reviewers_can_open(self, tmp_path: Path, keys: tuple[Path, Path]) -> None:
        generate_reviewer_key(tmp_path / "second.key", tmp_path / "second.txt")
        both = [line for file in (keys[1], tmp_path / "second.txt") for line in file.read_text().splitlines()]
        with Quarantine.open(tmp_path / "q", both) as opened:
            held = opened.hold(upload(), verdict())
            for number, key in enumerate((keys[0], tmp_path / "second.key")):
                opened.export(held, key, tmp_path / f"out{number}")

    def test_a_lost_digest_key_is_noticed(self, quarantine: Quarantine, tmp_path: Path) -> None:
        quarantine.hold(upload(), verdict())
        (tmp_path / "quarantine" / "digest.key").unlink()
        with pytest.raises(ValueError, match="backup"):
            Quarantine.open(tmp_path / "quarantine")


class TestDatabase:
    def test_a_newer_schema_is_refused(self, quarantine: Quarantine, tmp_path: Path) -> None:
        quarantine.close()
        with closing(
            sqlite3.connect(tmp_path / "quarantine" / "quarantine.sqlite", isolation_level=None)
        ) as other:
            other.execute("PRAGMA user_version = 99")
        with pytest.raises(ValueError, match=r"schema 99, .* newer exfilter"):
            Quarantine.open(tmp_path / "quarantine")

    def test_a_file_that_is_no_database_is_refused(self, quarantine: Quarantine, tmp_path: Path) -> None:
        quarantine.close()
        (tmp_path / "quarantine" / "quarantine.sqlite").write_bytes(b"something else" * 500)
        with pytest.raises(OSError, match="not a database"):
            Quarantine.open(tmp_path / "quarantine")

    def test_several_processes_make_it_at_once(self, tmp_path: Path, keys: tuple[Path, Path]) -> None:
        def make() -> int:
            with Quarantine.open(tmp_path / "q", keys[1]) as mine:
                return len(mine.entries())

        assert side_by_side([make] * 6) == [0] * 6


class TestVerify:
    def test_a_whole_quarantine_is_whole(self, quarantine: Quarantine) -> None:
        quarantine.hold(upload(), verdict())
        found = quarantine.verify()
        assert found.whole
        assert (found.checked, found.orphans) == (1, ())

    def test_a_missing_body_and_one_without_an_entry_are_named(
        self, quarantine: Quarantine, tmp_path: Path
    ) -> None:
        held = quarantine.hold(upload(), verdict())
        bodies = tmp_path / "quarantine" / "bodies"
        (bodies / f"{held}.age").rename(bodies / "t-else.age")
        found = quarantine.verify()
        assert (found.missing, found.orphans, found.whole) == ((held,), ("t-else.age",), False)


class TestEntries:
    @pytest.mark.parametrize(
        ("provenance", "shown"),
        [
            ("request.body", "request.body"),
            ('request.body > multipart[2] "q3.csv" > row[7]', "request.body > multipart[2] > row[7]"),
            ('zip "a > hanna > b" > sheet "x"', "zip"),
            ('form "name\\"hanna" > text', "form > text"),
            ("hanna@mail.example > json", "… > json"),
            ("2125550123", "…"),
            ("zip hanna.txt", "…"),
            ('"hanna', "…"),
        ],
    )
    def test_an_outline_holds_nothing_that_the_sender_named(self, provenance: str, shown: str) -> None:
        assert outline(provenance) == shown

    @given(st.text())
    def test_printable_text_is_printable_and_short(self, text: str) -> None:
        assert printable(text).isprintable()
        assert len(printable(text)) <= 255

    def test_a_hostile_actor_reaches_no_terminal(self, quarantine: Quarantine) -> None:
        shown = Shown("a\x1b[2J\nb\udcff", "\u202e", "other")
        entry = quarantine.show(quarantine.hold(upload(), verdict(shown=shown)))
        assert entry.actor == "a\\x1b[2J\\nb\\udcff"
        assert entry.destination == "\\u202e"


PROGRAM = """
import os, random, signal, sys, time
from pathlib import Path
from exfilter.quarantine import Quarantine
from tests.test_quarantine import INDEX, POLICY, Clock, body, upload, verdict

def child(work, *given):
    pid = os.fork()
    if not pid:
        try:
            work(*given)
        finally:
            os._exit(0)
    return pid

def say(text):
    os.write(1, (text + "\\n").encode())

def hold(seed, told):
    with Quarantine.open(folder, folder.parent / "reviewers.txt") as mine:
        for number in range(seed, seed + 1000):
            say(f"{mine.hold(upload(body(number)), verdict())} {number}")
            os.write(told, b"x")

def redeem(gate):
    with Quarantine.open(folder, (), Clock()) as mine:
        os.read(gate, 1)
        say(str(mine.redeem(upload(), POLICY, INDEX)))

folder = Path(sys.argv[2])
if sys.argv[1] == "hold":
    chance = random.Random(7)
    for turn in range(12):
        heard, told = os.pipe()
        pids = [child(hold, 10_000 * turn + 1_000 * side, told) for side in range(2)]
        for pid in pids:
            for _ in range(turn % 4):
                os.read(heard, 1)
            time.sleep(chance.uniform(0.0, 0.02))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(heard)
        os.close(told)
else:
    ready, go = os.pipe()
    pids = [child(redeem, ready) for _ in range(6)]
    os.write(go, b"x" * 6)
    for pid in pids:
        os.waitpid(pid, 0)
"""


def body(number: int) -> bytes:
    rng = random.Random(number)
    return rng.randbytes(rng.choice((10, 5_000, 300_000)))


def run(what: str, folder: Path) -> list[str]:
    program = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, what, str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, stdout=subprocess.PIPE, check=True, env=environment, timeout=100)
    return done.stdout.decode().split("\n")[:-1]


def side_by_side[Result](works: list[Callable[[], Result]]) -> list[Result]:
    results: list[Result] = []
    barrier = threading.Barrier(len(works))

    def work(each: Callable[[], Result]) -> None:
        barrier.wait()
        results.append(each())

    threads = [threading.Thread(target=work, args=(each,)) for each in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_killed_at_any_moment_what_was_said_to_be_held_is_there(
    tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    told = [line.split() for line in run("hold", tmp_path / "quarantine")]
    assert len(told) >= 2 * sum(turn % 4 for turn in range(12))
    with Quarantine.open(tmp_path / "quarantine", keys[1]) as opened:
        assert opened.verify().whole
        held = {entry.id for entry in opened.entries(State.HELD)}
        assert {transfer_id for transfer_id, _ in told} <= held
        for transfer_id, number in told[:: max(1, len(told) // 60)]:
            out = tmp_path / transfer_id
            opened.export(transfer_id, keys[0], out)
            assert out.read_bytes() == body(int(number))
        assert opened.hold(upload(b"life goes on"), verdict())
