"""The driver, with an engine that does what it is told: every file has one result, whatever is lost."""

from __future__ import annotations

import errno
import json
import os
import tracemalloc
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from exfilter.bulk import finished, report
from exfilter.bulk.run import Run
from exfilter.bulk.state import Settled, State, Totals, urls_as_text
from exfilter.bulk.tables import items
from exfilter.bulk.tasks import Answer, Lost, Task
from exfilter.model import Findings, Reason, Versions
from exfilter.stores import Item
from tests.bulk.filled import ROOT, File, many
from tests.bulk.filled import run as invented

VERSIONS = Versions(exfilter="1", canonicaliser=1, kernel="native", index="i", policy="p")
NOBODY = np.zeros(0, dtype=np.int64)


class Killed(BaseException):
    """The driver ends here."""


@dataclass(slots=True)
class Told:
    """An engine. ``loses``: how often a worker dies, by file; ``ends``: after how many answers we do.

    ``silent``: how often the store does not give a file.
    """

    loses: Counter[str] = field(default_factory=Counter)
    ends: int = -1
    silent: Counter[str] = field(default_factory=Counter)
    read: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)

    def answers(
        self, tasks: Iterable[Task], *, alone: bool
    ) -> Generator[tuple[Task, Answer | Lost], None, None]:
        for task in tasks:
            if alone:
                self.alone.append(task.item.key)
            if self.ends == 0:
                raise Killed
            self.ends -= 1
            if self.loses[task.item.key]:
                self.loses[task.item.key] -= 1
                yield task, Lost(Reason.DEADLINE)
            elif self.silent[task.item.key]:
                self.silent[task.item.key] -= 1
                yield task, Answer(None, "the store could not be read", passing=True)
            else:
                self.read.append(f"{task.item.key}:{task.start}")
                digest = Path(task.item.url).read_bytes()[:8]
                yield task, Answer(Findings(NOBODY, 0, NOBODY, {}, {}, (), task.weight), digest=digest)


@dataclass(slots=True)
class Judged:
    """What settles files. ``full``: after so many decisions, no more can be written down."""

    full: int = -1
    recorded: list[str] = field(default_factory=list)

    def __call__(self, item: Item, answer: Answer) -> Settled:
        problem = answer.reason.value if answer.findings is None else ""
        size = answer.findings.bytes if answer.findings else 0
        result = {
            "path": item.key, "rule": "default", "customers": 1, "identified": 1, "estimated": 0,
            "customer_ids": ["C1"], "fields": {"email": 1}, "unscanned": [], "bytes": size, "seconds": 0.5,
        }  # fmt: skip
        kept = json.dumps(result)
        return Settled(
            kept, "2026-11-23", held=False, customers=1, unread=problem, decision=item.key.encode()
        )

    def record(self, decisions: Iterable[bytes]) -> None:
        self.recorded += (each.decode() for each in decisions)
        if 0 <= self.full < len(self.recorded):
            raise OSError(errno.ENOSPC, "no space is left for decisions")


def results(state: State) -> list[str]:
    return list(finished.results(state))


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(7):
        (folder / f"{number}").write_bytes(b"line %d\n" % number * (1 if number else 100))
    return folder


def go(
    folder: Path,
    files: Path,
    engine: Told,
    versions: Versions = VERSIONS,
    *,
    again: bool = False,
    settle: Judged | None = None,
) -> list[str]:
    with closing(State(folder)) as state:
        run = Run(state, engine, settle or Judged(), length=300)
        run.begin([str(files)], versions)
        if again:
            run.again()
        run.go()
        return results(state)


def test_every_file_has_one_result_and_a_large_one_too(tmp_path: Path, files: Path) -> None:
    engine = Told()
    found = go(tmp_path / "run", files, engine)
    assert len(found) == 7
    assert (json.loads(found[0])["path"], json.loads(found[0])["bytes"]) == ("0", 700)
    assert sorted(engine.read) == sorted(["0:0", "0:300", "0:600", *(f"{each}:0" for each in range(1, 7))])


def test_a_file_that_loses_its_worker_once_is_read_and_twice_set_aside(tmp_path: Path, files: Path) -> None:
    engine = Told(Counter({"2": 1, "3": 2, "4": 9}))
    assert len(go(tmp_path / "run", files, engine)) == 7
    assert {"2:0"} == {each for each in engine.read if each[0] in "234"}
    with closing(State(tmp_path / "run")) as state:
        report.write(state, tmp_path / "run")
    assert summary(tmp_path / "run")["unscanned"] == {"deadline": 2}


def test_nothing_is_read_again_when_all_is_done(tmp_path: Path, files: Path) -> None:
    first = go(tmp_path / "run", files, Told())
    again = Told()
    assert go(tmp_path / "run", files, again) == first
    assert again.read == []


@given(st.lists(st.integers(0, 9), max_size=6), st.sets(st.integers(0, 6)))
def test_whenever_the_driver_dies_every_file_ends_with_one_result(
    tmp_path_factory: pytest.TempPathFactory, ends: list[int], lost: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    files = folder / "files"
    files.mkdir()
    for number in range(7):
        (files / f"{number}").write_bytes(b"line %d\n" % number * (1 if number else 100))
    loses = Counter({str(number): 1 for number in lost})
    for end in ends:
        with suppress(Killed):
            go(folder / "run", files, Told(loses, end))
    assert len(go(folder / "run", files, Told(loses))) == 7


def test_it_is_known_how_far_a_run_is(tmp_path: Path, files: Path) -> None:
    with closing(State(tmp_path / "run")) as state:
        assert state.totals() == Totals(0, 0, 0, 0)
    with suppress(Killed):
        go(tmp_path / "run", files, Told(ends=3))
    with closing(State(tmp_path / "run")) as state:
        far = state.totals()
    assert (far.files, far.bytes) == (7, sum(each.stat().st_size for each in files.iterdir()))
    go(tmp_path / "run", files, Told())
    with closing(State(tmp_path / "run")) as state:
        assert state.totals() == Totals(far.files, far.bytes, far.files, far.bytes)


def test_every_result_has_its_decision_recorded_once(tmp_path: Path, files: Path) -> None:
    settle = Judged()
    go(tmp_path / "run", files, Told(), settle=settle)
    assert sorted(settle.recorded) == sorted(each.name for each in files.iterdir())


@given(st.integers(0, 6), st.integers(1, 4))
def test_no_result_is_kept_whose_decision_is_not_recorded(
    tmp_path_factory: pytest.TempPathFactory, full: int, together: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    for number in range(7):
        (folder / f"{number}").write_bytes(b"line %d\n" % number)
    settle = Judged(full)
    with pytest.MonkeyPatch.context() as patch, closing(State(folder / "run")) as state:
        patch.setattr("exfilter.bulk.run.KEPT_TOGETHER", together)
        run = Run(state, Told(), settle)
        run.begin([str(folder / f"{number}") for number in range(7)], VERSIONS)
        with pytest.raises(OSError, match="no space"):
            run.go()
        assert len(results(state)) == full // together * together


def test_what_is_listed_stands_in_its_order_whether_it_is_read_in_ranges_or_not(tmp_path: Path) -> None:
    ranged = {1, 2, 5}
    found = [
        (Item("/share/", str(number), 600), [(0, 300), (300, 600)] if number in ranged else [])
        for number in range(7)
    ]
    with closing(State(tmp_path / "run")) as state:
        assert [list(state.list(some)) for some in (found[:3], found)] == [[3], [7]]  # it began again
        asked = list(state.todo(0))
    whole, parts = [each for each in asked if not each.ranged], [each for each in asked if each.ranged]
    assert [each.item.key for each in whole] == ["0", "3", "4", "6"]
    assert [(each.item.key, each.start) for each in parts] == [
        (str(number), start) for number in sorted(ranged) for start in (0, 300)
    ]
    assert [each.number for each in whole] == sorted(each.number for each in whole)


def test_a_run_of_other_files_is_refused(tmp_path: Path, files: Path) -> None:
    go(tmp_path / "run", files, Told())
    with pytest.raises(ValueError, match="began with other files"):
        go(tmp_path / "run", tmp_path, Told())


def test_with_another_index_what_is_finished_stays_and_ranges_of_the_old_one_are_read_again(
    tmp_path: Path, files: Path
) -> None:
    with suppress(Killed):
        go(tmp_path / "run", files, Told(ends=8))  # six whole files, two of three ranges
    newer = Told()
    assert len(go(tmp_path / "run", files, newer, replace(VERSIONS, index="j"))) == 7
    assert {"0:0", "0:300", "0:600"} <= set(newer.read)
    with closing(State(tmp_path / "run")) as state:
        named = {json.loads(line)["path"]: line for line in results(state)}
    assert len(named) == 7


def test_what_its_store_did_not_give_is_tried_again_and_then_set_aside(tmp_path: Path, files: Path) -> None:
    engine = Told(Counter({"5": 1}), silent=Counter({"2": 1, "3": 2, "0": 2}))
    assert len(go(tmp_path / "run", files, engine)) == 7
    assert "2:0" in engine.read
    assert "3:0" not in engine.read
    assert engine.alone == ["5"]  # who waits for a store is no danger to others


def test_again_reads_what_was_not_read_as_it_is_now_and_nothing_else(tmp_path: Path, files: Path) -> None:
    go(tmp_path / "run", files, Told(silent=Counter({"3": 2})))
    (files / "3").write_bytes(b"it is longer now\n" * 40)
    later = Told()
    found = go(tmp_path / "run", files, later, again=True)
    assert sorted(json.loads(line)["path"] for line in found) == list("0123456")
    assert later.read == ["3:0", "3:300", "3:600"]


def test_again_lists_a_folder_that_could_not_be_listed(tmp_path: Path, files: Path) -> None:
    with closing(State(tmp_path / "run")) as state:
        run = Run(state, Told(), Judged())
        state.tell({"urls": urls_as_text([str(files)]), "listed": "yes"})
        for _ in state.list([(Item(f"{files}/", "below", problem="permission denied"), [])]):
            pass
        run.begin([str(files)], VERSIONS)
        state.finish([(task, b"", Judged()(task.item, Answer(None, "x"))) for task in state.todo(0)])
        (files / "below").mkdir()
        (files / "below" / "one").write_bytes(b"one")
        (files / "below" / "out").symlink_to(tmp_path)
        run.again()
        found = {(task.item.key, task.item.problem) for task in state.todo(0)}
    assert found == {("below/one", ""), ("below/out", "symbolic link that leaves the folder")}


def test_two_drivers_never_work_on_one_run(tmp_path: Path) -> None:
    with closing(State(tmp_path / "run")), pytest.raises(BlockingIOError, match="another scan works"):
        State(tmp_path / "run")


def test_copies_are_named_and_count_once(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for name in "abc":
        (files / name).write_bytes(b"the same")
    go(tmp_path / "run", files, Told())
    with closing(State(tmp_path / "run")) as state:
        report.write(state, tmp_path / "run")
    counts = summary(tmp_path / "run")["all"]
    assert (counts["files"], counts["duplicates"], counts["customers_by_file"]) == (3, 2, 1)
    lines = (tmp_path / "run" / "results" / "jsonl" / "day=2026-11-23" / "part-0.jsonl").read_text()
    assert lines.count(f'"duplicate_of": "{files}/a"') == 2


def test_a_file_that_was_read_for_more_customers_is_no_copy_of_one_read_for_fewer(tmp_path: Path) -> None:
    """The first was read by an older index, or broke off when its time was over."""
    same = [
        File(name, customers=number, content=b"x") for name, number in zip("abcd", (0, 9, 9, 4), strict=True)
    ]
    with invented(tmp_path, same) as state:
        report.write(state, tmp_path)
        firsts = [row["duplicate_of"] for row in finished.rows(state)]
    counts = summary(tmp_path)["all"]
    assert (counts["files"], counts["duplicates"], counts["customers_by_file"]) == (4, 3, 9)
    assert firsts == [f"{ROOT}b", None, f"{ROOT}b", f"{ROOT}b"]


def test_a_size_that_no_file_has_costs_no_memory(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse.csv"
    sparse.write_bytes(b"a;b\n" * 20_000)
    os.truncate(sparse, 1 << 40)
    with closing(State(tmp_path / "run")) as state:
        Run(state, Told(), Judged(), length=300).begin([str(sparse)], VERSIONS)
        assert [(task.item.size, task.ranged) for task in state.todo(0)] == [(1 << 40, False)]


def test_who_may_change_the_folder_of_a_run_cannot_have_one_run_there(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="chmod go-w"):
        State(folder)
    assert list(folder.iterdir()) == []


def test_results_that_name_many_customers_are_in_memory_a_few_at_a_time(tmp_path: Path) -> None:
    with invented(tmp_path, many(40)) as state:
        text = json.dumps({"customer_ids": ["C" * (1 << 20)]})
        with state._database.transaction(writes=True) as connection:
            connection.execute(sa.update(items).values(result=text))
        tracemalloc.start()
        try:
            assert sum(1 for _ in finished.results(state)) == 40
            assert tracemalloc.get_traced_memory()[1] < 20 << 20
        finally:
            tracemalloc.stop()
