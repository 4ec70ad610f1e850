"""What every answer carries, and what none tells."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.review.served import Served
from tests.review.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANSWERS = ("/login", "/account", "/static/style.css", "/static/none", "/nothing", "/api/v1/me", "/api/v1/x")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("headers")) as desk:
        yield desk


def test_every_answer_is_strict_and_is_kept_nowhere(desk: Desk) -> None:
    for path in ANSWERS:
        headers = desk.browser().get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; "), path
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers
        assert "strict-transport-security" not in headers


def test_pages_have_no_inline_style_or_script_and_ask_no_other_host(desk: Desk) -> None:
    browser = desk.as_("ada")
    for path in ("/account", "/people", "/nothing"):
        text = browser.get(path).text
        assert "style=" not in text
        assert "<style" not in text
        assert "<script" not in text
        assert "http://" not in text.replace(desk.url, "")
        assert "https://" not in text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", ""])
def test_a_name_that_is_not_its_own_is_refused(desk: Desk, host: str) -> None:
    assert desk.browser(Host=host).get("/login").status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:8600", "[::1]:8600"])
def test_its_own_names_are_served(desk: Desk, host: str) -> None:
    assert desk.browser(Host=host).get("/login").status_code == 200


def test_large_bodies_are_refused(desk: Desk) -> None:
    def pieces() -> object:
        yield from [b"x" * 65536] * 20

    browser = desk.browser(**{"Content-Type": "application/x-www-form-urlencoded"})
    assert browser.post("/login", content=b"x" * (1 << 21)).status_code == 413
    assert browser.post("/login", content=pieces()).status_code == 413  # type: ignore[arg-type]


def test_the_documentation_pages_are_off_and_the_schema_is_for_those_who_may(desk: Desk) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert desk.as_("ada").get(path).status_code == 404
    assert desk.browser().get("/api/v1/openapi.json").status_code == 401
    described = desk.as_("ann").get("/api/v1/openapi.json").json()
    assert described["openapi"].startswith("3.")
    assert "/api/v1/me" in described["paths"]
    assert described["security"] == [{"token": []}]
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_errors_quote_nothing_of_what_was_sent(desk: Desk) -> None:
    browser = desk.as_("ada")
    answer = browser.fill("/people", name="zoe", role="anna.nowak@example.com", password="secret words here")
    assert answer.status_code == 422
    assert "anna.nowak" not in answer.text
    assert "secret words" not in answer.text
    assert "role" in answer.text


def test_what_breaks_is_told_by_its_place_only(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        msg = "anna.nowak@example.com"
        raise RuntimeError(msg)

    browser = desk.as_("ann")
    monkeypatch.setattr(type(desk.state.register.accounts), "get", broken)
    answer = browser.get("/account")
    assert answer.status_code == 500
    assert "content-security-policy" in answer.headers
    (line,) = desk.told
    assert line.startswith("internal error: RuntimeError at test_headers.py:")
    assert "anna" not in answer.text + line


def test_a_database_that_fails_is_said_in_one_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        msg = "database is locked"
        raise OSError(msg)

    browser = desk.as_("ann")
    monkeypatch.setattr(type(desk.state.register.sessions), "person", broken)
    for path in ("/account", "/api/v1/me"):
        answer = browser.get(path)
        assert answer.status_code == 503
        assert "locked" not in answer.text


def test_methods_that_nobody_uses_are_refused(desk: Desk) -> None:
    for method in ("PUT", "DELETE", "TRACE", "OPTIONS", "PROPFIND"):
        assert desk.browser().request(method, "/login").status_code in {403, 405}


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"host": "0.0.0.0"}, "in clear"),
        ({"host": "192.0.2.1"}, "in clear"),
        ({"host": "desk.corp.example"}, "in clear"),
        ({"host": "::"}, "in clear"),
        ({"host": "0.0.0.0", "proxies": ("192.0.2.9",)}, "review_hosts"),
        ({"certificate": "x"}, "belong together"),
        ({"proxies": ("*",)}, "address of the proxy"),
        ({"proxies": ("0.0.0.0/0",)}, "address of the proxy"),
    ],
)
def test_passwords_do_not_travel_in_clear(given: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Served(**given)  # type: ignore[arg-type]


def test_over_tls_cookies_are_bound_to_the_host(tmp_path: Path) -> None:
    served = Served("127.0.0.1", certificate=tmp_path, key=tmp_path)
    assert served.secure
    assert served.cookie("session") == "__Host-exfilter-session"
    assert not Served().secure
    assert Served("192.0.2.1", proxies=("192.0.2.9",), names=("desk.example",)).hosts[0] == "desk.example"


@given(
    cookies=st.lists(st.binary(max_size=40), max_size=3),
    authorization=st.binary(max_size=60),
    path=st.sampled_from(["/", "/account", "/login", "/api/v1/me", "/people/x/role"]) | st.text(max_size=20),
    method=st.sampled_from(["GET", "POST"]),
)
def test_no_cookie_and_no_header_breaks_it_or_opens_anything(
    house: Desk, cookies: list[bytes], authorization: bytes, path: str, method: str
) -> None:
    names = [house.cookie(name) for name in ("session", "browser", "openid")]
    shown = b"; ".join(name.encode() + b"=" + clean(each) for name, each in zip(names, cookies, strict=False))
    headers = {b"Authorization": b"Bearer x" + clean(authorization), b"Cookie": shown or b"x=y"}
    url = f"{house.url}/{quote(path.lstrip('/'), safe='/', errors='replace')}"
    answer = httpx.request(method, url, headers=headers, trust_env=False)
    assert answer.status_code in (
        {200} if path == "/login" and method == "GET" else {303, 401, 403, 404, 405, 422}
    )
    assert house.told == []


def clean(header: bytes) -> bytes:
    return bytes(byte for byte in header if byte > 32 and byte not in b'";,\x7f')
