"""The texts: clean where no customer may be in them, and whole where all must be."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest

from bench import corpora, leaks, texts
from bench.texts import Source

HEADER = "customer_id,name,email,phone,ticket,country\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "customers.csv"
    rows = [
        f"C-{number},Ann Lee {number},ann.lee{number}@mail.example,"
        f"{'' if number % 2 else f'+1201555{number:04}'},TM-{number:08},US\n"
        for number in range(100)
    ]
    file.write_text(HEADER + "".join(rows))
    return file


@pytest.mark.parametrize(
    "written",
    [
        "<ann.lee7@mail.example>",
        "mailto:Ann.Lee7@MAIL.example,",
        "annlee7+x@mail.example.",
        "'a.nnlee7@mail.example'",
    ],
)
def test_a_customers_address_is_put_out_however_it_is_written(table: Path, written: str) -> None:
    text = f"from {written} to nobody@else.example"
    theirs = corpora.of_customers(set(texts.addresses(text)), table)
    cleaned, removed = texts.without(text, theirs)
    assert removed == 1
    assert "nobody@else.example" in cleaned
    assert not corpora.of_customers(set(texts.addresses(cleaned)), table)


def test_ordinary_text_is_taken_by_kind_and_up_to_its_share(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.h").write_text("int x;\n" * 200)
        (tmp_path / f"{number}.changelog.gz").write_bytes(gzip.compress(b"* fixed\n" * 200))
    (tmp_path / "binary.h").write_bytes(b"\xff\x00" * 1000)
    kinds = (Source("C", 0.5, (str(tmp_path),), (".h",)), Source("log", 0.5, (str(tmp_path),), (".gz",)))
    found = list(texts.ordinary(10_000, 1, kinds))
    assert found == list(texts.ordinary(10_000, 1, kinds))
    assert {kind for kind, _ in found} == {"C", "log"}
    assert 5_000 <= texts.kinds(found)["C"] < 7_000
    assert not any("\0" in text for _, text in found)


def test_traffic_is_json_and_the_same_for_a_seed() -> None:
    lines = list(texts.traffic(50_000, 1, ["some", "words"]))
    assert lines == list(texts.traffic(50_000, 1, ["some", "words"]))
    assert all(json.loads(line)["items"] for line in lines)
    assert 50_000 <= sum(map(len, lines)) < 120_000


def test_the_leak_holds_its_customers_whole_by_field_and_by_pair(table: Path, tmp_path: Path) -> None:
    picked = leaks.pick(table, 100, seed=1)
    made = leaks.write(picked, tmp_path / "leak")
    assert len(picked) == 100
    assert [len(leak.fields) for leak in made] == [5, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]
    for leak in made:
        assert leak.customers == (50 if "phone" in leak.fields and len(leak.fields) < 5 else 100)
    with (tmp_path / "leak" / "leak-whole.csv").open(newline="") as lines:
        assert "customer_id" not in next(csv.reader(lines))


def test_a_leak_is_drawn_from_the_whole_table(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "COPIED", 10)
    picked = [int(row["customer_id"].removeprefix("C-")) for row in leaks.pick(table, 100, seed=1)]
    assert len(set(picked)) == 10
    assert picked == sorted(picked)
    assert max(picked) > 50


def test_many_hits_come_from_a_short_table_gone_through_again(table: Path, tmp_path: Path) -> None:
    rows = leaks.hits(table, 1_000, tmp_path / "hits.csv")
    lines = (tmp_path / "hits.csv").read_text().splitlines()
    assert len(lines) == rows + 1
    assert 100 < rows < 350
