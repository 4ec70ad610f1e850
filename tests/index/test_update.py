"""An update adds, changes and removes customers: all of it or nothing, over a base that stays as it is."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from detectors import emails, names, phones, tickets
from exfilter.index.arrays import KEPT
from exfilter.index.keys import IndexKey
from exfilter.index.manifest import IndexRefused
from exfilter.index.merge import merge
from exfilter.index.store import current
from exfilter.index.update import Request, update
from exfilter.index.update_report import UpdateReport
from exfilter.index.verify import _faults, verify
from exfilter.kernel.layer import NOBODY
from exfilter.model import Kind
from tests.index.making import TABLE, VALUES, ids, key, make, opened, write

ANNA = emails.keys("anna.kowalska@post.example")
HENRY = emails.keys("h.brown@mail.example")


def _update(
    folder: Path, changes: str = "", remove: str = "", *, by: IndexKey | None = None, **options: object
) -> UpdateReport:
    request = Request(
        write(folder, changes, "changes.csv") if changes else None,
        write(folder, remove, "gone.txt") if remove else None,
        **options,  # type: ignore[arg-type]
    )
    return update(folder / "index", by or key(), request)


def _versions(folder: Path) -> set[str]:
    return {file.name for file in (folder / "index").iterdir() if file.is_dir()}


def test_a_removed_customer_is_found_by_nothing_and_keeps_the_number(tmp_path: Path) -> None:
    make(tmp_path, region="US")
    report = _update(tmp_path, remove="C-0001\n")
    assert (report.removed, report.customers, report.unknown.count) == (1, 3, 0)
    index = verify(tmp_path / "index", key())
    for found in (*ANNA, *names.keys("anna", "kowalska"), *phones.keys("+1 212 555 0142", None)):
        assert ids(index, [found]) == [set()]
    assert ids(index, HENRY) == [{"C-0002"}] * len(HENRY)
    assert index.customer_ids([0]) == ["C-0001"]
    assert index.live.tolist() == [False, True, True, True]


def test_a_changed_customer_is_found_by_what_the_table_says_now_alone(tmp_path: Path) -> None:
    make(tmp_path)
    report = _update(tmp_path, "customer_id,email\nC-0001,new@post.example\nC-0001,second@post.example\n")
    assert (report.added, report.changed, report.removed, report.rows_used) == (0, 1, 0, 2)
    index = opened(tmp_path)
    assert ids(index, ANNA) == [set()] * len(ANNA)
    for address in ("new@post.example", "second@post.example"):
        assert ids(index, emails.keys(address)) == [{"C-0001"}]


def test_a_new_customer_gets_the_next_number_and_one_who_is_back_the_old_one(tmp_path: Path) -> None:
    make(tmp_path)
    _update(tmp_path, remove="C-0002\n")
    report = _update(
        tmp_path, "id,email\nN-2,n2@post.example\nC-0002,back@post.example\nN-1,n1@post.example\n"
    )
    assert (report.added, report.changed) == (3, 0)
    index = opened(tmp_path)
    assert index.customer_ids(range(6)) == ["C-0001", "C-0002", "C-0003", "C-0004", "N-2", "N-1"]
    assert index.live.all()
    assert ids(index, emails.keys("back@post.example")) == [{"C-0002"}]
    assert index.updated == {"added": 3, "changed": 0, "removed": 1}
    make(tmp_path, "id,email\nN-1,n1@post.example\nX,x@post.example\n")
    assert opened(tmp_path).customer_ids([5, 6]) == ["N-1", "X"]


def test_who_shares_a_key_with_a_removed_customer_keeps_it(tmp_path: Path) -> None:
    make(tmp_path, "id,name\n1,Anna Kowalska\n2,Anna Kowalska\n3,Anna Kowalska\n")
    (shared,) = {found for found in names.keys("anna", "kowalska") if found.shape == names.SHAPE}
    for gone, left in (("1", {"2", "3"}), ("3", {"2"}), ("2", set())):
        _update(tmp_path, remove=f"{gone}\n")
        assert ids(verify(tmp_path / "index", key()), [shared]) == [left]
    _update(tmp_path, "id,name\n1,Anna Kowalska\n2,Anna Kowalska\n3,Anna Kowalska\n")
    assert len(opened(tmp_path).tables.layers[1].records) == 0


def test_the_base_is_shared_and_either_version_can_go(tmp_path: Path) -> None:
    built = tmp_path / "index" / make(tmp_path).index
    bytes_ = {file.name: file.read_bytes() for file in built.glob("*.npy")}
    new = tmp_path / "index" / _update(tmp_path, remove="C-0001\n").index
    for name in KEPT:
        assert (built / f"{name}.npy").samefile(new / f"{name}.npy")
    _update(tmp_path, remove="C-0002\n")
    assert not built.exists()
    index = verify(tmp_path / "index", key())
    for name in KEPT:
        assert (tmp_path / "index" / index.id / f"{name}.npy").read_bytes() == bytes_[f"{name}.npy"]
    merge(tmp_path / "index", key())
    verify(tmp_path / "index", key())
    assert len(_versions(tmp_path)) == 2


def test_without_links_the_base_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = tmp_path / "index" / make(tmp_path).index

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    new = tmp_path / "index" / _update(tmp_path, remove="C-0001\n").index
    for name in KEPT:
        file = new / f"{name}.npy"
        assert not file.samefile(built / f"{name}.npy")
        assert file.stat().st_mode & 0o777 == 0o600
    assert verify(tmp_path / "index", key()).customers == 3


def test_a_reader_of_the_old_version_goes_on_with_it(tmp_path: Path) -> None:
    make(tmp_path)
    old = opened(tmp_path)
    for gone in ("C-0001", "C-0002", "C-0003"):
        _update(tmp_path, remove=f"{gone}\n")
    assert ids(old, ANNA) == [{"C-0001"}] * len(ANNA)


def test_ticket_numbers_of_a_new_shape_are_learnt_and_known_shapes_keep_their_numbers(tmp_path: Path) -> None:
    make(tmp_path)
    before = opened(tmp_path).tables
    changes = "id,ticket,phone\nN-1,ZX-77-123456,+49 30 23125117\nN-2,ZX-77-123457,\nN-3,TM-12345699,\n"
    _update(tmp_path, changes)
    index = verify(tmp_path / "index", key())
    after = index.tables
    count = len(before.shapes)
    assert [(s.name, s.kind, s.space) for s in after.shapes[:count]] == [
        (s.name, s.kind, s.space) for s in before.shapes
    ]
    assert after.templates[: len(before.templates)] == before.templates
    assert "ZX-99-999999" in {shape.name for shape in after.shapes[count:]}
    assert index.statistics.density.shape[0] == len(after.shapes)
    found = tickets.keys("zx 77 123456", after.templates)
    assert found
    assert ids(index, found) == [{"N-1"}] * len(found)
    keys_of = {shape.name: shape.keys for shape in after.shapes}
    assert keys_of["TM-99999999"] == 5
    assert keys_of["ZX-99-999999"] == 2


def test_frequencies_grow_by_what_is_new(tmp_path: Path) -> None:
    people = "".join(
        f"{n},Anna K{'abcdefghij'[n]}lska,a{n}@post.example,{2125550100 + n}\n" for n in range(10)
    )
    head = "id,name,email,phone\n"
    make(tmp_path, head + people, region="US")
    before = opened(tmp_path)
    more = "N,Zaphod Beeblebrox,z@post.example,3125550100\n0,Anna Kalska,a0@post.example,2125550100\n"
    _update(tmp_path, head + more, region="US")
    updated = opened(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    make(other, head + more + people.split("\n", 1)[1], region="US")
    fresh = opened(other)
    assert updated.keys == fresh.keys
    assert updated.statistics.customers == 11
    for name in ("name_bearers", "names_once", "names_twice", "names_once_unknown"):
        assert getattr(updated.statistics, name) == getattr(fresh.statistics, name), name
    assert np.array_equal(updated.tables.roles, fresh.tables.roles)
    assert (updated.statistics.density >= before.statistics.density).all()
    phone = next(n for n, shape in enumerate(fresh.tables.shapes) if shape.kind is Kind.PHONE)
    assert np.allclose(updated.statistics.density[phone], fresh.statistics.density[phone])


def test_rows_without_an_id_are_left_out_and_said(tmp_path: Path) -> None:
    make(tmp_path)
    report = _update(tmp_path, "id,email\n,a@post.example\nN-1,b@post.example\nbroken\n")
    assert (report.rows, report.rows_used, report.added) == (3, 1, 1)
    assert {line for entry in report.rows_left_out for line in entry.lines} == {2, 4}
    assert ids(opened(tmp_path), emails.keys("a@post.example")) == [set()]


@pytest.mark.parametrize(
    "content",
    ["C-0001\nC-0009\n\nC-0001\n", "customer_id\nC-0001\nC-0009\n", "note,customer_id\nx,C-0001\ny,C-0009\n",
     '{"customer_id": "C-0001"}\n{"customer_id": "C-0009"}\n'],
    ids=["list", "column", "table", "json"],
)  # fmt: skip
def test_removals_come_as_a_list_or_a_table(tmp_path: Path, content: str) -> None:
    make(tmp_path)
    report = _update(tmp_path, remove=content)
    assert (report.removed, report.unknown.count, report.gone_before) == (1, 1, 0)
    assert report.unknown.lines == ((2,) if content.startswith(("C-", "{")) else (3,))
    again = _update(tmp_path, remove=content)
    assert (again.removed, again.unknown.count, again.gone_before) == (0, 1, 1)


def test_a_column_of_ids_can_be_named(tmp_path: Path) -> None:
    make(tmp_path)
    report = _update(tmp_path, remove="ref\nC-0001\n", mapping=("id=Ref",))
    assert (report.removed, report.unknown.count) == (1, 0)


@pytest.mark.parametrize(
    ("changes", "remove", "reason"),
    [
        ("", "", "nothing to do"),
        ("email\nx@post.example\n", "", "no column holds customer ids.*--map id=COLUMN"),
        ("id,email\n,x@post.example\n", "", "no row with a customer id"),
        ("", "C-9\nC-8\n", "none of the 2 ids.*nothing was done"),
        ("", "a,b\nC-0001,x\n", "no column is recognised as customer ids"),
        ("", "customer_id\nn/a\n", "holds no customer id"),
        ("id,email\nC-0001,x@post.example\n", "C-0002\nC-0001\n", r"1 of the ids .* too \(lines 2\)"),
        ("id,email\nN-1,x@post.example\n", "C-9\n", "none of the 1 ids.*nothing was done"),
    ],
    ids=["nothing", "no-ids", "no-rows", "unknown", "no-column", "no-id", "both", "unknown-with-changes"],
)
def test_what_is_not_clear_changes_nothing(tmp_path: Path, changes: str, remove: str, reason: str) -> None:
    report = make(tmp_path)
    with pytest.raises(ValueError, match=reason) as refused:
        _update(tmp_path, changes, remove)
    assert not any(value in str(refused.value) for value in (*VALUES, "C-9", "x@post"))
    assert opened(tmp_path).id == report.index
    assert not list((tmp_path / "index").glob(".building*"))


def test_an_index_that_numbers_its_rows_cannot_be_updated(tmp_path: Path) -> None:
    make(tmp_path, "email\na@post.example\n")
    with pytest.raises(IndexRefused, match=r"without customer ids.*exfilter index build"):
        _update(tmp_path, "id,email\nrow-1,b@post.example\n")


def test_without_an_index_or_with_another_key_nothing_is_updated(tmp_path: Path) -> None:
    with pytest.raises(IndexRefused, match="exfilter index build"):
        _update(tmp_path, "id,email\n1,b@post.example\n")
    make(tmp_path)
    with pytest.raises(IndexRefused, match="another key"):
        _update(tmp_path, remove="C-0001\n", by=key(1))


def test_many_changes_suggest_a_build(tmp_path: Path) -> None:
    make(tmp_path, "id,email\n" + "".join(f"{n},u{n}@post.example\n" for n in range(100)))
    assert _update(tmp_path, remove="1\n").notes == ()
    (note,) = _update(tmp_path, remove="".join(f"{n}\n" for n in range(20))).notes
    assert "20 keys" in note
    assert "exfilter index merge" in note


def test_no_file_of_an_updated_index_holds_a_value(tmp_path: Path) -> None:
    make(tmp_path, "id,email\nX,x@post.example\n")
    _update(tmp_path, TABLE)
    for file in (tmp_path / "index").rglob("*"):
        content = file.read_bytes().lower() if file.is_file() else b""
        for value in VALUES:
            # Two letters are in any long text.
            assert len(value) == 2 or value.lower().encode() not in content
    for file in (tmp_path / "index").rglob("*"):
        assert file.stat().st_mode & 0o777 == (0o700 if file.is_dir() else 0o600)


def test_verify_notices_a_customer_who_is_gone_and_would_still_be_found(tmp_path: Path) -> None:
    make(tmp_path)
    _update(tmp_path, remove="C-0001\n")
    index = opened(tmp_path)
    assert list(_faults(index)) == []
    live = index.live.copy()
    live[:2] = [True, False]
    object.__setattr__(index, "live", live)
    assert "still be found" in "".join(_faults(index))
    base, above = index.tables.layers
    records = above.records.copy()
    records[:, 0] ^= 1
    object.__setattr__(above, "records", records)
    object.__setattr__(index.tables, "layers", (base, above))
    assert any("update_records.npy" in fault or "update_filter.npy" in fault for fault in _faults(index))


def test_verify_refuses_keys_of_nobody_in_the_base(tmp_path: Path) -> None:
    make(tmp_path)
    index = opened(tmp_path)
    (base,) = index.tables.layers
    records = base.records.copy()
    records[0, 2] = NOBODY
    object.__setattr__(base, "records", records)
    assert "keys of nobody" in "".join(_faults(index))


KILLED = """
import os, signal, sys
from pathlib import Path
from exfilter.index.keys import IndexKey
from exfilter.index.merge import merge
from exfilter.index.update import Request, update
from exfilter.index.verify import verify

index, gone, key = Path(sys.argv[1]), Path(sys.argv[2]), IndexKey(bytes(range(32)))
for run in (lambda: update(index, key, Request(remove=gone)), lambda: merge(index, key)):
    step, alive, ids = 0, True, []
    while alive:
        child = os.fork()
        if not child:
            seen = 0
            def hook(event, args):
                global seen
                watched = ("open", "os.rename", "os.mkdir", "os.link", "os.remove", "shutil.rmtree")
                if event in watched and str(index) in str(args[0]):
                    seen += 1
                    if seen > step:
                        os.kill(os.getpid(), signal.SIGKILL)
            sys.addaudithook(hook)
            run()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        alive = os.WIFSIGNALED(status)
        assert alive or not status
        ids.append(verify(index, key).id)
        step += 1
    print(step, *dict.fromkeys(ids))
"""


def test_killed_at_any_step_an_update_or_merge_leaves_a_whole_index(tmp_path: Path) -> None:
    old = make(tmp_path, "id,email\na,a@post.example\nb,b@post.example\n").index
    gone = write(tmp_path, "a\n", "gone.txt")
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "index"), str(gone)],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    updated, merged = (line.split() for line in run.stdout.splitlines())
    assert min(int(updated[0]), int(merged[0])) > 20
    assert updated[1] == old
    assert updated[-1] == merged[1]
    index = opened(tmp_path)
    assert (index.id, index.live.tolist()) == (merged[-1], [False, True])
    assert current(tmp_path / "index").startswith(index.id)
    assert not list((tmp_path / "index").glob(".building*"))
