"""``exfilter replay``: a dump of mitmproxy through the same pipeline."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow, tutils

from exfilter.index import checked
from fixtures.customers import customers
from tests.e2e.conftest import PEOPLE
from tests.e2e.house import exfilter

if TYPE_CHECKING:
    from pathlib import Path

    from mitmproxy.http import HTTPFlow

NOON = 1_700_000_000.25


def flow(body: bytes | None, host: str = "paste.example", user: str = "anna") -> HTTPFlow:
    made = tflow.tflow(req=tutils.treq(content=body or b"", host=host, method=b"POST", timestamp_start=NOON))
    made.request.raw_content = body
    made.metadata["proxyauth"] = (user, "swordfish")
    return made


def capture(path: Path, *flows: HTTPFlow) -> Path:
    out = io.BytesIO()
    for each in flows:
        FlowWriter(out).add(each)
    path.write_bytes(out.getvalue())
    return path


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_transfers_are_decided_with_the_captures_times_and_actors(
    template: Path, tmp_path: Path, leak: bytes, form: bytes
) -> None:
    dump = capture(
        tmp_path / "day.mitm", flow(form), flow(leak, "Upload.Example", "boris"), flow(leak, "crm.example")
    )
    done = exfilter("replay", dump, "--config", template, "--format", "jsonl")
    assert done.returncode == 1, done.stderr
    first, second, third = lines(done.stdout)
    assert [line["verdict"] for line in (first, second, third)] == ["allow", "quarantine", "allow"]
    assert (first["actor"], second["actor"]) == ("anna", "boris")
    assert second["time"] == "2023-11-14T22:13:20.250000+00:00"
    assert second["destination"] == "upload.example"
    assert second["path"] == f"{dump} > flow 2"
    assert (second["customers"], second["identified"], len(second["customer_ids"])) == (60, 60, 60)
    assert second["rule"] == "many customers"
    assert third["rule"] == "crm may receive customers"
    assert "swordfish" not in done.stdout + done.stderr


def _files(folder: Path) -> list[Path]:
    """Return all files but the stamp that a check of the index leaves in it."""
    return sorted(file for file in folder.rglob("*") if file.name != checked.FILE)


def test_nothing_is_kept_and_nothing_is_logged(template: Path, tmp_path: Path, leak: bytes) -> None:
    before = _files(template)
    exfilter("replay", capture(tmp_path / "day.mitm", flow(leak)), "--config", template)
    assert _files(template) == before


def test_names_are_masked(template: Path, tmp_path: Path, leak: bytes) -> None:
    person = next(each for each in customers(PEOPLE) if each.phone)
    digits = "".join(filter(str.isdigit, person.phone))
    dump = capture(tmp_path / "day.mitm", flow(leak, f"{digits}.evil.example", "anna"))
    for options in ([], ["--format", "jsonl"]):
        done = exfilter("replay", dump, "--config", template, *options)
        assert ".evil.example" in done.stdout
        assert digits not in done.stdout
        assert "anna" in done.stdout


def test_a_table_is_for_people(template: Path, tmp_path: Path, leak: bytes) -> None:
    done = exfilter("replay", capture(tmp_path / "day.mitm", flow(leak)), "--config", template)
    assert done.returncode == 1
    assert "quarantine" in done.stdout
    assert "paste.example" in done.stdout


def test_an_ordinary_capture_holds_nothing(template: Path, tmp_path: Path, form: bytes) -> None:
    done = exfilter("replay", capture(tmp_path / "day.mitm", flow(form)), "--config", template)
    assert done.returncode == 0


def test_a_truncated_dump_yields_what_is_whole_and_says_so(
    template: Path, tmp_path: Path, leak: bytes, form: bytes
) -> None:
    dump = capture(tmp_path / "day.mitm", flow(leak), flow(form))
    dump.write_bytes(dump.read_bytes()[:-100])
    done = exfilter("replay", dump, "--config", template, "--format", "jsonl")
    assert done.returncode == 2
    assert [line["verdict"] for line in lines(done.stdout)] == ["quarantine"]
    assert "breaks off" in done.stderr
    assert "1 whole flows" in done.stderr


def test_a_body_that_was_not_captured_is_unscanned(template: Path, tmp_path: Path, leak: bytes) -> None:
    dump = capture(tmp_path / "day.mitm", flow(None), flow(leak))
    done = exfilter("replay", dump, "--config", template, "--format", "jsonl")
    assert done.returncode == 1
    assert [item["reason"] for item in lines(done.stdout)[0]["unscanned"]] == ["opaque"]
    strict = exfilter("replay", dump, "--config", template, "--strict")
    assert strict.returncode == 2


def test_what_is_no_dump_is_refused_and_the_others_are_read(
    template: Path, tmp_path: Path, leak: bytes
) -> None:
    (tmp_path / "notes.txt").write_text("no dump")
    dump = capture(tmp_path / "day.mitm", flow(leak))
    arguments = (tmp_path / "notes.txt", tmp_path / "none", dump, "--config", template, "--format", "jsonl")
    done = exfilter("replay", *arguments)
    assert done.returncode == 2
    assert len(lines(done.stdout)) == 1
    assert "notes.txt: is not a capture that is known here" in done.stderr
    assert "there is no such file" in done.stderr
