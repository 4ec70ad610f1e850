"""The scanner of the proxy: always the newest index, and none where it cannot be trusted."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from exfilter import policy, settings
from exfilter.cli.doors import address as _address
from exfilter.door.logs import logger
from exfilter.door.plan import Plan
from exfilter.index import build, keys
from exfilter.index.store import IndexRefused
from exfilter.model import Action, Reason, Transfer, never
from exfilter.proxy import serve
from exfilter.scanner import Scanner
from fixtures.customers import write_csv

if TYPE_CHECKING:
    from pathlib import Path

    from exfilter.settings import Settings


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def index(folder: Path, seed: int) -> bytes:
    """Build an index of 60 customers and return their table."""
    key = folder / "index.key"
    write_csv(folder / "customers.csv", 60, seed=seed)
    secret = keys.load(key) if key.exists() else keys.generate(key)
    build.build(folder / "customers.csv", folder / "index", secret, build.Options())
    return (folder / "customers.csv").read_bytes()


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    (tmp_path / settings.FILE).write_text(settings.DEFAULT_TEXT)
    (tmp_path / "policy.toml").write_text(policy.default_policy_text())
    index(tmp_path, 1)
    return settings.load(tmp_path)


def action(scanner: Scanner, body: bytes) -> Action:
    transfer = Transfer(door="proxy", body=body, destination="paste.example", method="POST")
    return scanner.examine(transfer, never).action


def test_a_new_index_is_used_from_the_next_look_on(house: Settings) -> None:
    clock = Clock()
    scanner = Scanner(house, clock=clock)
    first = scanner.pipeline()
    table = index(house.folder, 2)
    assert scanner.pipeline() is first
    clock.now += Scanner.CHECK
    assert scanner.pipeline() is not first
    assert action(scanner, table) is Action.QUARANTINE


def test_an_unchanged_index_is_opened_once(house: Settings) -> None:
    clock = Clock()
    scanner = Scanner(house, clock=clock)
    first = scanner.pipeline()
    clock.now += 10 * Scanner.CHECK
    assert scanner.pipeline() is first


def test_an_index_that_vanishes_fails_every_scan_until_it_is_back(house: Settings) -> None:
    clock = Clock()
    scanner = Scanner(house, clock=clock)
    shutil.move(house.index, house.folder / "away")
    clock.now += Scanner.CHECK
    for _ in range(2):
        with pytest.raises(IndexRefused):
            action(scanner, b"hello")
    failed = scanner.failed("no index", Transfer(door="proxy", body=b"x"), Reason.UNSUPPORTED)
    assert (failed.action, failed.versions.index) == (Action.QUARANTINE, "")
    shutil.move(house.folder / "away", house.index)
    assert action(scanner, b"hello") is Action.ALLOW


def test_names_stay_masked_while_there_is_no_index(house: Settings) -> None:
    clock = Clock()
    scanner = Scanner(house, clock=clock)
    table = house.folder / "customers.csv"
    digits = next(word for word in table.read_text().replace("\n", ",").split(",") if word.startswith("TM-"))[
        3:
    ]
    shutil.rmtree(house.index)
    clock.now += Scanner.CHECK
    with pytest.raises(IndexRefused):
        scanner.pipeline()
    transfer = Transfer("proxy", b"", destination=f"tm{digits}.evil.example")
    shown = scanner.failed("x", transfer, Reason.UNSUPPORTED).shown
    assert shown.destination
    assert digits not in shown.destination


def test_a_door_with_an_option_that_leads_around_the_scan_does_not_open(tmp_path: Path) -> None:
    plan = Plan(
        folder=tmp_path,
        proxy_ca=tmp_path / "ca",
        spool=tmp_path / "spool",
        deadline=1,
        max_body=1,
        workers=1,
        options=("http2=false", "ignore_hosts=.*"),
    )
    with pytest.raises(ValueError, match="ignore_hosts"):
        serve(plan, logger())


@pytest.mark.parametrize(
    ("listen", "address"),
    [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:0", ("::1", 0)), ("localhost:1", ("localhost", 1))],
)
def test_addresses_are_host_and_port(listen: str, address: tuple[str, int]) -> None:
    assert _address(listen) == address


@pytest.mark.parametrize(
    "listen", ["8080", ":8080", "host:", "host:x", "host:65536", "host:-1", "host:\u0663"]
)
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        _address(listen)
