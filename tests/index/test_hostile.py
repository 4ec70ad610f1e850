"""Tables that were made, or have grown, to be the worst case: they build, and a scan of them is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors import emails, names
from detectors.terms import Terms
from exfilter import policy
from exfilter.index.store import Index
from exfilter.limits import Limits
from exfilter.model import Findings, Transfer
from exfilter.scan import Engine, Pipeline
from tests.index.making import bearers, ids, make, opened
from tests.index.reading import needs_native

SHARED = "office@post.example"
NAME = "Anna Kowalska"
BROKEN = "1" * 1_000_000


def scanned(index: Index, text: str) -> Findings:
    """Return what a scan of a text finds."""
    defaults = policy.read(policy.default_policy_text().encode())
    pipeline = Pipeline(Engine(index, Terms({})), defaults, Limits())
    return pipeline.examine(Transfer("scan", text.encode())).findings


@needs_native
def test_an_email_that_200_000_customers_share(tmp_path: Path) -> None:
    count = 200_000
    rows = (f"C-{number},{SHARED},TM-{10_000_000 + 37 * number}\n" for number in range(count))
    report = make(tmp_path, "customer_id,email,ticket\n" + "".join(rows))
    assert (report.customers, report.keys["email"], report.keys["ticket"]) == (count, 1, 2 * count)
    index = opened(tmp_path)
    assert bearers(index.tables, emails.keys(SHARED)[0]) == list(range(count))
    found = scanned(index, f"{SHARED}\n" * 1000 + f"TM-{10_000_000 + 37 * 4711}\n")
    assert 4711 in found.identified
    assert len(found.identified) + found.estimated < 10


@needs_native
def test_a_name_that_100_000_customers_bear(tmp_path: Path) -> None:
    count, one = 100_000, 4711
    rows = (f"C-{number},{NAME},a{number}@post.example\n" for number in range(count))
    report = make(tmp_path, "customer_id,name,email\n" + "".join(rows))
    assert (report.customers, report.keys["name"], report.keys["email"]) == (count, 1, count)
    index = opened(tmp_path)
    assert len(bearers(index.tables, names.keys(*names.split(NAME))[0])) == count
    found = scanned(index, f"{NAME}\n" * 500 + f"{NAME}, a{one}@post.example\n" + f"{NAME}\n" * 499)
    assert found.identified.tolist() == [one]
    assert found.estimated == 0
    assert {exhibit.ordinal for exhibit in found.exhibits} == {one}


@pytest.mark.parametrize("column", ["name", "email", "phone", "ticket"])
@pytest.mark.parametrize("cell", [BROKEN, "x" * 1_000_000], ids=["digits", "letters"])
def test_a_cell_of_a_megabyte_loses_no_other_row(tmp_path: Path, column: str, cell: str) -> None:
    plain = {"name": NAME, "email": "b@post.example", "phone": "+49 30 23125117", "ticket": "TM-12345678"}
    hostile = ",".join((plain | {column: cell}).values())
    others = [f"C-{number},Maria Lopez,c{number}@post.example,,TM-{22345678 + number}" for number in range(9)]
    table = [f"customer_id,{','.join(plain)}", *others[:5], f"C-X,{hostile}", *others[5:]]
    report = make(tmp_path, "\n".join(table) + "\n", region="")
    left_out = (*report.rows_left_out, *report.cells_left_out)
    assert [(item.count, item.lines) for item in left_out] == [(1, (7,))]
    assert all("longer" in item.reason or "too long" in item.reason for item in left_out)
    index = opened(tmp_path)
    for number in range(9):
        assert ids(index, emails.keys(f"c{number}@post.example")) == [{f"C-{number}"}]
