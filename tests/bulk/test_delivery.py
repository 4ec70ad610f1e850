"""The index on its way to real nodes, in small pieces, with workers that die between two of them."""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pyrage  # type: ignore[import-untyped, unused-ignore]
import pytest

from exfilter.bulk import delivery, far
from exfilter.bulk.cluster import Cluster
from exfilter.bulk.connecting import connected
from exfilter.bulk.delivery import Delivery, Parcel, parcel
from exfilter.bulk.messages import Locked, Missing, Opening
from exfilter.bulk.tasks import Task
from exfilter.index import keys, store
from exfilter.limits import Limits
from exfilter.stores import Item
from fixtures.customers import write_csv
from fixtures.servers import children, node, scheduler
from tests.cli.test_shares import exfilter

pytest.importorskip("distributed", reason="the extra `shares` is not installed")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delivery")
    write_csv(folder / "customers.csv", 100, 3)
    for command in (("init", folder), ("index", "build", folder / "customers.csv", "--config", folder)):
        assert exfilter(*command)[0] == 0
    return folder


@pytest.fixture
def key(config: Path) -> keys.IndexKey:
    return keys.load(config / "index.key")


@pytest.fixture
def sent(config: Path, key: keys.IndexKey) -> Iterator[Parcel]:
    with parcel(config / "index", key, store.version(config / "index", key).id) as found:
        yield found


@pytest.fixture
def opening(sent: Parcel, tmp_path: Path) -> Opening:
    """Return an opening of which no worker finds the index where the driver has it."""
    return Opening(tmp_path / "elsewhere", sent.listing.index_id, {"words": ("secret word",)}, Limits(), 9.0)


@contextmanager
def nodes(folder: Path, **workers: int) -> Iterator[tuple[Any, list[int]]]:
    """Run nodes with so many workers each. Yield a client, and the nannies."""
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(folder))
        nannies = []
        for name, count in workers.items():
            env = {"XDG_CACHE_HOME": str(folder / name)}
            nannies.append(stack.enter_context(node(folder, address, env, workers=count)))
        client = stack.enter_context(closing(connected(address)))
        client.wait_for_workers(sum(workers.values()), timeout=60)
        yield client, nannies


def counted(client: Any) -> dict[str, int]:  # noqa: ANN401 - Dask has no types
    """Return by worker how often it was given a piece."""
    logs = client.get_worker_logs()
    return {who: sum("'take'" in line for _, line in log) for who, log in logs.items()}


def whole(folder: Path, name: str, sent: Parcel) -> bool:
    place = folder / name / "exfilter" / "indexes" / sent.listing.index_id / sent.listing.index_id
    return {each.name: each.stat().st_size for each in place.iterdir()} == {
        each: file.size for each, file in sent.listing.files.items()
    }


def test_each_node_gets_each_piece_once_and_none_the_next_time(
    sent: Parcel, opening: Opening, tmp_path: Path
) -> None:
    told: list[int] = []
    with nodes(tmp_path, one=2, two=1) as (client, _):
        Delivery(client, opening, sent, lambda at, _: told.append(at)).deliver()
        taken = sorted(counted(client).values())
        Delivery(client, opening, sent, lambda at, _: told.append(at)).deliver()
        assert sorted(counted(client).values()) == taken
    files = sum(file.size > 0 for file in sent.listing.files.values())
    assert taken == [0, files, files]
    assert told == sorted(told)
    assert told[-1] == sent.listing.bytes
    assert whole(tmp_path, "one", sent)
    assert whole(tmp_path, "two", sent)


def test_a_worker_that_dies_in_the_middle_is_followed_by_another_of_its_node(
    sent: Parcel, opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "LARGEST", 20_000)
    monkeypatch.setattr(delivery, "SMALLEST", 20_000)
    with nodes(tmp_path, one=2, two=1) as (client, _):
        Delivery(client, opening, sent, once(sent.listing.bytes // 2, lambda: kill(client))).deliver()
        assert whole(tmp_path, "one", sent)
        client.wait_for_workers(3, timeout=60)
        Delivery(client, opening, sent, once(-1, lambda: None)).deliver()
    assert whole(tmp_path, "two", sent)


def once(at: int, act: Callable[[], None]) -> Callable[[int, int], None]:
    """Return what acts once so many bytes have arrived."""
    done: list[int] = []

    def told(here: int, _total: int) -> None:
        if here >= at and not done:
            done.append(here)
            act()

    return told


def kill(client: Any) -> None:  # noqa: ANN401
    """Kill each worker that was given pieces."""
    busy = [who for who, count in counted(client).items() if count]
    pids = client.run(os.getpid, workers=busy)
    for process in pids.values():
        os.kill(process, signal.SIGKILL)
    time.sleep(0.5)


def test_a_damaged_copy_is_brought_anew(
    sent: Parcel, opening: Opening, key: keys.IndexKey, tmp_path: Path
) -> None:
    with nodes(tmp_path, one=1) as (client, _):
        bring = Delivery(client, opening, sent, lambda _at, _total: None)
        bring.deliver()
        place = tmp_path / "one" / "exfilter" / "indexes" / sent.listing.index_id / sent.listing.index_id
        file = place / "records.npy"
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        asked = client.submit(far.work, opening, [], pure=False).result()
        secrets = far.sealed(key, (), asked.recipient)
        assert client.run(far.unlock, opening, secrets) == {asked.worker: Missing()}
        bring.deliver()
        assert client.run(far.unlock, opening, secrets) == {asked.worker: None}
        assert client.submit(far.work, opening, [], pure=False).result() == []


def test_secrets_are_shown_nowhere(
    config: Path, sent: Parcel, opening: Opening, key: keys.IndexKey, tmp_path: Path
) -> None:
    with nodes(tmp_path, one=1) as (client, nannies):
        cluster = Cluster(client.scheduler.address, opening, sent, 100, key, ("a password",))
        item = Item(f"{config}/", "customers.csv", 10, "1")
        ((_, answer),) = cluster.answers([Task(1, item)], alone=False)
        asked = Locked("x", "y", "1")
        with pytest.raises(pyrage.RecipientError):
            far.sealed(key, cluster.passwords, asked.recipient)
        shown = [repr(each) for each in (cluster, opening, asked, answer)]
        shown += [repr(client.get_task_stream()), repr(client.get_worker_logs()), repr(client.get_events())]
        for process in (*nannies, *children(nannies[0])):
            shown += [Path(f"/proc/{process}/{what}").read_text() for what in ("cmdline", "environ")]
    shown += [each.read_text("latin-1") for each in tmp_path.rglob("*") if each.is_file()]
    secret = (config / "index.key").read_text().strip()
    raw = base64.b64decode(secret)
    for each in (secret, raw.hex(), repr(raw)[2:-1], raw.decode("latin-1"), "a password"):
        assert not any(each in some for some in shown)


def test_an_index_that_is_replaced_meanwhile_is_delivered_as_it_was(
    config: Path, sent: Parcel, opening: Opening, tmp_path: Path
) -> None:
    gone = config / "gone"
    (config / "index").rename(gone)
    try:
        with nodes(tmp_path, one=1) as (client, _):
            Delivery(client, opening, sent, lambda _at, _total: None).deliver()
    finally:
        gone.rename(config / "index")
    assert whole(tmp_path, "one", sent)


def test_another_index_than_the_one_that_is_open_is_refused(config: Path, key: keys.IndexKey) -> None:
    with pytest.raises(ValueError, match="published just now"), parcel(config / "index", key, "0" * 16):
        pass
