"""Passwords: Argon2id as RFC 9106 recommends it where memory is scarce (64 MiB, 3 passes), by argon2-cffi."""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 1024
"""Characters. NIST SP 800-63B: length is what counts, and whole sentences are allowed."""

HASHER = PasswordHasher()


def checked(password: str, name: str) -> str:
    """Return a new password as it is hashed. Raises ValueError for one that is too easy, not quoting it."""
    spelt = _spelt(password)
    if not SHORTEST <= len(spelt) <= LONGEST:
        msg = f"a password has {SHORTEST} to {LONGEST} characters; a few words are easy to keep in mind"
        raise ValueError(msg)
    if len(set(spelt)) < SHORTEST // 2 or spelt.casefold() == name.casefold():
        msg = "this password is easily guessed: take a few words that have nothing to do with each other"
        raise ValueError(msg)
    return spelt


def hashed(password: str, name: str) -> str:
    """Return what is stored of a new password. Raises ValueError."""
    return HASHER.hash(checked(password, name))


def fits(stored: str, password: str) -> bool:
    """Whether it is the password. Where nothing is stored it takes as long, and is not."""
    spelt = _spelt(password)
    try:
        return HASHER.verify(stored or _nobody(), spelt[:LONGEST]) and bool(stored) and len(spelt) <= LONGEST
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether it was hashed with other parameters than now: the next log-in hashes it anew."""
    return HASHER.check_needs_rehash(stored)


def again(password: str) -> str:
    """Return the hash of a password that fits, whatever the rules for new ones are now."""
    return HASHER.hash(_spelt(password))


def _spelt(password: str) -> str:
    """Return one spelling: keyboards differ in how they compose letters."""
    return unicodedata.normalize("NFC", password)


@cache
def _nobody() -> str:
    return HASHER.hash(secrets.token_hex())
