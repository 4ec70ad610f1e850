"""What a policy says beside the action: who is told, and that an actor is suspended."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.model import Action, Verdict
from exfilter.policy import By, Counted, Past, Policy, Window, decide, read, recall, suspended
from exfilter.policy import question as ask
from tests.test_policy import VERSIONS, follows, found, refused, upload

RECEIVERS = """
[receivers.soc]
kind = "webhook"
url = "https://soc.example/hook"
key_file = "soc.key"
[receivers.siem]
kind = "syslog"
url = "tls://siem.example:6514"
[receivers.duty]
kind = "mail"
url = "smtp://mail.example"
sender = "exfilter@corp.example"
to = "duty@corp.example"
[tell]
suspensions = ["siem"]
canaries = ["duty"]
"""
RULE = '[[rules]]\nname = "a"\naction = "alert"\n'
SOC = '[receivers.soc]\nkind = "webhook"\nurl = "https://soc.example"\nkey_file = "soc.key"\n'
MAIL = '[receivers.m]\nkind = "mail"\nsender = "a@b.example"\nto = "c@d.example"\nurl = "smtp://h"\n'
TABLE = """
[[rules]]
name = "mine"
actor = ["boss"]
max_customers = 30
action = "allow"
[[rules]]
name = "some"
customers = 3
action = "alert"
tell = ["siem"]
[[rules]]
name = "many"
customers = 20
action = "quarantine"
suspend = true
tell = ["soc"]
[[rules]]
name = "drip"
new_customers = 50
days = 7
action = "alert"
suspend = true
tell = ["duty"]
"""
WEEK = Window(By.ACTOR, 7)


def policy_of(text: str = RECEIVERS + TABLE) -> Policy:
    return read(text.encode())


def verdict_of(
    customers: int, before: int = 0, actor: str = "anna", *, is_suspended: bool = False
) -> Verdict:
    policy, transfer = policy_of(), upload(actor=actor)
    verdict = decide(policy, transfer, found(identified=customers), VERSIONS)
    counted = {(WEEK, actor): Counted(before + customers, before + customers)}
    return recall(policy, transfer, verdict, Past(counted, is_suspended=is_suspended))


class TestFollowing:
    def test_all_rules_that_speak_tell(self) -> None:
        assert [verdict_of(number).tell for number in (2, 3, 20)] == [(), ("siem",), ("siem", "soc")]

    def test_a_rule_that_speaks_suspends_and_all_suspensions_are_told(self) -> None:
        assert verdict_of(19).suspends is None
        by = verdict_of(20).suspends
        assert by
        assert (by.rule, by.tell) == ("many", ("siem", "soc"))

    def test_so_does_one_that_looks_back_also_where_it_does_not_decide(self) -> None:
        verdict = verdict_of(20, before=40)
        assert (verdict.rule, verdict.tell) == ("many", ("duty", "siem", "soc"))
        assert verdict.suspends
        assert (verdict.suspends.rule, verdict.suspends.tell) == ("many", ("duty", "siem", "soc"))

    def test_who_is_exempted_is_not_told_of(self) -> None:
        assert follows(verdict_of(30, actor="boss")) == set()

    def test_what_exempts_is_no_declaration_to_send_many(self) -> None:
        vouched = TABLE.replace("max_customers = 30\n", "")
        question = ask(policy_of(RECEIVERS + vouched), upload(actor="boss"))
        assert (question.exempt, question.bulk, question.is_apart) == (True, False, True)

    def test_a_ceiling_does_not_exempt_from_what_looks_back(self) -> None:
        verdict = verdict_of(30, before=99, actor="boss")
        assert (verdict.action, verdict.rule) == (Action.ALERT, "drip")

    def test_what_a_suspended_actor_sends_is_held_and_told_like_before(self) -> None:
        for customers in (0, 3):
            before, verdict = verdict_of(customers), verdict_of(customers, is_suspended=True)
            assert (verdict.action, verdict.rule) == (Action.QUARANTINE, "suspended")
            assert follows(verdict) == follows(before)

    def test_a_verdict_that_holds_keeps_its_rule(self) -> None:
        assert verdict_of(20, is_suspended=True).rule == "many"

    @given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 2))
    def test_more_of_the_past_never_tells_less(
        self, customers: int, more: int, before: int, earlier: int, suspended_from: int
    ) -> None:
        one, other = suspended_from == 0, suspended_from <= 1
        less = verdict_of(customers, before, is_suspended=one)
        greater = verdict_of(customers + more, before + earlier, is_suspended=other)
        assert greater.action >= less.action
        assert follows(less) <= follows(greater)

    def test_suspending_is_never_softer(self) -> None:
        for action in Action:
            verdict = dataclasses.replace(verdict_of(0), action=action)
            assert suspended(verdict).action >= action


class TestRefusal:
    @pytest.mark.parametrize(
        ("text", "line", "reason"),
        [
            (RULE + 'tell = ["soc"]\n', 4, "tell 'soc' is not defined"),
            (RULE + "tell = []\n", 4, "an empty list"),
            (RULE + 'suspend = "yes"\n', 4, "true or false"),
            ('[[rules]]\nname = "a"\naction = "allow"\nactor = ["x"]\nsuspend = true\n', 5, "an allow rule"),
            (SOC + '[[rules]]\nname="a"\naction="allow"\nactor=["x"]\ntell=["soc"]\n', 9, "an allow rule"),
            ('[tell]\nsuspensions = ["soc"]\n', 2, "tell 'soc' is not defined"),
            (
                '[tell]\nlifts = ["soc"]\n',
                2,
                "unknown key 'tell.lifts'; remove it or write one of suspensions",
            ),
            ('[receivers.a]\nurl = "https://b.example"\n', 1, "needs a kind"),
            ('[receivers.a]\nkind = "pager"\n', 1, "of no known kind"),
            (
                SOC + 'colour = "red"\n',
                5,
                "unknown key 'receivers.soc.colour'; remove it or write one of url",
            ),
            (SOC.replace('key_file = "soc.key"\n', ""), 1, "'receivers.soc.key_file' is missing"),
            (SOC.replace("soc.key", ""), 4, "an empty path"),
            (SOC.replace("https:", "http:"), 3, "write https://"),
            (SOC.replace("https:", "ftp:"), 3, "not an address"),
            (SOC.replace("//soc", "//user:word@soc"), 3, "no user or password in an address"),
            ('[receivers.s]\nkind = "syslog"\nurl = "tcp://h:99999"\n', 3, "not an address"),
            ('[receivers.s]\nkind = "syslog"\nurl = "tcp://h/x"\n', 3, "more than a host"),
            ('[receivers.s]\nkind = "syslog"\nurl = "udp://h"\nformat = "leef"\n', 4, "'cef' or 'ocsf'"),
            (MAIL.replace("c@d.example", "c@d.example, e@f.example"), 4, "not one address"),
            (MAIL + 'user = "x"\n', 6, "belong together"),
            (MAIL + 'password_file = "x"\n', 6, "belong together"),
            ('[receivers."a?"]\nkind = "pager"\n', 1, "a receiver's name"),
        ],
    )
    def test_a_mistake_is_named_with_its_line_and_reason(self, text: str, line: int, reason: str) -> None:
        messages = refused(text)
        assert any(each.startswith(f"policy.toml:{line}: ") and reason in each for each in messages), messages

    def test_no_message_repeats_an_address(self) -> None:
        (message,) = refused(SOC.replace("//soc", "//user:word@soc"))
        assert "word@" not in message
        assert "soc.example" not in message

    def test_plain_http_leads_to_this_machine(self) -> None:
        assert read(SOC.replace("https://soc.example", "http://127.0.0.1:8000/x").encode()).receivers
