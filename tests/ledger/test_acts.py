"""The audit log in the database: a chain, whoever writes, and whatever happens while he does."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from exfilter.audit import GENESIS, Link, Signer
from exfilter.audit.verifying import Result, verify
from exfilter.ledger import Ledger, acts, noted, proof
from exfilter.ledger.tables import acts as table
from exfilter.ledger.tables import chain, checkpoints
from tests.ledger.conftest import SECRET, Opened
from tests.ledger.sending import Sent

DYING = """
import os, pathlib, signal, sys
from exfilter.ledger import Ledger, noted
ledger = Ledger.open(pathlib.Path(sys.argv[1]), bytes(32))
with ledger.database.transaction(writes=True) as connection:
    noted.note(connection, 2.0, "bob", "tidy", ["torn"], "")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def verified(ledger: Ledger, *trusted: str) -> Result:
    log = proof.read(ledger.database)
    return verify(log.links, log.end, log.checkpoints, set(trusted))


def alter(ledger: Ledger, statement: sa.Update | sa.Delete | sa.Insert) -> None:
    with ledger.database.transaction(writes=True) as connection:
        connection.execute(statement)


def test_an_empty_log_is_whole(ledger: Ledger) -> None:
    assert verified(ledger) == Result(0, 0, 0, None)


def test_several_doors_write_one_chain(opened: Opened) -> None:
    doors = [opened() for _ in range(4)]

    def write(ledger: Ledger) -> None:
        for number in range(10):
            acts.record(ledger, "ann", acts.TIDY, [f"a {number}", f"b {number}"], "")
            ledger.response.suspend(f"actor {threading.get_ident()} {number}", "ann", "why", ())

    threads = [threading.Thread(target=write, args=[door]) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = verified(doors[0])
    assert result.fault is None
    assert result.entries == 4 * 10 * 3
    log = proof.read(doors[0].database)
    assert [link.number for link in log.links] == list(range(1, 121))


def test_each_change_of_the_stored_log_is_named(ledger: Ledger, tmp_path: Path) -> None:
    acts.record(ledger, "ann", acts.TIDY, [f"s {number}" for number in range(6)], "")
    key = tmp_path / "audit.key"
    signer = Signer(key)
    assert proof.sign(ledger.database, key, 5.0)
    assert proof.sign(ledger.database, key, 6.0) is None
    assert verified(ledger, signer.public) == Result(6, 1, 6, None)
    alter(ledger, sa.delete(table).where(table.c.number == 3))
    found = verified(ledger, signer.public).fault
    assert found
    assert (found.number, found.kind) == (4, "missing")
    alter(ledger, sa.delete(table).where(table.c.number > 4))
    alter(ledger, sa.delete(chain))
    found = verified(ledger, signer.public).fault
    assert found is not None


def test_a_door_that_is_killed_in_the_middle_of_an_act_leaves_a_whole_log(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    ledger = Ledger.open(file, SECRET)
    acts.record(ledger, "ann", acts.TIDY, ["before"], "")
    ledger.close()
    done = subprocess.run([sys.executable, "-c", DYING, str(file)], check=False)
    assert done.returncode == -signal.SIGKILL
    ledger = Ledger.open(file, SECRET)
    assert [act.subject for act in acts.listed(ledger.database)] == ["before"]
    acts.record(ledger, "ann", acts.TIDY, ["after"], "")
    assert verified(ledger) == Result(2, 0, 0, None)
    ledger.close()


def test_an_act_whose_transaction_fails_was_not_done(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.database.transaction(writes=True) as connection:
            noted.note(connection, 2.0, "bob", "tidy", ["undone"], "")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    acts.record(ledger, "ann", acts.TIDY, ["done"], "")
    assert verified(ledger) == Result(1, 0, 0, None)


def test_what_becomes_of_a_held_transfer_is_written_down_once(ledger: Ledger) -> None:
    _, entry = Sent(frozenset({1, 2}), holds=True).enter(ledger)
    for _ in range(3):  # the sender tries again
        ledger.kept(entry, "t-abc")
    ledger.sent(entry, "t-abc")
    ledger.restored("t-abc")
    told = [(act.who, act.act, act.subject) for act in acts.listed(ledger.database)]
    assert told == [("exfilter", act, "t-abc") for act in ("take back", "let pass", "hold")]
    (_, content), *_ = proof.contents(ledger.database)
    about = json.loads(content.about)
    assert (about["customers"], about["verdict"]) == (2, "quarantine")
    assert verified(ledger).fault is None


def test_a_transfer_that_is_held_for_what_could_not_be_read_is_written_down_too(ledger: Ledger) -> None:
    _, entry = Sent(frozenset(), holds=True).enter(ledger)
    ledger.kept(entry, "t-abc")
    assert [act.act for act in acts.listed(ledger.database)] == ["hold"]


def test_a_log_that_contradicts_what_was_signed_is_not_signed_anew(ledger: Ledger, tmp_path: Path) -> None:
    key = tmp_path / "audit.key"
    acts.record(ledger, "ann", acts.TIDY, ["one", "two"], "")
    proof.sign(ledger.database, key, 5.0)
    # All of it, as if there had never been a chain; also what was signed.
    alter(ledger, sa.update(table).values(previous="", hash="", who="bob"))
    alter(ledger, sa.delete(checkpoints))
    alter(ledger, sa.update(chain).values(number=0, hash=GENESIS))
    acts.record(ledger, "ann", acts.TIDY, ["three"], "")
    assert verified(ledger).fault
    with pytest.raises(ValueError, match="not whole and was not signed"):
        proof.sign(ledger.database, key, 6.0)
    # Hashed anew with care: what lies beside the key says other.
    told = [content for _, content in proof.contents(ledger.database)]
    head = GENESIS
    for number, content in enumerate(told, 1):
        link = Link.after(number, head, content.digest())
        here = table.c.number == number
        alter(ledger, sa.update(table).where(here).values(previous=head, hash=link.hash))
        head = link.hash
    alter(ledger, sa.update(chain).values(number=len(told), hash=head))
    assert verified(ledger).fault is None
    log = proof.read(ledger.database)
    found = verify(log.links, log.end, proof.kept(key), {Signer(key).public}).fault
    assert found
    assert (found.number, found.kind) == (2, "rewritten")
    with pytest.raises(ValueError, match="not whole and was not signed"):
        proof.sign(ledger.database, key, 6.0)


@pytest.mark.parametrize("change", [{"time": 9e999}, {"who": b"\xff"}, {"hash": b"\x00"}, {"about": None}])
def test_what_no_door_writes_is_named_whatever_it_is(tmp_path: Path, change: dict[str, object]) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite", SECRET)
    acts.record(ledger, "ann", acts.TIDY, ["one", "two", "three"], "")
    ((column, value),) = change.items()
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as plain:
        plain.execute("PRAGMA ignore_check_constraints = ON")
        with contextlib.suppress(sqlite3.IntegrityError):
            plain.execute(f"UPDATE acts SET {column} = ? WHERE number = 2", [value])
            plain.execute("INSERT INTO chain VALUES (7, 9, 'x')")
            plain.execute("INSERT INTO checkpoints VALUES (2, 'x', x'00', 9e999, x'00')")
            plain.commit()
            found = verified(ledger).fault
            assert found
            assert acts.listed(ledger.database)
    acts.record(ledger, "ann", acts.TIDY, ["four"], "")
    ledger.close()
