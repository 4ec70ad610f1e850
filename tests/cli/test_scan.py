"""``exfilter scan`` as it is installed, on files that are what they are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detectors.terms import Terms
from exfilter.cli import COMMANDS, files, scan
from exfilter.cli.files import Source
from exfilter.cli.formats import Result, Wishes
from exfilter.cli.scan import open_examiner
from exfilter.model import Reason, Unscanned
from fixtures.bodies import Body, bodies, copied_csv
from fixtures.customers import Customer, customers, write_csv

EXFILTER = str(Path(sys.executable).parent / "exfilter")
CUSTOMERS, SEED = 5_000, 11
KEYS = [
    "path", "verdict", "customers", "identified", "estimated", "customer_ids", "estimated_ids",
    "fields", "unscanned", "bytes", "seconds",
]  # fmt: skip

Done = subprocess.CompletedProcess[str]


def exfilter(*arguments: str | Path, cwd: Path | None = None, stdin: bytes = b"") -> Done:
    command = [EXFILTER, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, timeout=120, check=False)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def objects(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def people() -> list[Customer]:
    return list(customers(CUSTOMERS, SEED))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a configuration folder with an index of the invented customers."""
    folder = tmp_path_factory.mktemp("scan")
    write_csv(folder / "customers.csv", CUSTOMERS, SEED)
    for command in (("init", folder), ("index", "build", folder / "customers.csv", "--config", folder)):
        done = exfilter(*command)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def made(people: list[Customer]) -> dict[str, Body]:
    return {body.name: body for body in bodies(people, SEED)}


@pytest.fixture(scope="module")
def scanned(
    config: Path, made: dict[str, Body], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Every body as a file, in one scan."""
    folder = tmp_path_factory.mktemp("bodies")
    for body in made.values():
        (folder / body.name).write_bytes(body.data)
    done = exfilter("scan", ".", "--format", "jsonl", "--config", config, cwd=folder)
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    found = objects(done)
    assert [each["path"] for each in found] == [f"./{name}" for name in sorted(made)]
    return {each["path"].removeprefix("./"): each for each in found}


@pytest.fixture
def write(tmp_path: Path, people: list[Customer]) -> Callable[[str], Path]:
    """Write a file with as many customers as its name begins with."""

    def write(name: str) -> Path:
        count = int(name.partition("-")[0])
        path = tmp_path / name
        path.write_bytes(copied_csv(people[:count]).data if count else b"nothing to see\n")
        return path

    return write


def test_objects_have_the_keys_of_the_contract(scanned: dict[str, dict[str, Any]]) -> None:
    for found in scanned.values():
        assert list(found) == KEYS
        assert list(found["fields"]) == ["name", "email", "ticket", "phone"]
        assert found["customers"] == found["identified"] + found["estimated"]
        assert found["identified"] == len(set(found["customer_ids"]))


def test_what_must_be_held_is_held_and_the_rest_passes(
    scanned: dict[str, dict[str, Any]], made: dict[str, Body]
) -> None:
    verdicts = {name: found["verdict"] for name, found in scanned.items()}
    assert verdicts == {name: "quarantine" if body.held else "allow" for name, body in made.items()}


def test_everybody_in_a_copy_is_named(scanned: dict[str, dict[str, Any]], made: dict[str, Body]) -> None:
    for name, body in made.items():
        found = scanned[name]
        named = {*found["customer_ids"], *found["estimated_ids"]}
        assert len(body.expected & named) >= 0.99 * len(body.expected), name
        assert abs(found["customers"] - len(body.expected)) <= 0.02 * len(body.expected), name
        assert set(found["customer_ids"]) <= body.expected, name


def test_everything_was_read(scanned: dict[str, dict[str, Any]], made: dict[str, Body]) -> None:
    for name, body in made.items():
        assert scanned[name]["unscanned"] == []
        assert scanned[name]["bytes"] == len(body.data)


@pytest.mark.parametrize(
    ("names", "options", "code"),
    [
        (["0-clean.txt"], [], 0),
        (["1-reply.csv"], [], 0),
        (["0-clean.txt", "60-copied.csv"], [], 1),
        (["0-clean.txt", "gone.txt"], [], 2),
        (["60-copied.csv", "gone.txt"], [], 1),
        (["60-copied.csv", "gone.txt"], ["--strict"], 2),
        (["60-copied.csv"], ["--strict"], 1),
    ],
)
def test_exit_code_says_what_was_found(
    config: Path, write: Callable[[str], Path], names: list[str], options: list[str], code: int
) -> None:
    folder = write("0-clean.txt").parent
    for name in names:
        if name != "gone.txt":
            write(name)
    done = exfilter("scan", *names, *options, "--format", "jsonl", "--config", config, cwd=folder)
    assert done.returncode == code
    assert [each["path"] for each in objects(done)] == names


def test_what_cannot_be_read_is_reported_and_the_rest_is_scanned(
    config: Path, write: Callable[[str], Path], tmp_path: Path
) -> None:
    write("60-copied.csv")
    os.mkfifo(tmp_path / "a-pipe")
    (tmp_path / "b-link").symlink_to("/etc/hostname")
    done = exfilter("scan", tmp_path, tmp_path / "gone", "--format", "jsonl", "--config", config)
    assert done.returncode == 1
    found = {Path(each["path"]).name: each for each in objects(done)}
    assert list(found) == ["60-copied.csv", "a-pipe", "b-link", "gone"]
    assert found["60-copied.csv"]["customers"] == 60
    assert found["a-pipe"]["unscanned"][0]["reason"] == "unsupported"
    assert found["gone"]["unscanned"] == [
        {"part": "file: no such file or directory", "reason": "malformed", "bytes": 0}
    ]
    for name in ("a-pipe", "b-link", "gone"):
        assert found[name]["verdict"] == "quarantine"
        assert found[name]["customers"] == 0


def test_a_file_that_vanishes_during_a_scan_is_unscanned(config: Path, tmp_path: Path) -> None:
    examiner = open_examiner(config, Wishes())
    (tmp_path / "a.txt").write_text("x")
    (source,) = files.sources([str(tmp_path)], examiner.pipeline.limits)
    (tmp_path / "a.txt").unlink()
    result = examiner(source)
    assert isinstance(result, Result)
    assert [item.reason.value for item in result.unscanned] == ["malformed"]
    assert not result.held


class BrokenTerms(Terms):
    """A detector with a defect."""

    def count(self, text: str) -> Counter[str]:
        raise ZeroDivisionError(text)


def test_a_defect_is_never_nothing_found(config: Path) -> None:
    examiner = open_examiner(config, Wishes())
    engine = replace(examiner.pipeline.engine, terms=BrokenTerms({}))
    broken = replace(examiner, pipeline=replace(examiner.pipeline, engine=engine))
    result = broken(Source("x", data=b"anna@example.com"))
    assert isinstance(result, Result)
    assert result.action.holds
    assert result.unscanned == (Unscanned("file: ZeroDivisionError", Reason.MALFORMED, 16),)


def logged(config: Path) -> list[dict[str, Any]]:
    log = config / "decisions.jsonl"
    return [json.loads(line) for line in log.read_text("ascii").splitlines()] if log.exists() else []


def test_every_file_has_its_line_in_the_log_also_what_was_not_read(
    config: Path, write: Callable[[str], Path], people: list[Customer]
) -> None:
    known = next(each for each in people if each.email)
    folder = write("60-copied.csv").parent
    (folder / f"{known.email}.txt").write_text("x")
    before = len(logged(config))
    done = exfilter("scan", folder, folder / "gone.txt", "--config", config)
    assert done.returncode == 1
    lines = sorted(logged(config)[before:], key=lambda line: str(line["file"]))
    assert {line["file"] for line in lines} >= {f"{folder}/60-copied.csv", f"{folder}/gone.txt"}
    assert len(lines) == 3
    assert known.email not in json.dumps(lines)
    (gone,) = [line for line in lines if line["file"].endswith("gone.txt")]
    assert (gone["rule"], gone["action"], gone["door"]) == ("fail-closed", "quarantine", "scan")
    assert gone["unscanned"] == [{"reason": "malformed", "parts": 1, "bytes": 0}]


def test_a_file_whose_worker_was_lost_is_logged(config: Path, tmp_path: Path) -> None:
    examiner = replace(open_examiner(config, Wishes()), deadline=-scan.GRACE)
    (tmp_path / "lost.txt").write_text("x")
    before = len(logged(config))
    (result,) = scan.results(examiner, [str(tmp_path / "lost.txt")], config, 1)
    assert [item.reason for item in result.unscanned] == [Reason.DEADLINE]
    assert [line["rule"] for line in logged(config)[before:]] == ["fail-closed"]


def test_a_defect_is_logged(config: Path) -> None:
    before = len(logged(config))
    test_a_defect_is_never_nothing_found(config)
    assert [line["rule"] for line in logged(config)[before:]] == ["fail-closed"]


def test_a_log_that_cannot_be_written_is_one_error(
    config: Path, write: Callable[[str], Path], tmp_path: Path
) -> None:
    house = tmp_path / "house"
    house.mkdir()
    for entry in config.iterdir():
        if entry.name != "decisions.jsonl":
            (house / entry.name).symlink_to(entry)
    (house / "decisions.jsonl").mkdir()
    names = [write(f"{count}-some.csv").name for count in (0, 1, 2, 3)]
    done = exfilter("scan", *names, "gone", "--format", "jsonl", "--config", house, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "Is a directory" in done.stderr
    assert "decisions.jsonl" in done.stderr


def test_standard_input_is_a_file(config: Path, people: list[Customer]) -> None:
    body = copied_csv(people[:40])
    done = exfilter("scan", "-", "--format", "jsonl", "--config", config, stdin=body.data)
    assert done.returncode == 1
    (found,) = objects(done)
    assert found["path"] == "-"
    assert set(found["customer_ids"]) == body.expected


def test_workers_change_nothing_but_the_time(
    config: Path, write: Callable[[str], Path], tmp_path: Path
) -> None:
    for count in (0, 7, 30, 300, 2, 0, 60):
        write(f"{count}-{len(list(tmp_path.iterdir()))}.csv")
    one, three = (
        [
            each | {"seconds": 0}
            for each in objects(
                exfilter("scan", tmp_path, "--workers", number, "--format", "jsonl", "--config", config)
            )
        ]
        for number in ("1", "3")
    )
    assert one == three
    assert len(one) == 7


def test_no_value_is_shown_unless_asked_for(
    config: Path, write: Callable[[str], Path], people: list[Customer]
) -> None:
    path = write("60-copied.csv")
    values = [
        value
        for customer in people[:60]
        for value in (customer.email, customer.ticket_id, customer.phone)
        if value
    ]
    for options in ([], ["--explain"], ["--format", "sarif"], ["--format", "jsonl", "--explain"]):
        done = exfilter("scan", path, *options, "--config", config)
        assert not [value for value in values if value in done.stdout + done.stderr]
    assert any(value in exfilter("scan", path, "--reveal", "--config", config).stdout for value in values)


def test_explain_shows_what_was_counted(config: Path, write: Callable[[str], Path]) -> None:
    done = exfilter("scan", write("60-copied.csv"), "--explain", "--config", config)
    assert "quarantine by rule many customers" in done.stdout
    assert "bits" in done.stdout


def test_sarif_is_one_document(config: Path, write: Callable[[str], Path], tmp_path: Path) -> None:
    write("60-copied.csv")
    write("0-clean.txt")
    done = exfilter("scan", ".", "gone", "--format", "sarif", "--config", config, cwd=tmp_path)
    assert done.returncode == 1
    (run,) = json.loads(done.stdout)["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["many customers"]
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 1


def test_a_passed_deadline_is_unscanned(config: Path, write: Callable[[str], Path], tmp_path: Path) -> None:
    hasty = tmp_path / "hasty"
    hasty.mkdir()
    for entry in config.iterdir():
        if entry.name != "exfilter.toml":
            (hasty / entry.name).symlink_to(entry)
    (hasty / "exfilter.toml").write_text("deadline = 1e-9\n")
    done = exfilter("scan", write("60-copied.csv"), "--format", "jsonl", "--config", hasty)
    assert done.returncode == 2
    (found,) = objects(done)
    assert {item["reason"] for item in found["unscanned"]} == {"deadline"}


@pytest.mark.parametrize("missing", ["exfilter.toml", "policy.toml", "index", "index.key"])
def test_a_folder_that_is_not_complete_is_an_error_with_the_next_step(
    config: Path, tmp_path: Path, missing: str
) -> None:
    for entry in config.iterdir():
        if entry.name != missing:
            (tmp_path / entry.name).symlink_to(entry)
    done = exfilter("scan", "-", "--config", tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("exfilter: ")
    assert done.stderr.count("\n") == 1


def test_interrupt_ends_it_quietly(config: Path) -> None:
    process = subprocess.Popen(
        # A shell lets what it runs in the background ignore this signal.
        ["env", "--default-signal=INT", EXFILTER, "scan", "-", "--config", str(config), "--format", "jsonl"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin
    with process:
        process.stdin.write("x" * 200_000)  # more than a pipe holds: it is being read
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        process.stdin = None
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (130, "", "")


def test_output_that_nobody_reads_is_neither_a_finding_nor_an_error(
    config: Path, write: Callable[[str], Path]
) -> None:
    process = subprocess.Popen(
        [EXFILTER, "scan", write("60-copied.csv"), "--format", "jsonl", "--config", config],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    with process:
        assert (process.stderr.read(), process.wait(60)) == (b"", 141)


def test_help_lists_every_command_without_loading_it() -> None:
    done = exfilter("--help")
    assert done.returncode == 0
    for name, (_, line) in COMMANDS.items():
        assert f"{name} " in done.stdout
        assert line in done.stdout


def test_mistyped_command_is_an_error() -> None:
    done = exfilter("scna")
    assert done.returncode == 2
    assert "scan" in done.stderr
