"""What a scan prints, format by format."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exfilter.cli.formats import Format, Result, Seen, Weighed, Wishes, printable
from exfilter.cli.formats.jsonl import JsonLines
from exfilter.cli.formats.sarif import Sarif, uri
from exfilter.cli.formats.table import TableFormat
from exfilter.model import Action, Judgement, Reason, Unscanned

KEYS = [
    "path", "verdict", "customers", "identified", "estimated", "customer_ids", "estimated_ids",
    "fields", "unscanned", "bytes", "seconds",
]  # fmt: skip

CLEAN = Result(
    path="clean.txt",
    action=Action.ALLOW,
    rule="default",
    reason="no rule speaks",
    held=False,
    customers=0,
    identified=0,
    estimated=0,
    customer_ids=(),
    estimated_ids=(),
    fields={"name": 0, "email": 0, "ticket": 0, "phone": 0},
    unscanned=(),
    bytes=12,
    seconds=0.25,
)
CARRYING = replace(
    CLEAN,
    path="q3 export.csv",
    action=Action.QUARANTINE,
    rule="many customers",
    reason="30 customers",
    held=True,
    customers=30,
    identified=29,
    estimated=1,
    customer_ids=tuple(f"C{number}" for number in range(29)),
    estimated_ids=("C30", "C31"),
    fields={"name": 30, "email": 29, "ticket": 0, "phone": 3},
    seen=(Seen("file", "email", "h•••@e•••.com", "C1", 1),),
    judgements=(Judgement("ticket TM-99999999", 30, 29, 0.0, -150.0, 29),),
    weighed=(Weighed("C1", 48.25, 20.0, ("email 36.5 bits", "name 11.75 bits")),),
)
UNREAD = replace(
    CLEAN,
    path="locked.zip",
    action=Action.QUARANTINE,
    rule="unscanned",
    unscanned=(Unscanned("file", Reason.ENCRYPTED, 900),),
)


def printed(
    form: type[JsonLines | Sarif | TableFormat], *results: Result, wishes: Wishes | None = None
) -> str:
    out = io.StringIO()
    format_: Format = form(out, wishes or Wishes())
    for result in results:
        format_.add(result)
    format_.end()
    return out.getvalue()


def sarif(*results: Result) -> dict[str, Any]:
    log = json.loads(printed(Sarif, *results))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    return dict(run)


def test_jsonl_prints_one_object_a_file_with_the_keys_of_the_contract() -> None:
    lines = printed(JsonLines, CLEAN, CARRYING, UNREAD).splitlines()
    objects = [json.loads(line) for line in lines]
    assert [list(each) for each in objects] == [KEYS] * 3
    assert objects[1] | {"customer_ids": 29} == {
        "path": "q3 export.csv",
        "verdict": "quarantine",
        "customers": 30,
        "identified": 29,
        "estimated": 1,
        "customer_ids": 29,
        "estimated_ids": ["C30", "C31"],
        "fields": {"name": 30, "email": 29, "ticket": 0, "phone": 3},
        "unscanned": [],
        "bytes": 12,
        "seconds": 0.25,
    }
    assert objects[2]["unscanned"] == [{"part": "file", "reason": "encrypted", "bytes": 900}]


def test_jsonl_names_every_field_also_where_nothing_was_found() -> None:
    (line,) = printed(JsonLines, replace(CLEAN, fields={})).splitlines()
    assert json.loads(line)["fields"] == {"name": 0, "email": 0, "ticket": 0, "phone": 0}


def test_jsonl_gives_an_undecodable_path_back() -> None:
    (line,) = printed(JsonLines, replace(CLEAN, path="caf\udce9\n.txt")).splitlines()
    assert json.loads(line)["path"] == "caf\udce9\n.txt"


def test_jsonl_prints_more_keys_only_on_request() -> None:
    (line,) = printed(JsonLines, CARRYING, wishes=Wishes(explain=True, reveal=True)).splitlines()
    more = json.loads(line)
    assert list(more) == [*KEYS, "rule", "reason", "canaries", "judgements", "explained", "exhibits"]
    assert more["explained"][0]["customer_id"] == "C1"


def test_sarif_has_a_result_for_each_file_with_customers() -> None:
    run = sarif(CLEAN, CARRYING)
    (result,) = run["results"]
    assert result["ruleId"] == "many customers"
    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "q3%20export.csv"
    assert result["message"]["text"] == "30 customers (29 identified, 1 estimated): quarantine"
    assert result["properties"]["exhibits"] == [{"part": "file", "kind": "email", "text": "h•••@e•••.com"}]
    assert run["tool"]["driver"]["rules"] == [{"id": "many customers"}]
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_sarif_reports_what_was_not_read_as_a_notification() -> None:
    run = sarif(UNREAD)
    assert run["results"] == []
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["descriptor"] == {"id": "unscanned/encrypted"}
    assert notification["message"]["text"] == "file: encrypted, 900 bytes were not read"


@pytest.mark.parametrize(
    ("action", "level"),
    [
        (Action.ALLOW, "note"),
        (Action.ALERT, "warning"),
        (Action.QUARANTINE, "error"),
        (Action.BLOCK, "error"),
    ],
)
def test_sarif_level_follows_the_action(action: Action, level: str) -> None:
    assert sarif(replace(CARRYING, action=action))["results"][0]["level"] == level


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.txt", "a/b.txt"),
        ("./a//b.txt", "a/b.txt"),
        ("50%.txt", "50%25.txt"),
        ("a:b#c?.txt", "a%3Ab%23c%3F.txt"),
        ("müll.txt", "m%C3%BCll.txt"),
        ("caf\udce9.txt", "caf%E9.txt"),
        ("/etc/hostname", "file:///etc/hostname"),
    ],
)
def test_sarif_paths_are_uri_references(path: str, expected: str) -> None:
    assert uri(path) == expected


def test_sarif_path_below_the_working_folder_is_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert uri(str(tmp_path / "in" / "b.txt")) == "in/b.txt"


def test_table_shows_the_files_that_say_something_and_counts_all() -> None:
    shown = printed(TableFormat, CLEAN, CARRYING, UNREAD)
    assert "clean.txt" not in shown
    assert "q3 export.csv" in shown
    assert "name 30, email 29, phone 3" in shown
    assert "1 encrypted" in shown
    assert shown.endswith("3 files: 1 would be held, 1 not read whole\n")


def test_table_is_not_cut_where_it_is_not_a_terminal() -> None:
    path = "folder/" * 60 + "q3.csv"
    assert path in printed(TableFormat, replace(CARRYING, path=path))


def test_table_explains_on_request() -> None:
    shown = printed(TableFormat, CARRYING, wishes=Wishes(explain=True))
    assert "quarantine by rule many customers: 30 customers" in shown
    assert "ticket TM-99999999" in shown
    assert "email 36.5 bits; name 11.75 bits" in shown
    assert max(map(len, shown.splitlines())) < 200
    assert "h•••@e•••.com" not in shown


def test_table_shows_places_on_request() -> None:
    assert "h•••@e•••.com" in printed(TableFormat, CARRYING, wishes=Wishes(reveal=True))


def test_table_takes_markup_in_names_as_text() -> None:
    assert "[red]x[/red].csv" in printed(TableFormat, replace(CARRYING, path="[red]x[/red].csv"))


def test_file_names_cannot_drive_the_terminal() -> None:
    assert printable("a\x1b[2Jb\udce9") == "a\\x1b[2Jb\\udce9"
    assert "\x1b" not in printed(TableFormat, replace(CARRYING, path="a\x1b[2Jb"))
