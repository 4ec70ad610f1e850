"""The store: several processes, crashes, expiry, a full disk, and no value in clear."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exfilter import settings
from exfilter.body import Filed
from exfilter.index import keys
from exfilter.model import Reason
from exfilter.policy import default_policy_text
from exfilter.scanner import Scanner
from exfilter.settings import Settings
from exfilter.uploads.assembly import Piece
from exfilter.uploads.request import Whole
from exfilter.uploads.sealed import BLOCK, Sealed
from exfilter.uploads.stitching import Plan, Stitching
from exfilter.uploads.store import Start
from fixtures.customers import customers
from tests.uploads import requests as r
from tests.uploads.conftest import LISTED, PEOPLE, Door, MakeDoor, cut, packed, people
from tests.uploads.test_judging import graph, s3


def test_nothing_stands_in_clear_on_the_disk(door: Door) -> None:
    text = people(15)
    door.send(r.part(1, text.encode()))
    one = next(iter(customers(PEOPLE)))
    door.send(r.block("aWQ" + one.email, packed(text)[:9000]))
    door.send(r.ranged(5, text.encode(), 10**6, f"https://up.example/{one.email}/{one.phone}"))
    files = [file for file in (door.folder / "uploads").rglob("*") if file.is_file()]
    stored = b"".join(file.read_bytes() for file in files)
    assert len(stored) > 3 * len(text)
    values = [
        v
        for each in customers(15)
        for v in (each.email, each.last_name, each.ticket_id, each.phone)
        if len(v) > 4
    ]
    assert values
    assert not [value for value in (*values, "boris", "up.example", "VXBsb2Fk") if value.encode() in stored]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_another_process_goes_on_where_the_first_was_killed(door: Door) -> None:
    first, *rest = graph(packed(people(60)), 4)
    assert door.passes(first)
    door.restart()
    assert door.passes(*rest[:-1])
    assert not door.passes(rest[-1])


def test_a_crash_between_keeping_and_counting_loses_nobody(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [r.part(number, people(15, 15 * number).encode()) for number in (1, 2)]
    with monkeypatch.context() as broken:
        broken.setattr(
            "exfilter.uploads.store.Store.count", lambda *_: (_ for _ in ()).throw(OSError("killed"))
        )
        with pytest.raises(OSError, match="killed"):
            door.send(pieces[0])
    door.restart()
    assert door.passes(pieces[0])
    assert not door.passes(pieces[1])


def test_a_full_disk_is_an_error_and_leaves_nothing(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.send(r.part(9, b"before"))
    full = OSError(errno.ENOSPC, "No space left on device")

    def refuse(*_: object) -> bytes:
        raise full

    monkeypatch.setattr("exfilter.uploads.sealed._nonce", refuse)
    with pytest.raises(OSError, match="No space"):
        door.send(r.part(1, b"a quiet line\n"))
    assert len(door.files) == 1


def test_pieces_expire_and_the_rest_of_their_upload_is_unscanned(door: Door) -> None:
    sent = graph(packed("quiet"), 4)
    assert door.passes(*sent[:2])
    door.now += 25 * 3600
    assert door.passes(sent[2])
    assert len(door.files) == 1
    verdict = door.send(sent[3])
    assert verdict.action.holds
    assert Reason.OPAQUE in {item.reason for item in verdict.findings.unscanned}


def test_who_was_found_before_an_upload_expired_still_counts(door: Door) -> None:
    assert door.passes(r.part(1, people(15).encode()))
    door.now += 25 * 3600
    assert not door.passes(r.part(2, people(15, 15).encode()))


def test_pieces_of_an_upload_that_takes_days_are_not_swept_away(door: Door) -> None:
    sent = s3(packed(people(60)), 4)
    for each in sent[:-1]:
        assert door.passes(each)
        door.now += 20 * 3600
        for file in door.files:
            os.utime(file, (1, 1))
    assert door.send(sent[-1]).rule == "many customers"


def test_a_refusal_expires_too_and_the_upload_can_not_be_completed_without_its_first_pieces(
    door: Door,
) -> None:
    sent = graph(people(60).encode(), 4)
    assert not door.passes(*sent)
    door.now += 25 * 3600
    assert door.send(sent[0]).findings.customers < 20
    door.now += 25 * 3600
    assert not door.passes(sent[-1])


def test_what_a_crash_left_behind_is_swept_away(door: Door) -> None:
    door.send(r.part(1, b"a quiet line\n"))
    left = door.folder / "uploads" / "pieces" / ("0" * 32)
    left.write_bytes(b"left")
    os.utime(left, (1, 1))
    door.now += 61
    door.send(r.part(2, b"a quiet line\n"))
    assert not left.exists()
    assert len(door.files) == 2


def test_an_altered_piece_is_an_error(door: Door) -> None:
    *pieces, last = s3(packed("quiet"), 2)
    assert door.passes(*pieces)
    file = door.files[0]
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(OSError, match="damaged"):
        door.send(last)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5])
def test_any_bytes_of_a_sealed_piece_are_read_back(tmp_path: Path, size: int) -> None:
    sealed, data = Sealed(tmp_path, bytes(32)), os.urandom(size)
    name = sealed.write(data[at : at + 70_001] for at in range(0, size, 70_001))
    for start, length in ((0, size), (size // 2, size - size // 2), (size // 3, size // 3)):
        assert b"".join(sealed.read(name, start, length)) == data[start : start + length]


def test_a_body_in_a_file_is_kept_like_one_in_memory(door: Door, tmp_path: Path) -> None:
    *pieces, last = s3(packed(people(60)), 2)
    for number, piece in enumerate(pieces):
        file = tmp_path / f"body{number}"
        file.write_bytes(bytes(piece.body))  # type: ignore[arg-type]
        with file.open("rb") as opened:
            assert door.passes(r.replace_body(piece, Filed(opened.fileno(), file.stat().st_size)))
    assert not door.passes(last)


def test_pieces_that_come_at_once_are_counted_together(door: Door) -> None:
    parts = [r.part(number, people(3, 3 * number).encode()) for number in range(16)]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(door.send, parts))
    assert len(door.forwarded) <= 6
    assert door.send(r.complete(*range(16))).rule == "upload-session"


def test_a_piece_whose_neighbours_go_while_it_is_read_is_refused_with_them(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert door.passes(r.part(1, people(15).encode()))
    seams = Stitching.seams

    def meanwhile(self: Stitching, piece: Piece, starts: Sequence[Start]) -> list[bytes]:
        monkeypatch.setattr(Stitching, "seams", seams)
        assert not door.passes(r.part(3, people(15, 30).encode()))
        return seams(self, piece, starts)

    monkeypatch.setattr(Stitching, "seams", meanwhile)
    assert not door.passes(r.part(2, people(1, 50).encode()))


def test_two_requests_that_complete_an_upload_at_once_both_pass(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    *pieces, commit = s3(packed("quiet"), 2)
    assert door.passes(*pieces)
    plan = Stitching.plan

    def meanwhile(self: Stitching, whole: Whole) -> Plan:
        found = plan(self, whole)
        monkeypatch.setattr(Stitching, "plan", plan)
        assert door.passes(commit)
        return found

    monkeypatch.setattr(Stitching, "plan", meanwhile)
    assert door.passes(commit)


def test_a_database_that_stays_locked_is_an_error(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exfilter.database.BUSY_SECONDS", 0)
    assert door.passes(r.part(1, b"a quiet line\n"))
    with sqlite3.connect(door.folder / "uploads" / "uploads.sqlite") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OSError, match="locked"):
            door.send(r.part(2, b"a quiet line\n"))
    assert len(door.files) == 1
    assert door.passes(r.part(2, b"a quiet line\n"))


def _upload(folder: Path, numbers: range) -> None:
    scanner = Scanner(settings.load(folder))
    for number in numbers:
        held = scanner.examine(r.part(number, people(3, 3 * number).encode()), lambda: False).action.holds
        (folder / "passed" / str(number)).write_text("" if held else "passed")


def test_pieces_that_several_processes_judge_are_counted_together(house: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    shutil.copytree(house.folder, folder)
    (folder / "passed").mkdir()
    (folder / "policy.toml").write_text(default_policy_text().replace("[uploads]\n", LISTED, 1))
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_upload, args=(folder, range(start, 16, 3))) for start in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    passed = [file for file in (folder / "passed").iterdir() if file.read_text()]
    assert 1 <= len(passed) <= 6
    assert len(list((folder / "passed").iterdir())) == 16


def test_a_folder_of_a_newer_exfilter_is_refused(door_with: MakeDoor, tmp_path: Path) -> None:
    door_with().send(r.part(1, b"x"))
    with sqlite3.connect(tmp_path / "uploads" / "uploads.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match="newer exfilter"):
        door_with().send(r.part(1, b"x"))


def test_uploads_that_an_older_exfilter_kept_go_on(door_with: MakeDoor, tmp_path: Path) -> None:
    text = people(3).encode()
    door_with().send(r.ranged(0, text[:90], len(text)))
    with sqlite3.connect(tmp_path / "uploads" / "uploads.sqlite") as database:
        database.execute("ALTER TABLE sessions DROP COLUMN exposed")
        database.execute("PRAGMA user_version = 1")
    found = door_with().send(r.ranged(90, text[90:], len(text))).findings
    assert len(found.identified) == 3
    assert set(found.exposed["email"]) <= set(found.identified)


def test_the_key_of_pieces_is_not_the_index_key(house: Settings) -> None:
    key = keys.load(house.index_key)
    assert key.subkey(keys.UPLOAD_PIECES, 32) != key.subkey(keys.UPLOAD_NAMES, 32)


def test_a_cut_is_a_cut() -> None:
    assert b"".join(piece for _, piece in cut(b"abcdefg", 3)) == b"abcdefg"
