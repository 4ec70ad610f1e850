"""The desk in real Chromium in front of a real proxy: filter, open, release, and the sender's retry passes.

With EXFILTER_SCREENSHOTS=FOLDER the pictures of the README are written there.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from exfilter.quarantine import State
from fixtures.farend import FarEnd
from tests.browser import WIDTHS, check
from tests.e2e.house import Proxy
from tests.review import filled
from tests.review.desk import PASSWORDS, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled.template(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def far_end(tmp_path: Path) -> Iterator[FarEnd]:
    (tmp_path / "far-end").mkdir()
    with FarEnd(tmp_path / "far-end") as far_end:
        yield far_end


@pytest.fixture
def house(made: Path, tmp_path: Path) -> Iterator[Desk]:
    with Desk(filled.copied(made, tmp_path / "config")) as desk:
        yield desk


def logged_in(context: BrowserContext, house: Desk, name: str = "rob") -> Page:
    page = context.new_page()
    page.goto(f"{house.url}/")
    page.fill("#name", name)
    page.fill("#password", PASSWORDS[name])
    page.click("button:has-text('Log in')")
    page.wait_for_url(f"{house.url}/")
    return page


def pictured(page: Page, name: str) -> None:
    """Keep a picture of the page for the README, where one is wanted."""
    folder = os.environ.get("EXFILTER_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        file = Path(folder) / f"{name}.png"
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            picture.convert("RGB").quantize(64).save(file, optimize=True)


def test_log_in_filter_open_release_and_the_retry_passes_once(
    chromium: Browser, house: Desk, far_end: FarEnd
) -> None:
    body = filled.lines(filled.people()[:150])
    url = f"http://127.0.0.1:{far_end.http}/upload"
    context = chromium.new_context(viewport=WIDTHS["laptop"], accept_downloads=True)  # type: ignore[arg-type]
    with Proxy(house.folder) as proxy:
        held = proxy.curl(url, data=body).transfer_id
        assert held
        proxy.curl(url, data=body + b" and more")
        page = logged_in(context, house)
        page.fill("#destination", "127.0.0.*")
        page.click("button:has-text('Filter')")
        assert page.locator("tbody tr").count() == 2
        page.click(f"text={held}")
        page.wait_for_url(f"**/transfers/{held}")
        opened = "form[action$='/open']"
        page.fill(f"{opened} textarea", "to see what it is")
        page.fill("#passphrase", filled.PASSPHRASE)
        with page.expect_download() as download:
            page.click("text=Download it in clear")
        assert download.value.suggested_filename == f"{held}.bin"
        assert Path(download.value.path()).read_bytes() == body
        page.fill("form[action$='/decide'] textarea", "agreed with the recipient")
        page.click("text=Release once")
        page.wait_for_selector("text=passes once, until")
        assert house.state.desk.quarantine.show(held).state is State.RELEASED
        assert proxy.curl(url, data=body).status == 200
        assert proxy.curl(url, data=body).status == 403
        page.reload()
        assert page.locator("dd:has-text('passed 20')").count() == 1
    assert [arrival.bytes for arrival in far_end.arrivals] == [len(body)]
    context.close()


def test_a_hostile_name_and_a_hostile_body_do_nothing(chromium: Browser, house: Desk) -> None:
    held = filled.happened(house.folder)
    context = chromium.new_context()
    page = logged_in(context, house)
    asked, dialogs = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    for path in ("/", f"/transfers/{held}", "/dashboard", f"/transfers/{held}/elsewhere", "/audit"):
        page.goto(house.url + path)
        assert "taken" not in page.title()
        assert page.locator("main b", has_text="cora").count() == 0
    page.goto(f"{house.url}/transfers/{held}")
    page.fill("form[action$='/open'] textarea", "to see what it is")
    page.fill("#passphrase", filled.PASSPHRASE)
    page.click("text=Show it as masked text")
    page.wait_for_url(f"**/transfers/{held}/open", timeout=60_000)
    assert page.evaluate("document.contentType") == "text/plain"
    assert page.locator("script, img, h1").count() == 0
    assert "•" in page.inner_text("body")
    assert "taken" not in page.title()
    assert dialogs == []
    assert all(each.startswith(house.url) for each in asked)
    assert not [each for each in asked if "/api/" in each]
    context.close()


def test_several_are_ticked_and_denied_by_keyboard(chromium: Browser, house: Desk) -> None:
    for number in range(2):
        filled.send(house.folder, filled.lines(filled.people()[: 100 + number]), f"actor{number}")
    context = chromium.new_context()
    page = logged_in(context, house)
    for box in page.locator("input[name=id]").all():
        box.focus()
        page.keyboard.press("Space")
    page.locator("input[value=deny]").focus()
    page.keyboard.press("Space")
    page.locator("#reason").focus()
    page.keyboard.type("not theirs to send")
    page.get_by_role("button", name="Decide").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/decide")
    assert page.locator("li.done").count() == 2
    check(page)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_can_be_read_by_everybody(
    chromium: Browser, house: Desk, scheme: str, width: str
) -> None:
    held = filled.happened(house.folder)
    filled.send(house.folder, filled.lines(filled.people()[:120]), "dora", where="paste.example")
    cases = house.state.desk.cases
    number = cases.begin("The cora upload", "rob")
    cases.add(number, "transfer", [held], "rob")
    cases.note(number, "asked her manager", "rob")
    context = chromium.new_context(viewport=WIDTHS[width], color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    page = logged_in(context, house)
    pages = {
        "queue": "/", "transfer": f"/transfers/{held}", "elsewhere": f"/transfers/{held}/elsewhere",
        "cases": "/cases", "case": f"/cases/{number}", "dashboard": "/dashboard", "audit": "/audit",
    }  # fmt: skip
    for path in pages.values():
        page.goto(house.url + path)
        check(page)
    context.close()


ACTORS = "alex.reed dana.holm erik.vos farah.nazari jo.lindqvist mina.costa".split()
PLACES = "paste.example drive.example mail.example crm-import.example".split()


def test_a_week_at_the_desk_fills_queue_page_and_dashboard(chromium: Browser, house: Desk) -> None:
    """The pictures of the README."""
    some = filled.people()
    for number, actor in enumerate(ACTORS * 2):
        body = filled.lines(some[number * 7 : number * 7 + (160 if number % 3 else 40)])
        where = PLACES[number % len(PLACES)]
        held = filled.send(house.folder, body, actor, ago=number * 40_000.0, where=where)
        assert bool(held) == bool(number % 3)
    context = chromium.new_context(viewport={"width": 1200, "height": 720})
    page = logged_in(context, house)
    assert page.locator("tbody tr").count() == 8
    pictured(page, "queue")
    page.click("text=erik.vos >> xpath=.. >> th a")
    page.wait_for_selector("text=Why it is held")
    pictured(page, "transfer")
    page.emulate_media(color_scheme="dark")
    page.goto(f"{house.url}/dashboard")
    assert page.locator("figure.chart").count() == 4
    pictured(page, "dashboard")
    context.close()
