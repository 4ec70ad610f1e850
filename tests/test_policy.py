"""The policy table: what it refuses and where, which rules speak, and the laws of the verdict."""

from __future__ import annotations

import dataclasses
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.model import Action, Findings, Reason, Transfer, Unscanned, Verdict, Versions
from exfilter.policy import (
    Defaults,
    Policy,
    Rule,
    Stage,
    Steps,
    Uploads,
    decide,
    default_policy_text,
    failed,
    load,
    read,
    summary,
)
from exfilter.policy import refused as refused_upload
from exfilter.policy.hosts import matches, pattern
from exfilter.policy.reading import positions

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = Versions("0.1.0", 1, "reference", "index-1", "")
KIB, MIB = 1024, 1024 * 1024


def found(
    identified: int = 0,
    estimated: int = 0,
    unscanned: tuple[Unscanned, ...] = (),
    terms: dict[str, int] | None = None,
    canaries: dict[str, int] | None = None,
) -> Findings:
    nobody, people = np.zeros(0, np.int64), np.arange(identified)
    return Findings(people, estimated, nobody, {}, terms or {}, unscanned, 1000, canaries=canaries or {})


def upload(
    destination: str = "files.example", actor: str = "anna", method: str = "POST", kind: str = ""
) -> Transfer:
    headers = (("Content-Type", kind),) if kind else ()
    return Transfer("proxy", b"x", actor=actor, destination=destination, method=method, headers=headers)


def verdict_of(text: str, findings: Findings, transfer: Transfer | None = None) -> tuple[Action, str]:
    verdict = decide(read(text.encode()), transfer or upload(), findings, VERSIONS)
    return verdict.action, verdict.rule


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(ValueError, match=r"policy\.toml:") as caught:
        read(text if isinstance(text, bytes) else text.encode())
    return str(caught.value).split("\n")


RULE = '[[rules]]\nname = "a"\n'


class TestDefaultPolicy:
    POLICY = read(default_policy_text().encode())

    @pytest.mark.parametrize(
        ("customers", "action", "rule"),
        [
            (0, Action.ALLOW, "default"),
            (4, Action.ALLOW, "default"),
            (5, Action.ALERT, "several customers"),
            (19, Action.ALERT, "several customers"),
            (20, Action.QUARANTINE, "many customers"),
            (500, Action.QUARANTINE, "many customers"),
        ],
    )
    def test_it_holds_twenty_customers_and_alerts_at_five(
        self, customers: int, action: Action, rule: str
    ) -> None:
        verdict = decide(self.POLICY, upload(), found(identified=customers), VERSIONS)
        assert (verdict.action, verdict.rule) == (action, rule)

    def test_the_crm_may_receive_customers(self) -> None:
        verdict = decide(self.POLICY, upload("eu.crm.example"), found(identified=500), VERSIONS)
        assert (verdict.action, verdict.rule) == (Action.ALLOW, "crm may receive customers")

    def test_a_look_alike_of_the_crm_may_not(self) -> None:
        for host in (
            "evilcrm.example",
            "crm.example.evil.test",
            "crm.example:443@evil.test",
            "x.crm.example\0.evil.test",
        ):
            assert (
                decide(self.POLICY, upload(host), found(identified=500), VERSIONS).action is Action.QUARANTINE
            )

    @pytest.mark.parametrize(
        "reason", [Reason.ENCRYPTED, Reason.OVER_BUDGET, Reason.DEADLINE, Reason.MALFORMED]
    )
    def test_what_should_have_been_readable_is_held(self, reason: Reason) -> None:
        verdict = decide(self.POLICY, upload(), found(unscanned=(Unscanned("p", reason, 0),)), VERSIONS)
        assert (verdict.action, verdict.rule) == (Action.QUARANTINE, "unscanned")

    @pytest.mark.parametrize(("reason", "held"), [(Reason.OPAQUE, 4_096), (Reason.UNSUPPORTED, 16_384)])
    def test_a_little_that_is_not_read_raises_an_alert_and_much_is_held(
        self, reason: Reason, held: int
    ) -> None:
        for size, action in ((0, Action.ALERT), (held - 1, Action.ALERT), (held, Action.QUARANTINE)):
            picture = found(unscanned=(Unscanned("p", reason, size),))
            assert decide(self.POLICY, upload(), picture, VERSIONS).action is action

    def test_its_defaults_are_those_of_an_empty_file(self) -> None:
        assert read(b"").defaults == self.POLICY.defaults


class TestRefusal:
    @pytest.mark.parametrize(
        ("text", "line", "reason"),
        [
            ("a = ", 1, "correct the TOML"),
            ("[defaults]\n\n[defaults]\n", 3, "correct the TOML"),
            ('[groups]\na = ["x"\n\n', 2, "correct the TOML"),
            ("# one\n\ncolour = 1\n", 3, "unknown key 'colour'"),
            (RULE + 'action = "alert"\ncustomer = 3\n', 4, "unknown key 'rules[1].customer'"),
            ("[defaults]\non_fail = 1\n", 2, "unknown key 'defaults.on_fail'"),
            ("[defaults.on_unscanned]\nencrypted = { hold = 0 }\n", 2, "unknown key"),
            (
                "[defaults.on_unscanned]\n\ntired = { alert = 0 }\n",
                3,
                "'defaults.on_unscanned.tired' should be",
            ),
            (RULE + 'action = "hold"\n', 3, "unknown action"),
            (RULE + "action = 2\n", 3, "unknown action"),
            (RULE, 1, "'rules[1].action' is missing"),
            ('[uploads]\ndestinations = ["drive"]\n', 2, "destination 'drive' is not defined"),
            (
                "[uploads]\nelse = 1\n",
                2,
                "unknown key 'uploads.else'; remove it or write one of destinations",
            ),
            ('[uploads]\nelsewhere = "hold"\n', 2, "'uploads.elsewhere' should be"),
            (RULE.replace('"a"', '"upload-session"') + 'action = "alert"\n', 2, "is reserved"),
            (RULE + 'action = "alert"\ncustomers = -5\n', 4, "greater than or equal to 1"),
            (RULE + 'action = "alert"\ncustomers = "5"\n', 4, "whole number"),
            (RULE + 'action = "alert"\ncustomers = 5.0\n', 4, "whole number"),
            (RULE + 'action = "alert"\ncustomers = true\n', 4, "whole number"),
            (RULE + 'action = "alert"\nactor = "anna"\n', 4, "should be a list"),
            (RULE + 'action = "alert"\nactor = []\n', 4, "an empty list"),
            (RULE + 'action = "alert"\nactor = [\n  "x",\n  5,\n]\n', 4, "should be text"),
            (RULE + 'action = "alert"\nmax_customers = 5\n', 4, "belongs to allow rules"),
            (RULE + 'actor = ["x"]\ncustomers = 5\naction = "allow"\n', 4, "an allow rule has no threshold"),
            (
                RULE + 'actor = ["x"]\nterms = { x = 1 }\naction = "allow"\n[terms]\nx = ["y"]',
                4,
                "no threshold 'terms'",
            ),
            (RULE + 'actor = ["x"]\nmax_customers = -1\naction = "allow"\n', 4, "greater than or equal to 0"),
            (RULE + 'action = "allow"\n', 3, "exempts everybody"),
            (RULE + 'action = "block"\ndestination = ["crm"]\n', 4, "destination 'crm' is not defined"),
            (RULE + 'action = "block"\ndestination = ["cr*m.example"]\n', 4, "is no host name"),
            (RULE + 'action = "block"\ngroup = ["staff"]\n', 4, "group 'staff' is not defined"),
            (RULE + 'action = "block"\nterms = { secret = 1 }\n', 4, "terms 'secret' is not defined"),
            (RULE + 'action = "block"\ncontent = ["jsonp"]\n', 4, "should be 'json'"),
            (RULE + 'action = "block"\ndoor = ["back"]\n', 4, "should be 'proxy'"),
            (RULE + 'action = "alert"\n' + RULE + 'action = "block"\n', 5, "a second rule is named 'a'"),
            ('[[rules]]\naction = "block"\nname = "fail-closed"\n', 3, "reserved"),
            ('[[rules]]\naction = "block"\nname = "a\\u001b"\n', 3, "letters, digits"),
            ('[destinations]\ncrm = ["*crm.example"]\n', 2, "is no host name"),
            ('[terms]\nok = ["a"]\nx = ["a", "  "]\n', 3, "empty"),
            ("[terms]\nx = [5]\n", 2, "should be text"),
            ("rules = 5\n", 1, "should be a list"),
        ],
    )
    def test_a_mistake_is_named_with_its_line_and_reason(self, text: str, line: int, reason: str) -> None:
        messages = refused(text)
        assert len(messages) == 1
        assert messages[0].startswith(f"policy.toml:{line}: ")
        assert reason in messages[0]

    def test_every_sentence_names_a_next_step(self) -> None:
        for text in (
            "x = 1",
            "x",
            RULE,
            RULE + "action = 1",
            "[terms]\nx = 1",
            RULE + 'action="alert"\ncustomers=0',
        ):
            assert all(";" in message for message in refused(text))

    def test_all_mistakes_are_named_in_the_order_of_their_lines(self) -> None:
        messages = refused('[defaults]\nx = 1\n[[rules]]\nname = "a"\naction = "go"\ncustomers = 0\n')
        assert [int(message.split(":")[1]) for message in messages] == [2, 5, 6]

    def test_bytes_that_are_not_utf8_are_refused_with_their_line(self) -> None:
        assert refused(b"# a\n# b\n# M\xfcnchen\n") == ["policy.toml:3: not UTF-8; save the file as UTF-8"]

    def test_a_term_is_never_repeated_in_the_message(self) -> None:
        assert "Heron" not in "".join(refused('[terms]\nx = ["Heron", 5]\ny = "Heron"'))

    def test_a_missing_file_is_refused_with_the_next_step(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="exfilter init"):
            load(tmp_path / "policy.toml")

    def test_the_file_is_named_as_given(self, tmp_path: Path) -> None:
        file = tmp_path / "policy.toml"
        file.write_text("x = 1\n")
        with pytest.raises(ValueError, match=f"^{file}:1: "):
            load(file)

    def test_a_file_from_another_system_is_read(self) -> None:
        assert read(b'\xef\xbb\xbf[groups]\r\na = ["x"]\r\n').groups == {"a": ("x",)}


def test_positions_are_those_of_keys_in_every_spelling_of_toml() -> None:
    text = """\
title.sub = 1
[a."b.c"]
x = [
  1, # ]
  2,
]
y = '''
z = 3
[no]
'''
[[r]]
k = 1
[[r]]
k = 2
[r.deep]
m = { n = 1, o = [ { p = 2 } ] }
[[r.list]]
q = 1
[[r.list]]
q = 2
"""
    where = positions(text)
    assert where["title", "sub"] == 1
    assert (where["a", "b.c"], where["a", "b.c", "x"], where["a", "b.c", "y"]) == (2, 3, 7)
    assert ("a", "b.c", "z") not in where
    assert (where["r", 0, "k"], where["r", 1], where["r", 1, "k"]) == (12, 13, 14)
    assert where["r", 1, "deep", "m", "o", 0, "p"] == 16
    assert where["r", 1, "list", 1, "q"] == 20


class TestHosts:
    @pytest.mark.parametrize(
        ("text", "host", "expected"),
        [
            ("crm.example", "crm.example", True),
            ("crm.example", "CRM.example.", True),
            ("crm.example", "a.crm.example", False),
            ("*.crm.example", "a.crm.example", True),
            ("*.crm.example", "a.b.crm.example", True),
            ("*.crm.example", "crm.example", False),
            ("*.crm.example", "evilcrm.example", False),
            ("*.crm.example", ".crm.example", False),
            ("*.crm.example", "crm.example.evil.test", False),
            ("*.crm.example", "evil.test/.crm.example", False),
            ("*.crm.example", "evil.test#.crm.example", False),
            ("*.bücher.example", "www.xn--bcher-kva.example", True),
            ("192.0.2.7", "192.0.2.7", True),
            ("*.2.7", "192.0.2.7", False),
            ("2001:db8::1", "[2001:0db8::0001]", True),
            ("*", "anything at all", True),
            ("*", "", True),
        ],
    )
    def test_a_pattern_covers_whole_labels_only(self, text: str, host: str, expected: object) -> None:
        assert matches((pattern(text),), host) is expected

    @pytest.mark.parametrize(
        "text", ["", "*.", "a..b", "*a.b", "a.*.b", "a b", "*.192.0.2.7", "http://crm.example", "a/b"]
    )
    def test_what_is_no_host_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="no host name"):
            pattern(text)


class TestConditions:
    @pytest.mark.parametrize(
        ("condition", "transfer", "expected"),
        [
            ('actor = ["support-*"]', upload(actor="Support-7"), True),
            ('actor = ["support-*"]', upload(actor="xsupport-7"), False),
            ('group = ["staff"]', upload(actor="ben"), True),
            ('group = ["staff"]', upload(actor="carl"), False),
            ('group = ["staff"]\nactor = ["anna"]', upload(actor="ben"), False),
            ('destination = ["crm", "other.example"]', upload("other.example"), True),
            ('destination = ["crm", "other.example"]', upload("a.crm.example"), True),
            ('destination = ["crm", "other.example"]', upload("third.example"), False),
            ('method = ["put"]', upload(method="PUT"), True),
            ('method = ["put"]', upload(method="POST"), False),
            ('door = ["replay"]', upload(), False),
            ('content = ["json"]', upload(kind="application/json; charset=utf-8"), True),
            ('content = ["json"]', upload(kind="application/vnd.api+json"), True),
            ('content = ["form"]', upload(kind="Application/X-WWW-Form-Urlencoded"), True),
            ('content = ["multipart"]', upload(kind="multipart/form-data; boundary=x"), True),
            ('content = ["text"]', upload(kind="text/csv"), True),
            ('content = ["file"]', upload(kind="application/zip"), True),
            ('content = ["file"]', upload(), True),
            ('content = ["json"]', upload(kind="text/csv"), False),
        ],
    )
    def test_a_rule_applies_when_all_its_conditions_hold(
        self, condition: str, transfer: Transfer, expected: object
    ) -> None:
        text = '[groups]\nstaff = ["anna", "ben"]\n[destinations]\ncrm = ["*.crm.example"]\n' + RULE
        action, _ = verdict_of(f'{text}{condition}\naction = "block"\n', found(), transfer)
        assert (action is Action.BLOCK) is expected

    def test_members_come_with_the_transfer_too(self) -> None:
        text = f'[groups]\nStaff = []\nothers = ["x"]\n{RULE}group = ["Staff"]\naction = "block"\n'
        for groups, expected in ((("staff",), Action.BLOCK), (("others",), Action.ALLOW), ((), Action.ALLOW)):
            transfer = dataclasses.replace(upload(), groups=frozenset(groups))
            assert verdict_of(text, found(), transfer)[0] is expected

    def test_groups_that_are_not_known_open_no_door_and_silence_no_rule(self) -> None:
        unknown = dataclasses.replace(upload(actor="anna"), groups=frozenset({"vip"}), groups_known=False)
        groups = '[groups]\nstaff = []\nvip = []\nnamed = ["anna"]\n'
        block = '[[rules]]\nname = "b"\naction = "block"\n'
        for group, expected in (("staff", Action.BLOCK), ("vip", Action.ALLOW), ("named", Action.ALLOW)):
            allow = f'{groups}{RULE}action = "allow"\ngroup = ["{group}"]\n'
            assert verdict_of(allow + block, found(), unknown)[0] is expected
            held = f'{groups}{block}group = ["{group}"]\n'
            assert verdict_of(held, found(), unknown)[0] is Action.BLOCK
            assert verdict_of(held.replace("block", "alert"), found(), unknown)[0] is Action.ALERT

    def test_a_verdict_says_which_groups_it_went_by(self) -> None:
        policy = read(f'[groups]\nstaff = []\nvip = []\n{RULE}action = "block"\ngroup = ["vip"]\n'.encode())
        transfer = dataclasses.replace(upload(), groups=frozenset({"staff", "secret society"}))
        details = decide(policy, transfer, found(), VERSIONS).details
        assert (details["groups"], details["groups_known"]) == (["staff"], True)

    def test_of_two_content_types_an_allow_rule_needs_both(self) -> None:
        both = (("Content-Type", "application/json"), ("content-type", "text/csv"))
        transfer = dataclasses.replace(upload(), headers=both)
        strict = '[[rules]]\nname = "b"\naction = "block"\ncontent = ["text"]\n'
        allow = RULE + 'action = "allow"\nactor = ["*"]\ncontent = ["json"]\n'
        assert verdict_of(strict, found(), transfer) == (Action.BLOCK, "b")
        assert verdict_of(allow + strict, found(), transfer) == (Action.BLOCK, "b")


class TestOrder:
    def test_the_most_severe_rule_decides_whatever_the_order(self) -> None:
        alert = '[[rules]]\nname = "alert"\naction = "alert"\ncustomers = 1\n'
        block = '[[rules]]\nname = "block"\naction = "block"\ncustomers = 1\n'
        assert (
            verdict_of(alert + block, found(1))
            == verdict_of(block + alert, found(1))
            == (Action.BLOCK, "block")
        )

    def test_an_allow_rule_exempts_from_the_rules_after_it_only(self) -> None:
        allow = '[[rules]]\nname = "crm"\naction = "allow"\ndestination = ["crm.example"]\n'
        block = '[[rules]]\nname = "block"\naction = "block"\ncustomers = 1\n'
        transfer = upload("crm.example")
        assert verdict_of(allow + block, found(1), transfer) == (Action.ALLOW, "crm")
        assert verdict_of(block + allow, found(1), transfer) == (Action.BLOCK, "block")

    def test_an_allow_rule_ends_at_its_ceiling(self) -> None:
        text = RULE + 'action = "allow"\nactor = ["*"]\nmax_customers = 10\n' + RULE.replace('"a"', '"b"')
        text += 'action = "block"\ncustomers = 1\n'
        assert verdict_of(text, found(8, 2)) == (Action.ALLOW, "a")
        assert verdict_of(text, found(8, 3)) == (Action.BLOCK, "b")

    def test_a_ceiling_cannot_vouch_for_bytes_that_were_not_read(self) -> None:
        allow = RULE + 'action = "allow"\nactor = ["*"]\n'
        sealed = found(1, unscanned=(Unscanned("p", Reason.ENCRYPTED, 9),))
        assert verdict_of(allow, sealed) == (Action.ALLOW, "a")
        assert verdict_of(allow + "max_customers = 10\n", sealed) == (Action.QUARANTINE, "unscanned")

    def test_all_thresholds_of_a_rule_must_be_reached(self) -> None:
        text = (
            '[terms]\nt = ["x"]\n'
            + RULE
            + 'action = "block"\ncustomers = 3\nidentified = 2\nterms = { t = 2 }\n'
        )
        assert verdict_of(text, found(2, 1, terms={"t": 2}))[0] is Action.BLOCK
        for less in (found(1, 2, terms={"t": 2}), found(2, 0, terms={"t": 2}), found(2, 1, terms={"t": 1})):
            assert verdict_of(text, less)[0] is Action.ALLOW

    def test_unscanned_thresholds_count_the_named_reasons_only(self) -> None:
        text = RULE + 'action = "block"\nunscanned_reasons = ["unsupported"]\nunscanned_bytes = 10\n'
        other = (Unscanned("p", Reason.ENCRYPTED, 90), Unscanned("p", Reason.UNSUPPORTED, 9))
        assert verdict_of(text, found(unscanned=other))[1] == "unscanned"
        assert verdict_of(text, found(unscanned=(*other, Unscanned("p", Reason.UNSUPPORTED, 1))))[1] == "a"


class TestVerdict:
    def test_it_says_the_numbers_and_no_value(self) -> None:
        policy = read(f'{RULE}action = "block"\ncustomers = 3\nactor = ["anna"]\n'.encode())
        verdict = decide(policy, upload(), found(2, 3), VERSIONS)
        assert verdict.reason == (
            "5 customers (2 identified, 3 estimated), 0 bytes unscanned: customers 5 (threshold 3)"
        )
        assert verdict.details["compared"] == {"customers": [5, 3]}
        assert verdict.versions.policy == policy.digest
        assert not any(word in verdict.reason for word in ("anna", "files.example"))

    def test_a_failure_follows_on_failure(self) -> None:
        policy = Policy(defaults=Defaults(on_failure=Action.BLOCK))
        verdict = failed("the index is missing", upload(), VERSIONS, policy)
        assert (verdict.action, verdict.rule, verdict.versions.policy) == (
            Action.BLOCK,
            "fail-closed",
            policy.digest,
        )
        assert verdict.findings.unscanned_bytes == 1

    def test_a_failure_without_a_policy_is_held(self) -> None:
        assert failed("no policy", upload(), VERSIONS, None).action is Action.QUARANTINE

    def test_a_summary_holds_no_provenance(self) -> None:
        named = found(3, unscanned=(Unscanned('multipart[2] "hanna.example.pdf"', Reason.MALFORMED, 7),) * 2)
        plain = summary(decide(Policy(), upload(), named, VERSIONS))
        assert "hanna" not in str(plain)
        assert plain["unscanned"] == [{"reason": "malformed", "parts": 2, "bytes": 14}]


class TestDigest:
    BASE = RULE + 'action = "alert"\nactor = ["b", "a"]\ncustomers = 5\n'

    @pytest.mark.parametrize(
        "same",
        [
            "# comment\n" + BASE,
            BASE.replace('["b", "a"]', '[\n"a",\n"b", "a"]'),
            RULE + 'customers = 5\nactor = ["a", "b"]\naction = "alert"\n',
            BASE + '[defaults]\non_failure = "quarantine"\n',
        ],
    )
    def test_layout_does_not_change_it(self, same: str) -> None:
        assert read(same.encode()).digest == read(self.BASE.encode()).digest

    @pytest.mark.parametrize(
        "other",
        [
            "",
            BASE.replace("5", "6"),
            BASE.replace("alert", "block"),
            BASE + '[terms]\nx = ["y"]\n',
            BASE + '[uploads]\nelsewhere = "refuse"\n',
            BASE + '[uploads]\ndestinations = ["*.a.test"]\n',
        ],
    )
    def test_meaning_does(self, other: str) -> None:
        digest = read(other.encode()).digest
        assert len(digest) == 64
        assert digest != read(self.BASE.encode()).digest

    def test_a_policy_travels_to_another_process(self) -> None:
        policy = read(default_policy_text().encode())
        assert pickle.loads(pickle.dumps(policy)).digest == policy.digest


COUNTS = st.integers(1, 12)
ACTORS = st.sampled_from(["anna", "ben", "*", "b*"])
HOSTS = st.sampled_from(["files.example", "a.crm.example", "*.crm.example", "*"])
PARTS = st.builds(Unscanned, st.just("p"), st.sampled_from(Reason), st.integers(-3, 12))


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def _tuples(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return _maybe(st.lists(strategy, min_size=1, max_size=2).map(tuple))


@st.composite
def rules(draw: st.DrawFn, name: str) -> Rule:
    action = draw(st.sampled_from(Action))
    given: dict[str, Any] = {"actor": draw(_tuples(ACTORS)), "destination": draw(_tuples(HOSTS))}
    if action is Action.ALLOW:
        given["actor"] = given["actor"] or ("*",)
        given["max_customers"] = draw(_maybe(st.integers(0, 12)))
        given["canaries"] = draw(st.booleans())
    else:
        given |= {key: draw(_maybe(COUNTS)) for key in ("customers", "identified", "unscanned_bytes")}
        given["unscanned_reasons"] = draw(_tuples(st.sampled_from(Reason)))
        given["terms"] = draw(st.dictionaries(st.sampled_from("xy"), COUNTS))
        given["suspend"] = draw(st.booleans())
        given["tell"] = draw(_tuples(st.sampled_from(["soc", "siem"])))
    return Rule(name=name, action=action, **{key: value for key, value in given.items() if value is not None})


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    table = tuple(draw(rules(f"rule {number}")) for number in range(draw(st.integers(0, 5))))
    size = _maybe(st.integers(0, 20))
    steps = st.builds(Steps, alert=size, quarantine=size, block=size)
    unscanned, canary = draw(st.dictionaries(st.sampled_from(Reason), steps)), draw(st.sampled_from(Action))
    defaults = Defaults(on_unscanned=unscanned, on_canary=canary)
    elsewhere = draw(st.sampled_from(["scan", "refuse"]))
    listed = draw(st.lists(HOSTS, min_size=1, max_size=2))
    uploads = Uploads.model_validate({"destinations": listed, "elsewhere": elsewhere})
    logs = {"kind": "syslog", "url": "udp://siem.example"}
    return Policy.model_validate(
        {
            "rules": table,
            "terms": {"x": ("a",), "y": ("b",)},
            "defaults": defaults,
            "uploads": uploads,
            "receivers": {"soc": logs, "siem": logs},
            "tell": {"suspensions": draw(st.sampled_from([[], ["siem"]]))},
        }
    )


FINDINGS = st.builds(
    found,
    st.integers(0, 12),
    st.integers(0, 12),
    st.lists(PARTS, max_size=4).map(tuple),
    st.dictionaries(st.sampled_from("xyz"), st.integers(0, 12)),
    st.dictionaries(st.sampled_from(["support", "sales"]), st.integers(0, 3)),
)
TRANSFERS = st.builds(
    upload, st.sampled_from(["files.example", "a.crm.example", ""]), st.sampled_from(["anna", "ben", ""])
)


def _more(less: Findings, extra: Findings) -> Findings:
    terms, canaries = (
        {key: one.get(key, 0) + other.get(key, 0) for key in {*one, *other}}
        for one, other in ((less.terms, extra.terms), (less.canaries, extra.canaries))
    )
    identified = len(less.identified) + len(extra.identified)
    return found(
        identified, less.estimated + extra.estimated, (*less.unscanned, *extra.unscanned), terms, canaries
    )


@given(policies(), TRANSFERS, FINDINGS, FINDINGS, st.sampled_from(Stage))
def test_more_findings_never_soften_a_verdict(
    policy: Policy, transfer: Transfer, less: Findings, extra: Findings, stage: Stage
) -> None:
    before = decide(policy, transfer, less, VERSIONS, stage)
    after = decide(policy, transfer, _more(less, extra), VERSIONS, stage)
    assert after.action >= before.action
    assert follows(before) <= follows(after), "nor is anybody told less, or an actor not suspended"


def follows(verdict: Verdict) -> set[tuple[str, str]]:
    """Return who is told of what."""
    told = {("transfer", name) for name in verdict.tell}
    if verdict.suspends:
        told |= {("suspension", name) for name in ("", *verdict.suspends.tell)}
    return told


@given(policies(), st.builds(upload, st.text(), st.text(), st.text(), st.text()), FINDINGS)
def test_every_transfer_gets_a_verdict(policy: Policy, transfer: Transfer, findings: Findings) -> None:
    verdict = decide(policy, transfer, findings, VERSIONS)
    assert verdict.action in Action
    assert verdict.rule


class TestCanaries:
    ONE = found(identified=1, canaries={"support": 1})

    def test_one_is_held_by_a_policy_that_says_nothing_of_them(self) -> None:
        verdict = decide(Policy(), upload(), self.ONE, VERSIONS)
        assert (verdict.action, verdict.rule) == (Action.QUARANTINE, "canary")
        assert verdict.reason.startswith("a canary of team support; 1 customers")
        assert summary(verdict)["canaries"] == {"support": 1}

    def test_the_reason_says_of_how_many_teams_there_are_how_many(self) -> None:
        several = found(identified=3, canaries={"support": 2, "sales": 1, "none": 0})
        verdict = decide(Policy(), upload(), several, VERSIONS)
        assert verdict.reason.startswith("a canary of team sales, 2 canaries of team support; ")

    @pytest.mark.parametrize("word", ["", "canaries = true\n"])
    def test_an_allow_rule_lets_them_pass_only_where_it_says_so(self, word: str) -> None:
        rule = f'{RULE}destination = ["crm.example"]\naction = "allow"\n{word}'
        policy = read(rule.encode())
        assert decide(policy, upload("crm.example"), self.ONE, VERSIONS).action.holds == (not word)
        assert decide(policy, upload("crm.example"), found(identified=900), VERSIONS).action is Action.ALLOW
        assert decide(policy, upload(), self.ONE, VERSIONS).action.holds

    def test_the_ceiling_of_an_allow_rule_is_theirs_too(self) -> None:
        rule = f'{RULE}actor = ["anna"]\naction = "allow"\nmax_customers = 3\ncanaries = true\n'
        policy = read(rule.encode())
        assert not decide(policy, upload(), self.ONE, VERSIONS).action.holds
        four = found(identified=4, canaries={"support": 1})
        assert decide(policy, upload(), four, VERSIONS).rule == "canary"

    @pytest.mark.parametrize("action", list(Action))
    def test_what_follows_is_said_in_the_defaults(self, action: Action) -> None:
        text = f'[defaults]\non_canary = "{action.name.lower()}"\n'
        verdict = decide(read(text.encode()), upload(), self.ONE, VERSIONS)
        assert verdict.action is action
        assert verdict.rule == ("default" if action is Action.ALLOW else "canary")

    def test_a_rule_that_decides_says_them_too(self) -> None:
        policy = read(f'{RULE}customers = 1\naction = "block"\n'.encode())
        verdict = decide(policy, upload(), self.ONE, VERSIONS)
        assert verdict.rule == "a"
        assert verdict.reason.endswith("; a canary of team support")

    def test_other_rules_have_no_word_on_them(self) -> None:
        (line,) = refused(f'{RULE}customers = 1\naction = "block"\ncanaries = true\n')
        assert "canaries belongs to allow rules" in line
        (line,) = refused(RULE.replace('"a"', '"canary"') + 'action = "alert"\n')
        assert "is reserved" in line

    def test_the_crm_of_the_default_policy_may_receive_them(self) -> None:
        policy = read(default_policy_text().encode())
        assert decide(policy, upload("eu.crm.example"), self.ONE, VERSIONS).action is Action.ALLOW
        assert decide(policy, upload(), self.ONE, VERSIONS).action is Action.QUARANTINE


class TestUploads:
    LISTED = '[destinations]\ndrive = ["drive.example"]\n[uploads]\ndestinations = ["drive"]\n'
    UNREAD = found(unscanned=(Unscanned("p", Reason.OPAQUE, MIB),))

    @pytest.mark.parametrize(
        ("stage", "host", "action"),
        [
            (Stage.PIECE, "drive.example", Action.ALLOW),
            (Stage.LAST, "drive.example", Action.QUARANTINE),
            (Stage.WHOLE, "drive.example", Action.QUARANTINE),
            (Stage.PIECE, "files.example", Action.QUARANTINE),
        ],
    )
    def test_only_a_piece_to_a_listed_destination_may_be_unreadable(
        self, stage: Stage, host: str, action: Action
    ) -> None:
        policy = read(self.LISTED.encode())
        assert decide(policy, upload(host), self.UNREAD, VERSIONS, stage).action is action

    @pytest.mark.parametrize("reason", [Reason.DEADLINE, Reason.OVER_BUDGET])
    def test_what_time_and_budget_left_out_of_a_piece_is_held(self, reason: Reason) -> None:
        policy, findings = read(self.LISTED.encode()), found(unscanned=(Unscanned("p", reason, 1),))
        assert decide(policy, upload("drive.example"), findings, VERSIONS, Stage.PIECE).action.holds

    def test_a_refusal_elsewhere_gives_way_to_an_allow_rule_without_a_ceiling(self) -> None:
        refusing = self.LISTED + 'elsewhere = "refuse"\n'
        allowed = refusing + RULE + 'destination = ["crm.example"]\naction = "allow"\n'
        for text, host, action in (
            (refusing, "files.example", Action.QUARANTINE),
            (refusing, "drive.example", Action.ALLOW),
            (allowed, "crm.example", Action.ALLOW),
            (allowed + "max_customers = 9\n", "crm.example", Action.QUARANTINE),
        ):
            verdict = decide(read(text.encode()), upload(host), found(), VERSIONS, Stage.PIECE)
            assert verdict.action is action

    def test_an_upload_of_which_a_request_was_held_is_refused_with_its_numbers(self) -> None:
        verdict = refused_upload(Action.BLOCK, found(identified=7), VERSIONS)
        assert (verdict.action, verdict.rule) == (Action.BLOCK, "upload-session")
        assert "7 customers" in verdict.reason


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_a_policy_or_refused_with_a_line(data: bytes) -> None:
    try:
        read(data)
    except ValueError as error:
        assert int(str(error).split(":")[1]) >= 1  # noqa: PT017 - a policy may also be read
