"""A scanner under load takes every new version of the index up, and loses no transfer over it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from exfilter import settings
from exfilter.cli import init
from exfilter.index import keys
from exfilter.index.build import Options, build
from exfilter.index.keys import IndexKey
from exfilter.index.manifest import IndexRefused
from exfilter.index.merge import merge
from exfilter.index.update import Request, update
from exfilter.model import Reason, Transfer, never
from exfilter.scanner import Scanner
from exfilter.settings import Settings
from tests.index.making import TABLE, write

BODY = "".join(
    f"{line}\n"
    for line in (
        "Anna Kowalska, anna.kowalska@post.example",
        "Ludwig van der Berg, l.berg@post.example",
        "Ina Berg, ina@post.example",
        "Zaphod Beeblebrox, zaphod@post.example",
    )
)
UPLOAD = Transfer("proxy", BODY.encode(), actor="boris", destination="files.example", method="POST")
STAYS = "C-0003"


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    """Make a configuration folder with an index of four customers."""
    init.make(tmp_path)
    given = settings.load(tmp_path)
    build(write(tmp_path, TABLE), given.index, keys.load(given.index_key), Options(region="US"))
    return given


def _seen(scanner: Scanner) -> set[str]:
    """Return who is found in the transfer, with the index that it was read with."""
    pipeline = scanner.pipeline()
    verdict = pipeline.examine(UPLOAD, never)
    return set(pipeline.engine.index.customer_ids(verdict.findings.identified))


def _steps(folder: Path, house: Settings, key: IndexKey) -> list[tuple[Callable[[], object], set[str]]]:
    """Return what changes the index, and who is found after it."""
    gone = write(folder, "C-0001\n", "gone.txt")
    head = TABLE.splitlines()[0]
    new = write(folder, f"{head}\nC-0009,Zaphod Beeblebrox,zaphod@post.example,,,\n", "new.csv")
    other = write(folder, f"{head}\nC-0004,Nobody Else,else@post.example,,,\n", "other.csv")
    whole = write(folder, TABLE, "customers.csv")
    return [
        (lambda: update(house.index, key, Request(remove=gone)), {STAYS, "C-0004"}),
        (lambda: update(house.index, key, Request(new)), {STAYS, "C-0004", "C-0009"}),
        (lambda: merge(house.index, key), {STAYS, "C-0004", "C-0009"}),
        (lambda: update(house.index, key, Request(other)), {STAYS, "C-0009"}),
        (lambda: build(whole, house.index, key, Options()), {"C-0001", STAYS, "C-0004"}),
    ]


def test_a_removed_customer_stops_matching_in_a_running_scanner_and_no_transfer_is_lost(
    tmp_path: Path, house: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scanner, "CHECK", 0.0)
    scanner = Scanner(house)
    assert _seen(scanner) == {"C-0001", STAYS, "C-0004"}
    stop, seen, broken = threading.Event(), list[set[str]](), list[BaseException]()

    def upload() -> None:
        while not stop.is_set():
            try:
                seen.append(_seen(scanner))
            except BaseException as error:  # noqa: BLE001 - whatever it is, a transfer was lost
                broken.append(error)

    doors = [threading.Thread(target=upload) for _ in range(3)]
    for door in doors:
        door.start()
    try:
        for step, expected in _steps(tmp_path, house, keys.load(house.index_key)):
            step()
            assert _seen(scanner) == expected
    finally:
        stop.set()
        for door in doors:
            door.join()
    assert broken == []
    assert seen
    assert all(STAYS in found for found in seen)


def test_an_index_that_is_altered_in_its_place_is_used_no_more(
    house: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running door went on with zeroed files: 20,013 customers in a body became none."""
    monkeypatch.setattr(Scanner, "CHECK", 0.0)
    scanner = Scanner(house)
    assert _seen(scanner)
    (records,) = house.index.glob("*/records.npy")
    with records.open("r+b") as file:
        file.seek(-12, 2)
        file.write(bytes(12))
    with pytest.raises(IndexRefused, match=r"records\.npy is truncated"):
        scanner.pipeline()
    with pytest.raises(IndexRefused):
        scanner.pipeline()
    transfer = Transfer(door="proxy", body=b"", destination="paste.example", method="POST")
    assert scanner.failed("no index", transfer, Reason.MALFORMED).action.holds
    assert scanner.hindsight(transfer).question is not None, "what is held is written down all the same"


def test_what_the_settings_allow_reaches_the_readers(house: Settings) -> None:
    given = house.model_copy(update={"ocr": True, "passwords": ("sesame",)})
    limits = Scanner(given).pipeline().limits
    assert (limits.ocr, limits.passwords) == (True, ("sesame",))
