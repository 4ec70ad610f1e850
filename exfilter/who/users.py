"""The users of a proxy: an htpasswd file with bcrypt (``htpasswd -B``) or SHA1 passwords."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from types import MappingProxyType
from typing import TYPE_CHECKING

import bcrypt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Users = MappingProxyType[str, str]
"""Name -> stored hash."""

BCRYPT_READS = 72
"""Bytes of a password that bcrypt looks at; the library refuses longer ones instead of cutting them."""
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_SHA1 = "{SHA}"
_SHA1_LINE = re.compile(r"\{SHA\}[A-Za-z0-9+/]{27}=")


def read(file: Path) -> Users:
    """Read the file. Raises ValueError with the line, never with its text: it is a password's hash."""
    found: dict[str, str] = {}
    try:
        lines = file.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        msg = f"{file}: not UTF-8; save the file as UTF-8"
        raise ValueError(msg) from None
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        user, _, stored = line.partition(":")
        stored = stored.partition(":")[0]
        if not user or not (_BCRYPT.fullmatch(stored) or _SHA1_LINE.fullmatch(stored)):
            msg = f"{file}:{number}: no user with a bcrypt or SHA1 password; make the line with `htpasswd -B`"
            raise ValueError(msg)
        found[user] = stored
    return MappingProxyType(found)


def fits(users: Mapping[str, str], user: str, password: str) -> bool:
    """Whether it is that user's password. Slow on purpose.

    A name that nobody has takes as long as a wrong password: time does not tell who is a user.
    """
    stored = users.get(user)
    decoy = next(iter(users.values()), "")
    return _fits(stored or decoy, password.encode()) and stored is not None


def _fits(stored: str, password: bytes) -> bool:
    if stored.startswith(_SHA1):
        digest = base64.b64encode(hashlib.sha1(password, usedforsecurity=False).digest())
        return hmac.compare_digest(stored.removeprefix(_SHA1).encode(), digest)
    return bool(stored) and bcrypt.checkpw(password[:BCRYPT_READS], stored.encode())
