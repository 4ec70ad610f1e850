"""``exfilter canaries`` end to end: made, planted, and one of them in a text is a verdict."""

from __future__ import annotations

import csv
import io
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from exfilter.bulk.packed import united
from exfilter.bulk.tasks import Answer, Task
from exfilter.cli.formats import Wishes
from exfilter.cli.init import make
from exfilter.cli.scan import open_examiner
from exfilter.cli.shares import Settling
from exfilter.model import Transfer
from exfilter.stores import Item
from fixtures.customers import write_csv


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from exfilter.cli import main; main()", *arguments, "--config", str(folder)],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a configuration folder with an index in which canaries of two teams are planted."""
    folder = tmp_path_factory.mktemp("canaries")
    make(folder)
    write_csv(folder / "customers.csv", 500)
    teams = ("--team", "support=3", "--team", "field sales=2")
    made = run(folder, "canaries", "make", "canaries.csv", "--like", "customers.csv", *teams)
    assert (made.returncode, made.stderr) == (0, "")
    assert "3 canaries of team support" in made.stdout
    built = run(folder, "index", "build", "customers.csv", "--canaries", "canaries.csv")
    assert built.returncode == 0, built.stderr
    assert "3 canaries of team support" in built.stdout
    return folder


@pytest.fixture(scope="module")
def canaries(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "canaries.csv").read_text())))


def scan(folder: Path, text: str, *more: str) -> dict[str, object]:
    (folder / "text.txt").write_text(text)
    done = run(folder, "scan", "text.txt", "--format", "jsonl", *more)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_only_its_owner_reads_the_file_and_nothing_is_overwritten(folder: Path) -> None:
    file = folder / "canaries.csv"
    before = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = run(folder, "canaries", "make", "canaries.csv", "--like", "customers.csv", "--team", "a=1")
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert file.read_bytes() == before


@pytest.mark.parametrize("wrong", ["support", "support=0", "support=many", "a/b=1", "=3", "a=2000"])
def test_a_wish_that_is_none_leaves_no_file(folder: Path, wrong: str) -> None:
    done = run(folder, "canaries", "make", "wrong.csv", "--like", "customers.csv", "--team", wrong)
    assert done.returncode == 2
    assert not (folder / "wrong.csv").exists()


def test_a_table_that_cannot_be_read_leaves_no_file(folder: Path) -> None:
    done = run(folder, "canaries", "make", "wrong.csv", "--like", "nothing.csv", "--team", "a=1")
    assert done.returncode == 2
    assert not (folder / "wrong.csv").exists()


def test_one_address_is_a_verdict_and_says_whose_copy_it_was(
    folder: Path, canaries: list[dict[str, str]]
) -> None:
    found = scan(folder, f"Please answer {canaries[0]['email']} today.", "--explain")
    assert (found["verdict"], found["rule"], found["customers"]) == ("quarantine", "canary", 1)
    assert str(found["reason"]).startswith("a canary of team support; 1 customers")
    assert found["canaries"] == {"support": 1}
    assert found["customer_ids"] == [canaries[0]["customer_id"]]
    line = json.loads((folder / "decisions.jsonl").read_text().splitlines()[-1])
    assert (line["rule"], line["canaries"]) == ("canary", {"support": 1})
    assert canaries[0]["email"] not in json.dumps(line)


def test_the_keys_of_json_lines_are_those_of_the_contract(
    folder: Path, canaries: list[dict[str, str]]
) -> None:
    found = scan(folder, f"Please answer {canaries[0]['email']} today.")
    assert list(found) == [
        "path", "verdict", "customers", "identified", "estimated", "customer_ids", "estimated_ids", "fields",
        "unscanned", "bytes", "seconds",
    ]  # fmt: skip


def test_both_teams_are_named(folder: Path, canaries: list[dict[str, str]]) -> None:
    text = "\n".join(row["email"] for row in canaries)
    found = scan(folder, text, "--explain")
    assert str(found["reason"]).startswith("2 canaries of team field sales, 3 canaries of team support; ")


def test_a_name_alone_is_none(folder: Path, canaries: list[dict[str, str]]) -> None:
    text = f"Dear {canaries[0]['first_name']} {canaries[0]['last_name']}, thank you."
    assert scan(folder, text)["verdict"] == "allow"


def test_customers_are_not_canaries(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((folder / "customers.csv").read_text())))
    found = scan(folder, f"Please answer {rows[3]['email']} today.", "--explain")
    assert (found["verdict"], found["canaries"]) == ("allow", {})


def test_info_counts_them(folder: Path) -> None:
    about = json.loads(run(folder, "index", "info", "--format", "json").stdout)
    assert about["canaries"] == {"field sales": 2, "support": 3}
    assert about["customers"] == 505


def test_one_in_a_text_that_is_read_in_ranges_is_a_verdict_too(
    folder: Path, canaries: list[dict[str, str]]
) -> None:
    settle = Settling(open_examiner(folder, Wishes()))
    pipeline = settle.examiner.pipeline
    item = Item("/share/", "large.txt", 200)
    texts = ("nobody", f"Please answer {canaries[0]['email']} today.")
    found = [pipeline.engine.findings(Transfer("scan", text.encode()), pipeline.limits) for text in texts]
    parts = [(Task(1, item, at, at + 100), Answer(each)) for at, each in zip((0, 100), found, strict=True)]
    settled = settle(item, united(parts))
    line = json.loads(settled.decision)
    assert settled.held
    assert (line["rule"], line["canaries"]) == ("canary", {"support": 1})
