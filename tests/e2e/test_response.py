"""What follows beside the transfer's own fate, at a real proxy: others are told, an actor is suspended."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.courier.receivers import SECRET, Collector, Hook, eventually
from tests.e2e.house import PATIENCE, Proxy, exfilter, http
from tests.e2e.test_neighbour import lives
from tests.who.test_users import sha1

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.farend import FarEnd

POLICY = """
[receivers.soc]
kind = "webhook"
url = "{soc}"
key_file = "soc.key"

[receivers.siem]
kind = "syslog"
url = "{siem}"

[tell]
suspensions = ["siem"]

[[rules]]
name = "many"
customers = 20
action = "quarantine"
suspend = true
tell = ["soc"]

[[rules]]
name = "some"
customers = 2
action = "alert"
tell = ["siem", "soc"]
"""
FEW = 6
COURIER = "exfilter.door.courier"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector("tcp") as collector:
        yield collector


@pytest.fixture
def telling(folder: Path, hook: Hook, collector: Collector) -> Path:
    (folder / "policy.toml").write_text(POLICY.format(soc=hook.url, siem=collector.url))
    (folder / "soc.key").write_text(SECRET)
    (folder / "soc.key").chmod(0o600)
    (folder / "users").write_text("".join(f"{user}:{sha1('x')}\n" for user in ("anna", "boris")))
    return folder


def send(proxy: Proxy, far_end: FarEnd, user: str, body: bytes, *more: str) -> int:
    return proxy.curl(http(far_end), "-U", f"{user}:x", *more, data=body).status


def listed(folder: Path, *words: str) -> list[dict[str, Any]]:
    done = exfilter(*words, "list", "--format", "json", "--config", folder)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def states(folder: Path) -> set[str]:
    return {each["state"] for each in listed(folder, "notices")}


def couriers(proxy: Proxy) -> list[int]:
    return [process for process, line in proxy.family().items() if COURIER in line]


def test_suspended_by_a_rule_everything_is_held_until_it_is_lifted(
    telling: Path, far_end: FarEnd, hook: Hook, collector: Collector, leak: bytes
) -> None:
    with Proxy(telling, ("--auth", str(telling / "users"))) as proxy:
        assert send(proxy, far_end, "anna", b"hello", "-X", "GET") == 200
        assert send(proxy, far_end, "anna", leak) == 403
        assert eventually(lambda: send(proxy, far_end, "anna", b"hello", "-X", "GET") == 403, PATIENCE)
        assert send(proxy, far_end, "boris", b"hello", "-X", "GET") == 200
        rules = [line["rule"] for line in proxy.decisions()]
        assert {"many", "suspended"} <= set(rules)

        (suspended,) = listed(telling, "suspend")
        assert (suspended["actor"], suspended["rule"]) == ("anna", "many")
        words = ("--reason", "talked to her", "--reviewer", "eve", "--config", telling)
        assert exfilter("suspend", "lift", "anna", *words).returncode == 0
        assert exfilter("suspend", "lift", "anna", *words).returncode == 2
        assert eventually(lambda: send(proxy, far_end, "anna", b"hello", "-X", "GET") == 200, PATIENCE)

        assert exfilter("suspend", "add", "boris", *words).returncode == 0
        assert eventually(lambda: send(proxy, far_end, "boris", b"hello", "-X", "GET") == 403, PATIENCE)

        (told,) = eventually(lambda: hook.notices("transfer"), PATIENCE)
        (held,) = [line for line in proxy.decisions() if line["rule"] == "many"]
        assert told["transfer_id"] == held["transfer_id"]
        assert (told["actor"], told["outcome"], told["customers"]) == ("anna", "held", 60)
        assert eventually(lambda: len(hook.notices()) == 3)
        assert {each["type"] for each in hook.notices()} == {"transfer", "suspended", "lifted"}
        assert eventually(lambda: len(collector.got) == 4), "boris is suspended by hand: only this one hears"
        assert sum(b" suspended - " in message for message in collector.got) == 2
        everything = b"".join(body for _, body in hook.got) + b"".join(collector.got)
        for value in leak.split(b"\n")[1].split(b","):
            assert len(value) < 6 or value not in everything
        assert b"://" not in everything


def test_a_release_of_a_suspended_actor_passes_once(telling: Path, far_end: FarEnd, leak: bytes) -> None:
    with Proxy(telling, ("--auth", str(telling / "users"))) as proxy:
        assert send(proxy, far_end, "anna", leak) == 403
        (held,) = listed(telling, "quarantine")
        exfilter("quarantine", "release", held["id"], "--reason", "agreed", "--config", telling)
        assert [send(proxy, far_end, "anna", leak) for _ in range(2)] == [200, 403]


def test_in_audit_only_mode_nothing_is_held_and_others_are_told(
    telling: Path, far_end: FarEnd, hook: Hook, leak: bytes
) -> None:
    exfilter("suspend", "add", "boris", "--reason", "a test", "--config", telling)
    with Proxy(telling, ("--audit-only", "--auth", str(telling / "users"))) as proxy:
        for user, body in (("anna", leak), ("anna", b"hello"), ("boris", b"hello")):
            assert send(proxy, far_end, user, body) == 200
        (told,) = eventually(lambda: hook.notices("transfer"), PATIENCE)
        assert (told["outcome"], told["audit_only"]) == ("passed", True)
        assert [each["actor"] for each in listed(telling, "suspend")] == ["boris"]


def test_notices_outlive_the_door_and_a_courier_that_is_killed(
    telling: Path, far_end: FarEnd, hook: Hook, collector: Collector, leak: bytes
) -> None:
    hook.answers += [503] * 2
    few = b"\n".join(leak.splitlines()[:FEW])
    with Proxy(telling, ("--auth", str(telling / "users"))) as proxy:
        assert eventually(lambda: couriers(proxy))
        (first,) = couriers(proxy)
        os.kill(first, signal.SIGSTOP)
        assert send(proxy, far_end, "boris", few) == 200, "the door does not wait for it"
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: couriers(proxy) not in ([], [first])), "another takes its place"
        (second,) = couriers(proxy)
        proxy.process.kill()
        assert eventually(lambda: not lives(second)), "it ends with its door"
    with Proxy(telling, ("--auth", str(telling / "users"))):
        assert eventually(lambda: hook.notices("transfer") and collector.got, PATIENCE)
        assert eventually(lambda: states(telling) == {"sent"}, PATIENCE)
    assert len(hook.notices("transfer")) == 1


def test_where_nobody_can_be_asked_nothing_passes(telling: Path, far_end: FarEnd) -> None:
    with Proxy(telling, ("--auth", str(telling / "users"))) as proxy:
        assert send(proxy, far_end, "anna", b"hello") == 200
        with sqlite3.connect(telling / "ledger.sqlite") as database:
            database.execute("ALTER TABLE suspensions RENAME TO gone")
        assert eventually(lambda: send(proxy, far_end, "anna", b"hello") == 403)
        with sqlite3.connect(telling / "ledger.sqlite") as database:
            database.execute("ALTER TABLE gone RENAME TO suspensions")
        assert eventually(lambda: send(proxy, far_end, "anna", b"hello") == 200)


def test_several_doors_have_one_courier(telling: Path, far_end: FarEnd, hook: Hook, leak: bytes) -> None:
    with Proxy(telling, ("--processes", "2", "--auth", str(telling / "users"))) as proxy:
        few = b"\n".join(leak.splitlines()[:FEW])
        assert [send(proxy, far_end, user, few) for user in ("anna", "boris")] == [200, 200]
        assert eventually(lambda: len(hook.notices("transfer")) == 2, PATIENCE)
        assert len(couriers(proxy)) == 1
