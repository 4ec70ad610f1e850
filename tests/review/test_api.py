"""The API held to its own schema, with the rights of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest

from exfilter.quarantine import State
from exfilter.review.decisions import DENY, OPEN
from exfilter.review.roles import Role
from tests.review import filled
from tests.review.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BASE = "/api/v1"


class Client(httpx.Client):
    """A program with a token, which checks every answer against the schema."""

    def __init__(self, house: Desk, name: str, role: Role) -> None:
        token = house.state.register.tokens.add(name, role, 1, "test")
        headers = {"Authorization": f"Bearer {token}"}
        super().__init__(base_url=house.url, headers=headers, trust_env=False, timeout=60)
        self.schema = self.get(f"{BASE}/openapi.json").json()

    def call(self, method: str, path: str, template: str = "", **given: Any) -> httpx.Response:  # noqa: ANN401
        answer = self.request(method, BASE + path, **given)
        known = self.schema["paths"][BASE + (template or path)][method.lower()]["responses"]
        assert str(answer.status_code) in known, (method, path, answer.status_code, answer.text)
        content = known[str(answer.status_code)].get("content", {})
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in content, (kind, content)
        if kind == "application/json":
            jsonschema.validate(
                answer.json(), content[kind]["schema"] | {"components": self.schema["components"]}
            )
        return answer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled.template(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def house(made: Path, tmp_path: Path) -> Iterator[Desk]:
    with Desk(filled.copied(made, tmp_path / "config")) as desk:
        yield desk


@pytest.fixture
def held(house: Desk) -> str:
    return filled.happened(house.folder)


@pytest.fixture
def rob(house: Desk) -> Client:
    return Client(house, "rob", Role.REVIEWER)


def test_every_list_and_entry_is_as_the_schema_says(rob: Client, held: str) -> None:
    page = rob.call("GET", "/transfers").json()
    assert [each["id"] for each in page["transfers"]] == [held]
    assert page["counts"] == {"held": 1, "released": 0, "denied": 0, "confirmed": 0}
    entry = rob.call("GET", f"/transfers/{held}", "/transfers/{id}").json()
    assert (entry["customers"], entry["moves"][0]["state"]) == (200, "held")
    assert entry["exhibits"]
    others = rob.call("GET", f"/transfers/{held}/elsewhere", "/transfers/{id}/elsewhere").json()
    assert {"anna", "boris"} <= {each["name"] for each in others["others"]}
    actor = rob.call("GET", f"/transfers/{held}/actor", "/transfers/{id}/actor").json()
    assert actor["actor"] == "<b>cora</b>"
    figures = rob.call("GET", "/figures", params={"days": 7}).json()
    assert (figures["counts"]["held"], sum(day["sent"] for day in figures["days"])) == (1, 3)
    assert rob.call("GET", "/me").json() == {"name": "rob", "role": "reviewer"}
    text = rob.get(f"{BASE}/transfers/{held}").text
    assert not [each.email for each in filled.people() if each.email in text]


def test_pages_follow_each_other(house: Desk, rob: Client) -> None:
    ids = [filled.send(house.folder, filled.lines(filled.people()[: 100 + n]), f"a{n}") for n in range(3)]
    found, after = list[str](), ""
    while True:
        page = rob.call("GET", "/transfers", params={"limit": 1, "after": after}).json()
        found += [each["id"] for each in page["transfers"]]
        after = page["next"]
        if not after:
            break
    assert found == ids[::-1]
    assert rob.call("GET", "/transfers", params={"after": "t-else"}).status_code == 422


def test_decisions_are_made_once_and_the_second_is_told(house: Desk, rob: Client, held: str) -> None:
    path, template = f"/transfers/{held}/deny", "/transfers/{id}/deny"
    assert rob.call("POST", path, template, json={"reason": "x"}).status_code == 422
    answer = rob.call("POST", path, template, json={"reason": "not theirs to send"})
    assert answer.json() == {"id": held, "state": "denied", "waits": False}
    assert rob.call("POST", path, template, json={"reason": "again and again"}).status_code == 409
    late = rob.call(
        "POST",
        f"/transfers/{held}/release",
        "/transfers/{id}/release",
        json={"reason": "too late", "hours": 1},
    )
    assert "decided by rob" in late.json()["detail"]
    assert (
        rob.call(
            "POST", "/transfers/t-else/confirm", "/transfers/{id}/confirm", json={"reason": "why"}
        ).status_code
        == 404
    )
    assert [each.subject for each in house.acts(DENY)] == [held]
    assert rob.call("GET", "/acts", params={"act": DENY}).json()[0]["who"] == "rob"


def test_a_body_is_had_with_the_passphrase_and_recorded(house: Desk, rob: Client, held: str) -> None:
    path, template = f"/transfers/{held}/open", "/transfers/{id}/open"
    wrong = rob.call("POST", path, template, json={"reason": "to see", "passphrase": "another"})
    assert wrong.status_code == 422
    right = rob.call("POST", path, template, json={"reason": "to see", "passphrase": filled.PASSPHRASE})
    assert filled.lines(filled.people()[:200]) in right.content
    assert len(house.acts(OPEN)) == 1


def test_cases_are_kept(rob: Client, held: str) -> None:
    case = rob.call("POST", "/cases", json={"title": "The upload"}).json()["id"]
    where = f"/cases/{case}"
    rob.call("POST", f"{where}/members", "/cases/{number}/members", json={"kind": "transfer", "name": held})
    rob.call("POST", f"{where}/members", "/cases/{number}/members", json={"kind": "trace", "content": "{}"})
    rob.call("POST", f"{where}/notes", "/cases/{number}/notes", json={"text": "asked her manager"})
    found = rob.call("GET", where, "/cases/{number}").json()
    assert [each["name"] for each in found["members"]] == [held]
    assert [each["text"] for each in found["notes"]] == ["asked her manager"]
    report = rob.call("POST", f"{where}/report", "/cases/{number}/report", json={"reason": "for the file"})
    assert filled.people()[0].customer_id in report.text
    rob.call("POST", f"{where}/state", "/cases/{number}/state", json={"state": "closed", "reason": "settled"})
    assert rob.call("GET", "/cases", params={"state": "open"}).json() == []
    assert [each["id"] for each in rob.call("GET", "/cases").json()] == [case]
    assert rob.call("GET", "/cases/99", "/cases/{number}").status_code == 404


def test_an_analyst_reads_and_decides_nothing(house: Desk, held: str) -> None:
    ann = Client(house, "ann", Role.ANALYST)
    assert ann.call("GET", f"/transfers/{held}", "/transfers/{id}").status_code == 200
    for act in ("release", "deny", "confirm", "open"):
        answer = ann.call(
            "POST", f"/transfers/{held}/{act}", f"/transfers/{{id}}/{act}", json={"reason": "mine"}
        )
        assert answer.status_code == 403, act
    assert ann.call("POST", "/cases", json={"title": "mine"}).status_code == 403
    assert house.state.desk.quarantine.show(held).state is State.HELD


JUNK: list[Any] = [
    None,
    0,
    -1,
    1e308,
    "",
    "x" * 70_000,
    "\0",
    "\u202e",
    [],
    {},
    {"reason": ["a"]},
    {"reason": {"a": 1}},
]


def test_no_junk_breaks_it(rob: Client, house: Desk, held: str) -> None:
    for path, methods in rob.schema["paths"].items():
        if "post" not in methods:
            continue
        for junk in JUNK:
            for name in (held, "..", "%00", "t-" + "a" * 500):
                real = path.replace("{id}", name).replace("{number}", "1")
                answer = rob.post(real, json=junk)
                assert answer.status_code in {404, 405, 422}, (real, junk, answer.status_code)
    assert house.told == []
    assert house.state.desk.quarantine.show(held).state is State.HELD
