"""A rebuild keeps everybody's number, and at every moment there is a whole index."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import detectors
from detectors import emails
from exfilter.index import publish
from exfilter.index.build import Options, build
from exfilter.index.manifest import IndexRefused
from exfilter.index.store import Index, current
from exfilter.index.verify import verify
from tests.index.making import TABLE, VALUES, ids, key, make, opened, write


def _table(people: list[str]) -> str:
    return "id,email\n" + "".join(f"{person},{person}@post.example\n" for person in people)


def test_customers_keep_their_ordinals(tmp_path: Path) -> None:
    make(tmp_path, _table(["a", "b", "c"]))
    report = make(tmp_path, _table(["d", "c", "a"]))
    assert (report.customers, report.customers_new, report.customers_gone) == (3, 1, 1)
    index = opened(tmp_path)
    assert index.customer_ids(range(4)) == ["a", "b", "c", "d"]
    assert index.live.tolist() == [True, False, True, True]
    assert (index.customers, index.ordinals, index.statistics.customers) == (3, 4, 3)
    assert ids(index, emails.keys("b@post.example")) == [set()]


def test_a_customer_who_comes_back_gets_the_old_ordinal(tmp_path: Path) -> None:
    for people in (["a", "b"], ["a"], ["c", "b", "a"]):
        make(tmp_path, _table(people))
    assert opened(tmp_path).customer_ids(range(3)) == ["a", "b", "c"]


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1), min_size=1, max_size=5))
def test_an_ordinal_never_changes_its_customer(
    tmp_path_factory: pytest.TempPathFactory, tables: list[set[str]]
) -> None:
    folder = tmp_path_factory.mktemp("index")
    known: list[str] = []
    for people in tables:
        make(folder, _table(sorted(people, reverse=len(people) % 2 == 0)))
        index = verify(folder / "index", key())
        everybody = index.customer_ids(range(index.ordinals))
        assert everybody[: len(known)] == known
        assert {person for person, live in zip(everybody, index.live, strict=True) if live} == people
        assert [ids(index, emails.keys(f"{person}@post.example")) for person in sorted(people)] == [
            [{person}] for person in sorted(people)
        ]
        known = everybody


def test_an_upgrade_of_the_canonicaliser_keeps_the_ordinals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exfilter.index.build.CANONICALISER", detectors.CANONICALISER - 1)
    make(tmp_path, _table(["a", "b"]))
    monkeypatch.undo()
    with pytest.raises(IndexRefused, match="canonicaliser version 1, this exfilter has 2"):
        opened(tmp_path)
    make(tmp_path, _table(["b"]))
    assert opened(tmp_path).customer_ids([0, 1]) == ["a", "b"]


def test_an_index_of_another_key_is_not_overwritten(tmp_path: Path) -> None:
    make(tmp_path, _table(["a", "b"]))
    table = write(tmp_path, _table(["b"]))
    with pytest.raises(IndexRefused, match=r"another key.*--fresh"):
        build(table, tmp_path / "index", key(1), Options())
    assert opened(tmp_path).customers == 2
    build(table, tmp_path / "index", key(1), Options(fresh=True))
    assert Index.open(tmp_path / "index", key(1)).customer_ids([0]) == ["b"]


def test_altered_ids_are_not_taken_over(tmp_path: Path) -> None:
    report = make(tmp_path, _table(["a", "b"]))
    file = tmp_path / "index" / report.index / "customer_tags.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(IndexRefused, match=r"customer_tags.npy.*--fresh"):
        make(tmp_path, _table(["a"]))


def test_a_reader_of_the_old_index_goes_on_with_it(tmp_path: Path) -> None:
    make(tmp_path, _table(["a", "b"]))
    old = opened(tmp_path)
    for people in (["a"], ["b"], ["c"]):
        make(tmp_path, _table(people))
    assert ids(old, emails.keys("b@post.example")) == [{"b"}]
    versions = [file for file in (tmp_path / "index").iterdir() if file.is_dir()]
    assert len(versions) == 2
    assert current(tmp_path / "index") in {file.name for file in versions}


def test_the_same_table_again_is_the_same_index(tmp_path: Path) -> None:
    first = make(tmp_path).index
    assert [make(tmp_path).index for _ in range(3)] == [first] * 3
    assert verify(tmp_path / "index", key()).id == first


def test_a_table_that_cannot_be_read_leaves_the_old_index(tmp_path: Path) -> None:
    report = make(tmp_path)
    for content in ("", "a,b\n1,2\n", "id,email\n1\n"):
        with pytest.raises(ValueError, match=r"empty|no column|no row"):
            make(tmp_path, content)
    assert opened(tmp_path).id == report.index
    assert not list((tmp_path / "index").glob(".building*"))


def test_two_builds_at_once_are_one_too_many(tmp_path: Path) -> None:
    with (
        publish.building(tmp_path / "index"),
        pytest.raises(ValueError, match="another build or update is under way"),
    ):
        make(tmp_path)
    make(tmp_path)


def test_only_the_owner_reads_the_index(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make(tmp_path)
    finally:
        os.umask(before)
    for path in (tmp_path / "index", *(tmp_path / "index").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_no_file_of_the_index_holds_a_value_of_the_table(tmp_path: Path) -> None:
    make(tmp_path, TABLE + "C-0005,,,,Kowalska-77,\n")
    make(tmp_path, TABLE)
    for file in (tmp_path / "index").rglob("*"):
        content = file.read_bytes().lower() if file.is_file() else b""
        for value in VALUES:
            for codec in ("utf-8", "utf-16-le"):
                assert value.lower().encode(codec) not in content
        assert (12345678).to_bytes(8, "little") not in content


KILLED = """
import os, signal, sys
from pathlib import Path
from exfilter.index.build import Options, build
from exfilter.index.keys import IndexKey
from exfilter.index.verify import verify

table, index, key = Path(sys.argv[1]), Path(sys.argv[2]), IndexKey(bytes(range(32)))
step, alive, ids = 0, True, []
while alive:
    child = os.fork()
    if not child:
        seen = 0
        def hook(event, args):
            global seen
            if event in ("open", "os.rename", "os.mkdir", "shutil.rmtree") and str(index) in str(args[0]):
                seen += 1
                if seen > step:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        build(table, index, key, Options())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    alive = os.WIFSIGNALED(status)
    ids.append(verify(index, key).id)
    step += 1
print(step, *dict.fromkeys(ids))
"""


def test_killed_at_any_step_a_build_leaves_a_whole_index(tmp_path: Path) -> None:
    old = make(tmp_path, _table(["a", "b"])).index
    table = write(tmp_path, _table(["b", "c"]), "new.csv")
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(table), str(tmp_path / "index")],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    steps, *seen = run.stdout.split()
    assert int(steps) > 20
    assert seen[0] == old
    assert len(seen) == 2
    assert sorted(opened(tmp_path).customer_ids(range(3))) == ["a", "b", "c"]
    assert not list((tmp_path / "index").glob(".building*"))
