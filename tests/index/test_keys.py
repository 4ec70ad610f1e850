"""The index key shows itself nowhere and is refused where it may have been seen."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import pickle
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from exfilter.index import keys
from exfilter.index.keys import IndexKey

SECRET = bytes(range(32))
TEXT = base64.b64encode(SECRET).decode()


def test_sub_keys_are_those_of_rfc_5869() -> None:

    extracted = hmac.digest(bytes(32), SECRET, hashlib.sha256)
    expected = hmac.digest(extracted, b"exfilter/1/tag email\x01", hashlib.sha256)
    assert IndexKey(SECRET).subkey("tag email", 32) == expected


def test_sub_keys_of_two_purposes_differ() -> None:
    purposes = [*keys.TAGS.values(), keys.NAME_TOKEN, keys.CUSTOMER_TAG, keys.CUSTOMER_IDS, keys.MANIFEST]
    assert len({IndexKey(SECRET).subkey(purpose) for purpose in purposes}) == len(purposes)


def test_a_key_does_not_show_itself() -> None:
    key = IndexKey(SECRET)
    for shown in (repr(key), str(key), f"{key}", f"{[key]}"):
        assert shown.strip("[]") == "IndexKey(secret)"


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_key_is_not_copied(copying: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        copying(IndexKey(SECRET))


def test_a_generated_key_is_loaded_again(tmp_path: Path) -> None:
    made = keys.generate(tmp_path / "index.key")
    assert keys.load(tmp_path / "index.key").subkey("x") == made.subkey("x")
    assert stat.S_IMODE((tmp_path / "index.key").stat().st_mode) == 0o600


def test_generating_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "index.key").write_text("precious")
    with pytest.raises(FileExistsError):
        keys.generate(tmp_path / "index.key")
    assert (tmp_path / "index.key").read_text() == "precious"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "index.key"
    keys.generate(file)
    file.chmod(mode)
    with pytest.raises(PermissionError, match="chmod 600"):
        keys.load(file)


@pytest.mark.parametrize("content", ["", "no base64!", TEXT[:-4], TEXT + "AAAA", "é" * 44, TEXT * 9])
def test_what_is_no_key_is_refused_without_being_quoted(tmp_path: Path, content: str) -> None:
    file = tmp_path / "index.key"
    file.write_text(content, "utf-8")
    file.chmod(0o600)
    with pytest.raises(ValueError, match="holds no index key") as refused:
        keys.load(file)
    assert not content or content not in str(refused.value)
    assert refused.value.__context__ is None


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="exfilter init"):
        keys.load(tmp_path / "index.key")


def test_the_environment_takes_the_place_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.ENVIRONMENT, TEXT + "\n")
    assert keys.load(tmp_path / "none").subkey("x") == IndexKey(SECRET).subkey("x")
    monkeypatch.setenv(keys.ENVIRONMENT, "AAAA")
    with pytest.raises(ValueError, match=keys.ENVIRONMENT):
        keys.load(tmp_path / "none")
