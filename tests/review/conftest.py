"""A desk and a browser for the tests of a file; hashes are cheap in most of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import argon2
import pytest

from exfilter.review import passwords
from tests.browser import chromium
from tests.review.desk import Desk

__all__ = ["chromium"]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True, scope="session")
def _cheap() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(passwords, "HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    passwords._nobody.cache_clear()
    yield
    patch.undo()
    passwords._nobody.cache_clear()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path) as desk:
        yield desk
