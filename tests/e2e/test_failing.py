"""Whatever breaks, nothing is forwarded: a far end that counts says so."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mitmproxy.certs import CertStore

from exfilter.index import build, keys
from exfilter.quarantine import Quarantine
from fixtures.customers import write_csv
from tests.e2e.house import PATIENCE, Proxy, Reply, copy, exfilter, http, https

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.farend import FarEnd


def configured(folder: Path, line: str) -> None:
    with (folder / "exfilter.toml").open("a") as settings:
        settings.write(f"\n{line}\n")


def runs(process: int) -> bool:
    """Whether a process is there and not only its number, which it keeps until somebody asks how it ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def held(folder: Path) -> list[str]:
    with Quarantine.open(folder / "quarantine") as quarantine:
        assert quarantine.verify().whole
        return [entry.rule for entry in quarantine.entries()]


@pytest.mark.parametrize("fault", ["raises", "out-of-memory", "exits"])
def test_a_scan_that_fails_never_forwards(folder: Path, far_end: FarEnd, form: bytes, fault: str) -> None:
    with Proxy(folder, ("--upstream-ca", str(far_end.ca)), fault=fault) as proxy:
        for url in (http(far_end), https(far_end)):
            reply = proxy.curl(url, data=form)
            assert reply.status == 403
            assert reply.transfer_id
        assert proxy.curl(https(far_end)).status == 200
        assert "customer@example.com" not in "\n".join(proxy.said)
    assert far_end.body_bytes == 0
    assert held(folder) == ["fail-closed", "fail-closed"]


def test_a_scan_that_does_not_end_never_forwards(
    template: Path, tmp_path: Path, far_end: FarEnd, form: bytes
) -> None:
    def check(fault: str) -> None:
        folder = copy(template, tmp_path / fault)
        configured(folder, "deadline = 0.5\nworkers = 1")
        with Proxy(folder, fault=fault) as proxy:
            for _ in range(2):
                assert proxy.curl(http(far_end), "-H", f"X-Try: {_}", data=form).status == 403
            rules = [line["unscanned"][0]["reason"] for line in proxy.decisions()]
        assert rules == ["deadline", "deadline"]
        assert held(folder) == ["fail-closed", "fail-closed"]

    with ThreadPoolExecutor(2) as pool:  # side by side: nearly all of it is waiting
        list(pool.map(check, ("hangs", "stops")))
    assert far_end.connections == 0


@pytest.mark.parametrize("fault", ["dies", "leaves"])
def test_a_worker_that_dies_never_forwards(folder: Path, far_end: FarEnd, form: bytes, fault: str) -> None:
    with Proxy(folder, fault=fault) as proxy:
        reply = proxy.curl(http(far_end), data=form)
        assert (reply.status, bool(reply.transfer_id)) == (403, True)
        assert proxy.curl(http(far_end)).status == 200
    assert far_end.body_bytes == 0
    assert held(folder) == ["fail-closed"]


def test_an_index_that_vanishes_closes_the_door(folder: Path, far_end: FarEnd, form: bytes) -> None:
    with Proxy(folder) as proxy:
        assert proxy.curl(http(far_end), data=form).status == 200
        shutil.move(folder / "index", folder / "away")
        time.sleep(1.1)
        reply = proxy.curl(http(far_end), data=form)
        assert (reply.status, bool(reply.transfer_id)) == (403, True)
        shutil.move(folder / "away", folder / "index")
        assert proxy.curl(http(far_end), "-H", "X-Try: 2", data=form).status == 200
    assert far_end.body_bytes == 2 * len(form)


def test_a_damaged_index_closes_the_door(folder: Path, far_end: FarEnd, form: bytes) -> None:
    with Proxy(folder) as proxy:
        (manifest,) = (folder / "index").glob("*/manifest.json")
        manifest.write_text("{}")
        time.sleep(1.1)
        assert proxy.curl(http(far_end), data=form).status == 403
    assert far_end.connections == 0


def test_without_quarantine_a_leak_is_refused_without_an_id(
    folder: Path, far_end: FarEnd, leak: bytes, form: bytes
) -> None:
    with Proxy(folder) as proxy:
        shutil.rmtree(folder / "quarantine" / "bodies")
        (folder / "quarantine" / "bodies").touch()
        reply = proxy.curl(http(far_end), data=leak)
        assert (reply.status, reply.transfer_id) == (503, "")
        assert "was not sent" in reply.body
        assert [line["held"] for line in proxy.decisions()] == [True]
        assert far_end.connections == 0
        assert proxy.curl(http(far_end), data=form).status == 200


def test_without_decision_log_nothing_passes_and_everything_is_held(
    folder: Path, far_end: FarEnd, leak: bytes, form: bytes
) -> None:
    with Proxy(folder) as proxy:
        (folder / "decisions.jsonl").unlink(missing_ok=True)
        (folder / "decisions.jsonl").mkdir()
        for body in (form, leak):
            reply = proxy.curl(http(far_end), data=body)
            assert (reply.status, bool(reply.transfer_id)) == (403, True)
    assert far_end.connections == 0
    assert len(held(folder)) == 2


def test_a_full_disk_never_forwards(folder: Path, far_end: FarEnd, leak: bytes) -> None:
    body = leak + bytes(range(33, 127)) * 5000
    with Proxy(folder, limits="ulimit -f 300") as proxy:
        reply = proxy.curl(http(far_end), data=body)
        assert (reply.status, reply.transfer_id) == (503, "")
    assert far_end.connections == 0
    assert held(folder) == []


def pids(proxy: Proxy, what: str) -> list[int]:
    return [pid for pid, line in proxy.family().items() if what in line]


class Sending:
    """A request that is under way, from another thread."""

    def __init__(self, proxy: Proxy, url: str, data: bytes, *arguments: str) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._reply = self._pool.submit(proxy.curl, url, *arguments, data=data)

    def reply(self) -> Reply:
        return self._reply.result(PATIENCE)


def test_a_worker_that_is_killed_never_forwards(folder: Path, far_end: FarEnd, form: bytes) -> None:
    with Proxy(folder, fault="pauses") as proxy:
        sending = Sending(proxy, http(far_end), form)
        time.sleep(1)
        scans, *workers = sorted(pids(proxy, "exfilter.door.worker"))
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        reply = sending.reply()
        assert (reply.status, bool(reply.transfer_id)) == (403, True)
        assert far_end.connections == 0
        assert scans in proxy.family(), "the process that they are forked from goes on"
        assert proxy.curl(http(far_end), "-H", "X-Try: 2", data=form).status == 200
    assert held(folder) == ["fail-closed"]


def test_the_process_that_workers_are_forked_from_is_started_again(
    folder: Path, far_end: FarEnd, form: bytes
) -> None:
    with Proxy(folder, fault="pauses") as proxy:
        sending = Sending(proxy, http(far_end), form)
        time.sleep(1)
        os.kill(min(pids(proxy, "exfilter.door.worker")), signal.SIGKILL)
        assert sending.reply().status == 403
        assert far_end.connections == 0
        assert proxy.curl(http(far_end), "-H", "X-Try: 2", data=form).status == 200
        assert any("started again" in line for line in proxy.said)


def test_a_door_that_is_killed_leaves_nothing_behind(folder: Path, far_end: FarEnd, leak: bytes) -> None:
    with Proxy(folder, fault="pauses") as proxy:
        held_before = proxy.curl(http(far_end), data=leak).transfer_id
        sending = Sending(proxy, http(far_end), leak + b"\n" * (3 << 20))
        time.sleep(1)
        family = proxy.family()
        proxy.stop(signal.SIGKILL)
        assert sending.reply().status == 0
        assert proxy.eventually(lambda: not any(runs(pid) for pid in family))
    assert far_end.connections == 0
    assert not any((folder / "spool").iterdir())
    with Quarantine.open(folder / "quarantine") as quarantine:
        assert [entry.id for entry in quarantine.entries()] == [held_before]
    with Proxy(folder) as again:
        assert again.curl(http(far_end), data=leak).transfer_id == held_before


def test_a_client_that_goes_away_during_the_scan_has_sent_nothing(
    folder: Path, far_end: FarEnd, leak: bytes, form: bytes
) -> None:
    with Proxy(folder, fault="pauses") as proxy:
        for body in (leak, form):
            assert proxy.curl(http(far_end), data=body, timeout=0.5).status == 0
        assert proxy.eventually(lambda: len(proxy.decisions()) == 2)
    assert far_end.connections == 0
    assert held(folder) == ["many customers"]


def _swap(folder: Path) -> None:
    write_csv(folder / "others.csv", 50, seed=9)
    build.build(folder / "others.csv", folder / "index", keys.load(folder / "index.key"), build.Options())


def _delete(folder: Path) -> None:
    shutil.rmtree(folder / "index")


def _corrupt(folder: Path) -> None:
    for file in (folder / "index").glob("*/*"):
        with file.open("r+b") as opened:
            opened.write(b"\xff" * 64)


@pytest.mark.parametrize("damage", [_swap, _delete, _corrupt])
def test_an_index_that_changes_under_a_transfer_never_lets_it_pass_unread(
    folder: Path, far_end: FarEnd, leak: bytes, damage: Callable[[Path], None]
) -> None:
    with Proxy(folder, fault="pauses") as proxy:
        proxy.curl(http(far_end), data=b"good morning")
        sending = Sending(proxy, http(far_end), leak)
        time.sleep(1)
        damage(folder)
        reply = sending.reply()
        # With the new index none of these is a customer any more: then the verdict is its own.
        assert reply.status == (200 if damage is _swap else 403)
    assert far_end.body_bytes == len(b"good morning") + (len(leak) if damage is _swap else 0)


def test_a_locked_quarantine_is_waited_for_and_then_nothing_passes(
    folder: Path, far_end: FarEnd, leak: bytes, form: bytes
) -> None:
    with Proxy(folder) as proxy:
        assert proxy.curl(http(far_end), data=form).status == 200
        locking = sqlite3.connect(folder / "quarantine" / "quarantine.sqlite", isolation_level=None)
        with closing(locking):
            locking.execute("BEGIN EXCLUSIVE")
            reply = proxy.curl(http(far_end), data=leak)
            assert (reply.status, reply.transfer_id) == (503, "")
            assert proxy.curl(http(far_end), data=form).status == 200, "what is clean needs no quarantine"
        assert proxy.curl(http(far_end), data=leak).status == 403
    assert far_end.body_bytes == 2 * len(form)
    assert held(folder) == ["many customers"]


def test_a_disk_that_is_full_while_a_body_arrives_never_forwards(
    folder: Path, far_end: FarEnd, form: bytes
) -> None:
    with Proxy(folder, limits="ulimit -f 3000") as proxy:
        for url in (http(far_end), https(far_end)):
            reply = proxy.curl(url, data=b"good morning\n" * 600_000)
            assert (reply.status, reply.transfer_id) == (503, "")
        reasons = [line["reason"] for line in proxy.decisions() if line["held"]]
        assert reasons == ["not examined: the body could not be kept: File too large"] * 2
        assert far_end.connections == 0
        assert proxy.curl(http(far_end), data=form).status == 200


def test_a_policy_with_a_mistake_changes_nothing_and_a_good_one_is_taken(
    folder: Path, far_end: FarEnd, leak: bytes
) -> None:
    policy = folder / "policy.toml"
    good = policy.read_text()

    def said(*words: str) -> list[str]:
        return [line for line in proxy.said if all(word in line for word in words)]

    with Proxy(folder) as proxy:
        policy.write_text(good + "\n[[rules]]\nnombre = 'x'\n")
        assert proxy.eventually(lambda: said("policy.toml", "stays")), "also while nobody sends"
        time.sleep(1.2)
        assert proxy.curl(http(far_end), data=leak).status == 403
        assert len(said("policy.toml", "stays")) == 1
        assert far_end.connections == 0
        policy.write_text(good.replace("customers = 20", "customers = 2000"))
        assert proxy.eventually(lambda: said("policy.toml: read again")), "also while nobody sends"
        time.sleep(1.2)
        assert {proxy.curl(http(far_end), data=leak).status for _ in range(6)} == {200}
        before, after = (proxy.decisions()[place]["versions"]["policy"] for place in (0, -1))
        news = f"policy.toml: read again; digest {after}, before {before}"
        assert len([line for line in proxy.said if line.endswith(news)]) == 1
        _, *workers = sorted(pids(proxy, "exfilter.door.worker"))
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        # One that the door does not miss yet may be given the first of them.
        assert proxy.eventually(lambda: proxy.curl(http(far_end), data=leak).status == 200)
        assert len([line for line in proxy.said if "read again" in line]) == 1, "also by new workers"
    assert far_end.body_bytes == 7 * len(leak)


def test_whoever_finds_all_workers_busy_is_told_to_come_again(
    folder: Path, far_end: FarEnd, form: bytes
) -> None:
    configured(folder, "workers = 1\nqueue = 1")
    with Proxy(folder, fault="pauses") as proxy:
        sending = [Sending(proxy, http(far_end), form, "-H", f"X-Try: {number}") for number in range(7)]
        replies = [each.reply() for each in sending]
        busy = [reply for reply in replies if reply.status == 503]
        assert busy
        assert {reply.headers["retry-after"] for reply in busy} == {"10"}
        assert len(far_end.arrivals) == len(replies) - len(busy)
        assert len(proxy.decisions()) == len(replies), "every answer has its line"
        assert [line["held"] for line in proxy.decisions()].count(True) == len(busy)


def test_what_is_held_has_its_answer_before_the_door_ends(
    folder: Path, far_end: FarEnd, leak: bytes, form: bytes
) -> None:
    with Proxy(folder, fault="pauses") as proxy:
        sending = [Sending(proxy, http(far_end), body) for body in (leak, form)]
        time.sleep(1)
        assert proxy.stop(signal.SIGTERM) == 0
        assert [each.reply().status for each in sending] == [403, 200]
        assert proxy.curl(http(far_end), data=form).status == 0, "nothing new is taken"
    assert held(folder) == ["many customers"]
    assert far_end.body_bytes == len(form)


@pytest.mark.parametrize("option", ["stream_large_bodies=1m", "ignore_hosts=.*", "scripts=x.py"])
def test_an_option_that_leads_around_the_scan_is_refused(folder: Path, option: str) -> None:
    done = exfilter("proxy", "--config", folder, "--listen", "127.0.0.1:0", "--set", option)
    assert done.returncode == 2
    assert f"the option {option.partition('=')[0]} of mitmproxy is refused" in done.stderr


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("option", ["--listen", "--socks", "--status"])
def test_a_port_in_use_is_said_so(folder: Path, far_end: FarEnd, option: str, processes: str) -> None:
    taken = f"127.0.0.1:{far_end.http}"
    free = () if option == "--listen" else ("--listen", "127.0.0.1:0")
    done = exfilter("proxy", "--config", folder, "--processes", processes, option, taken, *free)
    assert done.returncode == 2
    said = f"cannot listen on {taken}: Address already in use; choose another {option} HOST:PORT"
    assert done.stderr.strip().endswith(said)


def test_the_slow_kernel_is_said_at_the_start(folder: Path) -> None:
    with Proxy(folder, fault="has no compiled kernel") as proxy:
        assert "reference kernel" in proxy.said[0]


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("--auth", "anna:$apr1$x$y\n", "htpasswd -B"),
        ("--auth", None, "users: No such file or directory; make it with `htpasswd"),
        ("--client-ca", None, "users: No such file or directory; name a file with"),
        ("--upstream-ca", "no certificate\n", "holds no certificates"),
        ("--upstream-ca", None, "users: No such file or directory; name a file with"),
    ],
)
def test_a_file_that_is_of_no_use_is_said_so(
    folder: Path, option: str, content: str | None, said: str
) -> None:
    if content:
        (folder / "users").write_text(content)
    done = exfilter("proxy", "--config", folder, "--listen", "127.0.0.1:0", option, folder / "users")
    assert done.returncode == 2
    assert said in done.stderr
    assert content or f"{option} {folder}" in done.stderr
    assert "apr1" not in done.stderr


def _without_index(folder: Path) -> None:
    shutil.rmtree(folder / "index")


def _open_key(folder: Path) -> None:
    (folder / "index.key").chmod(0o644)


def _policy_mistake(folder: Path) -> None:
    (folder / "policy.toml").write_text("[[rules]]\nnombre = 'x'\n")


def _open_ca(folder: Path) -> None:
    (folder / "proxy-ca").mkdir(exist_ok=True)
    (folder / "proxy-ca").chmod(0o755)


def _config_yaml(folder: Path) -> None:
    (folder / "proxy-ca").mkdir(mode=0o700, exist_ok=True)
    (folder / "proxy-ca" / "config.yaml").write_text("ignore_hosts: ['.*']\n")


def _ca(folder: Path) -> Path:
    """Have mitmproxy make its authority."""
    CertStore.create_store(folder / "proxy-ca", "mitmproxy", 2048)
    (folder / "proxy-ca").chmod(0o700)
    return folder / "proxy-ca"


def _ca_without_key(folder: Path) -> None:
    (_ca(folder) / "mitmproxy-ca.pem").unlink()


def _ca_without_certificate(folder: Path) -> None:
    (_ca(folder) / "mitmproxy-ca-cert.pem").unlink()


def _ca_with_half_a_key(folder: Path) -> None:
    key = _ca(folder) / "mitmproxy-ca.pem"
    key.write_text(key.read_text().partition("-----BEGIN CERT")[1])


def _ca_of_another(folder: Path) -> None:
    certificate = (_ca(folder) / "mitmproxy-ca-cert.pem").read_bytes()
    (_ca(folder) / "mitmproxy-ca-cert.pem").write_bytes(certificate)


def _groups_gone(folder: Path) -> None:
    (folder / "exfilter.toml").write_text('groups_file = "nowhere.txt"\n')


def _reviewers_gone(folder: Path) -> None:
    (folder / "reviewers.txt").unlink()


def _reviewers_nobody(folder: Path) -> None:
    (folder / "reviewers.txt").write_text("# nobody yet\n")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without_index, "index"),
        (_open_key, "chmod 600"),
        (_policy_mistake, "policy.toml:2"),
        (_open_ca, "chmod 700"),
        (_config_yaml, "config.yaml"),
        (_ca_without_key, "mitmproxy-ca.pem is missing, the key of the certificate authority"),
        (_ca_without_certificate, "or run `openssl x509 -in "),
        (_ca_with_half_a_key, "holds no private key"),
        (_ca_of_another, "is not that of the key"),
        (_groups_gone, "nowhere.txt: No such file or directory; make it, or correct groups_file"),
        (_reviewers_gone, "reviewers.txt"),
        (_reviewers_nobody, "reviewers.txt: holds no public key"),
    ],
)
def test_a_door_that_could_not_hold_does_not_open(
    folder: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(folder)
    done = exfilter("proxy", "--config", folder, "--listen", "127.0.0.1:0")
    assert done.returncode == 2
    assert said in done.stderr
    assert "listening" not in done.stderr


def test_sigterm_stops_it_cleanly(folder: Path) -> None:
    with Proxy(folder) as proxy:
        assert proxy.stop(signal.SIGTERM) == 0
