"""Quarantine and audit log say the same, or ``exfilter audit verify`` tells where they do not."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path

import pytest

from exfilter import cli, settings
from exfilter.ledger import Entry, open_ledger
from exfilter.quarantine import Quarantine
from tests.cli.test_quarantine import Shell, shell
from tests.ledger.sending import Sent

__all__ = ["shell"]


def run(shell: Shell, *words: str) -> tuple[int, str, str]:
    shell.monkeypatch.setattr(sys, "argv", ["exfilter", *words, "--config", str(shell.folder)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    out, err = shell.capfd.readouterr()
    return int(left.value.code or 0), out, err


def held(shell: Shell, number: int = 0) -> str:
    """Hold a transfer as a door does: the audit log hears of it."""
    transfer_id = shell.hold(number)
    given = settings.load(shell.folder)
    with (
        contextlib.closing(open_ledger(given)) as ledger,
        Quarantine.open(given.quarantine) as quarantine,
    ):
        verdict = Sent(frozenset({1})).verdict
        ledger.kept(Entry(verdict), transfer_id, quarantine.fingerprint(transfer_id))
    return transfer_id


def alter(shell: Shell, statement: str) -> None:
    file = settings.load(shell.folder).quarantine / "quarantine.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as plain:
        plain.execute(statement)
        plain.commit()


def test_what_was_held_and_decided_is_in_both(shell: Shell) -> None:
    for number, wanted in enumerate(("release", "deny", "confirm")):
        run(shell, "quarantine", wanted, held(shell, number), "--reason", "as it is", "--reviewer", "eve")
    assert run(shell, "audit", "verify")[0] == 0


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE transfers SET actor = 'victor'", "is not what was held"),
        ("UPDATE transfers SET exhibits = '[]'", "is not what was held"),
        ("UPDATE transfers SET customers = 1", "is not what was held"),
        ("UPDATE moves SET reviewer = 'carol' WHERE state = 'denied'", "denied by carol is not in"),
        ("UPDATE transfers SET state = 'released'", "nobody decided that it is released"),
        ("UPDATE transfers SET redeemed = '2026'", "release was used up is not in"),
        (
            "UPDATE moves SET reviewer = char(27) || '[2J' WHERE state = 'denied'",
            r"denied by \x1b[2J is not in",
        ),
    ],
)
def test_what_was_changed_in_the_quarantine_is_named_and_not_exported(
    shell: Shell, tmp_path: Path, statement: str, told: str
) -> None:
    transfer_id = held(shell)
    run(shell, "quarantine", "deny", transfer_id, "--reason", "not hers", "--reviewer", "eve")
    alter(shell, statement)
    code, out, _ = run(shell, "audit", "verify")
    assert (code, told in out) == (2, True)
    export = tmp_path / "court.json"
    assert run(shell, "audit", "export", "--transfer", transfer_id, "--out", str(export))[0] == 2
    assert not export.exists()


def test_an_export_of_a_transfer_has_what_was_seen(shell: Shell, tmp_path: Path) -> None:
    transfer_id, other = held(shell), held(shell, 1)
    run(shell, "quarantine", "deny", transfer_id, "--reason", "not hers", "--reviewer", "eve")
    export = tmp_path / "court.json"
    assert run(shell, "audit", "export", "--transfer", transfer_id, "--out", str(export))[0] == 0
    assert run(shell, "audit", "verify", "--export", str(export))[0] == 0
    text = export.read_text()
    assert all(word in text for word in ('"deny"', '"hold"', '"exhibits"', "not hers"))
    assert other not in text


def test_what_was_held_before_there_was_an_audit_log_is_said(shell: Shell) -> None:
    shell.hold()
    code, _, err = run(shell, "audit", "verify")
    assert (code, "says nothing of 1 held transfer" in err) == (0, True)
