"""Canaries are customers that the index knows to be planted, and by nobody without the key."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import emails
from exfilter.index import canaries, store
from exfilter.index.build import Options, build
from exfilter.index.merge import merge
from exfilter.index.update import Request, update
from exfilter.index.verify import verify
from tests.index.making import TABLE, ids, key, make, opened, write
from tests.index.test_customer_countries import downgrade

SHEET = """\
customer_id,name,email,phone,ticket,country,canary_team
C-0901,Ina Kowalska,ina.k@example.com,+1 212 555 0190,TM-12345690,US,support
C-0902,Henry Berg,henry.b@example.com,,TM-12345691,DE,field sales
"""
TEAMS = {"field sales": 1, "support": 1}


def planted(folder: Path, table: str = TABLE, sheet: str = SHEET) -> dict[str, int]:
    """Build with canaries, and return them by team."""
    file = write(folder, sheet, "canaries.csv")
    make(folder, table, canaries=(file,))
    return verify(folder / "index", key()).planted.counts


def test_they_are_customers_with_a_team(tmp_path: Path) -> None:
    assert planted(tmp_path) == TEAMS
    index = opened(tmp_path)
    assert index.customers == 6
    assert ids(index, emails.keys("ina.k@example.com")) == [{"C-0901"}]
    assert index.customer_ids(index.planted.ordinals) == ["C-0901", "C-0902"]
    assert index.countries([4, 5]) == ["US", "DE"]


def test_a_table_with_them_in_it_has_each_once(tmp_path: Path) -> None:
    rows = SHEET.splitlines()[1:]
    table = TABLE + "".join(row.rpartition(",")[0] + "\n" for row in rows)
    report_table = write(tmp_path, table)
    file = write(tmp_path, SHEET, "canaries.csv")
    report = build(report_table, tmp_path / "index", key(), Options(canaries=(file,)))
    assert (report.rows, report.rows_used, report.customers, report.canaries) == (6, 6, 6, TEAMS)
    assert opened(tmp_path).planted.found(np.array([4])) == {"support": 1}


def test_nothing_of_them_stands_in_clear(tmp_path: Path) -> None:
    planted(tmp_path)
    files = [file for file in (tmp_path / "index").rglob("*") if file.is_file()]
    content = b"".join(file.read_bytes() for file in files)
    for value in (b"support", b"field sales", b"C-0901", b"ina.k", base64.b64encode(b"support")[:8]):
        assert value not in content


def test_they_stay_canaries_over_builds_updates_and_merges(tmp_path: Path) -> None:
    planted(tmp_path)
    rows = "".join(row.rpartition(",")[0] + "\n" for row in SHEET.splitlines()[1:])
    report = make(tmp_path, TABLE + rows)
    assert report.canaries == TEAMS
    update(tmp_path / "index", key(), Request(write(tmp_path, "id,email\nC-0901,n@example.com\n", "c.csv")))
    merge(tmp_path / "index", key())
    assert verify(tmp_path / "index", key()).planted.counts == TEAMS


def test_one_that_is_gone_is_none_any_more_and_a_build_says_so(tmp_path: Path) -> None:
    planted(tmp_path)
    update(tmp_path / "index", key(), Request(remove=write(tmp_path, "C-0901\n", "gone.txt")))
    assert opened(tmp_path).planted.counts == {"field sales": 1}
    report = make(tmp_path)
    assert report.canaries == {}
    assert any(note.startswith("1 canaries of the index before are in it no more") for note in report.notes)


def test_an_update_plants_them_too(tmp_path: Path) -> None:
    make(tmp_path)
    sheet = write(tmp_path, SHEET, "canaries.csv")
    report = update(tmp_path / "index", key(), Request(canaries=(sheet,)))
    assert (report.added, report.customers, report.canaries) == (2, 6, TEAMS)
    more = SHEET.replace("C-090", "C-091").replace("@", "2@").replace("0190", "0191")
    more = more.replace("TM-1234569", "TM-1234579").replace("support", "legal")
    changes = write(tmp_path, "id,email\nC-0001,x@post.example\n", "changes.csv")
    report = update(
        tmp_path / "index", key(), Request(changes, canaries=(write(tmp_path, more, "more.csv"),))
    )
    assert (report.added, report.changed) == (2, 1)
    index = verify(tmp_path / "index", key())
    assert index.planted.counts == {"field sales": 2, "legal": 1, "support": 1}
    assert ids(index, emails.keys("ina.k2@example.com")) == [{"C-0911"}]


def test_an_update_and_a_build_say_the_same(tmp_path: Path) -> None:
    planted(tmp_path)
    (tmp_path / "other").mkdir()
    make(tmp_path / "other")
    sheet = write(tmp_path, SHEET, "canaries.csv")
    update(tmp_path / "other" / "index", key(), Request(canaries=(sheet,)))
    built, updated = opened(tmp_path), opened(tmp_path / "other")
    assert built.planted.by_ordinal() == updated.planted.by_ordinal()
    assert built.countries(range(6)) == updated.countries(range(6))


def test_an_older_index_has_none(tmp_path: Path) -> None:
    make(tmp_path)
    downgrade(tmp_path)
    assert opened(tmp_path).planted.counts == {}


@pytest.mark.parametrize(
    ("sheet", "reason"),
    [
        (TABLE, "has no column canary_team"),
        (SHEET.replace("C-0902", ""), "line 3 has no customer id"),
        (SHEET.replace("field sales", ""), "line 3 has no canary_team"),
        (SHEET.replace("field sales", "x\u202ey"), "line 3 has no canary_team"),
        (SHEET.replace("C-0902", "C-0901"), "one customer id"),
        (SHEET.splitlines()[0] + "\n", "holds no canaries"),
        (SHEET.replace("henry.b@example.com", "").replace("TM-12345691", ""), "name alone identifies nobody"),
        (SHEET.replace("henry.b@example.com", "ina@post.example"), "lines 3: where the CRM"),
        (SHEET.replace("TM-12345691", "TM-12345678"), "lines 3: where the CRM"),
        (SHEET.replace("customer_id", "unknown"), "no column holds customer ids"),
    ],
)
def test_a_file_that_cannot_be_planted_changes_nothing(tmp_path: Path, sheet: str, reason: str) -> None:
    before = make(tmp_path).index
    file = write(tmp_path, sheet, "canaries.csv")
    for act in (
        lambda: build(tmp_path / "customers.csv", tmp_path / "index", key(), Options(canaries=(file,))),
        lambda: update(tmp_path / "index", key(), Request(canaries=(file,))),
    ):
        with pytest.raises(ValueError, match=reason) as refused:
            act()
        assert "henry" not in str(refused.value).lower()
    assert opened(tmp_path).id == before


def test_a_table_without_ids_has_no_canaries(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no customer ids, by which canaries are known"):
        planted(tmp_path, "name,email\nAnna Kowalska,a@post.example\n")


def test_two_files_agree_on_the_team(tmp_path: Path) -> None:
    files = (
        write(tmp_path, SHEET, "a.csv"),
        write(tmp_path, SHEET.replace("field sales", "legal"), "b.csv"),
    )
    with pytest.raises(ValueError, match="is of team field sales in another file"):
        make(tmp_path, canaries=files)
    make(tmp_path, canaries=(files[0], files[0]))
    assert opened(tmp_path).planted.counts == TEAMS


def test_a_changed_seal_is_noticed(tmp_path: Path) -> None:
    planted(tmp_path)
    of = store.version(tmp_path / "index", key())
    with pytest.raises(ValueError, match="altered"):
        canaries.unseal(of.about.canaries[:-8] + "AAAAAAA=", key())
    with pytest.raises(ValueError, match="altered"):
        canaries.unseal(of.about.canaries, key(1))
    assert "support" not in json.dumps(of.about.canaries)


TEAM = st.sampled_from(["a", "b", "c"])


@given(st.dictionaries(st.integers(0, 40), TEAM), st.sets(st.integers(0, 45)))
def test_those_among_customers_are_counted_by_team(teams: dict[int, str], some: set[int]) -> None:
    one = canaries.unseal(canaries.seal(canaries.planted(teams), key()), key())
    expected: dict[str, int] = {}
    for who in some & set(teams):
        expected[teams[who]] = expected.get(teams[who], 0) + 1
    assert one.found(np.array(sorted(some), dtype=np.int64)) == expected
    assert one.by_ordinal() == teams
