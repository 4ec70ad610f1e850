"""Build, then look up: every customer is found by each of its values, and nobody else is."""

from __future__ import annotations

import csv
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import emails, names, phones, tickets
from exfilter.index.verify import verify
from exfilter.kernel.siphash import siphash24
from exfilter.kernel.tables import EMAIL, FIRST, LAST, NAME, NAME_MONO, Tables
from exfilter.model import Kind
from tests import tables as oracle
from tests.index.making import TABLE, bearers, ids, key, make, opened

WORDS = st.sampled_from(
    "Anna anna Łukasz Zoë Kowalska Berg van Smith O'Hara 张伟 Jo Mc Ina Dr Müller".split()
)
CELLS = {
    "name": st.lists(WORDS, max_size=4).map(" ".join),
    "email": st.one_of(
        st.just(""),
        st.tuples(WORDS, st.sampled_from(["post.example", "gmail.com", "BÜCHER.example"])).map("@".join),
    ),
    "phone": st.one_of(
        st.sampled_from(["", "n/a"]),
        st.integers(100, 199).map("+1 212 555 0{}".format),
        st.integers(100, 199).map("(212) 555-0{}".format),
    ),
    "ticket": st.one_of(
        st.just(""), st.integers(10**7, 10**8 - 1).map("TM-{}".format), st.integers(0, 99).map(str)
    ),
}
CUSTOMERS = st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=12)


def _csv(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", *CELLS])
    writer.writeheader()
    writer.writerows({"id": f"c{number}", **row} for number, row in enumerate(rows))
    return text.getvalue()


def _clean(row: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in row.items() if value not in ("", "n/a")} | {"region": "US"}


@given(CUSTOMERS)
def test_built_then_looked_up_finds_each_row_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("index")
    make(folder, _csv(rows), region="US")
    index = verify(folder / "index", key())
    templates = index.tables.templates
    expected: dict[tuple[Kind, bytes], set[str]] = {}
    for number, row in enumerate(rows):
        for found in oracle.keys_of(_clean(row), templates):
            expected.setdefault((found.kind, found.canonical), set()).add(f"c{number}")
    for row in rows:
        keys = oracle.keys_of(_clean(row), templates)
        assert ids(index, keys) == [expected[each.kind, each.canonical] for each in keys]
    assert len(index.tables.layers[0].records) == len(expected)


@given(CUSTOMERS)
def test_statistics_and_shapes_are_those_of_the_obvious_builder(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("index")
    make(folder, _csv(rows), region="US")
    index = opened(folder)
    known, built = oracle.build(list(map(_clean, rows)))[1], index.statistics
    templates = index.tables.templates
    shapes = {shape.name: shape for shape in oracle.build(list(map(_clean, rows)))[0].shapes}
    if templates == tickets.learn(row["ticket"] for row in rows if row["ticket"]):
        for shape in index.tables.shapes:
            assert not shape.keys or shapes[shape.name] == shape
    counted = ["customers", "names_once", "names_twice", "mono_once", "mono_twice"]
    if not index.tables.shapes[NAME_MONO].keys:
        counted.append("names_once_unknown")
    assert [getattr(built, name) for name in counted] == [getattr(known, name) for name in counted]


def test_a_name_is_unknown_without_its_bearer_if_a_token_is(tmp_path: Path) -> None:
    make(tmp_path, "name\nAnna Kowalska\nAnna Berg\nIna Berg\nOtto Quandt\n")
    assert opened(tmp_path).statistics.names_once_unknown == 3
    make(tmp_path, "name\nAnna Kowalska\nAnna Berg\nIna Berg\nIna\nKowalska\n")
    assert opened(tmp_path).statistics.names_once_unknown == 0


def test_the_tables_are_what_the_kernel_asks_for(tmp_path: Path) -> None:
    make(tmp_path)
    tables = opened(tmp_path).tables
    tags = tables.layers[0].tags()
    assert bool((tags[1:] > tags[:-1]).all())
    assert [shape.name for shape in tables.shapes[5:]] == [
        "+11", "+12", "national 10", "TM-99999999", "digits 8"
    ]  # fmt: skip
    assert [(a.kind, a.name) < (b.kind, b.name) for a, b in pairwise(tables.shapes[5:])] == [True] * 4
    assert tables.shapes[EMAIL].keys == 5
    assert (tables.shapes[NAME].keys, tables.shapes[NAME_MONO].keys) == (4, 0)
    assert tables.shapes[8].space == 10.0**8
    assert len(tables.kind_keys) == len(Kind)
    assert "kind_keys" not in repr(tables)
    assert not tables.layers[0].records.flags.writeable


def test_density_counts_the_keys_of_each_lead(tmp_path: Path) -> None:
    make(tmp_path)
    index = opened(tmp_path)
    density = {shape.name: index.statistics.density[n] for n, shape in enumerate(index.tables.shapes)}
    assert density["TM-99999999"][0] == density["TM-99999999"][9999] == pytest.approx(4 / 10**8)
    assert density["email"][5] == pytest.approx(5 / 2.0**60)


def test_density_is_that_of_the_lead_or_of_the_block(tmp_path: Path) -> None:
    crowded = [f"+1 212 555 01{line:02}" for line in range(26)]
    alone = [f"+1 646 {area} 0100" for area in range(300, 310)]
    make(tmp_path, "phone\n" + "\n".join(crowded + alone) + "\n")
    index = opened(tmp_path)
    (number,) = (n for n, shape in enumerate(index.tables.shapes) if shape.name == "national 10")
    density = index.statistics.density[number]
    assert density[2125] == pytest.approx(25 / 100)
    assert density[6463] == pytest.approx(10 / 10**6)
    assert density[2126] == 0


def _roles(tables: Tables, token: str) -> int:
    return int(tables.roles[int(siphash24(tables.token_key, [token.encode()])[0]) & (len(tables.roles) - 1)])


def test_the_bitmap_knows_how_common_tokens_are_in_their_roles(tmp_path: Path) -> None:
    make(tmp_path, TABLE + "C-0005,Madonna,,,,\nC-0006,张伟,,,,\n")
    tables = opened(tmp_path).tables
    assert len(tables.roles) == 4096
    known = {token: _roles(tables, token) for token in ("anna", "kowalska", "henry", "brown", "madonna")}
    assert [bool(byte & FIRST) for byte in known.values()] == [True, False, True, False, True]
    assert [bool(byte & LAST) for byte in known.values()] == [False, True, False, True, True]
    assert known["madonna"] == 0x11
    assert _roles(tables, "nobody") == _roles(tables, "张伟") == 0
    assert bearers(tables, names.keys("", "张伟")[0]) == [5]


def test_a_large_table_gets_a_large_bitmap(tmp_path: Path) -> None:
    alphabet = "abcdefghij"
    words = ["".join(alphabet[int(digit)] for digit in f"{number:05}") for number in range(3000)]
    make(tmp_path, "name\n" + "".join(f"{word} x{word}\n" for word in words))
    size = len(opened(tmp_path).tables.roles)
    assert size & (size - 1) == 0
    assert size >= 16 * 6000


def test_rows_of_one_customer_are_merged(tmp_path: Path) -> None:
    report = make(
        tmp_path,
        "customer_id,email\nA,a@post.example\nB,b@post.example\nA,a2@post.example\nA,a@post.example\n",
    )
    assert (report.rows, report.customers, report.rows_merged, report.rows_identical) == (4, 2, 2, 1)
    index = opened(tmp_path)
    found = [emails.keys(f"{local}@post.example")[0] for local in ("a", "a2", "b")]
    assert ids(index, found) == [{"A"}, {"A"}, {"B"}]


def test_without_ids_rows_are_customers_and_equal_rows_one(tmp_path: Path) -> None:
    report = make(tmp_path, "email\na@post.example\nb@post.example\na@post.example\n")
    assert (report.customers, report.rows_identical) == (2, 1)
    assert "--map id=COLUMN" in report.notes[0]
    assert opened(tmp_path).customer_ids([0, 1]) == ["row-1", "row-2"]


def test_a_row_without_id_is_a_customer_too(tmp_path: Path) -> None:
    report = make(tmp_path, "id,email\nrow-2,a@post.example\n,b@post.example\nn/a,b@post.example\n")
    assert report.customers == 3
    assert "2 rows without a customer id" in report.notes[0]
    assert opened(tmp_path).customer_ids(range(3)) == ["row-2", "row-2", "row-3"]


def test_the_report_counts_what_was_left_out(tmp_path: Path) -> None:
    report = make(tmp_path, TABLE + "C-0005,broken\nC-0006,,no address,12,,US\nC-0007,,,,,\n", region="US")
    assert (report.rows, report.rows_used, report.customers) == (7, 6, 6)
    assert report.customers_without_identifier == 2
    assert [(item.reason, item.count, item.lines) for item in report.rows_left_out] == [
        ("wrong number of fields", 1, (6,))
    ]
    assert {(item.reason, item.lines) for item in report.cells_left_out} == {
        ("e-mail: not an address", (7,)), ("phone: not a possible number", (7,))
    }  # fmt: skip
    assert report.keys == {"email": 5, "phone": 6, "ticket": 8, "name": 4}
    assert report.columns["phone"] == ("phone",)


def test_no_row_that_can_be_used_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no row that can be used: wrong number of fields \(2, line 2\)"):
        make(tmp_path, "id,email\n1\n2\n")
    with pytest.raises(ValueError, match="nothing below the names"):
        make(tmp_path, "id,email\n")


def test_the_prefix_of_a_rare_ticket_is_not_shown(tmp_path: Path) -> None:
    report = make(tmp_path, TABLE + "C-0005,,,,Kowalska-77,\n")
    shown = [item.shape for item in report.shapes if item.kind == "ticket"]
    assert "XXXXXXXX-99" in shown
    assert "TM-99999999" in shown


def test_what_never_varies_is_no_ticket_number(tmp_path: Path) -> None:
    report = make(tmp_path, "id,email,ticket\n1,a@post.example,VIP\n2,b@post.example,TM-77777777\n")
    assert report.keys["ticket"] == 2
    assert [item.reason for item in report.cells_left_out] == ["ticket: no digits"]


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        report = make(tmp_path / name)
        folders.append(tmp_path / name / "index" / report.index)
    files = [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders]
    assert files[0] == files[1]


def test_ids_are_found_in_any_block(tmp_path: Path) -> None:
    make(tmp_path, "id,email\n" + "".join(f"K{number},a{number}@post.example\n" for number in range(9000)))
    index = opened(tmp_path)
    wanted = [8999, 0, 4096, 4095, 0]
    assert index.customer_ids(np.array(wanted)) == [f"K{number}" for number in wanted]
    assert index.customer_ids([]) == []
    for outside in (9000, -1, 12288):
        with pytest.raises(IndexError):
            index.customer_ids([outside])


def test_phones_follow_the_region_given(tmp_path: Path) -> None:
    make(tmp_path, "id,phone\n1,030 23125117\n", region="DE")
    assert bearers(opened(tmp_path).tables, phones.keys("+49 30 23125117", None)[0]) == [0]
