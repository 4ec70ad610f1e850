"""What a library says when it fails is on no page and in no act: it may quote what was read or typed."""

from __future__ import annotations

import binascii
import json
from typing import TYPE_CHECKING

import pytest
from pydantic import TypeAdapter

from exfilter.quarantine import Unknown
from exfilter.review import recorded
from exfilter.review.cases import NoCase
from exfilter.review.foreign import is_foreign, told
from tests.review.desk import PASSWORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.review.desk import Desk

SECRET = "anna.nowak@example.com"


def of(action: Callable[[], object]) -> ValueError:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - any
        action()
    return raised.value


def broken(*_: object) -> None:
    encoding, reason = "utf-8", f"{SECRET}: surrogates not allowed"
    raise UnicodeEncodeError(encoding, SECRET, 0, 1, reason)


@pytest.mark.parametrize(
    "action",
    [
        lambda: json.loads(f"{{{SECRET}"),
        b"\xff".decode,
        lambda: binascii.unhexlify("x"),
        lambda: TypeAdapter(int).validate_python(SECRET),
        broken,
    ],
)
def test_the_text_of_another_librarys_error_is_not_told(action: Callable[[], object]) -> None:
    error = of(action)
    assert is_foreign(error)
    assert told(error) == f"it broke ({type(error).__name__})"


@pytest.mark.parametrize("error", [ValueError("say why"), Unknown("there is none"), NoCase("there is none")])
def test_ours_is_told(error: ValueError) -> None:
    assert told(error) == str(error)


@pytest.mark.parametrize(
    ("path", "owner", "method", "form"),
    [
        ("/people", "accounts", "add", {"name": "zoe", "role": "analyst", "password": SECRET}),
        ("/account/password", "accounts", "set_password", {"new": SECRET, "again": SECRET}),
        ("/account/tokens", "tokens", "add", {"label": "x", "days": "1", "role": "analyst"}),
    ],
)
def test_pages_and_acts_of_accounts_repeat_no_such_text(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, path: str, owner: str, method: str, form: dict[str, str]
) -> None:
    browser = desk.as_("ada")
    monkeypatch.setattr(type(getattr(desk.state.register, owner)), method, broken)
    answer = browser.fill(path, old=PASSWORDS["ada"], **form)
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert desk.acts()[0].reason == f"{recorded.NOT_DONE}it broke (UnicodeEncodeError)"
    assert [SECRET in line for line in desk.told] == [False]
