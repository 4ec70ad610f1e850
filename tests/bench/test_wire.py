"""The ends of a measured proxy: what is sent arrives, what is answered is counted, growth is seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench import ROOT
from bench.wire import doors, processes
from bench.wire.lanes import Lane, missing, plain
from bench.wire.load import Sample, growth
from fixtures.farend import certify

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("more", [(), ("--fresh",)])
@pytest.mark.parametrize("tls", [False, True])
def test_all_requests_go_through_a_bare_proxy(tmp_path: Path, tls: bool, more: tuple[str, ...]) -> None:  # noqa: FBT001
    ca, body = tmp_path / "ca.pem", tmp_path / "body"
    body.write_bytes(b"x" * 300_000)
    cores = os.sched_getaffinity(0)
    with (
        doors.far_end(certify(tmp_path, ca), cores) as (http, https),
        doors.bare(tmp_path / "bare", ca) as door,
    ):
        to = f"localhost:{https}" if tls else f"127.0.0.1:{http}"
        line = [sys.executable, "-m", "bench.wire.sender", "--proxy", door.address, "--to", to, *more]
        line += ["--body", str(body), "--bytes", "250000", "--connections", "2", "--requests", "3"]
        line += ["--ca", str(door.ca)] if tls else []
        before = processes.cpu(door.process)
        done = subprocess.run(line, input="go\n", capture_output=True, text=True, cwd=ROOT, check=True)
        assert processes.cpu(door.process) > before
        assert processes.resident(door.process, peak=True) >= processes.own(door.process) > 0
        assert processes.descriptors(door.process) > 3
    said = json.loads(done.stdout.removeprefix("ready\n"))
    assert said["statuses"] == {"200": 6}
    assert len(said["seconds"]) == 6


def test_a_line_that_is_missing_is_named(tmp_path: Path) -> None:
    lane = Lane("lane-00", None, plain, [("POST", False), ("POST", True)])  # type: ignore[arg-type]
    log = tmp_path / "decisions.jsonl"
    lines = [{"actor": "lane-00", "method": "POST", "held": held} for held in (False, True)]
    log.write_text("\n".join(map(json.dumps, lines)))
    assert missing([lane], log) == []
    log.write_text(json.dumps(lines[0]))
    assert missing([lane], log) == ["lane-00 (plain): 1 lines of 2 answers; they part at the end"]
    log.write_text("\n".join(map(json.dumps, [*lines, {"actor": "x", "method": "GET", "held": False}])))
    assert missing([lane], log) == ["1 lines of x, who sent nothing"]


def test_growth_is_told_from_a_start_that_takes_its_time() -> None:
    warm = [Sample(100, 0, 30, 1)] * 2 + [Sample(400_000_000, 0, 30, 1)] * 6
    assert growth(warm) == []
    leaking = [Sample(number * 100_000_000, 0, 30 + 10 * number, 1) for number in range(8)]
    assert [each.split(" ")[0] for each in growth(leaking)] == ["memory", "descriptors"]
    assert growth(warm[:3]) == ["too short to tell whether anything grows"]
