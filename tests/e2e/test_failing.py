"""Whatever breaks, nothing is forwarded: a far end that counts says so."""

from __future__ import annotations

import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from exfilter.quarantine import Quarantine
from tests.e2e.house import Proxy, exfilter, http, https

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fixtures.farend import FarEnd


def configured(folder: Path, line: str) -> None:
    with (folder / "exfilter.toml").open("a") as settings:
        settings.write(f"\n{line}\n")


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


@pytest.mark.parametrize("fault", ["hangs", "stops"])
def test_a_scan_that_does_not_end_never_forwards(
    folder: Path, far_end: FarEnd, form: bytes, fault: str
) -> None:
    configured(folder, "deadline = 0.5\nworkers = 1")
    with Proxy(folder, fault=fault) as proxy:
        for _ in range(2):
            assert proxy.curl(http(far_end), "-H", f"X-Try: {_}", data=form).status == 403
        rules = [line["unscanned"][0]["reason"] for line in proxy.decisions()]
    assert rules == ["deadline", "deadline"]
    assert far_end.connections == 0
    assert held(folder) == ["fail-closed", "fail-closed"]


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


@pytest.mark.parametrize("option", ["stream_large_bodies=1m", "ignore_hosts=.*", "scripts=x.py"])
def test_an_option_that_leads_around_the_scan_is_refused(folder: Path, option: str) -> None:
    done = exfilter("proxy", "--config", folder, "--listen", "127.0.0.1:0", "--set", option)
    assert done.returncode == 2
    assert f"the option {option.partition('=')[0]} of mitmproxy is refused" in done.stderr


def test_a_port_in_use_is_said_so(folder: Path, far_end: FarEnd) -> None:
    done = exfilter("proxy", "--config", folder, "--listen", f"127.0.0.1:{far_end.http}")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("Address already in use; choose another --listen HOST:PORT")


def test_the_slow_kernel_is_said_at_the_start(folder: Path) -> None:
    with Proxy(folder, fault="has no compiled kernel") as proxy:
        assert "reference kernel" in proxy.said[0]


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("--auth", "anna:$apr1$x$y\n", "htpasswd -B"),
        ("--auth", None, "users"),
        ("--upstream-ca", "no certificate\n", "holds no certificates"),
        ("--upstream-ca", None, "users"),
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
