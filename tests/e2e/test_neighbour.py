"""A door among other services: probes, figures, logs, pages, several processes on one port."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.house import Proxy, Reply, Shared, curl, exfilter, http, https

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.farend import FarEnd

PATIENCE = 30.0


def await_(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.1)


def probe(proxy: Proxy, path: str) -> Reply:
    address = next(match[1] for line in proxy.said if (match := re.search(r"status on (http://\S+)", line)))
    return curl(address + path)


def figures(proxy: Proxy) -> dict[str, float]:
    samples = re.findall(r"^(exfilter_.+) (\S+)$", probe(proxy, "/metrics").body, re.MULTILINE)
    return {name: float(value) for name, value in samples}


def with_status(folder: Path, far_end_ca: Path) -> Shared:
    with (folder / "exfilter.toml").open("a") as settings:
        settings.write('\ncontact = "Dana <dana@reviewers.example>, room 7"\nmax_body = 100000\n')
    return Shared(folder, ("--upstream-ca", str(far_end_ca), "--status", "127.0.0.1:0"))


@pytest.fixture(scope="module")
def serving(shared_folder: Path, far_end_ca: Path) -> Iterator[Shared]:
    with with_status(shared_folder, far_end_ca) as proxy:
        yield proxy


@pytest.fixture
def proxy(serving: Shared) -> Proxy:
    return serving.begin()


@pytest.fixture
def own(folder: Path, far_end_ca: Path) -> Iterator[Proxy]:
    """Open a door of the test's own: its figures are those of this test, or the test breaks it."""
    with with_status(folder, far_end_ca) as proxy:
        yield proxy


def test_an_open_door_lives_and_is_ready(proxy: Proxy) -> None:
    assert (probe(proxy, "/healthz").status, probe(proxy, "/healthz").body) == (200, "alive\n")
    assert (probe(proxy, "/readyz").status, probe(proxy, "/readyz").body) == (200, "ready\n")
    assert probe(proxy, "/elsewhere").status == 404
    address = next(line for line in proxy.said if "status on" in line).split()[-1]
    assert curl(f"{address}/metrics", "-X", "POST").status == 405


def test_a_door_without_the_option_answers_no_probe(folder: Path) -> None:
    with Proxy(folder) as proxy:
        assert not [line for line in proxy.said if "status" in line]


def test_a_door_that_could_only_refuse_is_not_ready(own: Proxy, folder: Path) -> None:
    shutil.move(folder / "index", folder / "away")
    await_(lambda: probe(own, "/readyz").body == "index\n")
    assert probe(own, "/readyz").status == 503
    assert probe(own, "/healthz").status == 200
    shutil.move(folder / "away", folder / "index")
    await_(lambda: probe(own, "/readyz").status == 200)
    shutil.move(folder / "quarantine" / "bodies", folder / "away")
    await_(lambda: probe(own, "/readyz").body == "quarantine\n")
    shutil.move(folder / "away", folder / "quarantine" / "bodies")
    (folder / "decisions.jsonl").unlink(missing_ok=True)
    (folder / "decisions.jsonl").mkdir()
    await_(lambda: probe(own, "/readyz").body == "decisions\n")


def test_figures_are_those_of_the_decision_log(own: Proxy, far_end: FarEnd, leak: bytes, form: bytes) -> None:
    assert own.curl(https(far_end), data=form).status == 200
    assert own.curl(http(far_end), data=leak).status == 403
    assert own.curl(http(far_end), data=b"x" * 100_001).status == 413
    assert own.curl(http(far_end), "-X", "lower", data=form).status == 405
    lines, found = own.decisions(), figures(own)
    assert len(lines) == 5
    assert found['exfilter_transfers_total{door="proxy",kind="connect"}'] == 1
    assert found['exfilter_transfers_total{door="proxy",kind="http"}'] == 4
    assert found['exfilter_held_total{door="proxy"}'] == sum(line["held"] for line in lines)
    assert found['exfilter_refusals_total{why="too-large"}'] == 1
    assert found['exfilter_refusals_total{why="method"}'] == 1
    assert found['exfilter_seconds_count{stage="scan"}'] == 5
    assert found['exfilter_seconds_count{stage="hold"}'] == 1
    for rule in {line["rule"] for line in lines}:
        counted = sum(value for name, value in found.items() if "_verdicts_total{" in name and rule in name)
        assert counted == sum(line["rule"] == rule for line in lines)


def test_figures_name_no_sender_no_destination_and_no_customer(
    proxy: Proxy, far_end: FarEnd, leak: bytes
) -> None:
    proxy.curl(http(far_end, "/secret-path?q=anna@example.com"), "-H", "X-Secret: header", data=leak)
    text = probe(proxy, "/metrics").body.lower()
    assert not [word for word in ("127.0.0.1", "localhost", "secret", "anna", "@", "upload") if word in text]


def test_a_held_sender_learns_whom_to_ask_and_not_what_was_found(
    proxy: Proxy, far_end: FarEnd, leak: bytes
) -> None:
    page = proxy.curl(http(far_end), "-H", "Accept: text/html", data=leak)
    assert "Dana &lt;dana@reviewers.example&gt;, room 7" in page.body
    assert page.transfer_id in page.body
    answer = json.loads(proxy.curl(http(far_end), "-H", "Accept: application/json", data=leak).body)
    assert answer["transfer"]
    assert answer["contact"] == "Dana <dana@reviewers.example>, room 7"
    (rule,) = {line["rule"] for line in proxy.decisions()}
    assert rule not in page.body + json.dumps(answer)
    assert not re.search(r"\d+ customers|\b60\b", page.body + json.dumps(answer))


def test_an_answer_to_head_has_no_body(proxy: Proxy, far_end: FarEnd, leak: bytes) -> None:
    query = "&".join(line.replace(",", "%2C").replace(" ", "+") for line in leak.decode().splitlines()[1:40])
    reply = proxy.curl(http(far_end, "/search?q=" + query), "-I")
    assert (reply.status, reply.body.count("<h1>")) == (403, 0)
    assert reply.transfer_id
    assert far_end.connections == 0


def test_logs_in_json_are_json_to_the_last_line(folder: Path, far_end: FarEnd) -> None:
    with Proxy(folder, ("--log-format", "json", "--status", "127.0.0.1:0", "--audit-only")) as proxy:
        assert proxy.curl(http(far_end)).status == 200
    lines = [json.loads(line) for line in proxy.said]
    assert all({"time", "level", "event"} <= line.keys() for line in lines)
    assert [line["level"] for line in lines if "audit only" in line["event"]] == ["warning"]
    refused = exfilter("proxy", "--config", folder / "nowhere", "--log-format", "json")
    assert refused.returncode == 2
    assert json.loads(refused.stderr)["level"] == "error"


def lives(process: int) -> bool:
    """Whether a process is there and not just waiting to be buried."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def children(proxy: Proxy) -> set[int]:
    """Return the ids of the door's processes: those whose command line is that of a spawned one."""
    listed = Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children")
    ids = map(int, listed.read_text().split() if listed.exists() else ())
    return {
        each for each in ids if lives(each) and b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()
    }


@pytest.fixture
def company(folder: Path, far_end: FarEnd) -> Iterator[Proxy]:
    arguments = ("--upstream-ca", str(far_end.ca), "--status", "127.0.0.1:0", "--processes", "2")
    with Proxy(folder, arguments) as proxy:
        yield proxy


def test_several_processes_answer_on_one_port_and_count_together(
    company: Proxy, far_end: FarEnd, form: bytes, leak: bytes
) -> None:
    assert len(children(company)) == 2
    assert [line for line in company.said if "listening on" in line] == [company.said[-1]]
    assert probe(company, "/readyz").status == 200
    assert {company.curl(http(far_end), data=form).status for _ in range(8)} == {200}
    assert company.curl(https(far_end), data=leak).status == 403
    assert figures(company)['exfilter_transfers_total{door="proxy",kind="http"}'] == 9
    assert figures(company)['exfilter_held_total{door="proxy"}'] == 1
    assert len(company.decisions()) == 10


def test_several_processes_speak_socks_on_one_port_too(folder: Path, far_end: FarEnd, form: bytes) -> None:
    with Proxy(folder, ("--socks", "127.0.0.1:0", "--processes", "2")) as proxy:
        (socks,) = [line.split()[-1] for line in proxy.said if "listening on socks5h://" in line]
        assert {curl(http(far_end), "-x", socks, data=form).status for _ in range(6)} == {200}
    assert len(proxy.decisions()) == 6


def test_one_that_is_killed_leaves_the_other_serving_and_is_replaced(
    company: Proxy, far_end: FarEnd, form: bytes
) -> None:
    before = children(company)
    lost = min(before)
    os.kill(lost, signal.SIGKILL)
    await_(lambda: not lives(lost))
    assert company.curl(http(far_end), data=form).status == 200
    seen = []
    await_(lambda: seen.append(probe(company, "/readyz")) or seen[-1].body == "ready\n")  # type: ignore[func-returns-value]
    assert len(children(company) - before) == 1
    assert {reply.status for reply in seen} == {200}
    (other,) = before - {lost}
    assert f"ready, 1 of 2 processes: {other}" in seen[0].body
    assert {company.curl(http(far_end), data=form).status for _ in range(6)} == {200}
    assert figures(company)['exfilter_transfers_total{door="proxy",kind="http"}'] == 7
    assert [line for line in company.said if "a process of the door ended" in line]


def test_one_that_cannot_be_replaced_for_now_leaves_the_other_serving(
    company: Proxy, folder: Path, far_end: FarEnd, form: bytes
) -> None:
    policy = folder / "policy.toml"
    good = policy.read_text()
    policy.write_text(good + "\n[[rule")
    lost = min(children(company))
    os.kill(lost, signal.SIGKILL)
    await_(lambda: any("policy.toml:" in line for line in company.said))
    await_(lambda: len(children(company)) == 1)
    assert company.curl(http(far_end), data=form).status == 200
    assert probe(company, "/readyz").status == 200
    assert probe(company, "/readyz").body.startswith("ready, 1 of 2 processes: ")
    policy.write_text(good)
    await_(lambda: len(children(company)) == 2 and probe(company, "/readyz").body == "ready\n")


def test_where_no_process_serves_the_address_is_not_ready(company: Proxy, folder: Path) -> None:
    shutil.rmtree(folder / "index")
    await_(lambda: probe(company, "/readyz").status == 503)
    assert probe(company, "/readyz").body == "index\n"


def test_one_that_hangs_is_named_and_the_other_serves(company: Proxy) -> None:
    hanging, other = children(company)
    os.kill(hanging, signal.SIGSTOP)
    try:
        await_(lambda: f"{hanging} hanging" in probe(company, "/readyz").body)
        assert probe(company, "/readyz").body == f"ready, 1 of 2 processes: {other}; {hanging} hanging\n"
    finally:
        os.kill(hanging, signal.SIGCONT)


def test_processes_that_keep_dying_end_them_all(company: Proxy) -> None:
    def kill() -> bool:
        for process in children(company):
            os.kill(process, signal.SIGKILL)
        return company.process.poll() is not None

    await_(kill)
    assert company.process.returncode == 2
    assert "giving up" in "\n".join(company.said)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_processes(company: Proxy, number: signal.Signals) -> None:
    processes = children(company)
    assert company.stop(number) == 0
    assert not [process for process in processes if lives(process)]


def test_processes_end_with_their_parent(company: Proxy) -> None:
    processes = children(company)
    company.stop(signal.SIGKILL)
    await_(lambda: not [process for process in processes if lives(process)])


def test_several_that_cannot_start_say_why_once(folder: Path, far_end: FarEnd) -> None:
    taken = exfilter("proxy", "--config", folder, "--processes", "2", "--listen", f"127.0.0.1:{far_end.http}")
    assert taken.returncode == 2
    assert "choose another --listen" in taken.stderr
    shutil.rmtree(folder / "index")
    broken = exfilter("proxy", "--config", folder, "--processes", "2", "--listen", "127.0.0.1:0")
    assert broken.returncode == 2
    assert "index" in broken.stderr
    assert "Traceback" not in broken.stderr


def test_a_second_exfilter_does_not_join_the_first(company: Proxy, folder: Path) -> None:
    address = company.address.removeprefix("http://")
    for processes in ("1", "2"):
        done = exfilter("proxy", "--config", folder, "--processes", processes, "--listen", address)
        assert done.returncode == 2
        assert "Address already in use; choose another --listen HOST:PORT" in done.stderr
