"""Accounts, their passwords and tokens, by the admins' page and everybody's own."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Literal

import argon2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter import settings
from exfilter.review import accounts, passwords, recorded
from exfilter.review.accounts import NAME, folded, spelt
from exfilter.review.register import Register
from exfilter.review.roles import Role
from tests.review.desk import PASSWORDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.review.desk import Desk

GOOD = "words that nobody guesses"


def test_an_admin_adds_changes_and_locks_accounts(desk: Desk) -> None:
    admin = desk.as_("ada")
    assert admin.fill("/people", name="Zoe", role="analyst", password=GOOD).status_code == 303
    zoe = desk.browser()
    assert zoe.log_in("zoe", GOOD).status_code == 303
    assert admin.fill("/people/zoe/role", role="reviewer").status_code == 303
    assert desk.state.register.accounts.get("zoe").role is Role.REVIEWER
    assert not zoe.is_in()
    assert admin.fill("/people/zoe/disable").status_code == 303
    assert zoe.log_in("zoe", GOOD).status_code == 403
    assert admin.fill("/people/zoe/enable").status_code == 303
    assert admin.fill("/people/zoe/password", password="other words that nobody guesses").status_code == 303
    assert zoe.log_in("zoe", "other words that nobody guesses").status_code == 303
    done = [
        (each.act, each.subject, each.who) for each in reversed(desk.acts()) if each.act != recorded.LOG_IN
    ]
    assert [act for act, *_ in done if act != recorded.FAILED] == [
        recorded.ADD, recorded.ROLE, recorded.DISABLE, recorded.ENABLE, recorded.PASSWORD
    ]  # fmt: skip
    assert {(subject, who) for act, subject, who in done if act != recorded.FAILED} == {("zoe", "ada")}


@pytest.mark.parametrize("path", ["/people/ada/disable", "/people/ada/role"])
def test_the_last_admin_stays_one(desk: Desk, path: str) -> None:
    admin = desk.as_("ada")
    answer = admin.fill(path, role="analyst")
    assert answer.status_code == 422
    assert "ada is the last admin" in answer.text
    assert admin.is_in()
    assert desk.acts()[0].reason.startswith(recorded.NOT_DONE)
    desk.state.register.accounts.add("eva", Role.ADMIN, GOOD)
    assert admin.fill(path, role="analyst").status_code == 303
    assert desk.browser().log_in("eva", GOOD).status_code == 303


def test_a_disabled_admin_does_not_count(desk: Desk) -> None:
    register = desk.state.register.accounts
    register.add("eva", Role.ADMIN, GOOD)
    register.disable("eva")
    with pytest.raises(ValueError, match="last admin"):
        register.disable("ada")


@pytest.mark.parametrize("name", ["", "-x", "a b", "Zoë", "рob", "a" * 65, "a\nb", "../x", "<b>"])
def test_a_name_that_could_be_mistaken_is_refused(desk: Desk, name: str) -> None:
    answer = desk.as_("ada").fill("/people", name=name, role="analyst", password=GOOD)
    assert answer.status_code == 422
    assert len(desk.state.register.accounts.listed()) == 3


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "x" * 2000, "ababababababab"])
def test_a_password_that_is_easy_is_refused_and_not_repeated(desk: Desk, password: str) -> None:
    answer = desk.as_("ada").fill("/people", name="zoe", role="analyst", password=password)
    assert answer.status_code == 422
    assert password not in answer.text


def test_a_taken_name_stays_its_owners(desk: Desk) -> None:
    assert desk.as_("ada").fill("/people", name="ROB", role="admin", password=GOOD).status_code == 422
    assert desk.browser().log_in("rob").status_code == 303
    assert desk.state.register.accounts.get("rob").role is Role.REVIEWER


def test_everybody_changes_their_own_password(desk: Desk) -> None:
    here, there = desk.as_("ann"), desk.as_("ann")
    new = {"old": PASSWORDS["ann"], "new": GOOD, "again": GOOD}
    assert here.fill("/account/password", **new | {"again": "x"}).status_code == 422
    assert here.fill("/account/password", **new | {"old": "x"}).status_code == 422
    assert here.fill("/account/password", **new | {"new": "x", "again": "x"}).status_code == 422
    assert there.is_in()
    before = here.cookies[desk.cookie("session")]
    assert here.fill("/account/password", **new).status_code == 303
    assert here.is_in()
    assert here.cookies[desk.cookie("session")] != before
    assert not there.is_in()
    assert desk.browser().log_in("ann", GOOD).status_code == 303


def test_the_old_password_cannot_be_guessed_on_a_borrowed_session(desk: Desk) -> None:
    here = desk.as_("ann")
    given = {"new": GOOD, "again": GOOD}
    answers = [here.fill("/account/password", old=f"guess {n}", **given).text for n in range(21)]
    assert "Try again in" in answers[-1]


def test_strangers_do_not_keep_who_is_logged_in_from_a_new_password(desk: Desk) -> None:
    own = desk.as_("rob")
    strangers = [desk.browser().log_in("rob", "a guess").status_code for _ in range(11)]
    assert strangers[-1] == 429
    own.cookies.delete(desk.cookie("browser"))
    changed = own.fill("/account/password", old=PASSWORDS["rob"], new=GOOD, again=GOOD)
    assert changed.status_code == 303, changed.text


def test_a_register_from_before_who_set_passwords_was_known_opens(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "review.sqlite")
    with closing(old):
        old.execute(
            "CREATE TABLE accounts (name TEXT NOT NULL PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT "
            "NULL, subject TEXT NOT NULL, disabled BOOLEAN NOT NULL, made FLOAT NOT NULL)"
        )
        old.execute("CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        old.execute("INSERT INTO accounts VALUES ('rob', 'reviewer', '', '', 0, 0)")
        old.execute("PRAGMA user_version = 1")
        old.commit()
    (tmp_path / settings.FILE).write_text("")
    given = settings.load(tmp_path)
    (tmp_path / "review.sqlite").rename(given.review)
    register = Register.open(given)
    assert register.accounts.get("rob").set_by == ""
    register.close()


def test_a_token_is_shown_once_and_works_until_it_is_revoked(desk: Desk) -> None:
    own = desk.as_("rob")
    made = own.fill("/account/tokens", label="nightly <b>", days="30", role="analyst")
    found = re.search(r"exfilter_([0-9a-f]{8})_[\w-]{43}", made.text)
    assert found
    token, id_ = found[0], found[1]
    program = desk.browser(Authorization=f"Bearer {token}")
    assert program.get("/api/v1/me").json() == {"name": "rob", "role": "analyst"}
    page = own.get("/account").text
    assert id_ in page
    assert "nightly &lt;b&gt;" in page
    assert token not in page
    assert desk.as_("ann").fill(f"/account/tokens/{id_}/revoke").status_code == 422, "not hers"
    assert program.get("/api/v1/me").status_code == 200
    assert own.fill(f"/account/tokens/{id_}/revoke").status_code == 303
    assert program.get("/api/v1/me").status_code == 401
    assert own.fill("/account/tokens", label="x", days="30", role="admin").status_code == 422


@pytest.mark.parametrize("how", ["disabled", "reset by an admin", "changed by the owner"])
def test_what_ends_access_ends_tokens_for_good(desk: Desk, how: str) -> None:
    program = desk.browser(Authorization=f"Bearer {desk.state.register.tokens.add('rob', Role.REVIEWER, 30)}")
    other = desk.browser(Authorization=f"Bearer {desk.state.register.tokens.add('ann', Role.ANALYST, 30)}")
    assert program.get("/api/v1/me").status_code == 200
    admin = desk.as_("ada")
    if how == "disabled":
        admin.fill("/people/rob/disable")
        admin.fill("/people/rob/enable")
    elif how == "reset by an admin":
        admin.fill("/people/rob/password", password=GOOD)
    else:
        desk.as_("rob").fill("/account/password", old=PASSWORDS["rob"], new=GOOD, again=GOOD)
    assert program.get("/api/v1/me").status_code == 401
    assert other.get("/api/v1/me").status_code == 200, "somebody else's"


def test_a_token_ends_by_itself(desk: Desk) -> None:
    token = desk.state.register.tokens.add("rob", Role.REVIEWER, -0.001)
    assert desk.browser(Authorization=f"Bearer {token}").get("/api/v1/me").status_code == 401
    assert desk.state.register.tokens.listed() == []


@pytest.mark.parametrize("token", ["x", "exfilter_", "exfilter__", "exfilter_00000000_x", "é_ü_ß"])
def test_what_is_no_token_opens_nothing_and_no_session_helps_it(desk: Desk, token: str) -> None:
    own = desk.as_("rob")
    answer = own.get("/api/v1/me", headers={b"Authorization": b"Bearer " + token.encode()})
    assert answer.status_code == 401


def test_a_token_with_another_secret_opens_nothing(desk: Desk) -> None:
    token = desk.state.register.tokens.add("rob", Role.REVIEWER, 1)
    other = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert desk.browser(Authorization=f"Bearer {other}").get("/api/v1/me").status_code == 401


def test_old_parameters_are_renewed_at_the_next_log_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = argon2.PasswordHasher(time_cost=2, memory_cost=128, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", newer)
    assert desk.browser().log_in("rob").status_code == 303
    with desk.state.register.database.transaction() as connection:
        stored = accounts._row(connection, "rob").password
    assert not newer.check_needs_rehash(stored)
    assert desk.browser().log_in("rob").status_code == 303


def test_nobodys_password_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    class Counting(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
            checked.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "HASHER", Counting(time_cost=1, memory_cost=64, parallelism=1))
    passwords._nobody.cache_clear()
    assert not passwords.fits("", "anything")
    assert not passwords.fits(passwords.hashed(GOOD, "rob"), "anything")
    assert len(checked) == 2
    passwords._nobody.cache_clear()


@given(st.text(min_size=12, max_size=40).filter(lambda text: len(set(text)) > 12))
def test_a_password_fits_itself_and_no_other(password: str) -> None:
    stored = passwords.hashed(password, "rob")
    assert passwords.fits(stored, password)
    assert not passwords.fits(stored, password + "x")
    assert password not in stored


@given(st.text(max_size=70))
def test_a_name_has_one_spelling(text: str) -> None:
    try:
        name = spelt(text)
    except ValueError:
        assert not NAME.fullmatch(folded(text))
        return
    assert spelt(name) == name == spelt(f" {name.upper()} ")
    assert name.isascii()


@pytest.mark.parametrize("name", ["exfilter", " Exfilter "])
def test_no_account_has_the_name_of_the_door(desk: Desk, name: str) -> None:
    accounts = desk.state.register.accounts
    with pytest.raises(ValueError, match="call the account after the person"):
        accounts.add(name, Role.ANALYST, GOOD)
    with pytest.raises(ValueError, match="call the account after the person"):
        accounts.outside(name, Role.ANALYST, "issuer|1")
    assert len(accounts.listed()) == 3
