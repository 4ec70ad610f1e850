"""An htpasswd file is taken whole or not at all, and an error never shows what is in it."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.who import users

if TYPE_CHECKING:
    from pathlib import Path


def bcrypted(password: str, prefix: str = "$2y$") -> str:
    made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    return prefix + made.removeprefix("$2b$")


def sha1(password: str) -> str:
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()


def test_the_kinds_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "users"
    lines = [f"{user}:{stored}" for user, stored in (("anna", bcrypted("a:b")), ("ben", sha1("x")))]
    file.write_text("# users\n\n" + "\r\n".join(lines) + "\n")
    found = users.read(file)
    assert list(found) == ["anna", "ben"]
    assert users.fits(found, "anna", "a:b")
    assert users.fits(found, "ben", "x")
    assert not users.fits(found, "ben", "a:b")


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_every_spelling_of_bcrypt_is_read(prefix: str) -> None:
    assert users.fits({"anna": bcrypted("secret", prefix)}, "anna", "secret")


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=40), st.booleans())
def test_only_the_password_fits(password: str, of_sha1: bool) -> None:  # noqa: FBT001 - hypothesis
    known = {"anna": sha1(password) if of_sha1 else bcrypted(password)}
    assert users.fits(known, "anna", password)
    assert not users.fits(known, "anna", "!" + password)
    assert not users.fits(known, "boris", password)
    assert not users.fits({}, "anna", password)


def test_a_long_password_is_cut_as_htpasswd_cuts_it() -> None:
    known = {"anna": bcrypted("ä" * 100)}
    assert users.fits(known, "anna", "ä" * 100)
    assert not users.fits(known, "anna", "ä" * 30)


@pytest.mark.parametrize(
    "line",
    [
        "anna",
        "anna:",
        ":{SHA}" + "A" * 27 + "=",
        "anna:secret",
        "anna:$apr1$x$y",
        "anna:{SHA}short",
        "anna:$2y$99$",
    ],
)
def test_a_line_that_is_none_is_named_and_not_shown(tmp_path: Path, line: str) -> None:
    file = tmp_path / "users"
    file.write_text(f"ben:{bcrypted('x')}\n{line}\n")
    with pytest.raises(ValueError, match=r"users:2: .*htpasswd -B") as refused:
        users.read(file)
    assert line not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "users").write_bytes(b"j\xf6rg:x\n")
    with pytest.raises(ValueError, match="UTF-8"):
        users.read(tmp_path / "users")
