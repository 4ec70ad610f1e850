"""``exfilter quarantine``, through the command line as it is."""

from __future__ import annotations

import json
import os
import pwd
import re
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from exfilter import cli, settings
from exfilter.cli.quarantine import os_user
from exfilter.index import keys
from exfilter.ledger import acts, open_ledger
from exfilter.model import (
    Action,
    Exhibit,
    Findings,
    Kind,
    Masked,
    Reason,
    Shown,
    Transfer,
    Unscanned,
    Verdict,
    Versions,
)
from exfilter.quarantine import Quarantine, generate_reviewer_key

WHY = ("--reason", "agreed")
ROOT = Path(__file__).parents[2]
BODY = b"Hanna Example,hanna@mail.example\n" * 30


@dataclass(frozen=True)
class Shell:
    """A configuration folder and the command line on it."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Run ``exfilter quarantine``: exit code, stdout, stderr."""
        argv = ["exfilter", "quarantine", *words, "--config", str(self.folder)]
        self.monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = self.capfd.readouterr()
        return int(left.value.code or 0), out, err

    def hold(self, number: int = 0, actor: str = "anna", body: bytes = BODY) -> str:
        """Hold a transfer of 500 customers."""
        transfer = Transfer(
            "proxy",
            body and body + bytes([number]),
            actor=actor,
            destination="files.example",
            method="POST",
            url="https://files.example/hanna",
            time=1_790_000_000 + number,
        )
        exhibits = (Exhibit('multipart[2] "hanna.csv"', Kind.EMAIL, Masked("h•••@m•••.e•••"), 1, 1),)
        unread = (Unscanned('multipart[3] "hanna.pdf"', Reason.ENCRYPTED, 9),)
        ordinals = np.arange(500, dtype=np.int64)
        findings = Findings(ordinals, 0, ordinals, {"email": 500}, {}, unread, len(BODY), exhibits)
        versions = Versions("0.1.0", 1, "reference", "index-1", "policy-1")
        shown = Shown(actor, "files.example", "POST")
        verdict = Verdict(
            Action.QUARANTINE, "many customers", "500 customers", versions, findings, shown=shown
        )
        with Quarantine.open(self.folder / "quarantine", self.folder / "reviewers.txt") as opened:
            return opened.hold(transfer, verdict)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    (tmp_path / "exfilter.toml").touch()
    recovery = tmp_path / "recovery.key"
    generate_reviewer_key(tmp_path / "reviewer.key", tmp_path / "reviewers.txt", recovery=recovery)
    keys.generate(tmp_path / "index.key")
    return Shell(tmp_path, monkeypatch, capfd)


def test_an_empty_quarantine_is_an_empty_array(shell: Shell) -> None:
    assert shell("list", "--format", "json") == (0, "[]\n", "")


def test_the_list_is_an_array_with_the_documented_keys(shell: Shell) -> None:
    ids = [shell.hold(number) for number in range(2)]
    code, out, err = shell("list", "--format", "json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert [each["id"] for each in found] == ids[::-1]
    expected = {
        "id": ids[0],
        "state": "held",
        "actor": "anna",
        "destination": "files.example",
        "customers": 500,
        "time": "2026-09-21T14:13:20.000000+00:00",
    }
    assert expected.items() <= found[1].items()


def test_the_table_shows_whole_ids(shell: Shell) -> None:
    held = shell.hold(actor="[red]x[/red]\x1b[2J" + "y" * 60)
    code, out, _ = shell("list")
    assert code == 0
    assert re.search(
        rf"^{held} +held +2026-09-21T14:13:20 +\[red\]x\[/red\]\\x1b\[2Jy+ +files", out, re.MULTILINE
    )
    assert "\x1b" not in out


def test_the_list_can_be_narrowed_to_a_state(shell: Shell) -> None:
    denied, held = shell.hold(1), shell.hold(2)
    shell("deny", denied, *WHY)
    for state, expected in (("denied", [denied]), ("held", [held]), ("released", [])):
        _, out, _ = shell("list", "--state", state, "--format", "json")
        assert [each["id"] for each in json.loads(out)] == expected


@pytest.mark.parametrize("form", ["table", "json"])
def test_show_is_masked(shell: Shell, form: str) -> None:
    held = shell.hold()
    code, out, _ = shell("show", held, "--format", form)
    assert code == 0
    for part in (held, "500", "files.example", "many customers", "encrypted", "multipart[2]"):
        assert part in out
    assert "hanna" not in out.lower()


def test_decisions_are_made_and_remembered(shell: Shell) -> None:
    for word, state in (("release", "released"), ("deny", "denied"), ("confirm", "confirmed")):
        held = shell.hold(len(word))
        code, out, _ = shell(word, held, "--reviewer", "rita", "--reason", "asked the sender")
        assert code == 0
        assert out.startswith(f"{held} {state}")
        moves = json.loads(shell("show", held, "--format", "json")[1])["moves"]
        assert [moves[-1][key] for key in ("state", "reviewer", "reason")] == [
            state,
            "rita",
            "asked the sender",
        ]


def be(shell: Shell, name: str) -> None:
    """Be another OS user, to this process."""
    shell.monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_name=name))


def test_the_environment_does_not_say_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert os_user() == pwd.getpwuid(os.getuid()).pw_name


def test_the_reviewer_is_the_os_user(shell: Shell) -> None:
    be(shell, "ruth")
    held = shell.hold()
    shell("deny", held, *WHY)
    assert "by ruth" in shell("show", held)[1]


def test_a_second_decision_is_refused(shell: Shell) -> None:
    held = shell.hold()
    shell("deny", held, *WHY)
    code, out, err = shell("release", held, *WHY)
    assert (code, out) == (2, "")
    assert re.search(rf"{held} is denied \(decided by \S+ at .* UTC\) and cannot become released", err)


@pytest.mark.parametrize(
    "words", [("show",), ("release", *WHY), ("deny", *WHY), ("confirm", *WHY), ("export", "--out", "x")]
)
def test_an_unknown_id_is_an_error_with_a_next_step(shell: Shell, words: tuple[str, ...]) -> None:
    code, out, err = shell(*words, "t-unknown")
    assert (code, out) == (2, "")
    assert "see 'exfilter quarantine list'" in err


def test_an_export_is_the_body_for_its_owner_alone(shell: Shell) -> None:
    held, out = shell.hold(), shell.folder / "out.csv"
    assert shell("export", held, "--out", str(out))[0] == 0
    assert out.read_bytes() == BODY + b"\0"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    code, _, err = shell("export", held, "--out", str(out))
    assert code == 2
    assert "not overwritten" in err


def test_an_export_of_an_empty_body_names_what_else_there_is(shell: Shell) -> None:
    out = shell.folder / "out"
    _, said, _ = shell("export", shell.hold(body=b""), "--out", str(out))
    assert said.endswith("its body is empty; --request writes URL and headers as well\n")


def test_an_export_without_the_key_says_so(shell: Shell) -> None:
    held = shell.hold()
    (shell.folder / "reviewer.key").unlink()
    code, _, err = shell("export", held, "--out", str(shell.folder / "out"))
    assert code == 2
    assert "reviewer.key" in err


def test_verify_names_what_is_missing(shell: Shell) -> None:
    held = shell.hold()
    assert shell("verify") == (0, "1 transfers checked, all whole\n", "")
    (shell.folder / "quarantine" / "bodies" / f"{held}.age").unlink()
    assert shell("verify")[:2] == (2, f"missing: {held}\n1 transfers checked, NOT all whole\n")


def test_a_folder_that_is_no_configuration_is_left_alone(shell: Shell) -> None:
    (shell.folder / "exfilter.toml").unlink()
    code, _, err = shell("list")
    assert code == 2
    assert "exfilter init" in err
    assert not (shell.folder / "quarantine").exists()


def test_the_command_starts_without_the_database() -> None:
    program = (
        "import sys, exfilter.cli.quarantine; print({'sqlalchemy', 'pyrage', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == b"set()\n"


def test_the_list_is_filtered_as_the_pages_are(shell: Shell) -> None:
    ids = [shell.hold(number, actor) for number, actor in enumerate(("anna", "ben", "Annika"))]

    def found(*words: str) -> list[str]:
        code, out, err = shell("list", "--format", "json", *words)
        assert (code, err) == (0, "")
        return [each["id"] for each in json.loads(out)]

    assert found("--actor", "ann*") == [ids[2], ids[0]]
    assert found("--actor", "ben", "--destination", "*.example", "--rule", "many customers") == [ids[1]]
    assert found("--limit", "2") == [ids[2], ids[1]]
    assert found("--older-than", "999999w") == []
    assert found("--newer-than", "999999w") == ids[::-1]
    assert found("--rule", "else") == []
    code, _, err = shell("list", "--older-than", "soon")
    assert code == 2
    assert "write an age as 30m, 36h, 7d or 2w" in err


def test_what_is_decided_and_opened_is_recorded(shell: Shell) -> None:
    held = shell.hold()
    shell("export", held, "--out", str(shell.folder / "out"), "--reviewer", "rita", "--reason", "to see")
    shell("deny", held, "--reviewer", "rita", "--reason", "not hers")
    with closing(open_ledger(settings.load(shell.folder))) as ledger:
        found = [(each.who, each.act, each.subject, each.reason) for each in acts.listed(ledger.database)]
    assert found == [("rita", "deny", held, "not hers"), ("rita", "open body", held, "to see")]


def test_where_it_takes_two_the_first_one_waits_and_nobody_is_somebody_else(shell: Shell) -> None:
    (shell.folder / "exfilter.toml").write_text("second_reviewer = true\n")
    held = shell.hold()
    code, _, err = shell("release", held, "--reviewer", "somebody", *WHY)
    assert code == 2
    assert "with second_reviewer it is the OS user" in err
    for name, said in (
        ("rita", "waits: another reviewer"),
        ("ben", "released: the same transfer passes once"),
    ):
        be(shell, name)
        code, out, _ = shell("release", held, "--reason", "agreed")
        assert (code, said in out) == (0, True)
    be(shell, "rita")
    other, file = shell.hold(1), shell.folder / "out"
    assert "waits: another reviewer" in shell("export", other, "--out", str(file))[1]
    assert not file.exists()
    assert "open asked for by os:rita" in shell("show", other)[1]
    assert shell("export", other, "--out", str(file))[0] == 2


def test_a_passphrase_is_read_from_a_file_and_opens_the_key(shell: Shell) -> None:
    held, word = shell.hold(), shell.folder / "word"
    word.write_text("a battery\n")
    word.chmod(0o600)
    assert shell("passphrase", "--passphrase-file", str(word))[0] == 0
    code, _, err = shell("export", held, "--out", str(shell.folder / "out"))
    assert code == 2
    assert "nobody is there to give it" in err
    assert shell("export", held, "--out", str(shell.folder / "out"), "--passphrase-file", str(word))[0] == 0
    assert (shell.folder / "out").read_bytes().startswith(BODY)
    word.chmod(0o644)
    assert shell("export", held, "--out", str(shell.folder / "more"), "--passphrase-file", str(word))[0] == 2


def test_one_key_alone_is_said_before_it_is_too_late(shell: Shell) -> None:
    public = (shell.folder / "reviewers.txt").read_text().splitlines()[1]
    (shell.folder / "reviewers.txt").write_text(f"{public}\n")
    code, out, err = shell("verify")
    assert (code, out) == (0, "0 transfers checked, all whole\n")
    assert "one private key alone opens what is held" in err
    safe = shell.folder / "safe.key"
    assert shell("add-recovery-key", str(safe))[0] == 0
    assert shell("verify") == (0, "0 transfers checked, all whole\n", "")
    held = shell.hold()
    assert shell("export", held, "--key", str(safe), "--out", str(shell.folder / "out"))[0] == 0


@pytest.mark.parametrize("word", ["release", "deny", "confirm"])
@pytest.mark.parametrize("given", [(), ("--reason", ""), ("--reason", " a b\t"[:2]), ("--reason", "ab")])
def test_nothing_is_decided_without_a_reason(shell: Shell, word: str, given: tuple[str, ...]) -> None:
    held = shell.hold()
    code, out, err = shell(word, held, *given)
    assert (code, out) == (2, "")
    assert "--reason" in err
    assert "held" in shell("list")[1]


@pytest.mark.parametrize("name", ["exfilter", " Exfilter", "exfilter\u200b", "\uff45xfilter"])
def test_nobody_decides_in_the_name_of_the_door(shell: Shell, name: str) -> None:
    code, _, err = shell("release", shell.hold(), "--reviewer", name, *WHY)
    assert code == 2
    assert "give your own with --reviewer" in err


def test_a_service_account_of_the_name_is_told_from_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    user = SimpleNamespace(pw_name="exfilter")
    monkeypatch.setattr("pwd.getpwuid", lambda _: user)
    assert os_user() == "exfilter (OS user)"
