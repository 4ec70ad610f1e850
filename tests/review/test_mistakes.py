"""What is told of a request that is not understood: what may be given, never what was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from exfilter.review.asking import Age, Asked
from exfilter.review.mistakes import mistake
from exfilter.review.roles import Role
from exfilter.review.spelling import Spelt
from tests.review.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "anna.nowak@example.com"


@pytest.fixture(scope="module")
def rob(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with Desk(tmp_path_factory.mktemp("config")) as desk:
        token = desk.state.register.tokens.add("rob", Role.REVIEWER, 1)
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"{desk.url}/api/v1", headers=headers, trust_env=False) as client:
            yield client


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/transfers?state=hled", "state: give held, released, denied or confirmed, or leave it out"),
        ("/transfers?newer_than=soon", "newer_than: give 30m, 36h, 7d or 2w"),
        ("/transfers?after=here", "after: give what stood in `next` of the page before, or leave it out"),
        (
            "/transfers?limit=x&older_than=3",
            "older_than: give 30m, 36h, 7d or 2w; limit: give a whole number",
        ),
        ("/transfers?limit=5000", "limit: give 1000 or less"),
        ("/cases?state=shut", "state: give open or closed"),
        ("/figures?days=0", "days: give 1 or more"),
    ],
)
def test_a_query_is_told_what_may_be_given(rob: httpx.Client, path: str, told: str) -> None:
    answer = rob.get(path)
    assert (answer.status_code, answer.json()["detail"]) == (422, told)


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/transfers/t-1/deny", {}, "reason: it is missing: give it"),
        ("/transfers/t-1/deny", {"reason": "x"}, "reason: give 3 or more characters"),
        ("/transfers/t-1/deny", {"reason": [SECRET]}, "reason: give text"),
        ("/transfers/t-1/deny", {"reason": "why", "who": "me"}, "who: there is no such name: leave it out"),
        ("/transfers/t-1/deny", SECRET, "body: give a JSON object"),
        ("/transfers/t-1/release", {"reason": "why", "hours": SECRET}, "hours: give a number"),
        ("/cases/1/members", {"kind": SECRET}, "kind: give transfer, actor or trace"),
        ("/cases/x/notes", {"text": "why"}, "number: give a whole number"),
    ],
)
def test_a_body_is_told_what_may_be_given(rob: httpx.Client, path: str, body: object, told: str) -> None:
    answer = rob.post(path, json=body)
    assert (answer.status_code, answer.json()["detail"]) == (422, told)
    assert SECRET not in answer.text


FILTERS = "state, actor, destination, rule, newer_than, older_than, after, limit"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/transfers?actr=anna", f"actr: there is no such name: give {FILTERS}, or leave it out"),
        ("/figures?dyas=7&days=7", "dyas: there is no such name: give days, or leave it out"),
        ("/acts?actor=anna", "actor: there is no such name: give act, limit, or leave it out"),
        ("/me?x=1", "x: there is no such name: leave it out"),
        (
            "/transfers/t-1?who=a&y",
            "who: there is no such name: leave it out; y: there is no such name: leave it out",
        ),
        (f"/me?{SECRET}", "a name that there is not: there is no such name: leave it out"),
    ],
)
def test_a_misspelt_filter_is_not_left_out(rob: httpx.Client, path: str, told: str) -> None:
    answer = rob.get(path)
    assert (answer.status_code, answer.json()["detail"]) == (422, told)


def test_a_page_takes_links_with_more_in_them(desk: Desk) -> None:
    assert desk.as_("rob").get("/?utm_source=mail").status_code == 200


def test_who_may_not_call_is_told_that_first(rob: httpx.Client) -> None:
    assert httpx.get(f"{rob.base_url}me?x=1", trust_env=False).status_code == 401


def test_what_is_no_json_is_said_without_its_beginning(rob: httpx.Client) -> None:
    answer = rob.post("/cases", content=SECRET, headers={"Content-Type": "application/json"})
    assert answer.json()["detail"] == "body: this is no JSON"


def test_the_name_of_a_field_is_not_repeated_where_it_may_be_a_value(rob: httpx.Client) -> None:
    answer = rob.post("/cases", json={"title": "One", SECRET: 1})
    assert answer.json()["detail"] == "a name that there is not: there is no such name: leave it out"


def test_a_text_in_place_of_a_file_is_told_in_words(desk: Desk) -> None:
    answer = desk.as_("rob").fill("/transfers/t-1/open", reason="to see", key=SECRET)
    assert answer.status_code == 422
    assert "key: give a file" in answer.text


def test_a_token_that_may_more_than_its_owner_is_refused_in_words(desk: Desk) -> None:
    answer = desk.as_("rob").fill("/account/tokens", label="ci", days=1, role="admin")
    assert answer.status_code == 422
    assert "rob has the role reviewer: give a token of theirs the role analyst or reviewer" in answer.text


def test_the_description_has_the_pattern_and_the_sentence_is_ours() -> None:
    kept = TypeAdapter(Annotated[str, Spelt("[0-9]+d", "give 7d")])
    assert kept.json_schema() == {"type": "string", "pattern": "^([0-9]+d)$"}
    assert Asked.model_json_schema()["properties"]["newer_than"]["pattern"] == "^(([0-9]{1,6}[mhdw])?)$"
    with pytest.raises(ValidationError, match="give 7d"):
        kept.validate_python("7d\n")


def sentences(value: Any) -> set[str]:  # noqa: ANN401
    try:
        TypeAdapter(Annotated[str, Field(max_length=255), Age]).validate_python(value)
    except ValidationError as error:
        return {mistake(each)[1] for each in error.errors()}
    return set()


@given(st.text() | st.integers() | st.floats() | st.binary() | st.lists(st.text()))
def test_what_is_told_is_one_of_few_sentences(value: Any) -> None:  # noqa: ANN401
    assert sentences(value) <= {"give 30m, 36h, 7d or 2w", "give text", "give 255 or fewer characters"}
