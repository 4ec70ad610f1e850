"""``exfilter init`` makes a folder that works, and overwrites nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner

from exfilter import policy, reviewers, settings
from exfilter.cli import app
from exfilter.cli.init import FILES, make
from exfilter.index import keys


def test_all_of_it_can_be_loaded(tmp_path: Path) -> None:
    make(tmp_path / "new" / "folder")
    found = settings.load(tmp_path / "new" / "folder")
    keys.load(found.index_key)
    assert policy.load(found.policy).digest
    identity = pyrage.x25519.Identity.from_str(found.reviewer_key.read_text().split()[-1])
    assert str(identity.to_public()) in found.reviewers.read_text().split()


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert {file.name for file in (tmp_path / "new").iterdir()} == set(FILES)
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()} == {0o600}


@pytest.mark.parametrize("name", FILES)
def test_what_exists_is_kept_and_nothing_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(FileExistsError, match=f"has {name} already: nothing was written"):
        make(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "index.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        make(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_two_folders_have_different_keys(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make(tmp_path / name)
    assert (tmp_path / "one/index.key").read_text() != (tmp_path / "two/index.key").read_text()


def test_it_says_what_comes_next_and_shows_no_key(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["init", str(tmp_path / "new")])
    assert run.exit_code == 0
    assert f"exfilter index build CUSTOMERS --config {tmp_path / 'new'}" in run.stdout
    for secret in ("index.key", "reviewer.key"):
        assert (tmp_path / "new" / secret).read_text().split()[-1] not in run.output


def test_a_recovery_key_opens_as_well_and_is_to_be_moved_away(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["init", str(tmp_path / "new")])
    assert "Move recovery.key offline now" in run.stdout
    assert "no passphrase protects reviewer.key" in run.stderr
    (recovery,) = reviewers.identities(tmp_path / "new" / "recovery.key")
    assert str(recovery.to_public()) in (tmp_path / "new" / "reviewers.txt").read_text().split()
    assert len(reviewers.recipients(tmp_path / "new" / "reviewers.txt")) == 2


def test_a_passphrase_of_a_file_protects_the_private_key(tmp_path: Path) -> None:
    word = tmp_path / "word"
    word.write_text("a battery\n")
    word.chmod(0o600)
    run = CliRunner().invoke(app, ["init", str(tmp_path / "new"), "--passphrase-file", str(word)])
    assert (run.exit_code, run.stderr) == (0, "")
    assert reviewers.identities(tmp_path / "new" / "reviewer.key", lambda: "a battery")
    assert b"AGE-SECRET-KEY" not in (tmp_path / "new" / "reviewer.key").read_bytes()
    assert "a battery" not in run.output


def test_an_empty_passphrase_file_makes_nothing(tmp_path: Path) -> None:
    word = tmp_path / "word"
    word.touch(0o600)
    run = CliRunner().invoke(app, ["init", str(tmp_path / "new"), "--passphrase-file", str(word)])
    assert run.exit_code != 0
    assert not (tmp_path / "new").exists()
