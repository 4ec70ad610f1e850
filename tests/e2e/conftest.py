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
from fixtures.farend import FarEnd
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


@pytest.fixture
def far_end(tmp_path: Path) -> Iterator[FarEnd]:
    certificates = tmp_path / "far-end"
    certificates.mkdir()
    with FarEnd(certificates) as far_end:
        yield far_end


@pytest.fixture(scope="session")
def leak() -> bytes:
    """Return a CSV upload of 60 customers."""
    return copied_csv(list(islice(customers(PEOPLE), COPIED))).data


@pytest.fixture(scope="session")
def form() -> bytes:
    """Return an ordinary page form."""
    return page_form().data
