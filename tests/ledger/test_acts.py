"""The audit log in the database: a chain, whoever writes, and whatever happens while he does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from exfilter.audit import Signer
from exfilter.audit.verifying import Result, verify
from exfilter.ledger import Ledger, acts, noted, proof
from exfilter.ledger.tables import acts as table
from exfilter.ledger.tables import chain
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


def test_what_an_older_exfilter_wrote_is_chained_with_the_next_act(ledger: Ledger) -> None:
    old = [{"time": 1.0, "who": "ann", "act": "tidy", "subject": f"s {n}", "reason": ""} for n in range(3)]
    alter(ledger, sa.insert(table).values(old))
    assert verified(ledger).fault is None
    acts.record(ledger, "bob", acts.TIDY, ["new"], "")
    assert verified(ledger) == Result(4, 0, 0, None)
    alter(ledger, sa.update(table).where(table.c.subject == "s 1").values(who="eve"))
    found = verified(ledger).fault
    assert found
    assert (found.number, found.kind) == (2, "altered")


def test_each_change_of_the_stored_log_is_named(ledger: Ledger, tmp_path: Path) -> None:
    acts.record(ledger, "ann", acts.TIDY, [f"s {number}" for number in range(6)], "")
    signer = Signer(tmp_path / "audit.key")
    assert proof.sign(ledger.database, signer, 5.0)
    assert proof.sign(ledger.database, signer, 6.0) is None
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
