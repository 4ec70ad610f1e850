"""The rights matrix: every route, every role, through a real server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import APIRoute

from exfilter.review.access import Needs
from exfilter.review.roles import Role
from tests.review.desk import ROLES, Browser, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

OPEN = {("GET", "/login"), ("POST", "/login"), ("GET", "/login/openid"), ("GET", "/login/back")}
"""Where nobody has to be logged in."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("rights")) as desk:
        yield desk


@pytest.fixture(scope="module")
def browsers(house: Desk) -> dict[str, Browser]:
    return {name: house.as_(name) for name in ROLES}


def routes(app: FastAPI) -> list[tuple[str, str, Role | None]]:
    """Return method, path and the role that its guard asks for."""
    return [
        (method, route.path, guard(route.dependant))
        for route in walked(app.routes)
        for method in sorted(route.methods or ())
    ]


def walked(given: Any) -> list[APIRoute]:  # noqa: ANN401 - routers nest
    found = []
    for route in given:
        if isinstance(route, APIRoute):
            found.append(route)
        elif hasattr(route, "original_router"):
            found += walked(route.original_router.routes)
    return found


def guard(dependant: Any) -> Role | None:  # noqa: ANN401 - FastAPI's
    calls = [dependant.call, *(each.call for each in dependant.dependencies)]
    return next((call.role for call in calls if isinstance(call, Needs)), None)


def filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "nobody-1", path)


def test_there_are_routes_to_guard(house: Desk) -> None:
    found = {(method, path) for method, path, _ in routes(house.app)}
    assert found > OPEN | {("GET", "/people"), ("POST", "/people/{name}/disable"), ("GET", "/api/v1/me")}


def test_every_route_has_a_guard_or_is_meant_to_be_open(house: Desk) -> None:
    unguarded = {(method, path) for method, path, role in routes(house.app) if role is None}
    assert unguarded == OPEN


def test_without_a_session_nothing_is_shown_or_done(house: Desk) -> None:
    for method, path, role in routes(house.app):
        if role is None:
            continue
        answer = house.browser().request(method, filled(path))
        expected = 401 if path.startswith("/api/") else 303
        assert answer.status_code == expected, (method, path)
        if expected == 303:
            assert answer.headers["location"].startswith("/login?next=")


@pytest.mark.parametrize("name", ROLES)
def test_each_role_may_what_is_its_own_and_no_more(
    house: Desk, browsers: dict[str, Browser], name: str
) -> None:
    for method, path, role in routes(house.app):
        if role is None or path == "/logout":
            continue
        browser = browsers[name]
        headers = {"X-CSRF-Token": browser.csrf("/account")} if method != "GET" else {}
        answer = browser.request(method, filled(path), headers=headers)
        forbidden = not ROLES[name].includes(role)
        assert (answer.status_code == 403) == forbidden, (method, path, answer.status_code)
        assert answer.status_code < 500, (method, path)


@pytest.mark.parametrize("name", ROLES)
def test_a_token_may_no_more_than_its_role_and_only_the_api(house: Desk, name: str) -> None:
    token = house.state.register.tokens.add(name, Role.ANALYST, 1)
    shown = {"Authorization": f"Bearer {token}"}
    assert house.browser(**shown).get("/api/v1/me").json() == {"name": name, "role": "analyst"}
    assert house.browser(**shown).get("/people").status_code == 303


def test_every_unsafe_route_refuses_what_another_site_sends(
    house: Desk, browsers: dict[str, Browser]
) -> None:
    browser = browsers["ada"]
    token, others = browser.csrf("/account"), house.as_("ada").csrf("/account")
    for method, path, _ in routes(house.app):
        if method in {"GET", "HEAD"}:
            continue
        for headers in (
            {},
            {"X-CSRF-Token": "x" + token},
            {"X-CSRF-Token": others},
            {"X-CSRF-Token": token, "Sec-Fetch-Site": "cross-site"},
            {"X-CSRF-Token": token, "Sec-Fetch-Site": "same-site"},
            {"X-CSRF-Token": token, "Origin": "https://evil.example"},
        ):
            answer = browser.request(method, filled(path), headers=headers)
            assert answer.status_code == 403, (method, path, headers)
    assert browser.is_in()


def test_roles_are_in_order() -> None:
    assert [a.includes(b) for a in Role for b in Role] == [
        True,
        False,
        False,
        True,
        True,
        False,
        True,
        True,
        True,
    ]
