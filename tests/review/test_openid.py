"""Log-in by OpenID Connect: against an issuer that is not ours, and against one that lies."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any

import httpx
import oidc_provider_mock  # type: ignore[import-untyped, unused-ignore]
import pytest
from joserfc.jwk import RSAKey

from exfilter import settings
from exfilter.review import recorded
from exfilter.review.oidc import Issuer as Client
from exfilter.review.roles import Role
from exfilter.review.served import Served
from tests.review.desk import Desk
from tests.review.issuer import CLIENT, SECRET, Issuer, unsigned
from tests.review.tls import certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.review.desk import Browser

ZOE = {"sub": "u-17", "preferred_username": "Zoe", "groups": ["staff", "dlp"]}


def text(issuer: str) -> str:
    return (
        f'oidc_issuer = "{issuer}"\noidc_client_id = "{CLIENT}"\noidc_secret_file = "oidc.secret"\n'
        'oidc_roles = { dlp = "reviewer", "dlp-admins" = "admin" }\n'
    )


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer(dict(ZOE)) as issuer:
        yield issuer


@pytest.fixture
def house(tmp_path: Path, issuer: Issuer) -> Iterator[Desk]:
    (tmp_path / "oidc.secret").write_text(SECRET + "\n")
    (tmp_path / "oidc.secret").chmod(0o600)
    with Desk(tmp_path, text(issuer.url)) as desk:
        yield desk


def arrive(browser: Browser, onward: str = "/account", *, ca: Path | None = None) -> httpx.Response:
    """Go to the issuer and back, as a browser does."""
    left = browser.get("/login/openid", params={"next": onward})
    assert left.status_code == 302, left.text
    trusted = ssl.create_default_context(cafile=ca)
    approved = httpx.get(left.headers["location"], trust_env=False, verify=trusted)
    return browser.get(approved.headers["location"], headers={"Sec-Fetch-Site": "cross-site"})


def test_who_has_a_role_at_the_company_is_in(house: Desk, issuer: Issuer) -> None:
    browser = house.browser()
    assert "company&#39;s account" in browser.get("/login").text or "company's" in browser.get("/login").text
    answer = arrive(browser)
    assert answer.status_code == 200
    assert 'content="0; url=/account"' in answer.text
    assert "zoe" in browser.get("/account").text
    assert house.state.register.accounts.get("zoe").role is Role.REVIEWER
    assert house.acts(recorded.LOG_IN)[0].reason == "OpenID Connect"
    (asked,) = issuer.asked
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert asked["redirect_uri"] == f"{house.url}/login/back"
    assert house.cookie("openid") not in browser.cookies


def test_the_state_cookie_alone_is_lax(house: Desk) -> None:
    browser = house.browser()
    left = browser.get("/login/openid").headers["set-cookie"].lower()
    assert f"{house.cookie('openid')}=" in left
    assert "samesite=lax" in left
    assert "httponly" in left
    inside = arrive(browser).headers.get_list("set-cookie")
    (session,) = [each for each in inside if each.startswith(house.cookie("session"))]
    assert "samesite=strict" in session.lower()


def test_roles_follow_the_company(house: Desk, issuer: Issuer) -> None:
    browser = house.browser()
    arrive(browser)
    issuer.claims["groups"] = ["dlp", "dlp-admins"]
    other = house.browser()
    arrive(other)
    assert not browser.is_in(), "the role has changed"
    assert other.get("/people").status_code == 200
    issuer.claims["groups"] = ["staff"]
    assert arrive(house.browser()).status_code == 403


def test_who_loses_the_role_at_the_company_loses_session_and_tokens(house: Desk, issuer: Issuer) -> None:
    browser = house.browser()
    arrive(browser)
    token = house.state.register.tokens.add("zoe", Role.REVIEWER, 30)
    program = house.browser(Authorization=f"Bearer {token}")
    assert program.get("/api/v1/me").status_code == 200
    issuer.claims["groups"] = []
    assert arrive(house.browser()).status_code == 403
    assert not browser.is_in()
    assert program.get("/api/v1/me").status_code == 401
    assert house.state.register.accounts.get("zoe").disabled
    issuer.claims["groups"] = ["dlp"]
    assert arrive(house.browser()).status_code == 403, "until an admin unlocks it"


def test_what_the_company_changes_is_recorded(house: Desk, issuer: Issuer) -> None:
    for groups in (["dlp"], ["dlp"], ["dlp-admins"], []):
        issuer.claims["groups"] = groups
        arrive(house.browser())
    done = [(each.act, each.subject, each.reason) for each in house.acts() if each.who == recorded.ISSUER]
    assert done[::-1] == [
        (recorded.ADD, "zoe", "as reviewer"),
        (recorded.ROLE, "zoe", "to admin"),
        (recorded.DISABLE, "zoe", "no role any more"),
    ]


@pytest.mark.parametrize("verified", [None, False, "true", 1, True])
def test_a_name_by_mail_is_one_that_the_issuer_verified(
    tmp_path: Path, issuer: Issuer, verified: object
) -> None:
    (tmp_path / "oidc.secret").write_text(SECRET)
    (tmp_path / "oidc.secret").chmod(0o600)
    issuer.claims |= {"email": "zoe@corp.example", "email_verified": verified}
    with Desk(tmp_path, text(issuer.url) + 'oidc_name = "email"\n') as desk:
        assert arrive(desk.browser()).status_code == (200 if verified is True else 403)


def test_roles_may_stand_deeper_or_with_the_userinfo(tmp_path: Path, issuer: Issuer) -> None:
    (tmp_path / "oidc.secret").write_text(SECRET)
    (tmp_path / "oidc.secret").chmod(0o600)
    del issuer.claims["groups"]
    issuer.outside = {"realm_access": {"roles": ["dlp"]}, "preferred_username": "mallory"}
    with Desk(tmp_path, text(issuer.url) + 'oidc_role_claim = "realm_access.roles"\n') as desk:
        assert arrive(desk.browser()).status_code == 200
        assert desk.state.register.accounts.get("zoe").role is Role.REVIEWER


def _other(name: str, value: Any) -> Any:  # noqa: ANN401 - a claim
    return lambda claims: claims.update({name: value})


LIES = {
    "another issuer": _other("iss", "https://evil.example"),
    "for another client": _other("aud", "somebody-else"),
    "for another client, in our name": lambda claims: claims.update(aud="somebody-else", azp=CLIENT),
    "an answer to another question": _other("nonce", "x"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "over": _other("exp", int(time.time()) - 3600),
    "nobody": lambda claims: claims.pop("sub"),
    "no name": lambda claims: claims.pop("preferred_username"),
    "a name that is no text": _other("preferred_username", ["ada"]),
    "a name of an account of this desk": _other("preferred_username", "ada"),
    "a name that cannot be one": _other("preferred_username", "zoe <zoe@example.com>"),
    "no role": _other("groups", ["staff"]),
    "a role that is no text": _other("groups", [["dlp"], None, 7]),
    "no groups at all": lambda claims: claims.pop("groups"),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_issuer_that_lies_lets_nobody_in(house: Desk, issuer: Issuer, lie: str) -> None:
    issuer.lie = LIES[lie]
    browser = house.browser()
    answer = arrive(browser)
    assert answer.status_code == 403
    assert not browser.is_in()
    assert house.acts(recorded.FAILED)[0].reason.startswith("OpenID Connect: ")
    assert house.state.register.accounts.get("ada").role is Role.ADMIN
    issuer.lie = lambda _: None
    assert arrive(browser).status_code == 200


@pytest.mark.parametrize("forgery", ["unsigned", "another key", "no token"])
def test_a_token_that_the_issuer_did_not_sign_is_no_token(
    house: Desk, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, forgery: str
) -> None:
    if forgery == "unsigned":
        monkeypatch.setattr(issuer, "_signed", unsigned)
    elif forgery == "another key":
        issuer.signing = RSAKey.generate_key(2048)
    else:
        monkeypatch.setattr(issuer, "token", lambda *_: {"access_token": "a", "token_type": "Bearer"})
    browser = house.browser()
    assert arrive(browser).status_code == 403
    assert not browser.is_in()


def test_another_browser_cannot_use_the_way_back(house: Desk) -> None:
    left = house.browser().get("/login/openid")
    approved = httpx.get(left.headers["location"], trust_env=False).headers["location"]
    other = house.browser()
    assert other.get(approved).status_code == 403
    other.get("/login/openid")
    assert other.get(approved).status_code == 403, "with a state of its own"
    assert not other.is_in()


def test_an_issuer_that_calls_itself_otherwise_is_not_believed(house: Desk, issuer: Issuer) -> None:
    issuer.named = "https://evil.example"
    answer = house.browser().get("/login/openid")
    assert answer.status_code == 403
    assert "another issuer" in answer.text


def test_an_issuer_that_is_away_is_said(house: Desk, issuer: Issuer) -> None:
    issuer.__exit__()
    answer = house.browser().get("/login/openid")
    assert answer.status_code == 403
    assert "failed" in answer.text
    assert house.as_("rob").is_in(), "accounts of this desk still log in"
    issuer.__enter__()


def test_an_account_of_the_company_has_no_password_and_can_be_disabled(house: Desk) -> None:
    browser = house.browser()
    arrive(browser)
    assert house.browser().log_in("zoe", "").status_code == 403
    with pytest.raises(ValueError, match="OpenID Connect"):
        house.state.register.accounts.set_password("zoe", "words that nobody guesses")
    house.state.register.accounts.disable("zoe")
    assert not browser.is_in()
    answer = arrive(browser)
    assert answer.status_code == 403
    assert "disabled" in answer.text


def test_onward_stays_on_this_desk(house: Desk) -> None:
    answer = arrive(house.browser(), "//evil.example/")
    assert 'content="0; url=/"' in answer.text


@pytest.mark.parametrize("known", [True, False])
def test_over_tls_only_the_authorities_that_are_named_are_trusted(tmp_path: Path, *, known: bool) -> None:
    pem, key = certificate(tmp_path)
    with Issuer(dict(ZOE), tls=(pem, key), public=True) as issuer:
        given = text(issuer.url).replace('oidc_secret_file = "oidc.secret"', "")
        with Desk(tmp_path, given + (f'oidc_ca = "{pem}"\n' if known else "")) as desk:
            if known:
                assert arrive(desk.browser(), ca=pem).status_code == 200
            else:
                assert desk.browser().get("/login/openid").status_code == 403
                assert issuer.asked == []


def test_without_an_issuer_there_is_no_such_log_in(desk: Desk) -> None:
    assert desk.browser().get("/login/openid").status_code == 404
    assert desk.browser().get("/login/back").status_code == 404
    assert "company" not in desk.browser().get("/login").text


def test_against_an_issuer_that_others_wrote(tmp_path: Path) -> None:
    user = oidc_provider_mock.User(sub="u-1", claims={"preferred_username": "kim", "groups": ["dlp"]})
    (tmp_path / "oidc.secret").write_text(SECRET)
    (tmp_path / "oidc.secret").chmod(0o600)
    with oidc_provider_mock.run_server_in_thread(user_claims=(user,), require_nonce=True) as server:
        url = f"http://localhost:{server.server_port}"
        with Desk(tmp_path, text(url)) as desk:
            browser = desk.browser()
            left = browser.get("/login/openid")
            approved = httpx.post(left.headers["location"], data={"sub": "u-1"}, trust_env=False)
            assert browser.get(approved.headers["location"]).status_code == 200
            assert "kim" in browser.get("/account").text


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        ('oidc_issuer = "http://login.corp.example"\n', "https://"),
        ('oidc_roles = { dlp = "boss" }\n', "analyst, reviewer, admin"),
    ],
)
def test_a_setting_that_is_not_safe_is_refused(tmp_path: Path, mistake: str, word: str) -> None:
    (tmp_path / settings.FILE).write_text(mistake)
    with pytest.raises(ValueError, match=word):
        settings.load(tmp_path)


def test_an_issuer_needs_a_client_and_roles(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text('oidc_issuer = "https://login.corp.example"\n')
    with pytest.raises(ValueError, match="oidc_client_id and oidc_roles"):
        Client.of(settings.load(tmp_path), Served(), "secret")
    (tmp_path / settings.FILE).write_text(text("https://login.corp.example"))
    (tmp_path / "oidc.secret").write_text(SECRET)
    (tmp_path / "oidc.secret").chmod(0o644)
    with pytest.raises(PermissionError, match="can be read by others"):
        Client.of(settings.load(tmp_path), Served(), "secret")


def test_a_file_without_certificates_is_said_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    (tmp_path / settings.FILE).write_text(text("https://login.corp.example") + 'oidc_ca = "ca.pem"\n')
    given = settings.load(tmp_path)
    given.oidc_secret_file.write_text(SECRET)
    given.oidc_secret_file.chmod(0o600)
    with pytest.raises(OSError, match=r"ca\.pem: it holds no certificate, in PEM$"):
        Client.of(given, Served(), "secret")
