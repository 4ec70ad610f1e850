"""The desk's pages through a real server: what is held, why, who decides, and a body that does nothing."""

from __future__ import annotations

import html
import json
import random
import re
import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from exfilter.ledger.tables import scopes
from exfilter.quarantine import Quarantine, State
from exfilter.quarantine.entries import utc
from exfilter.review import cases
from exfilter.review.belonging import NOBODY, known
from exfilter.review.cases import MemberKind
from exfilter.review.decisions import ASKED, DENY, OPEN, RELEASE
from exfilter.review.opening import REFUSED
from exfilter.review.roles import Role
from tests.quarantine.filling import fill
from tests.review import filled
from tests.review.desk import Browser, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

KEY = "rob"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled.template(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def house(made: Path, tmp_path: Path) -> Iterator[Desk]:
    with Desk(filled.copied(made, tmp_path / "config")) as desk:
        yield desk


@pytest.fixture
def strict(made: Path, tmp_path: Path) -> Iterator[Desk]:
    with Desk(filled.copied(made, tmp_path / "config"), "second_reviewer = true\n") as desk:
        desk.state.register.accounts.add("ben", "reviewer", "a second pair of eyes")
        yield desk


@pytest.fixture
def held(house: Desk) -> str:
    return filled.happened(house.folder)


def values() -> list[str]:
    """Return what no page may show."""
    return [value for each in filled.people()[:200] for value in (each.email, each.name)]


def decide(browser: Browser, transfer: str, wanted: str, reason: str = "asked the sender") -> httpx.Response:
    page = f"/transfers/{transfer}"
    return browser.fill(f"{page}/decide", page, wanted=wanted, reason=reason)


class TestPages:
    def test_everything_about_a_transfer_is_there_and_no_value(self, house: Desk, held: str) -> None:
        ann = house.as_("ann")
        pages = ["/", f"/transfers/{held}", f"/transfers/{held}/elsewhere", "/cases", "/dashboard", "/audit"]
        texts = {path: ann.get(path).text for path in pages}
        for path, text in texts.items():
            assert not [value for value in values() if value in text], path
            assert "<script" not in text
            assert filled.HOSTILE not in text
        entry = texts[f"/transfers/{held}"]
        for part in (
            "200 distinct customers",
            "The rule “many” holds it",
            "&lt;b&gt;cora",
            "email",
            "canonicaliser",
        ):
            assert part in entry
        assert "<b>cora" not in entry
        assert "anna" in texts[f"/transfers/{held}/elsewhere"]
        assert "boris" in texts[f"/transfers/{held}/elsewhere"]
        assert "mail.example" in texts["/dashboard"]

    def test_what_is_unusual_is_said_in_sentences_of_the_day_of_the_transfer(self, house: Desk) -> None:
        some = filled.lines(filled.people()[:5])
        filled.send(house.folder, some, "anna", ago=86_400)
        held = filled.send(house.folder, some + random.Random(7).randbytes(100_000), "anna", ago=86_400)
        page = house.as_("rob").get(f"/transfers/{held}").text
        said = re.search(r"<li>(This actor sent 5 customers that day; .*)</li>", page)
        assert said
        assert "days of his are known to compare it with; nothing is known of his peers yet; " in said[1]
        assert said[1].endswith(").")
        assert "<summary>Customers a day, as a table</summary>" in page

    def test_an_analyst_is_offered_no_decision_and_can_make_none(self, house: Desk, held: str) -> None:
        ann = house.as_("ann")
        assert "Release once" not in ann.get(f"/transfers/{held}").text
        for path in (f"/transfers/{held}/decide", f"/transfers/{held}/open", "/decide", "/cases"):
            answer = ann.fill(path, wanted="release", reason="because", how="text", title="mine")
            assert answer.status_code == 403, path
        assert house.state.desk.quarantine.show(held).state is State.HELD

    def test_the_queue_is_filtered_and_paged_by_the_server(self, house: Desk) -> None:
        ids = [filled.send(house.folder, filled.lines(filled.people()[: 100 + n]), f"a{n}") for n in range(3)]
        rob = house.as_("rob")
        first = rob.get("/", params={"limit": 2}).text
        assert [each in first for each in ids] == [False, True, True]
        assert [each in rob.get("/", params={"limit": 2, "after": ids[1]}).text for each in ids] == [
            True,
            False,
            False,
        ]
        assert [each in rob.get("/", params={"actor": "A1"}).text for each in ids] == [False, True, False]
        assert ids[0] not in rob.get("/", params={"older_than": "1h"}).text
        assert ids[0] not in rob.get("/", params={"state": "denied"}).text

    @pytest.mark.parametrize(
        "query", ["state=else", "newer_than=soon", "after=t-else", "limit=0", "after=%00"]
    )
    def test_what_is_no_filter_is_refused(self, house: Desk, query: str) -> None:
        answer = house.as_("ann").get(f"/?{query}")
        assert answer.status_code == 422

    def test_an_unknown_transfer_is_not_found(self, house: Desk) -> None:
        assert house.as_("ann").get("/transfers/t-else").status_code == 404


class TestStale:
    def test_a_changed_policy_is_said_before_the_release(self, house: Desk, held: str) -> None:
        rob = house.as_("rob")
        assert "A release would not pass" not in rob.get(f"/transfers/{held}").text
        (house.folder / "policy.toml").write_text(filled.RULE.replace("100", "90"))
        text = rob.get(f"/transfers/{held}").text
        assert "A release would not pass: the policy changed after the hold." in text


class TestDecisions:
    @pytest.mark.parametrize(
        ("wanted", "state"), [("release", "released"), ("deny", "denied"), ("confirm", "confirmed")]
    )
    def test_a_decision_is_made_and_recorded(self, house: Desk, held: str, wanted: str, state: str) -> None:
        answer = decide(house.as_("rob"), held, wanted)
        assert answer.status_code == 303
        entry = house.state.desk.quarantine.show(held)
        assert (entry.state, entry.moves[-1].reviewer) == (state, "rob")
        (act,) = [each for each in house.acts() if (each.who, each.subject) == ("rob", held)]
        assert "asked the sender" in act.reason

    def test_without_a_reason_nothing_is_decided(self, house: Desk, held: str) -> None:
        answer = decide(house.as_("rob"), held, "deny", " ")
        assert answer.status_code == 422
        assert "say why" in answer.text
        assert house.state.desk.quarantine.show(held).state is State.HELD

    def test_what_was_typed_stays_in_the_form(self, house: Desk, held: str) -> None:
        page = f"/transfers/{held}"
        answer = house.as_("rob").fill(f"{page}/decide", page, wanted="release", reason=" <b", hours=48)
        assert answer.status_code == 422
        assert field("reason", answer.text) == " &lt;b"
        assert field("why-open", answer.text) == ""
        assert 'name="hours" type="number" min="1" max="720" value="48"' in answer.text

    def test_who_comes_second_is_told_who_was_first_and_when(self, house: Desk, held: str) -> None:
        house.state.register.accounts.add("ben", "reviewer", "a second pair of eyes")
        rob, ben = house.as_("rob"), house.browser()
        ben.log_in("ben", "a second pair of eyes")
        answers: dict[str, httpx.Response] = {}
        barrier = threading.Barrier(2)

        def work(who: Browser, name: str, wanted: str) -> None:
            form = {"csrf": who.csrf("/account"), "wanted": wanted, "reason": f"so says {name}"}
            barrier.wait()
            answers[name] = who.post(f"/transfers/{held}/decide", data=form)

        threads = [
            threading.Thread(target=work, args=each)
            for each in ((rob, "rob", "deny"), (ben, "ben", "confirm"))
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        (winner,) = [name for name, answer in answers.items() if answer.status_code == 303]
        (loser,) = {"rob", "ben"} - {winner}
        assert answers[loser].status_code == 409
        assert f"decided by {winner} at {utc(house.state.ledger.clock())[:13]}" in answers[loser].text
        assert len(house.state.desk.quarantine.show(held).moves) == 2

    def test_several_are_decided_for_one_typed_reason(self, house: Desk, held: str) -> None:
        other = filled.send(house.folder, filled.lines(filled.people()[:150]), "dora")
        rob = house.as_("rob")
        decide(rob, held, "confirm")
        answer = rob.fill(
            "/decide", "/account", wanted="deny", id=[held, other, "t-else"], reason="not theirs to send"
        )
        assert f"{other}</a>: denied" in answer.text
        assert "decided by rob" in answer.text
        assert "there is no transfer t-else" in answer.text
        for form in ({"id": [other]}, {"reason": "because"}):
            assert rob.fill("/decide", "/account", wanted="deny", **form).status_code == 422
        assert len(house.acts(DENY)) == 1

    def test_a_release_waits_for_a_second_reviewer_where_so_set(self, strict: Desk) -> None:
        held = filled.happened(strict.folder)
        rob, ben = strict.as_("rob"), strict.browser()
        ben.log_in("ben", "a second pair of eyes")
        decide(rob, held, "release")
        assert "rob asked at" in rob.get(f"/transfers/{held}").text
        again = decide(rob, held, "release")
        assert again.status_code == 409
        assert "it takes another reviewer" in again.text
        decide(ben, held, "release")
        assert strict.state.desk.quarantine.show(held).state is State.RELEASED
        assert [each.who for each in strict.acts(RELEASE)] == ["ben"]
        assert [each.who for each in strict.acts(ASKED + RELEASE)] == ["rob"]

    @pytest.mark.parametrize("how", ["disabled", "analyst"])
    def test_a_wish_ends_with_the_rights_of_who_had_it(self, strict: Desk, how: str) -> None:
        held, accounts = filled.happened(strict.folder), strict.state.register.accounts
        decide(strict.as_("rob"), held, "release")
        open_(strict.as_("rob"), held)
        if how == "disabled":
            accounts.disable("rob")
        else:
            accounts.set_role("rob", "analyst")
        ben = strict.browser()
        ben.log_in("ben", "a second pair of eyes")
        decide(ben, held, "release")
        assert open_(ben, held, passphrase=filled.PASSPHRASE).status_code == 303
        entry = strict.state.desk.quarantine.show(held)
        assert entry.state is State.HELD
        assert [each.reviewer for each in entry.waiting] == ["ben", "ben"]

    @pytest.mark.parametrize("first", ["ada", "eve"])
    def test_an_admin_is_not_two_people(self, strict: Desk, first: str) -> None:
        held, ada, eve = filled.happened(strict.folder), strict.as_("ada"), strict.browser()
        ada.fill("/people", name="eve", role="reviewer", password="a second self of ada")
        eve.log_in("eve", "a second self of ada")
        one, other = (ada, eve) if first == "ada" else (eve, ada)
        decide(one, held, "release")
        refused = decide(other, held, "release")
        assert refused.status_code == 409
        assert "do not count as two" in refused.text
        assert strict.state.desk.quarantine.show(held).state is State.HELD
        new = "known to nobody but eve"
        eve.fill("/account/password", old="a second self of ada", new=new, again=new)
        assert decide(other, held, "release").status_code == 303
        assert strict.state.desk.quarantine.show(held).state is State.RELEASED


def field(id_: str, page: str) -> str:
    """Return what stands in a field of several lines."""
    found = re.search(rf'<textarea id="{id_}"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found
    return found[1]


def open_(browser: Browser, transfer: str, key: bytes = b"", **fields: str) -> httpx.Response:
    form = {"csrf": browser.csrf(f"/transfers/{transfer}"), "reason": "to see what it is", **fields}
    files = {"key": ("reviewer.key", key)} if key else {"key": ("", b"")}
    return browser.post(f"/transfers/{transfer}/open", data=form, files=files)


class TestBody:
    def test_it_is_shown_masked_and_does_nothing(self, house: Desk, held: str) -> None:
        answer = open_(house.as_("rob"), held, passphrase=filled.PASSPHRASE, how="text")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not [value for value in values() if value in answer.text]
        assert "•" in answer.text
        assert [(each.who, each.subject) for each in house.acts(OPEN)] == [("rob", held)]

    def test_in_clear_it_is_a_download_under_our_name(self, house: Desk, held: str) -> None:
        answer = open_(house.as_("rob"), held, passphrase=filled.PASSPHRASE, how="file")
        assert answer.headers["content-disposition"] == f'attachment; filename="{held}.bin"'
        assert answer.headers["content-type"] == "application/octet-stream"
        assert filled.lines(filled.people()[:200]) in answer.content

    def test_another_key_can_be_given_and_is_kept_nowhere(self, house: Desk, made: Path, held: str) -> None:
        key = (made.parent / "recovery.key").read_bytes()
        (house.folder / "reviewer.key").unlink()
        rob = house.as_("rob")
        missing = open_(rob, held, passphrase=filled.PASSPHRASE, how="file")
        assert missing.status_code == 422
        assert "the private key is not on this machine" in missing.text
        assert open_(rob, held, key, how="file").status_code == 200
        secret = key.split()[-1]
        for file in house.folder.rglob("*"):
            if file.is_file():
                data = file.read_bytes()
                assert secret not in data, file
                assert filled.PASSPHRASE.encode() not in data, file

    def test_a_wrong_passphrase_opens_nothing_and_is_recorded(self, house: Desk, held: str) -> None:
        answer = open_(house.as_("rob"), held, passphrase="another", how="file")
        assert answer.status_code == 422
        assert "the passphrase does not open it" in answer.text
        assert "another" not in answer.text.replace("another reviewer", "")
        assert [each.subject for each in house.acts(REFUSED)] == [held]
        assert house.acts(OPEN) == []

    def test_what_was_typed_stays_in_the_form_but_for_the_passphrase(self, house: Desk, held: str) -> None:
        typed = "her manager asked </textarea><script>"
        answer = open_(house.as_("rob"), held, passphrase="not seven owls", reason=typed)
        assert field("why-open", answer.text) == html.escape(typed)
        assert field("reason", answer.text) == ""
        assert "not seven owls" not in answer.text

    def test_it_takes_two_where_so_set_and_the_first_one_gives_no_key(self, strict: Desk) -> None:
        held = filled.happened(strict.folder)
        rob, ben = strict.as_("rob"), strict.browser()
        ben.log_in("ben", "a second pair of eyes")
        assert open_(rob, held, how="file").status_code == 303
        assert open_(rob, held, passphrase=filled.PASSPHRASE, how="file").status_code == 409
        opened = open_(ben, held, passphrase=filled.PASSPHRASE, how="file")
        assert opened.status_code == 200
        assert open_(ben, held, passphrase=filled.PASSPHRASE, how="file").status_code == 303
        assert [each.who for each in strict.acts(OPEN)] == ["ben"]


TRACE = {
    "verdict": "suspect", "sentence": "boris is the source <b>", "remarks": ["one"], "why": "x",
    "victims": {"known": 3, "unknown": 0, "repeated": 0, "sent": 3, "not_in_time": 0, "never_sent": 0},
    "actors": [
        {"rank": 1, "actor": "boris", "victims": 3, "customers": 10, "posterior": 0.97, "corrected": 1e-9},
    ],
}  # fmt: skip


class TestCases:
    def test_a_case_joins_everything_and_its_report_lists_the_customers(self, house: Desk, held: str) -> None:
        rob = house.as_("rob")
        page = f"/transfers/{held}"
        begun = rob.fill(f"{page}/case", page, title="The <i>cora</i> upload")
        case = begun.headers["location"]
        assert case == "/cases/1"
        for _ in range(2):
            rob.fill(f"{case}/members", case, kind="actor", name="anna")
        assert house.state.desk.cases.get(1).named(MemberKind.ACTOR) == ("anna",)
        rob.fill(f"{case}/members", case, kind="actor", name="boris")
        rob.fill(f"{case}/remove", case, kind="actor", name="boris")
        assert house.state.desk.cases.get(1).named(MemberKind.ACTOR) == ("anna",)
        rob.fill(f"{case}/notes", case, text="asked her manager\n<script>x</script>")
        rob.post(
            f"{case}/trace", data={"csrf": rob.csrf(case)}, files={"file": ("t.json", json.dumps(TRACE))}
        )
        shown = rob.get(case).text
        for part in ("The &lt;i&gt;cora", held, "anna", "&lt;script&gt;", "boris is the source &lt;b&gt;"):
            assert part in shown
        report = rob.fill(f"{case}/report", case, reason="for the authority")
        assert report.headers["content-disposition"] == 'attachment; filename="case-1.html"'
        expected = {each.customer_id for each in filled.people()[:200]}
        assert all(f"<td>{each}</td>" in report.text for each in expected)
        assert report.text.count("<td>sent</td><td>email") == 40
        assert report.text.count("<td>held and never sent</td><td>email") == 160
        assert not [value for value in values() if value in report.text]
        assert "<script" not in report.text
        assert not [each for each in ("src=", "href=", "url(", "@import") if each in report.text]
        assert [each.subject for each in house.acts("list customers")] == ["case 1; 200 customers as html"]

    def test_a_closed_case_is_left_alone_until_it_is_opened_again(self, house: Desk) -> None:
        rob = house.as_("rob")
        case = rob.fill("/cases", "/cases", title="One").headers["location"]
        rob.fill(f"{case}/state", case, to="closed", reason="settled")
        assert rob.fill(f"{case}/notes", case, text="more").status_code == 422
        assert "/cases/1" not in rob.get("/cases").text
        assert "/cases/1" in rob.get("/cases?state=closed").text
        rob.fill(f"{case}/state", case, to="open", reason="not settled")
        assert rob.fill(f"{case}/notes", case, text="more").status_code == 303

    @pytest.mark.usefixtures("held")
    @pytest.mark.parametrize("name", ["ana", "Anna", "ann*", "mail.example", "%", "<b>cora"])
    def test_an_actor_whom_nobody_knows_is_refused(self, house: Desk, name: str) -> None:
        rob = house.as_("rob")
        case = rob.fill("/cases", "/cases", title="One").headers["location"]
        token = house.state.register.tokens.add("rob", Role.REVIEWER, 1)
        program = house.browser(Authorization=f"Bearer {token}")
        by_page = rob.fill(f"{case}/members", case, kind="actor", name=name)
        by_program = program.post(f"/api/v1{case}/members", json={"kind": "actor", "name": name})
        assert (by_page.status_code, by_program.status_code) == (422, 422)
        assert by_program.json()["detail"] == NOBODY
        assert NOBODY.partition(":")[0] in by_page.text
        assert house.state.desk.cases.get(1).members == ()

    def test_who_sent_was_shown_or_only_held_may_belong_to_it(self, house: Desk) -> None:
        assert filled.send(house.folder, random.Random(7).randbytes(100_000), "dora")
        filled.send(house.folder, filled.lines(filled.people()[:3]), "anna")
        desk = house.state.desk
        with desk.ledger.database.transaction(writes=True) as connection:
            connection.execute(sa.insert(scopes).values(kind="reader", name="eve", turn=0, through=0))
        assert [known(desk, MemberKind.ACTOR, each) for each in (" anna ", "dora", "eve")] == [
            "anna",
            "dora",
            "eve",
        ]
        with desk.ledger.database.transaction() as connection:
            names = (
                connection.execute(sa.select(scopes.c.name).where(scopes.c.kind == "actor")).scalars().all()
            )
        assert "dora" not in names

    @pytest.mark.parametrize("text", ["", "{}", "[1]", json.dumps(TRACE | {"actors": "hanna"}), "\0"])
    def test_what_is_no_trace_is_refused_and_not_repeated(self, house: Desk, text: str) -> None:
        rob = house.as_("rob")
        case = rob.fill("/cases", "/cases", title="One").headers["location"]
        answer = rob.post(f"{case}/trace", data={"csrf": rob.csrf(case)}, files={"file": ("t", text)})
        assert answer.status_code == 422
        assert "hanna" not in answer.text


def test_a_hundred_thousand_entries_are_a_queue_like_any_other(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    Quarantine.open(folder / "quarantine").close()
    with Desk(folder) as house:
        fill(folder / "quarantine" / "quarantine.sqlite", 100_000, last=house.state.ledger.clock())
        ann = house.as_("ann")
        first = ann.get("/?state=")
        assert first.text.count('<th scope="row"><a href="/transfers/') == 50
        assert "72" in first.text
        last = ann.get("/", params={"state": "held", "after": f"t-{99_900:016x}"})
        assert last.status_code == 200
        assert ann.get("/dashboard?days=90").status_code == 200


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/cases/779/notes", {"text": "nobody asked"}),
        ("/cases/779/members", {"kind": "actor", "name": "anna"}),
        ("/cases/779/remove", {"kind": "actor", "name": "anna"}),
        ("/cases/779/state", {"to": "closed", "reason": "settled"}),
    ],
)
def test_what_was_not_done_to_a_case_is_said_so_in_the_acts(
    house: Desk, path: str, form: dict[str, str]
) -> None:
    rob = house.as_("rob")
    token = house.state.register.tokens.add("rob", "reviewer", 1)
    program = house.browser(Authorization=f"Bearer {token}")
    assert rob.fill(path, **form).status_code == 404
    assert house.acts()[0].reason == f"not done: {cases._unknown()}"
    if not path.endswith("remove"):
        wish = {"state" if name == "to" else name: value for name, value in form.items()}
        assert program.post(f"/api/v1{path}", json=wish).status_code == 404
        assert house.acts()[0].reason == f"not done: {cases._unknown()}"


@pytest.mark.parametrize("number", ["0", "-1", "9" * 19, "9" * 26])
def test_a_number_that_no_database_counts_is_no_case(house: Desk, held: str, number: str) -> None:
    rob = house.as_("rob")
    for path in (f"/cases/{number}", f"/api/v1/cases/{number}"):
        assert rob.get(path).status_code == 422
    assert rob.fill(f"/transfers/{held}/case", case=number).status_code == 422
