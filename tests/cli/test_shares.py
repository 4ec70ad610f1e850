"""``exfilter scan --run`` as it is installed: here, on a real cluster, from a real object store.

The oracle is the plain scan of the same files.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exfilter.cli.shares import open_reader
from fixtures.bodies import bodies
from fixtures.customers import customers, write_csv
from fixtures.servers import Cluster, cluster, object_store

EXFILTER = str(Path(sys.executable).parent / "exfilter")
CUSTOMERS, SEED = 2_000, 11
COPIES = 12
DONE = {0, 1, 2}
PATIENCE = 300
"""Seconds, for a busy machine."""
TOGETHER = 256
"""Results of one transaction: so many may be judged again when the driver is killed."""
PRELOAD = '''\
"""A fault for a worker: a file of this name ends it."""
import os
from exfilter.bulk import reading
from exfilter.stores import opened as whole
def opened(item):
    if "poison" in item.key:
        os.abort()
    return whole(item)
reading.opened = opened
'''


def start(
    *arguments: str | Path, env: Mapping[str, str] | None = None, apart: bool = False
) -> subprocess.Popen[bytes]:
    """Start it; ``apart``: in a process group of its own."""
    command = [EXFILTER, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env={**os.environ, **(env or {})}, stdout=pipe, stderr=pipe, start_new_session=apart
    )


def exfilter(*arguments: str | Path, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    process = start(*arguments, env=env)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out.decode(), err.decode()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shares")
    write_csv(folder / "customers.csv", CUSTOMERS, SEED)
    for command in (("init", folder), ("index", "build", folder / "customers.csv", "--config", folder)):
        assert exfilter(*command)[0] == 0
    (folder / "exfilter.toml").write_text(f"deadline = {PATIENCE}\n")
    return folder


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with every fixture several times, each a little different, and one exact copy."""
    folder = tmp_path_factory.mktemp("share")
    made = [body for body in bodies(list(customers(CUSTOMERS, SEED)), SEED) if len(body.data) < 100_000]
    for number in range(COPIES):
        below = folder / f"team {number}"
        below.mkdir()
        for body in made:
            (below / body.name).write_bytes(body.data + b"\n" * number)
    (folder / "copy.csv").write_bytes((folder / "team 0" / "copied.csv").read_bytes())
    return folder


def scanned(*arguments: str | Path, env: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Return the results by the path below the share; each file stands there once."""
    code, out, err = exfilter("scan", "--format", "jsonl", *arguments, env=env)
    assert code in DONE, err
    assert "internal error" not in err
    return by_name(out)


def by_name(out: str) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in out.splitlines()]
    names = [each.pop("path") for each in found]
    shared = os.path.commonpath([name.replace("://", ":") for name in names])
    for each in found:
        del each["seconds"]
    named = dict(zip((name.replace("://", ":")[len(shared) :] for name in names), found, strict=True))
    assert len(named) == len(found)
    return named


@pytest.fixture(scope="module")
def oracle(config: Path, share: Path) -> dict[str, dict[str, Any]]:
    return scanned(share, "--config", config)


def finished(run: Path) -> dict[str, str]:
    """Return the results that are kept, as they are."""
    file = run / "run.sqlite"
    if not file.exists():
        return {}
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        try:
            rows = database.execute("SELECT key, result FROM items WHERE result IS NOT NULL").fetchall()
        except sqlite3.OperationalError:
            return {}
    return {key.decode(): result for key, result in rows}


def wait_for_some(run: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    while process.poll() is None:
        if found := finished(run):
            return found
        time.sleep(0.02)
    _, err = process.communicate()
    raise AssertionError(err.decode())


def test_a_run_says_what_the_plain_scan_says(
    config: Path, share: Path, oracle: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert scanned(share, "--config", config, "--run", run) == oracle
    summary = json.loads((run / "summary.json").read_text())
    assert summary["all"]["files"] == len(oracle)
    assert summary["all"]["duplicates"] == 1
    assert set(summary["folder"]) == {str(share), *(f"{share}/team {each}" for each in range(COPIES))}
    assert {oct(each.stat().st_mode & 0o77) for each in run.rglob("*")} == {"0o0"}


def test_results_are_parquet_too(config: Path, share: Path, tmp_path: Path) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    found = scanned(share / "team 1", "--config", config, "--run", tmp_path / "run")
    rows = dataset.dataset(tmp_path / "run" / "results" / "parquet", partitioning="hive").to_table()
    assert sorted(rows["customers"].to_pylist()) == sorted(each["customers"] for each in found.values())
    assert set(rows["owner"].to_pylist()) != {""}


def test_killed_and_resumed_every_file_has_one_result_and_none_is_scanned_twice(
    config: Path, share: Path, oracle: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    (config / "decisions.jsonl").unlink(missing_ok=True)
    process = start("scan", share, "--config", config, "--run", run, "--workers", "2")
    before = wait_for_some(run, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = finished(run)
    assert 0 < len(before) < len(oracle)
    assert scanned("--resume", run, "--config", config) == oracle
    after = finished(run)
    assert {key: after[key] for key in before} == before
    lines = (config / "decisions.jsonl").read_text().splitlines()
    assert len(oracle) <= len(lines) <= len(oracle) + TOGETHER


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_says_how_to_go_on_and_leaves_what_is_finished(
    config: Path, share: Path, oracle: dict[str, dict[str, Any]], tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "the run"
    process = start("scan", share, "--config", config, "--run", run, "--workers", "2", apart=True)
    wait_for_some(run, process)
    # As a terminal does: everybody in the group, also the workers.
    os.killpg(process.pid, number) if number is signal.SIGINT else process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    done = len(finished(run))
    assert 0 < done < len(oracle)
    assert (process.returncode, out) == (130, b"")
    lines = err.decode().splitlines()
    assert lines[0] == f"exfilter: stopped; {done} of {len(oracle)} files are finished"
    assert [line.partition(":")[0] for line in lines] == ["exfilter"] * 3
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["all"]["files"], summary["unfinished"]) == (done, len(oracle) - done)
    assert len([line for part in run.rglob("part-0.jsonl") for line in part.open()]) == done
    assert "This run is not finished" in (run / "report.html").read_text()
    command = shlex.split(lines[1].partition("go on with: ")[2])
    assert command[0] == "exfilter"
    assert scanned(*command[2:]) == oracle
    assert "This run is not finished" not in (run / "report.html").read_text()


def test_a_run_that_nobody_named_is_kept_and_its_name_is_told(config: Path, env: dict[str, str]) -> None:
    code, out, err = exfilter("scan", "s3://share/copy.csv", "--config", config, "--format", "jsonl", env=env)
    (name,) = re.findall(r"this run is kept in (\S+)", err)
    assert (code, Path(name).parent) == (1, config / "runs")
    again = exfilter("scan", "--resume", Path(name).name, "--config", config, "--format", "jsonl", env=env)
    assert again[:2] == (code, out)


def test_a_process_that_finds_another_index_than_the_driver_ends_the_run(config: Path) -> None:
    with pytest.raises(ValueError, match="the index was replaced"):
        open_reader(config, "that of before")


def test_a_run_is_not_begun_twice(config: Path, share: Path, tmp_path: Path) -> None:
    command = ("scan", share / "copy.csv", "--config", config, "--run", tmp_path / "run")
    assert exfilter(*command)[0] == 1
    code, _, err = exfilter(*command)
    assert (code, "--resume" in err) == (2, True)


def test_a_run_says_where_its_report_lies(config: Path, share: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    _, out, err = exfilter("scan", share / "copy.csv", "--config", config, "--run", run)
    assert err.splitlines()[-1] == f"exfilter: report: {run / 'report.html'}"
    assert "report" not in out


def test_a_share_without_a_file_is_told(config: Path, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    code, _, err = exfilter("scan", tmp_path / "share", "--config", config, "--run", tmp_path / "run")
    assert (code, "is the share mounted?" in err) == (0, True)


def test_a_run_that_was_told_a_relative_path_goes_on_from_elsewhere(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, run = tmp_path / "share" / "late.txt", tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    assert exfilter("scan", "share/late.txt", "--config", config, "--run", run)[0] == 2
    late.parent.mkdir()
    late.write_text("nobody in it")
    monkeypatch.chdir(config)
    code, out, err = exfilter("scan", "--resume", run, "--again", "--config", config, "--format", "jsonl")
    assert (code, json.loads(out)["path"]) == (0, str(late)), err


@pytest.mark.parametrize(
    "wrong", [("smb://server/share",), ("{share}", "--cluster", "127.0.0.1:9")], ids=["url", "cluster"]
)
def test_a_run_that_could_not_begin_begins_in_the_same_folder_once_its_mistake_is_mended(
    config: Path, share: Path, tmp_path: Path, wrong: tuple[str, ...]
) -> None:
    pytest.importorskip("distributed", reason="the extra `shares` is not installed")
    options = ("--config", config, "--run", tmp_path / "run")
    code, out, err = exfilter("scan", *(each.replace("{share}", str(share)) for each in wrong), *options)
    assert (code, out) == (2, ""), err
    assert "internal error" not in err
    assert exfilter("scan", share / "copy.csv", *options)[0] == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("x", "--again"), "give one"),
        (("x", "--run", "{run}", "--resume", "{run}"), "give one"),
        (("x", "--run", "{run}", "--reveal"), "keeps no values"),
        (("x", "--run", "{run}", "--cluster", "tcp://192.0.2.1:8786"), "give tls://"),
        ((), "name the files"),
        (("--run", "{run}"), "name what to scan"),
        (("--resume", "{run}"), "no run to resume"),
    ],
)
def test_what_makes_no_sense_is_said(
    config: Path, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    given = [option.replace("{run}", str(tmp_path / "run")) for option in options]
    code, out, err = exfilter("scan", *given, "--config", config)
    assert (code, out) == (2, "")
    assert says in err


@pytest.fixture(scope="module")
def env(share: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Put the share into an object store. Yield the way there."""
    obstore = pytest.importorskip("obstore", reason="the extra `shares` is not installed")
    pytest.importorskip("moto", reason="the development group is not installed")
    with object_store(tmp_path_factory.mktemp("store")) as env, pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        store = obstore.store.from_url("s3://share")
        for file in share.rglob("*"):
            if file.is_file():
                obstore.put(store, str(file.relative_to(share)), file.read_bytes())
        yield env


def test_an_object_store_says_what_the_folder_says(
    config: Path, env: dict[str, str], oracle: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    assert scanned("s3://share", "--config", config, "--run", tmp_path / "run", env=env) == oracle
    told = b"".join(each.read_bytes() for each in (tmp_path / "run").rglob("*") if each.is_file())
    assert b"invented-secret" not in told


@pytest.fixture(scope="module")
def workers(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    pytest.importorskip("distributed", reason="the extra `shares` is not installed")
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "poisoned.py").write_text(PRELOAD)
    with cluster(folder, env, "--preload", str(folder / "poisoned.py")) as found:
        yield found


def test_a_cluster_says_what_the_plain_scan_says_also_when_a_worker_and_the_driver_are_killed(
    config: Path,
    env: dict[str, str],
    workers: Cluster,
    oracle: dict[str, dict[str, Any]],
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    process = start(
        "scan", "s3://share", "--config", config, "--run", run, "--cluster", workers.address, env=env
    )
    wait_for_some(run, process)
    os.kill(workers.workers()[0], signal.SIGKILL)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = finished(run)
    found = scanned("--resume", run, "--config", config, "--cluster", workers.address, env=env)
    assert {name: each for name, each in found.items() if each != oracle.get(name)} == {}
    assert set(found) == set(oracle)
    after = finished(run)
    assert {key: after[key] for key in before} == before


def test_a_file_that_ends_its_workers_is_set_aside_and_all_others_are_read(
    config: Path, workers: Cluster, tmp_path: Path
) -> None:
    share = tmp_path / "share"
    share.mkdir()
    for name in ("a.txt", "poison.txt", "z.txt"):
        (share / name).write_text(f"nobody in {name}")
    found = scanned(share, "--config", config, "--run", tmp_path / "run", "--cluster", workers.address)
    unread = {name: [part["part"] for part in each["unscanned"]] for name, each in found.items()}
    assert unread == {
        "/a.txt": [],
        "/poison.txt": ["file: the scan of it broke off 2 times"],
        "/z.txt": [],
    }


def test_workers_find_what_was_named_by_a_relative_path(
    config: Path, workers: Cluster, share: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(share)
    options = ("--config", config, "--run", tmp_path / "run", "--cluster", workers.address)
    code, out, err = exfilter("scan", "copy.csv", "--format", "jsonl", *options)
    assert (code, json.loads(out)["path"]) == (1, str(share / "copy.csv")), err


def test_neither_key_nor_passwords_are_in_the_logs_of_the_cluster(
    config: Path, workers: Cluster, share: Path, tmp_path: Path
) -> None:
    scanned(share / "team 2", "--config", config, "--run", tmp_path / "run", "--cluster", workers.address)
    key = (config / "index.key").read_bytes().strip()
    folder = Path(f"/proc/{workers.nannies[0]}/cwd").readlink()
    told = b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())
    assert told
    assert key not in told


def test_a_file_read_in_ranges_has_one_result_with_everybody_in_it(config: Path, tmp_path: Path) -> None:
    lines = [f"{number};{'nothing here to see, ' * 20}" for number in range(180_000)]
    people = list(customers(CUSTOMERS, SEED))
    for place, person in zip(range(100, len(lines), 2_000), people, strict=False):
        lines[place] = f"{person.email};{person.ticket_id}"
    large = tmp_path / "large.csv"
    large.write_text("\n".join(lines))
    assert large.stat().st_size > 64 << 20
    plain = scanned(tmp_path / "large.csv", tmp_path / "none", "--config", config)
    run = scanned(large, tmp_path / "none", "--config", config, "--run", tmp_path / "run")
    assert plain["/large.csv"]["identified"] == run["/large.csv"]["identified"] > 80
    assert Counter(plain["/large.csv"]["customer_ids"]) == Counter(run["/large.csv"]["customer_ids"])
