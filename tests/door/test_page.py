"""The block page: an id, no value, nothing that is loaded from elsewhere."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.door import page


def test_a_page_is_whole_in_itself() -> None:
    answer = page.HELD.answer(transfer_id="t-1")
    text = answer.body.decode()
    assert "//" not in text
    assert "t-1" in text
    assert dict(answer.headers)["Cache-Control"] == "no-store"
    assert dict(answer.headers)["Content-Security-Policy"].startswith("default-src 'none'")


def test_an_id_is_escaped() -> None:
    assert "<script>" not in (page.HELD.answer(transfer_id="<script>").body.decode())


@pytest.mark.parametrize(
    ("accept", "json_wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/json", True),
        ("application/json, text/plain, */*", True),
        ("text/html;q=0.5, application/json;q=0.9", True),
        ("text/html, application/json", False),
        ("application/json;q=x", False),
    ],
)
def test_json_is_for_those_who_prefer_it(accept: str, json_wanted: bool) -> None:  # noqa: FBT001
    kind = dict(page.HELD.answer(accept, transfer_id="t-1").headers)["Content-Type"]
    assert kind.startswith("application/json") is json_wanted


@given(st.text())
def test_any_accept_header_gets_an_answer(accept: str) -> None:
    answer = page.HELD.answer(accept, transfer_id="t-1")
    assert answer.status == 403
    if dict(answer.headers)["Content-Type"] == "application/json":
        assert json.loads(answer.body)["transfer"] == "t-1"


PAGES = [
    (page.HELD, 403),
    (page.REFUSED, 503),
    (page.BUSY, 503),
    (page.too_large(1000), 413),
    (page.NO_METHOD, 405),
    (page.TRAILERS, 501),
    (page.SIGN_IN, 407),
    (page.NO_CERTIFICATE, 403),
    (page.HEAD_TOO_LARGE, 431),
    (page.UNREACHED, 502),
    (page.MALFORMED, 400),
]


@pytest.mark.parametrize(("shown", "status"), PAGES)
def test_every_page_says_what_happened_and_what_to_do(shown: page.Page, status: int) -> None:
    answer = shown.answer(contact="reviewers@example.com")
    text = answer.body.decode()
    assert answer.status == status
    assert '<html lang="en">' in text
    assert [text.count(tag) for tag in ("<h1>", "<h2>", "<main>")] == [1, 1, 1]
    assert "not sent" in text
    assert "color-scheme: light dark" in text
    assert not re.search(r"src=|href=|url\(|//", text)


def test_a_busy_door_says_when_to_come_back() -> None:
    assert dict(page.BUSY.answer().headers)["Retry-After"] == "10"
    assert "try again" in page.BUSY.answer().body.decode().lower()


def test_a_contact_is_shown_and_escaped() -> None:
    shown = page.HELD.answer(contact="<b>Dana</b> & team", transfer_id="t-1").body.decode()
    assert "&lt;b&gt;Dana&lt;/b&gt; &amp; team" in shown
    assert "Whom to ask" not in (page.HELD.answer(transfer_id="t-1").body.decode())
    answer = page.HELD.answer("application/json", "room 7", "t-1").body.decode()
    assert json.loads(answer)["contact"] == "room 7"
