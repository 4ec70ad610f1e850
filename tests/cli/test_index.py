"""``exfilter index``: the report, the numbers, and exit codes of a real process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from exfilter.cli.init import make
from exfilter.index.store import current
from tests.index.making import TABLE, VALUES, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path)
    return tmp_path


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = "from exfilter.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", command, "index", *arguments, "--config", str(folder)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_build_info_and_verify(folder: Path) -> None:
    built = _run(folder, "build", str(write(folder, TABLE)), "--format", "json", "--region", "us")
    assert built.stderr == ""
    report = json.loads(built.stdout)
    assert (report["rows"], report["customers"], report["keys"]["email"]) == (4, 4, 5)
    about = json.loads(_run(folder, "info", "--format", "json").stdout)
    assert about["index"] == report["index"]
    assert about["keys"] == report["keys"]
    assert {shape["shape"] for shape in about["shapes"]} >= {"TM-99999999", "national 10"}
    verified = _run(folder, "verify")
    assert verified.returncode == 0
    assert f"index {report['index']} is whole: 4 customers" in verified.stdout
    assert "customers" in _run(folder, "info").stdout


def test_update_and_merge(folder: Path) -> None:
    _run(folder, "build", str(write(folder, TABLE)))
    changes = write(folder, "customer_id,email\nC-0001,new@post.example\nC-0005,five@post.example\n", "u.csv")
    gone = write(folder, "C-0002\nC-0042\n", "gone.txt")
    updated = _run(folder, "update", str(changes), "--remove", str(gone), "--format", "json")
    assert (updated.returncode, updated.stderr) == (0, "")
    report = json.loads(updated.stdout)
    counts = {name: report[name] for name in ("added", "changed", "removed", "customers")}
    assert counts == {"added": 1, "changed": 1, "removed": 1, "customers": 4}
    assert report["unknown"] == {"reason": "never in the index", "count": 1, "lines": [2]}
    about = json.loads(_run(folder, "info", "--format", "json").stdout)
    assert (about["index"], len(about["layers"])) == (report["index"], 2)
    assert about["updated"] == {"added": 1, "changed": 1, "removed": 1}
    assert "customers removed since the build" in _run(folder, "info").stdout
    assert "is whole: 4 customers" in _run(folder, "verify").stdout
    merged = json.loads(_run(folder, "merge", "--format", "json").stdout)
    assert (merged["merged"], merged["keys_changed"]) == (True, report["keys_changed"])
    assert "nothing has changed since it was built" in _run(folder, "merge").stdout
    about = json.loads(_run(folder, "info", "--format", "json").stdout)
    assert (about["layers"], about["customers_gone"]) == ([{"keys": merged["keys"], "shared_keys": 0}], 1)


def test_the_report_of_an_update_names_lines_but_no_values(folder: Path) -> None:
    _run(folder, "build", str(write(folder, "id,email\nX,x@post.example\n")))
    gone = write(folder, "X\nmissing-77\n", "gone.txt")
    run = _run(folder, "update", str(write(folder, TABLE, "u.csv")), "--remove", str(gone))
    assert run.returncode == 0
    for shown in ("4 added, 0 changed", "Removals left out", "never in the index", "email from email"):
        assert shown in run.stdout
    for value in (*VALUES, "missing-77"):
        assert value not in run.stdout.replace("TM-99999999", "")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [([], "nothing to do"), (["--remove", "GONE"], "none of the 2 ids"), (["GONE"], "no column")],
    ids=["nothing", "unknown", "no-table"],
)
def test_an_update_that_is_not_clear_is_exit_code_2(folder: Path, arguments: list[str], reason: str) -> None:
    _run(folder, "build", str(write(folder, TABLE)))
    gone = str(write(folder, "size\nC-0042\n", "gone.txt"))
    run = _run(folder, "update", *(gone if word == "GONE" else word for word in arguments))
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert reason in run.stderr
    assert "C-0042" not in run.stderr


def test_the_report_for_people_names_columns_and_lines_but_no_values(folder: Path) -> None:
    table = write(folder, TABLE + "C-0005,broken\nC-0006,Zaphod Q,,,[Kowalska-7],\n")
    run = _run(folder, "build", str(table), "--map", "email=email")
    assert run.returncode == 0
    for shown in ("email from email", "TM-99999999 (4)", "wrong number of fields", "new"):
        assert shown in run.stdout
    shown_shapes = run.stdout.replace("TM-99999999", "")
    for value in VALUES:
        assert value not in shown_shapes


@pytest.mark.parametrize(
    ("content", "arguments", "reason"),
    [
        ("", [], "is empty"),
        ("colour,size\nred,1\n", [], "the table has colour, size: say which is which with --map KIND=COLUMN"),
        (
            "id,email\n1,a@post.example\n",
            ["--map", "email=Mail"],
            "there is no such column; the table has id, email",
        ),
        ("id,email\n1,a@post.example\n", ["--region", "XX"], "'XX' is no region"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    folder: Path, content: str, arguments: list[str], reason: str
) -> None:
    run = _run(folder, "build", str(write(folder, content)), *arguments)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("exfilter: ")
    assert reason in run.stderr
    assert run.stderr.count("\n") == 1


def test_a_missing_table_is_named(folder: Path) -> None:
    run = _run(folder, "build", str(folder / "none.csv"))
    assert run.returncode == 2
    assert "none.csv" in run.stderr


def test_an_altered_index_is_exit_code_2_and_names_the_file(folder: Path) -> None:
    _run(folder, "build", str(write(folder, TABLE)))
    file = folder / "index" / current(folder / "index") / "records.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    for command in ("info", "verify", "merge"):
        run = _run(folder, command)
        assert run.returncode == 2
        assert "records.npy" in run.stderr


def test_a_guessed_charset_is_said(folder: Path) -> None:
    table = "id,name\n1,Анна Ковальская\n2,Иван Петров\n3,Ольга Смирнова\n".encode("cp1251")
    run = _run(folder, "build", str(write(folder, table)))
    assert "Windows-1251" in run.stdout
    assert "Note: the table is not UTF-8 and was read as Windows-1251" in run.stdout


def test_a_folder_of_the_index_that_is_open_to_others_is_refused(folder: Path) -> None:
    (folder / "index").mkdir(mode=0o755)
    (folder / "index").chmod(0o755)
    run = _run(folder, "build", str(write(folder, TABLE)))
    assert run.returncode == 2
    assert f"chmod 700 {folder / 'index'}" in run.stderr


def test_a_key_that_others_can_read_is_refused(folder: Path) -> None:
    (folder / "index.key").chmod(0o644)
    for command in (["build", str(write(folder, TABLE))], ["info"], ["verify"]):
        run = _run(folder, *command)
        assert run.returncode == 2
        assert "chmod 600" in run.stderr


def test_without_an_index_the_next_step_is_said(folder: Path) -> None:
    for command in ("verify", "merge"):
        run = _run(folder, command)
        assert run.returncode == 2
        assert "exfilter index build CUSTOMERS" in run.stderr
