"""The courier with real receivers that are dead, slow or broken, and killed at the worst moment."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from exfilter import policy
from exfilter.courier import Channel, Courier, channel
from exfilter.courier.rounds import Round
from exfilter.database import Database
from exfilter.latest import Latest
from exfilter.ledger import Outbox, notices
from exfilter.ledger.tables import SCHEMA, metadata
from tests.courier.conftest import NOTICE
from tests.courier.receivers import Hook, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox(Database(tmp_path / "ledger.sqlite", metadata, SCHEMA))
    yield outbox
    outbox.database.close()


def post(box: Outbox, *names: str, to: str = "soc") -> None:
    with box.database.transaction(writes=True) as connection:
        for name in names:
            notice = {key: value for key, value in NOTICE.items() if key != "id"}
            notices.post(connection, name, notice, [to], box.clock(), due=box.clock())


def told(folder: Path, **receivers: str) -> Path:
    """Write a policy in which these webhooks are told."""
    tables = (
        f'[receivers.{name}]\nkind = "webhook"\nurl = "{url}"\nkey_file = "soc.key"\n'
        for name, url in receivers.items()
    )
    file = folder / "policy.toml"
    file.write_text("\n".join(tables))
    return file


@contextmanager
def running(box: Outbox, file: Path) -> Iterator[Courier]:
    courier = Courier(Latest(file, policy.load), box, file.parent)
    thread = threading.Thread(target=courier.run, daemon=True)
    thread.start()
    yield courier
    courier.stopping.set()
    thread.join(10)


def states(box: Outbox) -> dict[str, str]:
    return {each.id: each.state for each in box.listed()}


def test_one_that_answers_500_gets_it_again_with_the_same_id(box: Outbox, folder: Path) -> None:
    with Hook([500, 500]) as hook, running(box, told(folder, soc=hook.url)):
        post(box, "n-1")
        assert eventually(lambda: states(box) == {"n-1": "sent"})
    assert [headers["webhook-id"] for headers, _ in hook.got] == ["n-1"] * 3
    assert len(hook.notices()) == 1


def test_a_dead_and_a_slow_one_delay_no_other(box: Outbox, folder: Path) -> None:
    with Hook(delay=60) as slow, Hook() as good:
        file = told(folder, dead="http://127.0.0.1:1/", slow=slow.url, good=good.url)
        with running(box, file):
            for name in ("dead", "slow", "good"):
                post(box, *(f"n-{name}-{number}" for number in range(50)), to=name)
            assert eventually(lambda: len(good.notices()) == 50)
            assert {each.state for each in box.listed() if each.receiver != "good"} == {"waiting"}


def test_a_refused_notice_does_not_keep_the_next_ones(box: Outbox, folder: Path) -> None:
    with Hook([400]) as hook, running(box, told(folder, soc=hook.url)):
        post(box, "n-1", "n-2", "n-3")
        assert eventually(lambda: len(hook.notices()) == 3)


def test_of_a_dead_one_only_one_is_tried_at_a_time(box: Outbox, folder: Path) -> None:
    receivers = policy.load(told(folder, soc="http://127.0.0.1:1/")).receivers
    now = [0.0]
    way = Round("soc", box, lambda: receivers["soc"], folder, clock=lambda: now[0])
    post(box, *(f"n-{number}" for number in range(40)))
    for second in range(60):
        now[0] = second
        way.go()
    assert sum(each.attempts for each in box.listed()) <= 8


def test_a_lost_key_is_said_once_and_nothing_is_lost(
    box: Outbox, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = told(folder, soc="http://127.0.0.1:1/")
    (folder / "soc.key").chmod(0o644)
    receivers = policy.load(file).receivers
    clock = iter(range(0, 9999, 600)).__next__
    way = Round("soc", box, lambda: receivers["soc"], folder, clock=clock)
    post(box, "n-1")
    for _ in range(3):
        way.go()
    assert [record.message for record in caplog.records if "chmod 600" in record.message]
    assert len(caplog.records) == 1
    assert box.listed()[0].attempts == 0


def test_a_new_receiver_is_told_without_a_restart(box: Outbox, folder: Path) -> None:
    file = told(folder)
    with Hook() as hook, running(box, file):
        post(box, "n-1")
        told(folder, soc=hook.url)
        assert eventually(hook.notices)


def _deliver_and_die(database: Path, file: Path) -> None:
    box = Outbox(Database(database, metadata, SCHEMA), lease=3)

    class Dying:
        def __init__(self, way: Channel) -> None:
            self.way = way

        def deliver(self, notice: notices.Notice) -> None:
            self.way.deliver(notice)
            os.kill(os.getpid(), signal.SIGKILL)

    receivers = policy.load(file).receivers
    Round("soc", box, lambda: receivers["soc"], file.parent, lambda *given: Dying(channel(*given))).go()


def test_one_killed_between_sending_and_marking_sends_again_with_the_same_id(
    box: Outbox, folder: Path, tmp_path: Path
) -> None:
    with Hook() as hook:
        file = told(folder, soc=hook.url)
        post(box, "n-1", "n-2")
        context = multiprocessing.get_context("spawn")
        dying = context.Process(target=_deliver_and_die, args=(tmp_path / "ledger.sqlite", file))
        dying.start()
        dying.join(30)
        assert dying.exitcode == -signal.SIGKILL
        assert set(states(box).values()) == {"waiting"}
        with running(box, file):
            assert eventually(lambda: set(states(box).values()) == {"sent"})
    ids = [headers["webhook-id"] for headers, _ in hook.got]
    assert sorted(ids) == ["n-1", "n-1", "n-2"]
    assert len({body for headers, body in hook.got if headers["webhook-id"] == "n-1"}) == 1
    assert json.loads(hook.got[0][1])["id"] == "n-1"
