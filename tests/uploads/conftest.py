"""A configuration folder with an index of invented customers, and a door in front of it."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import pytest

from exfilter import policy, settings
from exfilter.cli import init
from exfilter.index import keys
from exfilter.index.build import Options, build
from exfilter.model import Transfer, Verdict, never
from exfilter.scan import Pipeline
from exfilter.scanner import Scanner
from exfilter.settings import Settings
from exfilter.uploads import Uploads, recognise
from fixtures.bodies import table
from fixtures.customers import customers, write_csv

PEOPLE = 400
LISTED = """
[uploads]
destinations = ["*.example"]
"""


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("uploads")
    init.make(folder)
    given = settings.load(folder)
    write_csv(folder / "customers.csv", PEOPLE)
    build(folder / "customers.csv", given.index, keys.load(given.index_key), Options(region="US"))
    return given


@pytest.fixture(scope="session")
def pipeline(house: Settings) -> Pipeline:
    return Scanner(house).pipeline()


@dataclass
class Door:
    """Examines requests as a door does. ``now`` is its clock."""

    pipeline: Pipeline
    folder: Path
    house: Settings
    now: float = 1_000_000.0
    forwarded: list[Transfer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Go on in another process."""
        key = keys.load(self.house.index_key)
        self.uploads = Uploads(self.folder / "uploads", key, 24.0, 1 << 30, lambda: self.now)

    def send(self, transfer: Transfer) -> Verdict:
        request = recognise(transfer)
        verdict = (
            self.uploads.examine(self.pipeline, transfer, request, never)
            if request
            else self.pipeline.examine(transfer)
        )
        if not verdict.action.holds:
            self.forwarded.append(transfer)
        return verdict

    def passes(self, *transfers: Transfer) -> bool:
        """Send several; whether all of them passed."""
        return not any([self.send(each).action.holds for each in transfers])  # noqa: C419 - all are sent

    @property
    def files(self) -> list[Path]:
        """The pieces that are kept."""
        return list((self.folder / "uploads" / "pieces").iterdir())


MakeDoor = Callable[..., Door]


@pytest.fixture
def door_with(pipeline: Pipeline, house: Settings, tmp_path: Path) -> MakeDoor:
    """Make doors with a policy's further lines."""

    def make(more: str = LISTED, folder: Path = tmp_path, **limits: int) -> Door:
        text = policy.default_policy_text().replace("[uploads]", "", 1).replace('elsewhere = "scan"', "", 1)
        given = replace(pipeline, policy=policy.read((text + more).encode()))
        return Door(replace(given, limits=replace(given.limits, **limits)), folder, house)  # type: ignore[arg-type]

    return make


@pytest.fixture
def door(door_with: MakeDoor) -> Door:
    """Make a door whose policy lists all destinations that are used here."""
    return door_with()


def people(count: int, first: int = 0) -> str:
    """Return a table of customers."""
    return table(list(islice(customers(PEOPLE), first, first + count)))


def packed(text: str) -> bytes:
    """Return a zip of 50 KiB with a text inside its one file, where no piece can be read by itself."""
    words = random.Random(7).choices("alpha beta gamma delta rain sun".split(), k=90_000)
    middle = len(words) * 7 // 10
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("list.txt", " ".join([*words[:middle], "\n", text, "\n", *words[middle:]]))
    return file.getvalue()


def cut(data: bytes, count: int) -> list[tuple[int, bytes]]:
    """Return pieces of about one size with their offsets."""
    size = -(-len(data) // count)
    return [(at, data[at : at + size]) for at in range(0, len(data), size)]
