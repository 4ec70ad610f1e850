"""``exfilter scan --cluster`` on several nodes: real ones, each with a cache of its own, and with TLS."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from fixtures.bodies import bodies
from fixtures.customers import customers, write_csv
from fixtures.servers import children, free_port, node, scheduler
from tests.cli.test_shares import PATIENCE, by_name, exfilter, scanned, start

pytest.importorskip("distributed", reason="the extra `shares` is not installed")

CUSTOMERS, SEED = 500, 17
FILES = 12
BROKE_OFF = "file: the scan of it broke off 2 times"
FAULTS = '''\
"""Faults of a worker, chosen by the names of files."""
import ctypes, dataclasses, time
import numpy as np
from exfilter.bulk import far, reading
from exfilter.stores import opened as whole
GRACE = far.GRACE
far.GRACE = 1.0
def opened(item):
    if "hang" in item.key:
        ctypes.PyDLL(None).sleep(1000)  # Keeps the interpreter's lock: no Python runs any more.
    if "slow" in item.key:
        time.sleep(0.2)
    return whole(item)
reading.opened = opened
if far.work.__name__ == "work":  # Dask runs this twice.
    work = far.work
def lie(tasks, done):
    for task, (number, start, answer) in zip(tasks, done):
        found = answer.findings
        if "few" in task.item.key:
            return
        if "large" in task.item.key:
            found = dataclasses.replace(found, identified=np.array([1 << 40]))
            answer = dataclasses.replace(answer, findings=found)
        if "other" in task.item.key:
            number += 1
        if "types" in task.item.key:
            answer = {"findings": None}
        if "empty" in task.item.key:
            answer = dataclasses.replace(answer, findings=None)
        yield (number, start, answer)
def lying(opening, tasks):
    if any("raise" in task.item.key for task in tasks):
        raise ZeroDivisionError
    done = work(opening, tasks)
    return list(lie(tasks, done)) if isinstance(done, list) else done
far.work = lying
'''


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nodes")
    write_csv(folder / "customers.csv", CUSTOMERS, SEED)
    for command in (("init", folder), ("index", "build", folder / "customers.csv", "--config", folder)):
        assert exfilter(*command)[0] == 0
    (folder / "exfilter.toml").write_text(f"deadline = {PATIENCE}\n")
    return folder


@pytest.fixture
def config(built: Path, tmp_path: Path) -> Path:
    """Copy the configuration: the test may move its index."""
    return Path(shutil.copytree(built, tmp_path / "config"))


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    body = next(each for each in bodies(list(customers(CUSTOMERS, SEED)), SEED) if each.name == "copied.csv")
    for number in range(FILES):
        (folder / f"{number}.slow.csv").write_bytes(body.data + b"\n" * number)
    return folder


@pytest.fixture
def faults(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "faults.py").write_text(FAULTS)
    return "--preload", str(tmp_path / "faults.py")


def home(folder: Path, name: str) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(folder / name)}


def copies(folder: Path, name: str) -> list[Path]:
    return [each for each in (folder / name / "exfilter" / "indexes").glob("*") if each.is_dir()]


def wait_for_listing(run: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the driver has its index open and wants its cluster."""
    while process.poll() is None:
        try:
            with closing(sqlite3.connect(f"file:{run / 'run.sqlite'}?mode=ro", uri=True)) as database:
                if database.execute("SELECT 1 FROM about WHERE name = 'listed'").fetchall():
                    return
        except sqlite3.OperationalError:
            pass
        time.sleep(0.05)
    raise AssertionError(process.communicate()[1].decode())


@contextmanager
def driver(config: Path, run: Path, share: Path, address: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a driver, and take its index away when it has it open: no worker finds it there."""
    process = start(
        "scan", share, "--config", config, "--run", run, "--cluster", address, "--format", "jsonl"
    )
    try:
        wait_for_listing(run, process)
        (config / "index").rename(config / "moved")
        yield process
    finally:
        process.kill()
        process.communicate()


def maps(process: int) -> str:
    return Path(f"/proc/{process}/maps").read_text()


def test_each_node_is_brought_the_index_once_and_its_workers_share_it(
    config: Path, share: Path, tmp_path: Path
) -> None:
    oracle = scanned(share, "--config", config)
    port = free_port()
    with (
        driver(config, tmp_path / "run", share, f"tcp://127.0.0.1:{port}") as process,
        scheduler(tmp_path, port=port) as address,
        node(tmp_path, address, home(tmp_path, "one")) as one,
        node(tmp_path, address, home(tmp_path, "two"), workers=1) as two,
    ):
        out, err = process.communicate(timeout=PATIENCE)
        assert by_name(out.decode()) == oracle, err.decode()
        nodes = {"one": one, "two": two}
        mapped = {name: [maps(each) for each in children(nanny)] for name, nanny in nodes.items()}
    (index,) = [each for each in (config / "moved").iterdir() if each.is_dir()]
    sent = {each.name: each.read_bytes() for each in index.iterdir() if each.name != "checked"}
    for name, theirs in mapped.items():
        (copy,) = copies(tmp_path, name)
        there = {each.name: each.read_bytes() for each in (copy / copy.name).iterdir()}
        assert {**there, "checked": b""} == {**sent, "checked": b""}
        assert {oct(each.stat().st_mode & 0o77) for each in (copy, *copy.rglob("*"))} == {"0o0"}
        users = [each for each in theirs if "records.npy" in each]
        assert users
        assert all(str(copy) in each for each in users)
    told = [each.read_bytes() for place in ("one", "two", "dask") for each in files(tmp_path / place)]
    told.append((tmp_path / "servers.log").read_bytes())
    people = list(customers(CUSTOMERS, SEED))
    values = {value.encode() for each in people for value in (each.email, each.ticket_id) if value}
    values.add((config / "index.key").read_bytes().strip())
    assert [data for data in told if any(value in data for value in values)] == []


def files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.rglob("*") if each.is_file())


def test_a_node_that_comes_later_is_brought_the_index_when_it_asks(
    config: Path, share: Path, tmp_path: Path, faults: tuple[str, str]
) -> None:
    port = free_port()
    with (
        driver(config, tmp_path / "run", share, f"tcp://127.0.0.1:{port}") as process,
        scheduler(tmp_path, port=port) as address,
    ):
        with node(tmp_path, address, home(tmp_path, "one"), *faults, workers=1):
            until = time.monotonic() + PATIENCE
            while not copies(tmp_path, "one") and time.monotonic() < until:
                time.sleep(0.05)
        with node(tmp_path, address, home(tmp_path, "two"), *faults, workers=1):
            out, err = process.communicate(timeout=PATIENCE)
    assert len(out.splitlines()) == FILES, err.decode()
    assert len(copies(tmp_path, "two")) == 1


def test_a_node_without_room_for_the_index_is_an_error_that_says_what_to_do(
    config: Path, share: Path, tmp_path: Path
) -> None:
    port = free_port()
    (tmp_path / "one").write_text("a file where a folder should be")
    with (
        driver(config, tmp_path / "run", share, f"tcp://127.0.0.1:{port}") as process,
        scheduler(tmp_path, port=port) as address,
        node(tmp_path, address, home(tmp_path, "one"), workers=1),
    ):
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    said = " ".join(err.decode().split())
    assert "the index cannot be kept there" in said
    assert "XDG_CACHE_HOME" in said


def test_a_file_over_which_a_worker_hangs_is_set_aside_and_all_others_are_read(
    config: Path, tmp_path: Path, faults: tuple[str, str]
) -> None:
    (config / "exfilter.toml").write_text("deadline = 4.0\n")
    share = tmp_path / "share"
    share.mkdir()
    for name in ("a.txt", "hang.txt", "z.txt"):
        (share / name).write_text(f"nobody in {name}")
    once = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with (
        scheduler(tmp_path, once) as address,
        node(tmp_path, address, home(tmp_path, "one"), *faults, workers=1),
    ):
        found = scanned(share, "--config", config, "--run", tmp_path / "run", "--cluster", address)
    unread = {name: [part["part"] for part in each["unscanned"]] for name, each in found.items()}
    assert unread == {"/a.txt": [], "/hang.txt": [BROKE_OFF], "/z.txt": []}


LIES = ("few", "large", "other", "types", "empty", "raise")


def test_answers_that_cannot_be_are_no_answers(config: Path, tmp_path: Path, faults: tuple[str, str]) -> None:
    share = tmp_path / "share"
    share.mkdir()
    for name in ("a", *LIES, "z"):
        (share / name).write_text(f"nobody in {name}")
    with (
        scheduler(tmp_path) as address,
        node(tmp_path, address, home(tmp_path, "one"), *faults, workers=1),
    ):
        found = scanned(share, "--config", config, "--run", tmp_path / "run", "--cluster", address)
    unread = {name[1:]: [part["part"] for part in each["unscanned"]] for name, each in found.items()}
    assert unread == {"a": [], "z": [], **{name: [BROKE_OFF] for name in LIES}}


ABSENT = 'import sys\nsys.modules["exfilter.bulk.node"] = None\n'
OTHER = """\
from exfilter.bulk import far
far.__version__ = "0.0.1"
"""


@pytest.mark.parametrize(
    ("fault", "says"),
    [(ABSENT, "has no exfilter, or another one"), (OTHER, "it has exfilter 0.0.1")],
    ids=["without exfilter", "with another one"],
)
def test_a_worker_that_is_none_of_ours_is_named(
    config: Path, share: Path, tmp_path: Path, fault: str, says: str
) -> None:
    (tmp_path / "fault.py").write_text(fault)
    options = ("--preload", str(tmp_path / "fault.py"))
    with (
        scheduler(tmp_path) as address,
        node(tmp_path, address, home(tmp_path, "one"), *options, workers=1),
    ):
        run = ("--run", tmp_path / "run", "--cluster", address)
        code, out, err = exfilter("scan", share, "--config", config, *run)
    assert (code, out) == (2, "")
    assert says in " ".join(err.split())
    assert "tcp://127.0.0.1:" in err
