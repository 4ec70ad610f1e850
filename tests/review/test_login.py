"""Logging in, staying logged in, and when that ends."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from exfilter.review import attempts, recorded, tables
from exfilter.review.onward import inside
from exfilter.review.roles import Role
from tests.review.desk import Desk

if TYPE_CHECKING:
    from pathlib import Path


def test_who_logs_in_goes_on_to_where_he_wanted_to(desk: Desk) -> None:
    browser = desk.browser()
    asked = browser.get("/account?x=1")
    assert asked.headers["location"] == "/login?next=%2Faccount%3Fx%3D1"
    answer = browser.log_in("rob", next="/account?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?x=1")
    assert "rob" in browser.get("/account").text
    assert browser.get("/login").headers["location"] == "/"


@pytest.mark.parametrize(
    ("name", "password"),
    [("rob", "wrong wrong wrong"), ("nobody", "wrong wrong wrong"), ("", ""), ("rob", "")],
)
def test_a_wrong_name_and_a_wrong_password_are_answered_alike(desk: Desk, name: str, password: str) -> None:
    answer = desk.browser().log_in(name, password)
    assert answer.status_code == 403
    assert "Name and password do not fit together." in answer.text


def test_names_are_spelt_as_people_type_them(desk: Desk) -> None:
    assert desk.browser().log_in(" Rob ", "a lighthouse made of rye").status_code == 303


def test_every_log_in_failure_and_log_out_is_recorded(desk: Desk) -> None:
    browser = desk.browser()
    browser.log_in("rob", "wrong wrong wrong")
    browser.log_in("hunter2 is my password", "x")
    browser.log_in("rob")
    browser.fill("/logout")
    assert [(each.who, each.act, each.subject) for each in reversed(desk.acts())] == [
        ("rob", recorded.FAILED, "127.0.0.1"),
        (recorded.STRANGER, recorded.FAILED, "127.0.0.1"),
        ("rob", recorded.LOG_IN, "127.0.0.1"),
        ("rob", recorded.LOG_OUT, "127.0.0.1"),
    ]


def test_nobody_gets_in_unrecorded(desk: Desk) -> None:
    def full(*_: str) -> None:
        msg = "disk full"
        raise OSError(msg)

    browser = desk.browser()
    desk.state.record = full
    answer = browser.log_in("rob")
    assert answer.status_code == 503
    assert not browser.is_in()
    assert all("disk full" not in line for line in [answer.text, *desk.told])


def test_who_logs_out_is_out_even_where_it_cannot_be_recorded(desk: Desk) -> None:
    def full(*_: str) -> None:
        msg = "disk full"
        raise OSError(msg)

    browser = desk.as_("rob")
    token = browser.csrf("/account")
    desk.state.record = full
    assert browser.post("/logout", data={"csrf": token}).status_code == 503
    assert not browser.is_in()


def test_the_session_is_new_after_log_in_and_gone_after_log_out(desk: Desk) -> None:
    browser = desk.browser()
    browser.get("/login")
    before = browser.cookies[desk.cookie("session")]
    browser.log_in("rob")
    inside_, token = browser.cookies[desk.cookie("session")], browser.csrf("/account")
    assert inside_ != before
    assert browser.fill("/logout").headers["location"] == "/login"
    again = desk.browser()
    again.cookies.set(desk.cookie("session"), inside_)
    assert not again.is_in()
    assert again.post("/logout", data={"csrf": token}).status_code == 303


def test_two_desks_on_one_machine_leave_each_other_their_sessions(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with Desk(tmp_path / "other") as other:
        both = {desk.cookie(each) for each in ("session", "browser")}
        assert both.isdisjoint({other.cookie(each) for each in ("session", "browser")})
        browser = desk.as_("rob")
        # As a browser does, which sends the cookies of a host to all of its ports.
        there = other.browser()
        there.cookies = browser.cookies
        assert there.log_in("ann").status_code == 303
        browser.cookies = there.cookies
        assert browser.is_in()
        assert there.is_in()


def test_a_session_id_from_elsewhere_is_not_taken_over(desk: Desk) -> None:
    for made_up in ("x", "bnVsbA==.x.y", "eyJzZXNzaW9uIjogIngifQ==.awNqcQ.CTqkbDAIlXlgJ2"):
        browser = desk.browser()
        browser.cookies.set(desk.cookie("session"), made_up)
        assert not browser.is_in()


def test_only_digests_of_sessions_and_tokens_are_stored(desk: Desk) -> None:
    desk.as_("rob")
    token = desk.state.register.tokens.add("rob", Role.REVIEWER, 1)
    kept = b"".join(each.read_bytes() for each in desk.folder.glob("review.sqlite*"))
    assert token.split("_", 2)[2].encode() not in kept
    assert hashlib.sha256(token.split("_", 2)[2].encode()).hexdigest().encode() in kept
    assert b"lighthouse" not in kept


@pytest.mark.parametrize(("column", "seconds"), [("seen", 31 * 60), ("made", 10 * 3600 + 60)])
def test_a_session_ends_when_it_is_idle_and_when_it_is_old(desk: Desk, column: str, seconds: float) -> None:
    browser = desk.as_("rob")
    assert browser.is_in()
    table = tables.sessions
    with desk.state.register.database.transaction(writes=True) as connection:
        connection.execute(sa.update(table).values({column: table.c[column] - seconds}))
    assert not browser.is_in()


def test_a_session_that_is_used_goes_on(desk: Desk) -> None:
    browser = desk.as_("rob")
    table = tables.sessions
    for _ in range(3):
        with desk.state.register.database.transaction(writes=True) as connection:
            connection.execute(sa.update(table).values(seen=table.c.seen - 20 * 60))
        assert browser.is_in()


@pytest.mark.parametrize("change", ["disable", "role", "password"])
def test_a_change_of_the_account_ends_its_sessions(desk: Desk, change: str) -> None:
    browser, accounts = desk.as_("rob"), desk.state.register.accounts
    token = desk.state.register.tokens.add("rob", Role.REVIEWER, 1)
    shown = desk.browser(Authorization=f"Bearer {token}")
    assert shown.get("/api/v1/me").status_code == 200
    if change == "disable":
        accounts.disable("rob")
        assert shown.get("/api/v1/me").status_code == 401
        assert desk.browser().log_in("rob").status_code == 403
    elif change == "role":
        accounts.set_role("rob", Role.ANALYST)
        assert shown.get("/api/v1/me").json()["role"] == "analyst"
    else:
        accounts.set_password("rob", "another one of these days")
        assert desk.browser().log_in("rob").status_code == 403
    assert not browser.is_in()


def test_a_form_that_outlived_its_session_leads_to_the_log_in(desk: Desk) -> None:
    browser = desk.as_("ada")
    token = browser.csrf("/account")
    desk.state.register.accounts.set_password("ada", "another one of these days")
    answer = browser.post("/people/rob/disable", data={"csrf": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F")
    assert not desk.state.register.accounts.get("rob").disabled


def test_guessing_is_slowed_down_and_the_owner_still_gets_in(desk: Desk) -> None:
    own = desk.as_("rob")
    own.fill("/logout")
    stranger = desk.browser()
    codes = [stranger.log_in("rob", f"guess number {n} of many").status_code for n in range(12)]
    assert codes == [403] * 10 + [429] * 2
    refused = stranger.log_in("rob")
    assert refused.status_code == 429, "not even with the right password: it may be the next guess"
    assert 0 < int(refused.headers["retry-after"]) <= 300
    assert own.log_in("rob").status_code == 303, "this browser was logged in to this account before"
    reasons = [each.reason for each in desk.acts(recorded.FAILED)]
    assert reasons.count("too many attempts") == 1


def test_an_address_cannot_go_through_many_names(desk: Desk) -> None:
    stranger = desk.browser()
    codes = [stranger.log_in(f"name{n}", "wrong wrong wrong").status_code for n in range(31)]
    assert codes == [403] * 30 + [429]


def test_a_browser_that_is_known_for_one_account_is_not_for_another(desk: Desk) -> None:
    own = desk.as_("ann")
    own.fill("/logout")
    codes = [own.log_in("rob", f"guess number {n} of many").status_code for n in range(11)]
    assert codes[-1] == 429


def test_known_browsers_can_guess_no_faster(desk: Desk) -> None:
    own = desk.as_("rob")
    own.fill("/logout")
    codes = [own.log_in("rob", f"guess number {n} of many").status_code for n in range(21)]
    assert codes == [403] * 20 + [429]


def test_who_has_many_addresses_is_slowed_down_and_one_who_has_few_locks_out_nobody() -> None:
    windows = attempts.Attempts("secret")
    for n in range(9):
        waits = [windows.wait("rob", f"192.0.2.{n}", "") for _ in range(11)]
        assert [bool(wait) for wait in waits] == [False] * 10 + [True]
    assert not windows.wait("rob", "198.51.100.1", ""), "rob himself at a new browser"
    for n in range(9, 20):
        windows.wait("rob", f"192.0.2.{n}", "")
    assert windows.wait("rob", "198.51.100.2", "")
    assert not windows.wait("rob", "198.51.100.2", windows.remember("rob"))
    assert windows.wait("rob", "198.51.100.2", windows.remember("ann"))


def test_addresses_of_one_network_are_one() -> None:
    assert attempts.network("2001:db8::1") == attempts.network("2001:db8::ffff")
    assert attempts.network("2001:db8::1") != attempts.network("2001:db8:0:1::1")
    assert attempts.network("::ffff:192.0.2.1") == attempts.network("192.0.2.1")
    assert attempts.network("a unix socket") == "a unix socket"


def test_a_link_from_another_site_finds_the_session(desk: Desk) -> None:
    answer = desk.browser(**{"Sec-Fetch-Site": "cross-site"}).get('/account?x="><script>')
    assert answer.status_code == 200
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text)
    assert found
    assert found[1].startswith("/account?x=%22%3E%3Cscript%3E")


@given(
    st.text(max_size=40)
    | st.sampled_from(
        ["//e.example", "/\\e.example", "/\t/e.example", "https:/e.example", "//[", "/[x", "/\\[/"]
    )
)
def test_whatever_is_asked_for_one_stays_on_this_desk(path: str) -> None:
    there = httpx.URL("http://127.0.0.1:8600/login").join(inside(path) if inside(path) != path else "/")
    assert there.host == "127.0.0.1"
    assert inside(path).startswith("/")
    assert not re.match(r"[/\\\s]{2}", inside(path))


@pytest.mark.parametrize("path", ["/", "/entries/t-1?x=1&y=2", "/a//b", "/people"])
def test_own_paths_are_gone_on_to(path: str) -> None:
    assert inside(path) == path
