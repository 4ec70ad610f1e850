"""The decision log: one whole line a decision, whoever else writes and whatever the sender is called."""

from __future__ import annotations

import json
import os
import re
import resource
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.journal import Journal
from exfilter.model import Action, Findings, Reason, Shown, Transfer, Unscanned, Verdict, Versions

ROOT = Path(__file__).parent.parent
UPLOAD = Transfer(
    "proxy",
    b"hanna@mail.example",
    name="hanna.csv",
    actor="hanna",
    destination="hanna.files.example",
    method="POST",
    url="https://files.example/?q=hanna@mail.example",
    headers=(("X-Name", "hanna@mail.example"),),
    time=1_790_000_000.25,
)


SHOWN = Shown("h•••", "h•••.files.example", "POST", "h•••.csv")


def verdict(shown: Shown = SHOWN) -> Verdict:
    ordinals = np.arange(3, dtype=np.int64)
    unread = (Unscanned('zip "hanna.pdf"', Reason.ENCRYPTED, 7), Unscanned('zip "b"', Reason.ENCRYPTED, 5))
    fields = {"email": int(np.int64(3))}
    findings = Findings(ordinals, 2, ordinals, fields, {"secret": 1}, unread, 18)
    versions = Versions("0.1.0", 1, "reference", "i", "p")
    return Verdict(Action.ALERT, "several", "5 customers", versions, findings, shown=shown)


def record(journal: Journal, transfer: Transfer = UPLOAD, shown: Shown = SHOWN) -> None:
    journal.write(transfer, verdict(shown), transfer_id="t-1", seconds=0.1234567, audit_only=False, held=True)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def test_decisions_that_are_recorded_at_once_are_those_recorded_one_by_one(tmp_path: Path) -> None:
    alone, together = Journal(tmp_path / "alone"), Journal(tmp_path / "together")
    (tmp_path / "together").write_bytes(b'{"torn":')
    for _ in range(3):
        record(alone)
    line = together.line(UPLOAD, verdict(), transfer_id="t-1", seconds=0.1234567, audit_only=False, held=True)
    together.append([line] * 3)
    torn, *whole = (tmp_path / "together").read_bytes().splitlines(keepends=True)
    assert torn == b'{"torn":\n'
    assert b"".join(whole) == (tmp_path / "alone").read_bytes()


def test_a_line_holds_what_led_to_the_decision(tmp_path: Path) -> None:
    record(Journal(tmp_path / "log"))
    assert lines(tmp_path / "log") == [
        {
            "time": "2026-09-21T14:13:20.250000+00:00",
            "transfer_id": "t-1",
            "door": "proxy",
            "actor": "h•••",
            "destination": "h•••.files.example",
            "method": "POST",
            "file": "h•••.csv",
            "action": "alert",
            "rule": "several",
            "reason": "5 customers",
            "customers": 5,
            "identified": 3,
            "estimated": 2,
            "fields": {"email": 3},
            "canaries": {},
            "terms": {"secret": 1},
            "unscanned": [{"reason": "encrypted", "parts": 2, "bytes": 12}],
            "bytes": 18,
            "versions": {
                "exfilter": "0.1.0",
                "kernel": "reference",
                "canonicaliser": 1,
                "index": "i",
                "policy": "p",
            },
            "seconds": 0.123457,
            "held": True,
            "audit_only": False,
        }
    ]


def test_the_readme_has_the_keys_of_a_line_in_their_order(tmp_path: Path) -> None:
    record(Journal(tmp_path / "log"))
    (line,) = lines(tmp_path / "log")
    section = (ROOT / "README.md").read_text().partition("\n## The decision log\n")[2].partition("\n## ")[0]
    rows = [row.split(" | ") for row in section.splitlines() if row.startswith("| `")]
    assert [key for row in rows for key in re.findall(r"`(\w+)`", row[0])] == list(line)
    told = {row[0].strip("| `"): row[1] for row in rows}
    for key, inside in (("versions", line["versions"]), ("unscanned", line["unscanned"][0])):
        assert [word for word in re.findall(r"`(\w+)`", told[key]) if word in inside] == list(inside)


def test_an_actor_stands_there_as_the_journal_calls_him(tmp_path: Path) -> None:
    record(Journal(tmp_path / "log", lambda actor: f"p-{len(actor)}"), shown=Shown("hanna"))
    assert lines(tmp_path / "log")[0]["actor"] == "p-5"
    assert b"hanna" not in (tmp_path / "log").read_bytes()


@pytest.mark.parametrize("shown", [SHOWN, Shown()])
def test_no_value_url_header_or_name_as_it_is_reaches_it(tmp_path: Path, shown: Shown) -> None:
    record(Journal(tmp_path / "log"), replace(UPLOAD, method="HANNA@MAIL.EXAMPLE"), shown)
    assert b"hanna" not in (tmp_path / "log").read_bytes().lower()


def test_of_a_long_path_the_end_is_kept(tmp_path: Path) -> None:
    record(Journal(tmp_path / "log"), UPLOAD, Shown(file="a" * 1000 + "/q3.csv"))
    assert lines(tmp_path / "log")[0]["file"].endswith("aa/q3.csv")


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    record(Journal(tmp_path / "log"))
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


@given(st.text(st.characters(categories=None), max_size=30))
def test_no_name_can_forge_a_line(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    log = tmp_path_factory.mktemp("log") / "log"
    record(Journal(log), UPLOAD, Shown(name + '\n{"action":"allow"}\r\u2028', name, file=name))
    assert log.read_bytes().count(b"\n") == 1
    assert log.read_text("ascii").splitlines()[0].isprintable()
    assert lines(log)[0]["destination"] == name


def test_a_sender_does_not_choose_how_long_a_line_is(tmp_path: Path) -> None:
    record(Journal(tmp_path / "log"), UPLOAD, Shown("a" * 100_000, "b" * 100_000, file="c" * 100_000))
    assert (tmp_path / "log").stat().st_size < 2_000


def test_a_transfer_without_a_time_gets_the_clock(tmp_path: Path) -> None:
    record(Journal(tmp_path / "log", clock=lambda: 0.5), replace(UPLOAD, time=0.0))
    assert lines(tmp_path / "log")[0]["time"] == "1970-01-01T00:00:00.500000+00:00"


def test_a_log_that_cannot_be_written_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"No such file.* make it a file .*/no/log"):
        record(Journal(tmp_path / "no" / "log"))


def test_a_full_disk_raises_and_the_next_line_is_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    record(journal)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "log").stat().st_size + 100, hard))
    try:
        with pytest.raises(OSError, match="free space"):
            record(journal)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    record(journal)
    first, torn, last = (tmp_path / "log").read_bytes().split(b"\n")[:-1]
    assert len(torn) == 100
    assert json.loads(first) == json.loads(last)


def test_it_may_be_rotated(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    record(journal)
    (tmp_path / "log").rename(tmp_path / "log.1")
    record(journal)
    assert len(lines(tmp_path / "log")) == len(lines(tmp_path / "log.1")) == 1


PROGRAM = """
import os, sys
from pathlib import Path
from exfilter.journal import Journal
from exfilter.model import Shown
from tests.test_journal import UPLOAD, record

pids = []
for number in range(4):
    pid = os.fork()
    if not pid:
        for _ in range(100):
            record(Journal(Path(sys.argv[1])), UPLOAD, Shown(str(number) * 200))
        os._exit(0)
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
"""


def test_several_processes_write_whole_lines(tmp_path: Path) -> None:
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / "log")]
    subprocess.run(program, check=True, timeout=60, env=os.environ | {"PYTHONPATH": str(ROOT)})
    actors = [line["actor"] for line in lines(tmp_path / "log")]
    assert sorted(actors) == sorted(str(number) * 200 for number in range(4) for _ in range(100))


def test_several_threads_write_whole_lines(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: record(journal), range(200)))
    assert len(lines(tmp_path / "log")) == 200
