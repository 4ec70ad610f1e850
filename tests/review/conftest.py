"""A desk and a browser for the tests of a file; hashes are cheap in most of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import argon2
import pytest

from exfilter.review import passwords
from tests.review.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser


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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return it without a screen. It ends with the file: its event loop would be in the way of others."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - most files need no browser

    program = shutil.which("chromium")
    assert program, "chromium is missing: run .ci/run, or apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()
