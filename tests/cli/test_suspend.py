"""``exfilter suspend`` and ``exfilter notices``, through the command line as it is."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from exfilter import cli, settings
from exfilter.index import keys
from exfilter.ledger import open_ledger
from exfilter.quarantine import generate_reviewer_key
from exfilter.who.pseudonyms import Pseudonyms
from tests.courier.receivers import SECRET, Hook
from tests.ledger.sending import Sent

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Shell:
    """A configuration folder and the command line on it."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Run ``exfilter``: exit code, stdout, stderr."""
        self.monkeypatch.setattr(sys, "argv", ["exfilter", *words, "--config", str(self.folder)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = self.capfd.readouterr()
        return int(left.value.code or 0), out, err

    def listed(self, what: str, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self(what, "list", "--format", "json", *words)[1])
        return found

    def policy(self, url: str) -> None:
        (self.folder / "policy.toml").write_text(
            f'[receivers.soc]\nkind = "webhook"\nurl = "{url}"\nkey_file = "soc.key"\n'
            '[tell]\nsuspensions = ["soc"]\n'
        )


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    (tmp_path / settings.FILE).write_text("")
    (tmp_path / "soc.key").write_text(SECRET)
    (tmp_path / "soc.key").chmod(0o600)
    keys.generate(tmp_path / "index.key")
    made = Shell(tmp_path, monkeypatch, capfd)
    made.policy("http://127.0.0.1:1/")
    return made


WHY = ("--reason", "talked to her", "--reviewer", "eve")


def test_an_actor_is_suspended_and_lifted_with_a_reason(shell: Shell) -> None:
    assert shell("suspend", "add", "anna", *WHY)[:2] == (0, "anna suspended\n")
    code, _, err = shell("suspend", "add", "anna", *WHY)
    assert (code, "suspended already" in err) == (2, True)
    (row,) = shell.listed("suspend")
    assert (row["actor"], row["reviewer"], row["rule"], row["reason"]) == ("anna", "eve", "", "talked to her")
    assert "anna" in shell("suspend", "list")[1]
    assert shell("suspend", "lift", "anna", *WHY) == (0, "anna lifted\n", "")
    code, _, err = shell("suspend", "lift", "anna", *WHY)
    assert (code, "not suspended" in err) == (2, True)
    assert shell.listed("suspend") == []
    assert [each["notice"]["type"] for each in shell.listed("notices")] == ["lifted", "suspended"]


@pytest.mark.parametrize("pseudonyms", [False, True])
def test_of_whom_nothing_is_known_that_is_said(shell: Shell, *, pseudonyms: bool) -> None:
    generate_reviewer_key(shell.folder / "reviewer.key", shell.folder / "reviewers.txt")
    (shell.folder / settings.FILE).write_text(f"pseudonyms = {str(pseudonyms).lower()}\n")
    with closing(open_ledger(settings.load(shell.folder))) as ledger:
        Sent(frozenset({1}), actor="anna").enter(ledger)
    assert shell("suspend", "add", "anna", *WHY)[::2] == (0, "")
    code, out, err = shell("suspend", "add", "anan", *WHY)
    assert (code, "suspended" in out) == (0, True)
    assert "knows no transfer of this actor" in err
    assert "`exfilter ledger list`" in err
    assert len(shell.listed("suspend")) == 2


def test_a_reason_is_asked_for(shell: Shell) -> None:
    assert shell("suspend", "add", "anna")[0] == 2
    assert shell.listed("suspend") == []


def test_a_pseudonym_is_taken_for_the_name(shell: Shell) -> None:
    (shell.folder / settings.FILE).write_text("pseudonyms = true\n")
    called = Pseudonyms(shell.folder / "pseudonym.key")("anna")
    assert shell("suspend", "add", "anna", *WHY)[1] == f"{called} suspended\n"
    assert [row["actor"] for row in shell.listed("suspend")] == [called]
    assert shell("suspend", "lift", called, *WHY)[0] == 0


def test_a_policy_with_a_mistake_keeps_nobody_from_suspending(shell: Shell) -> None:
    (shell.folder / "policy.toml").write_text("x = 1\n")
    code, out, err = shell("suspend", "add", "anna", *WHY)
    assert (code, out) == (0, "anna suspended\n")
    assert "nobody is told" in err


def test_a_name_cannot_paint_the_terminal(shell: Shell) -> None:
    shell("suspend", "add", "a\x1b[31mb", *WHY)
    assert "\x1b" not in shell("suspend", "list")[1]


def test_notices_are_listed_and_tried_again(shell: Shell) -> None:
    shell("suspend", "add", "anna", *WHY)
    (row,) = shell.listed("notices", "--state", "waiting")
    assert (row["receiver"], row["attempts"], row["notice"]["actor"]) == ("soc", 0, "anna")
    assert row["id"] in shell("notices", "list")[1]
    assert shell.listed("notices", "--state", "failed") == []
    assert shell("notices", "retry")[1] == "0 notices are sent again\n"
    assert shell("notices", "retry", row["id"])[1] == "1 notice is sent again\n"
    assert shell("notices", "retry", "n-nothing")[0] == 2


def test_a_receiver_is_tried_out(shell: Shell) -> None:
    code, _, err = shell("notices", "test", "soc")
    assert (code, "receiver soc: " in err) == (2, True)
    with Hook() as hook:
        shell.policy(hook.url)
        assert shell("notices", "test", "soc") == (0, "soc was told\n", "")
    assert [each["type"] for each in hook.notices()] == ["test"]
    assert "is not defined" in shell("notices", "test", "siem")[2]


def test_who_has_an_ipv6_address_is_suspended_by_its_network(shell: Shell) -> None:
    shell("suspend", "add", "2001:db8::5", *WHY)
    (row,) = shell.listed("suspend")
    assert row["actor"] == "2001:db8::/64"
    assert shell("suspend", "lift", "2001:db8::9", *WHY)[0] == 0
