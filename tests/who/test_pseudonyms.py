"""A pseudonym is the same for the same actor, and its key is made once and read by its owner alone."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.who.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Pseudonyms:
    return Pseudonyms(tmp_path_factory.mktemp("key") / "pseudonym.key")


@given(name=st.text(min_size=1), other=st.text(min_size=1))
def test_same_for_the_same_and_other_for_others(called: Pseudonyms, name: str, other: str) -> None:
    assert called(name) == called(name)
    assert (called(name) == called(other)) is (name == other)
    assert called(name).startswith("p-")
    assert len(called(name)) == 18


def test_nobody_stays_nobody(called: Pseudonyms) -> None:
    assert called("") == ""


def test_the_key_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "pseudonym.key"
    first = Pseudonyms(file)("anna")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Pseudonyms(file)("anna") == first
    file.unlink()
    assert Pseudonyms(file)("anna") != first


def test_a_key_that_others_can_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pseudonym.key"
    Pseudonyms(file)
    file.chmod(0o640)
    with pytest.raises(PermissionError, match="chmod 600"):
        Pseudonyms(file)
    file.chmod(0o600)
    file.write_bytes(b"short")
    with pytest.raises(ValueError, match="restore"):
        Pseudonyms(file)
