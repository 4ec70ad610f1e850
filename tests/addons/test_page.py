"""The block page: an id, no value, nothing that is loaded from elsewhere."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons import page


def test_a_page_is_whole_in_itself() -> None:
    answer = page.held("t-1")
    text = answer.get_text() or ""
    assert "//" not in text
    assert "t-1" in text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_an_id_is_escaped() -> None:
    assert "<script>" not in (page.held("<script>").get_text() or "")


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
    kind = page.held("t-1", accept).headers["content-type"]
    assert kind.startswith("application/json") is json_wanted


@given(st.text())
def test_any_accept_header_gets_an_answer(accept: str) -> None:
    answer = page.held("t-1", accept)
    assert answer.status_code == 403
    if answer.headers["content-type"] == "application/json":
        assert json.loads(answer.get_text() or "")["transfer"] == "t-1"
