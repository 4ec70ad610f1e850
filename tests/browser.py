"""Real Chromium without a screen, and what every page must be."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped, unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

WIDTHS = {"phone": {"width": 360, "height": 740}, "laptop": {"width": 1366, "height": 768}}


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


def check(page: Page) -> None:
    """Nothing is wider than the screen, and axe finds nothing against WCAG A and AA."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    found = Axe().run(page, options=rules).response["violations"]
    assert [(page.url, each["id"], each["nodes"][0]["html"]) for each in found] == []
