"""Keys of the reviewers: with a passphrase, and with a second one for the day when the first is lost."""

from __future__ import annotations

import stat
from pathlib import Path

import pyrage
import pytest

from exfilter import reviewers
from exfilter.quarantine import Quarantine, add_recovery_key, generate_reviewer_key
from exfilter.quarantine.keys import protect
from tests.test_quarantine import BODY, upload, verdict


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = (tmp_path / name for name in ("reviewer.key", "reviewers.txt"))
    generate_reviewer_key(*files, recovery=tmp_path / "recovery.key", passphrase="a battery")
    return tmp_path


def test_a_key_with_a_passphrase_opens_with_it_alone(folder: Path) -> None:
    key = folder / "reviewer.key"
    assert b"AGE-SECRET-KEY" not in key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    (secret,) = reviewers.identities(key, lambda: "a battery")
    assert str(secret.to_public()) in (folder / "reviewers.txt").read_text()
    with pytest.raises(ValueError, match="the passphrase does not open it") as caught:
        reviewers.identities(key, lambda: "a staple")
    assert "staple" not in str(caught.value)
    with pytest.raises(ValueError, match="nobody is there to give it"):
        reviewers.identities(key)


def test_the_recovery_key_opens_what_is_held_without_the_first_one(folder: Path) -> None:
    (folder / "reviewer.key").unlink()
    with Quarantine.open(folder / "q", folder / "reviewers.txt") as quarantine:
        held = quarantine.hold(upload(), verdict())
        quarantine.export(held, folder / "recovery.key", folder / "out")
    assert (folder / "out").read_bytes() == BODY


def test_a_recovery_key_can_be_made_later(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    with keys[1].open("a") as file:
        file.write("# no line end")
    add_recovery_key(tmp_path / "safe.key", keys[1])
    assert len(reviewers.recipients(keys[1])) == 2
    with Quarantine.open(tmp_path / "q", keys[1]) as quarantine:
        held = quarantine.hold(upload(), verdict())
        for number, key in enumerate((keys[0], tmp_path / "safe.key")):
            quarantine.export(held, key, tmp_path / f"out{number}")
    with pytest.raises(FileExistsError, match="not overwritten"):
        add_recovery_key(tmp_path / "safe.key", keys[1])


def test_a_plain_key_can_be_given_a_passphrase_once(keys: tuple[Path, Path]) -> None:
    (before,) = reviewers.identities(keys[0])
    protect(keys[0], "a battery")
    (after,) = reviewers.identities(keys[0], lambda: "a battery")
    assert str(before.to_public()) == str(after.to_public())
    with pytest.raises(ValueError, match="protects it already"):
        protect(keys[0], "another")


def test_a_key_in_the_armour_that_age_writes_opens_too(keys: tuple[Path, Path]) -> None:
    text = pyrage.passphrase.encrypt(keys[0].read_bytes(), "a battery", armored=True)
    assert reviewers.unlocked(text, "the key", lambda: "a battery")


def test_public_keys_that_are_gone_are_asked_back(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="restore it, what is held is sealed"):
        reviewers.recipients(tmp_path / "reviewers.txt")
