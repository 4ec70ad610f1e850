"""``exfilter quarantine … --server``: the command line at a desk on another machine."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from exfilter import cli
from exfilter.cli.remote import Remote
from exfilter.quarantine import State
from exfilter.review.roles import Role
from tests.review import filled
from tests.review.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Shell:
    """The command line in a folder that is none, with a token."""

    house: Desk
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self.monkeypatch.chdir(self.folder)
        self.monkeypatch.setattr(sys, "argv", ["exfilter", "quarantine", *words, "--server", self.house.url])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = self.capfd.readouterr()
        return int(left.value.code or 0), out, err


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled.template(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def house(made: Path, tmp_path: Path) -> Iterator[Desk]:
    with Desk(filled.copied(made, tmp_path / "config")) as desk:
        yield desk


@pytest.fixture
def shell(
    house: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Shell:
    (tmp_path / "empty").mkdir()
    token = house.state.register.tokens.add("rob", Role.REVIEWER, 1, "test")
    monkeypatch.setenv("EXFILTER_REVIEW_TOKEN", token)
    return Shell(house, tmp_path / "empty", monkeypatch, capfd)


def test_it_lists_shows_and_decides_as_in_the_folder(shell: Shell) -> None:
    held = filled.happened(shell.house.folder)
    code, out, err = shell("list", "--format", "json", "--actor", "*cora*", "--newer-than", "1d")
    assert (code, err) == (0, "")
    assert [(each["id"], each["customers"]) for each in json.loads(out)] == [(held, 200)]
    assert json.loads(shell("list", "--format", "json", "--state", "denied")[1]) == []
    code, out, _ = shell("show", held)
    assert code == 0
    for part in ("customers    200", "evidence     email", "history", "policy       "):
        assert part in out
    code, out, _ = shell("release", held, "--reason", "agreed with the recipient", "--hours", "1")
    assert (code, "passes once, until" in out) == (0, True)
    entry = shell.house.state.desk.quarantine.show(held)
    assert (entry.state, entry.moves[-1].reviewer) == (State.RELEASED, "rob")
    code, _, err = shell("deny", held, "--reason", "too late")
    assert code == 2
    assert "409" in err
    assert "decided by rob" in err
    assert list(shell.folder.iterdir()) == []


def test_without_a_token_or_with_a_wrong_one_nothing_is_told(shell: Shell) -> None:
    held = filled.happened(shell.house.folder)
    shell.monkeypatch.setenv("EXFILTER_REVIEW_TOKEN", "wrong")
    code, _, err = shell("show", held)
    assert (code, "401" in err) == (2, True)
    shell.monkeypatch.delenv("EXFILTER_REVIEW_TOKEN")
    code, _, err = shell("show", held)
    assert (code, "EXFILTER_REVIEW_TOKEN" in err) == (2, True)


def test_a_token_of_a_file_that_others_read_is_refused(shell: Shell) -> None:
    file = shell.folder.parent / "token"
    file.write_text("secret")
    file.chmod(0o644)
    code, _, err = shell("list", "--token-file", str(file))
    assert (code, "chmod 600" in err) == (2, True)
    assert "secret" not in err


@pytest.mark.parametrize(
    "url", ["http://desk.corp.example", "ftp://127.0.0.1", "desk", "http://127.0.0.1.example"]
)
def test_no_token_travels_in_clear(url: str) -> None:
    with pytest.raises(ValueError, match="give its https:// address"):
        Remote(url, "token")
    assert "token" not in repr(Remote("https://desk.corp.example", "token"))
