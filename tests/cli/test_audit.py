"""``exfilter audit``, through the command line as it is."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa

from exfilter import settings
from exfilter.ledger import acts, open_ledger
from exfilter.ledger.tables import acts as table
from tests.cli.test_suspend import WHY, Shell, shell

__all__ = ["shell"]


def altered(folder: Path, statement: sa.Update | sa.Delete) -> None:
    ledger = open_ledger(settings.load(folder))
    with ledger.database.transaction(writes=True) as connection:
        connection.execute(statement)
    ledger.close()


def test_what_people_did_is_listed_signed_and_verified(shell: Shell, tmp_path: Path) -> None:
    assert shell("audit", "verify") == (0, "0 entries, signed up to entry 0: whole\n", "")
    assert shell("audit", "checkpoint")[2] == "the audit log is empty: there is nothing to sign\n"
    shell("suspend", "add", "anna", *WHY)
    shell("suspend", "lift", "anna", *WHY)
    found = json.loads(shell("audit", "list", "--format", "json")[1])
    assert [each["act"] for each in found] == ["lift", "suspend"]
    assert "talked to her" in shell("audit", "list", "--act", "lift")[1]
    code, out, err = shell("audit", "verify")
    assert (code, out) == (0, "2 entries, signed up to entry 0: whole\n")
    assert "exfilter audit checkpoint" in err
    point = shell("audit", "checkpoint")[1]
    assert shell("audit", "checkpoint")[1] == point
    (tmp_path / "kept.jsonl").write_text(point)
    told = shell("audit", "verify", "--against", str(tmp_path / "kept.jsonl"))
    assert told == (0, "2 entries, signed up to entry 2: whole\n", "")


def test_the_first_changed_entry_is_named(shell: Shell) -> None:
    for actor in ("anna", "ben", "cleo"):
        shell("suspend", "add", actor, *WHY)
    altered(shell.folder, sa.update(table).where(table.c.number == 2).values(who="somebody else"))
    code, out, _ = shell("audit", "verify")
    assert (code, out.partition(":")[0]) == (2, "NOT whole")
    assert "entry 2 is altered" in out
    altered(shell.folder, sa.delete(table).where(table.c.number == 2))
    assert "entry 3 is missing: nothing is left between entry 1 and it" in shell("audit", "verify")[1]


def test_a_log_that_was_made_anew_contradicts_what_was_kept_elsewhere(shell: Shell, tmp_path: Path) -> None:
    shell("suspend", "add", "anna", *WHY)
    (tmp_path / "kept.jsonl").write_text(shell("audit", "checkpoint")[1])
    (shell.folder / "ledger.sqlite").unlink()
    shell("suspend", "add", "ben", *WHY)
    # What lies beside the key says so too; then somebody takes that away as well.
    assert shell("audit", "verify")[0] == 2
    assert shell("audit", "checkpoint")[0] == 2
    (shell.folder / "audit.key.last").unlink()
    assert shell("audit", "verify")[0] == 0
    code, out, _ = shell("audit", "verify", "--against", str(tmp_path / "kept.jsonl"))
    assert (code, "a signed checkpoint says that it was another" in out) == (2, True)
    (tmp_path / "kept.jsonl").write_text("nonsense\n")
    code, _, err = shell("audit", "verify", "--against", str(tmp_path / "kept.jsonl"))
    assert (code, "kept.jsonl:1: not a checkpoint" in err) == (2, True)


def test_an_export_is_verified_without_the_log(shell: Shell, tmp_path: Path) -> None:
    shell("suspend", "add", "anna", *WHY)
    ledger = open_ledger(settings.load(shell.folder))
    acts.record(ledger, "mallory", acts.TIDY, ["no business of a court"], "")
    ledger.close()
    out = tmp_path / "court.json"
    code, told, _ = shell("audit", "export", "--out", str(out), "--who", "eve")
    assert (code, told.startswith("1 entry written")) == (0, True)
    assert "no business" not in out.read_text()
    assert out.stat().st_mode & 0o077 == 0
    assert shell("audit", "verify", "--export", str(out))[0] == 0
    out.chmod(0o600)
    out.write_text(out.read_text().replace("talked to her", "talked to him"))
    assert shell("audit", "verify", "--export", str(out))[0] == 2
    assert shell("audit", "export", "--out", str(out))[0] == 2  # nothing is overwritten


def test_an_unknown_transfer_is_not_exported(shell: Shell, tmp_path: Path) -> None:
    code, _, err = shell("audit", "export", "--out", str(tmp_path / "x.json"), "--transfer", "t-none")
    assert (code, "there is no transfer t-none" in err) == (2, True)
    assert not (tmp_path / "x.json").exists()
