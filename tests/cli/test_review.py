"""``exfilter review user`` and ``exfilter review token``, through the command line as it is."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from exfilter import cli, settings
from exfilter.cli import review
from exfilter.index import keys

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "words that nobody guesses"


class Shell:
    """A configuration folder and the command line on it."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self.monkeypatch, self.capfd = folder, monkeypatch, capfd

    def __call__(self, *words: str, typed: str = "") -> tuple[int, str, str]:
        """Run ``exfilter review``: exit code, stdout, stderr."""
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        self.monkeypatch.setattr(sys, "argv", ["exfilter", "review", *words, "--config", str(self.folder)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = self.capfd.readouterr()
        return int(left.value.code or 0), out, err

    def add(self, name: str, role: str = "reviewer", password: str = GOOD) -> tuple[int, str, str]:
        return self("user", "add", name, "--role", role, "--password-file", "-", typed=password + "\n")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    (tmp_path / settings.FILE).write_text("")
    keys.generate(tmp_path / "index.key")
    return Shell(tmp_path, monkeypatch, capfd)


def test_accounts_are_added_listed_changed_and_locked(shell: Shell) -> None:
    assert shell.add("Ada", "admin") == (0, "ada added as admin\n", "")
    assert shell.add("rob") == (0, "rob added as reviewer\n", "")
    assert shell("user", "role", "rob", "analyst") == (0, "rob is analyst now\n", "")
    assert shell("user", "password", "rob", "--password-file", "-", typed=GOOD[::-1])[0] == 0
    assert shell("user", "disable", "rob") == (0, "rob disabled\n", "")
    rows = json.loads(shell("user", "list", "--format", "json")[1])
    assert [(row["name"], row["role"], row["disabled"]) for row in rows] == [
        ("ada", "admin", False),
        ("rob", "analyst", True),
    ]
    assert shell("user", "enable", "rob")[0] == 0
    assert "rob" in shell("user", "list")[1]


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (("user", "disable", "ada"), "", "last admin"),
        (("user", "role", "ada", "reviewer"), "", "last admin"),
        (("user", "disable", "nobody"), "", "exfilter review user list"),
        (("user", "add", "rob", "--role", "boss"), "", "boss"),
        (("user", "add", "a b", "--role", "analyst", "--password-file", "-"), GOOD, "plain letters"),
        (("user", "add", "rob", "--role", "analyst", "--password-file", "-"), "short", "12 to 1024"),
        (("user", "add", "rob", "--role", "analyst"), "", "no terminal"),
        (("user", "add", "rob", "--role", "analyst", "--password-file", "none"), "", "none"),
        (("user", "add", "ADA", "--role", "analyst", "--password-file", "-"), GOOD, "already"),
        (("token", "revoke", "0"), "", "no such token"),
        (("token", "add", "nobody"), "", "no account"),
    ],
)
def test_a_mistake_is_said_with_the_next_step(
    shell: Shell, words: tuple[str, ...], typed: str, said: str
) -> None:
    shell.add("ada", "admin")
    code, out, err = shell(*words, typed=typed)
    assert (code, out) == (2, "")
    assert said in err
    assert GOOD not in err


def test_a_folder_that_would_be_ignored_is_refused(shell: Shell) -> None:
    code, out, err = shell("--config", str(shell.folder), "user", "list")
    assert (code, out) == (2, "")
    assert "goes behind the command" in err


def test_a_password_is_never_an_option(shell: Shell) -> None:
    code, _, err = shell("user", "add", "rob", "--role", "analyst", "--password", GOOD)
    assert code == 2
    assert "No such option" in err


def test_a_token_is_printed_once(shell: Shell) -> None:
    shell.add("rob")
    code, out, err = shell("token", "add", "rob", "--role", "analyst", "--days", "7", "--label", "nightly")
    assert (code, err) == (0, "")
    assert out.startswith("exfilter_")
    listed = shell("token", "list", "--format", "json")[1]
    (row,) = json.loads(listed)
    assert (row["account"], row["role"], row["label"], row["used"]) == ("rob", "analyst", "nightly", None)
    assert out.strip() not in listed
    assert shell("token", "revoke", row["id"])[1] == f"{row['id']} revoked\n"
    assert json.loads(shell("token", "list", "--format", "json")[1]) == []


def test_a_token_may_no_more_than_its_account(shell: Shell) -> None:
    shell.add("rob")
    code, _, err = shell("token", "add", "rob", "--role", "admin")
    assert code == 2
    assert "a token of theirs the role analyst or reviewer" in err


def test_without_the_extra_it_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "find_spec", lambda _: None)
    code, _, err = shell("user", "list")
    assert code == 2
    assert "pip install 'exfilter[review]'" in err


def test_who_changed_what_stands_among_the_acts(shell: Shell) -> None:
    shell.add("rob")
    shell("user", "disable", "rob", "--reviewer", "eve")
    monkeypatch, folder = shell.monkeypatch, shell.folder
    monkeypatch.setattr(sys, "argv", ["exfilter", "audit", "list", "--config", str(folder)])
    with pytest.raises(SystemExit):
        cli.main()
    said = shell.capfd.readouterr().out
    assert "disable account" in said
    assert "eve" in said
