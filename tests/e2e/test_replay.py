"""``exfilter replay``: a dump of mitmproxy through the same pipeline."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import sqlite3
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow, tutils
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from exfilter import flows
from exfilter.captures import Place
from exfilter.index import build, checked, keys
from fixtures.bodies import copied_csv
from fixtures.customers import customers, write_csv
from fixtures.packets import CLIENT, conversation, pcap, tls
from tests.e2e import house
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


DRIP = """
[[rules]]
name = "drip"
action = "quarantine"
new_customers = {new}
days = 7
"""


def drip(folder: Path, of: str, days: int = 12) -> Path:
    """Return a capture in which somebody sends five other customers a day."""
    people = list(customers(PEOPLE))
    made = []
    for day in range(days):
        each = flow(copied_csv(people[5 * day : 5 * day + 5]).data, user=of)
        each.request.timestamp_start = NOON + day * 86_400
        made.append(each)
    return capture(folder / "quarter.mitm", *made)


def test_thresholds_over_days_decide_as_they_would_have_live(template: Path, tmp_path: Path) -> None:
    folder = house.copy(template, tmp_path / "config")
    (folder / "policy.toml").write_text(DRIP.format(new=18))
    done = exfilter("replay", drip(tmp_path, "anna", 6), "--config", folder, "--format", "jsonl")
    assert done.returncode == 1, done.stderr
    # 5, 10 and 15 new ones pass. What is held was not sent: every day would again be the one too many.
    assert [line["verdict"] for line in lines(done.stdout)] == ["allow"] * 3 + ["quarantine"] * 3
    assert {line["rule"] for line in lines(done.stdout)[3:]} == {"drip"}


def test_another_policy_shows_what_would_differ(template: Path, tmp_path: Path) -> None:
    folder = house.copy(template, tmp_path / "config")
    (folder / "policy.toml").write_text(DRIP.format(new=18))
    (tmp_path / "other.toml").write_text(DRIP.format(new=28))
    dump = drip(tmp_path, "anna", 6)
    options = ("--config", folder, "--policy", tmp_path / "other.toml")
    done = exfilter("replay", dump, *options, "--format", "jsonl")
    assert done.returncode == 1, done.stderr
    *transfers, last = lines(done.stdout)
    assert [line["verdict"] for line in transfers] == ["allow"] * 3 + ["quarantine"] * 3
    assert [line["after"]["verdict"] for line in transfers] == ["allow"] * 5 + ["quarantine"]
    assert [line["changed"] for line in transfers] == [False] * 3 + [True] * 2 + [False]
    difference = last["difference"]
    assert (difference["transfers"], difference["changed"]) == (6, 2)
    (held,) = [cost for cost in difference["costs"] if cost["what"] == "transfers that would be held"]
    assert (held["now"], held["after"]) == (3, 1)
    (anna,) = difference["actors"]
    assert anna["first"] == "2023-11-17T22:13:20.250000+00:00"
    assert anna["first_after"] == "2023-11-19T22:13:20.250000+00:00"
    table = exfilter("replay", dump, *options)
    assert table.stdout.count("quarter.mitm > flow") == 2
    assert "first held after" in table.stdout


def test_another_index_shows_what_would_differ(template: Path, tmp_path: Path, leak: bytes) -> None:
    write_csv(tmp_path / "few.csv", 10)
    key = keys.load(template / "index.key")
    build.build(tmp_path / "few.csv", tmp_path / "few", key, build.Options())
    dump = capture(tmp_path / "day.mitm", flow(leak))
    done = exfilter("replay", dump, "--config", template, "--index", tmp_path / "few", "--format", "jsonl")
    line, _ = lines(done.stdout)
    assert (line["customers"], line["after"]["customers"]) == (60, 10)
    assert line["after"]["verdict"] != line["verdict"]


def test_an_interrupted_replay_goes_on_where_it_was(template: Path, tmp_path: Path) -> None:
    folder = house.copy(template, tmp_path / "config")
    (folder / "policy.toml").write_text(DRIP.format(new=28))
    whole = drip(tmp_path, "anna", 8)
    expected = lines(exfilter("replay", whole, "--config", folder, "--format", "jsonl").stdout)
    first, second = tmp_path / "first.mitm", tmp_path / "second.mitm"
    places = list(flows.places(whole))
    cut = places[4].start if isinstance(places[4], Place) else 0
    first.write_bytes(whole.read_bytes()[:cut])
    second.write_bytes(whole.read_bytes()[cut:])
    options = ("--config", folder, "--format", "jsonl", "--state", tmp_path / "state")
    before = exfilter("replay", first, *options)
    assert before.returncode == 0, before.stderr
    after = exfilter("replay", first, second, *options)
    assert after.returncode == 1
    together = [*lines(before.stdout), *lines(after.stdout)]
    keys_ = ("verdict", "rule", "customers", "time")
    assert [[line[key] for key in keys_] for line in together] == [
        [line[key] for key in keys_] for line in expected
    ]
    again = exfilter("replay", first, second, *options)
    assert (again.stdout, again.returncode) == ("", 1)
    (folder / "policy.toml").write_text(DRIP.format(new=29))
    other = exfilter("replay", first, second, *options)
    assert other.returncode == 2
    assert "another replay" in other.stderr


def test_a_replay_that_is_killed_decides_nothing_twice(template: Path, tmp_path: Path) -> None:
    folder = house.copy(template, tmp_path / "config")
    (folder / "policy.toml").write_text(DRIP.format(new=200))
    people = list(customers(PEOPLE))
    made = [flow(copied_csv(people[n : n + 1]).data, user=f"user{n % 7}") for n in range(PEOPLE)] * 3
    dump, state = capture(tmp_path / "many.mitm", *made), tmp_path / "state"
    options = ("replay", dump, "--config", folder, "--format", "jsonl", "--state", state)
    line = [*house.COMMAND, *map(str, options)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, cwd=house.ROOT, env=house.environment()) as process:
        for _ in range(1200):
            assert process.stdout
            process.stdout.readline()
        process.kill()
    done = exfilter(*options)
    assert len(lines(done.stdout)) < 3 * PEOPLE
    connection = sqlite3.connect(state / "now.sqlite")
    with contextlib.closing(connection):
        (attempts,) = connection.execute("SELECT sum(attempts) FROM exposures").fetchone()
        ((transfers,),) = connection.execute("SELECT count FROM replay_totals WHERE name = 'transfers'")
        (scopes,) = connection.execute("SELECT sum(turn) FROM scopes WHERE kind = 'actor'").fetchone()
    assert transfers == attempts == scopes == 3 * PEOPLE


def test_an_import_counts_once_and_tells_nobody(
    template: Path, tmp_path: Path, leak: bytes, form: bytes
) -> None:
    folder = house.copy(template, tmp_path / "config")
    dump = capture(tmp_path / "day.mitm", flow(leak), flow(form), flow(leak))
    told = [f"{new} transfers with customers imported, {known} were there" for new, known in ((1, 1), (0, 2))]
    for each in told:
        done = exfilter("replay", dump, "--config", folder, "--import", "--reason", "the proxy of March")
        assert done.returncode == 1, done.stderr
        assert each in done.stderr
    listed = exfilter("ledger", "list", "--config", folder, "--format", "json", "--only", "sent")
    (row,) = json.loads(listed.stdout)
    assert (row["door"], row["actor"], row["customers"], row["sent"]) == ("replay", "anna", 60, True)
    connection = sqlite3.connect(folder / "ledger.sqlite")
    with contextlib.closing(connection):
        written = connection.execute("SELECT act, reason FROM acts ORDER BY number").fetchall()
        assert [each for each in written if each[0] == "import"] == [("import", "the proxy of March")] * 2
        assert [reason for act, reason in written if act == "imported"] == told
        assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM suspensions").fetchone() == (0,)


def test_a_har_is_replayed_and_its_file_stands_for_the_actor(
    template: Path, tmp_path: Path, leak: bytes
) -> None:
    posted = {"mimeType": "text/csv", "text": leak.decode()}
    request = {"method": "POST", "url": "https://paste.example/", "headers": [], "postData": posted}
    made = {"log": {"entries": [{"startedDateTime": "2023-11-14T22:13:20Z", "request": request}]}}
    path = tmp_path / "annas-browser.har"
    path.write_text(json.dumps(made))
    (line,) = lines(exfilter("replay", path, "--config", template, "--format", "jsonl").stdout)
    assert (line["actor"], line["verdict"], line["customers"]) == ("annas-browser", "quarantine", 60)
    (line,) = lines(
        exfilter("replay", path, "--config", template, "--format", "jsonl", "--actor", "anna").stdout
    )
    assert line["actor"] == "anna"


def test_a_hostile_entry_ends_no_replay_and_it_can_be_resumed(
    template: Path, tmp_path: Path, leak: bytes
) -> None:
    sent = {"method": "POST", "url": "https://a.example/", "postData": {"text": leak.decode()}}
    message = {"type": "send", "data": "x", "time": 10**400, "opcode": 1}
    hostile = {"request": sent | {"method": "P\ud800", "url": "https://\ud800a.example/"}}
    entries = [hostile, {"request": sent, "_webSocketMessages": [message]}, {"request": sent}]
    path = tmp_path / "day.har"
    path.write_text(json.dumps({"log": {"entries": entries}}))
    options = ("--state", tmp_path / "state", "--format", "jsonl", "--config", template)
    done = exfilter("replay", path, *options)
    assert done.returncode == 1, done.stderr
    assert [line["verdict"] for line in lines(done.stdout)] == [
        "quarantine",
        "quarantine",
        "allow",
        "quarantine",
    ]
    again = exfilter("replay", path, *options)
    assert (again.stdout, again.returncode) == ("", 1)


def test_the_report_holds_hostile_names_harmlessly(template: Path, tmp_path: Path, leak: bytes) -> None:
    hostile = "<script>alert(1)</script>\u202e"
    dump = capture(tmp_path / "<img src=x>.mitm", flow(leak, user=hostile))
    dump.write_bytes(dump.read_bytes() + b"99:x")
    done = exfilter("replay", dump, "--config", template, "--format", "html")
    assert done.returncode == 2
    assert "<script" not in done.stdout
    assert "<img" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in done.stdout
    assert "breaks off" in done.stdout
    assert not re.search(r"https?://", done.stdout)


def test_messages_of_a_websocket_count_together(template: Path, tmp_path: Path) -> None:
    folder = house.copy(template, tmp_path / "config")
    (folder / "policy.toml").write_text('[[rules]]\nname = "many"\naction = "quarantine"\ncustomers = 12\n')
    people = list(customers(PEOPLE))
    made = tflow.twebsocketflow()
    assert made.websocket
    made.websocket.messages = [
        WebSocketMessage(Opcode.TEXT, True, copied_csv(people[n : n + 5]).data, NOON + n)  # noqa: FBT003
        for n in (0, 5, 10)
    ]
    done = exfilter("replay", capture(tmp_path / "chat.mitm", made), "--config", folder, "--format", "jsonl")
    messages = [line for line in lines(done.stdout) if line["method"] == "WEBSOCKET"]
    assert [line["customers"] for line in messages] == [5, 10, 15]
    assert [line["verdict"] for line in messages] == ["allow", "allow", "quarantine"]


def test_pieces_of_an_upload_count_together(template: Path, tmp_path: Path, leak: bytes) -> None:
    folder = house.copy(template, tmp_path / "config")
    (folder / "policy.toml").write_text('[[rules]]\nname = "many"\naction = "quarantine"\ncustomers = 50\n')
    half = len(leak) // 2
    pieces = []
    for start, end in ((0, half), (half, len(leak))):
        piece = flow(leak[start:end])
        piece.request.method = "PUT"
        piece.request.headers["content-range"] = f"bytes {start}-{end - 1}/{len(leak)}"
        piece.request.timestamp_start = NOON + start
        pieces.append(piece)
    done = exfilter("replay", capture(tmp_path / "up.mitm", *pieces), "--config", folder, "--format", "jsonl")
    first, second = lines(done.stdout)
    assert first["customers"] < 50
    assert (first["verdict"], second["verdict"]) == ("allow", "quarantine")
    assert second["customers"] == 60
    assert not (folder / "uploads").exists()


SUSPENDING = """
[[rules]]
name = "leak"
action = "quarantine"
customers = 50
suspend = true
"""


def test_who_would_have_been_suspended_is_held_from_then_on(
    template: Path, tmp_path: Path, leak: bytes, form: bytes
) -> None:
    folder = house.copy(template, tmp_path / "config")
    (folder / "policy.toml").write_text(SUSPENDING)
    dump = capture(tmp_path / "day.mitm", flow(form), flow(leak), flow(form), flow(form, user="boris"))
    done = exfilter("replay", dump, "--config", folder, "--format", "jsonl")
    assert [line["rule"] for line in lines(done.stdout)] == ["default", "leak", "suspended", "default"]
    assert not (folder / "ledger.sqlite").exists()


def test_a_capture_of_packets_is_replayed(template: Path, tmp_path: Path, leak: bytes) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    head = b"POST / HTTP/1.1\r\nHost: paste.example\r\nContent-Length: %d\r\n\r\n" % len(leak)
    said, key_log = tls(head + leak, "http/1.1", tmp_path)
    dump = tmp_path / "day.pcap"
    dump.write_bytes(pcap(conversation(said, 443)))
    done = exfilter("replay", dump, "--config", template, "--format", "jsonl", "--keys", key_log)
    (line,) = lines(done.stdout)
    assert (line["verdict"], line["customers"], line["actor"]) == ("quarantine", 60, CLIENT)
    closed = exfilter("replay", dump, "--config", template, "--format", "jsonl", "--strict")
    assert closed.returncode == 2
    assert [each["reason"] for each in lines(closed.stdout)[0]["unscanned"]] == ["encrypted"]


def test_several_workers_say_the_same_in_the_same_order(template: Path, tmp_path: Path, leak: bytes) -> None:
    made = [flow(leak[: 200 + 40 * n], user=f"user{n % 3}") for n in range(60)]
    dump = capture(tmp_path / "day.mitm", *made)
    one, four = (
        exfilter("replay", dump, "--config", template, "--format", "jsonl", "--workers", count).stdout
        for count in ("1", "4")
    )
    assert one == four
    assert len(lines(one)) == 60


def test_a_replay_that_is_ended_leaves_no_ledger_behind(template: Path, tmp_path: Path, leak: bytes) -> None:
    dump = capture(tmp_path / "day.mitm", *[flow(leak)] * 500)
    options = ("replay", dump, "--config", template, "--format", "jsonl")
    environment = house.environment() | {"TMPDIR": str(tmp_path)}
    line = [*house.COMMAND, *map(str, options)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, cwd=house.ROOT, env=environment) as process:
        assert process.stdout
        process.stdout.readline()
        assert list(tmp_path.glob("exfilter-replay-*"))
        process.terminate()
        process.stdout.close()
    assert not list(tmp_path.glob("exfilter-replay-*"))
