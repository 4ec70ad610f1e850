"""A configuration folder with an index of invented customers, made once, and a far end for each test."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest

from exfilter import policy, settings
from exfilter.index import build, keys
from exfilter.quarantine import generate_reviewer_key
from fixtures.bodies import copied_csv, page_form
from fixtures.customers import customers, write_csv
from fixtures.farend import FarEnd, certify
from tests.e2e import house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = 1000
COPIED = 60


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a configuration folder as ``init`` and ``index build`` leave it."""
    base = tmp_path_factory.mktemp("house")
    folder = base / "config"
    folder.mkdir()
    (folder / settings.FILE).write_text(settings.DEFAULT_TEXT)
    (folder / "policy.toml").write_text(policy.default_policy_text())
    generate_reviewer_key(folder / "reviewer.key", folder / "reviewers.txt")
    write_csv(base / "customers.csv", PEOPLE)
    build.build(
        base / "customers.csv", folder / "index", keys.generate(folder / "index.key"), build.Options()
    )
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return house.copy(template, tmp_path / "config")


@pytest.fixture(scope="session")
def far_end_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the authority of all far ends."""
    authority = tmp_path_factory.mktemp("far-end") / "far-end-ca.pem"
    certify(authority.parent, authority)
    return authority


@pytest.fixture
def far_end(far_end_ca: Path) -> Iterator[FarEnd]:
    with FarEnd(far_end_ca.parent, certified=True) as far_end:
        yield far_end


@pytest.fixture(scope="module")
def shared_folder(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return house.copy(template, tmp_path_factory.mktemp("shared") / "config")


@pytest.fixture(scope="module")
def shared(shared_folder: Path, far_end_ca: Path) -> Iterator[house.Shared]:
    """Open a door for all tests of a module that leave it as it was."""
    with house.Shared(shared_folder, ("--upstream-ca", str(far_end_ca))) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def leak() -> bytes:
    """Return a CSV upload of 60 customers."""
    return copied_csv(list(islice(customers(PEOPLE), COPIED))).data


@pytest.fixture(scope="session")
def form() -> bytes:
    """Return an ordinary page form."""
    return page_form().data
