"""The desk in real Chromium: by keyboard alone, light and dark, on a phone, and within its policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exfilter.review.roles import Role
from tests.browser import WIDTHS, check
from tests.review.desk import PASSWORDS, Desk
from tests.review.issuer import CLIENT, Issuer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

PAGES = ("/account", "/people", "/nothing")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("browser")) as desk:
        desk.state.register.tokens.add("ada", Role.ANALYST, 1, "nightly" * 8)
        yield desk


def log_in(page: Page, house: Desk, name: str = "ada") -> None:
    """Log in as somebody without a mouse does."""
    page.goto(f"{house.url}/account")
    assert page.url == f"{house.url}/login?next=%2Faccount"
    page.locator("#name:focus").wait_for()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.locator("#password:focus").wait_for()
    page.keyboard.type(PASSWORDS[name])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{house.url}/account")


def test_by_keyboard_alone_in_and_out_and_nothing_breaks_the_policy(chromium: Browser, house: Desk) -> None:
    context = chromium.new_context()
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    log_in(page, house)
    page.goto(f"{house.url}/people")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    (session,) = [each for each in context.cookies() if each["name"] == house.cookie("session")]
    assert (session["httpOnly"], session["sameSite"]) == (True, "Strict")
    page.get_by_role("button", name="Log out").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{house.url}/login")
    assert said == []
    assert all(url.startswith(house.url) for url in asked)
    context.close()


def test_a_link_on_another_site_leads_to_the_page_and_not_to_the_log_in(
    chromium: Browser, house: Desk
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    log_in(page, house)
    page.route(
        "https://other.example/",
        lambda route: route.fulfill(body=f'<a href="{house.url}/account">go</a>', content_type="text/html"),
    )
    page.goto("https://other.example/")
    page.click("a")
    page.wait_for_selector("text=Tokens for programs")
    assert page.url == f"{house.url}/account"
    context.close()


def test_a_form_on_another_site_does_nothing(chromium: Browser, house: Desk) -> None:
    context = chromium.new_context()
    page = context.new_page()
    log_in(page, house)
    form = f'<form method="post" action="{house.url}/people/rob/disable"><button>x</button></form>'
    page.route("https://other.example/", lambda route: route.fulfill(body=form, content_type="text/html"))
    page.goto("https://other.example/")
    page.click("button")
    page.wait_for_load_state()
    assert page.get_by_text("sent by another site").count() == 1
    assert not house.state.register.accounts.get("rob").disabled
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_and_can_be_read_by_everybody(
    chromium: Browser, house: Desk, scheme: str, width: str
) -> None:
    context = chromium.new_context(viewport=WIDTHS[width], color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{house.url}/login")
    check(page)
    log_in(page, house)
    for path in PAGES:
        page.goto(house.url + path)
        check(page)
    context.close()


def test_the_companys_log_in_on_another_site_leads_back_in(chromium: Browser, tmp_path: Path) -> None:
    claims = {"sub": "u-1", "preferred_username": "kim", "groups": ["dlp"]}
    with Issuer(claims, public=True) as issuer:
        given = (
            f'oidc_issuer = "{issuer.url}"\noidc_client_id = "{CLIENT}"\noidc_roles = {{ dlp = "analyst" }}\n'
        )
        with Desk(tmp_path, given) as desk:
            context = chromium.new_context()
            page = context.new_page()
            # Another site than the issuer, which is at 127.0.0.1: strict cookies stay behind on the way back.
            page.goto(desk.url.replace("127.0.0.1", "localhost") + "/account")
            page.get_by_role("link", name="Log in with the company's account").click()
            page.wait_for_selector("text=Tokens for programs")
            assert page.url.endswith("/account")
            assert [each["name"] for each in context.cookies()].count(desk.cookie("session")) == 1
            context.close()
