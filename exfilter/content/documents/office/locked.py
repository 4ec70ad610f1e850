"""Members of open documents that are encrypted with a password (ODF 1.3 part 2, section 3.4).

LibreOffice from 24.8 on encrypts the whole package as one member, with Argon2id and AES-GCM (OFFICE-4153,
accepted for ODF 1.5); older ones each member, with PBKDF2 and AES-CBC; OpenOffice with Blowfish.
"""

from __future__ import annotations

import binascii
import hashlib
import time
import zlib
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from exfilter.content.documents.office.manifest import Lock
from exfilter.content.machines import Zlib

LARGEST = 40 << 20
"""Bytes of a member that is decrypted."""
_SECONDS = 8
"""Of CPU that passwords are tried for in one document."""
_MEMORY, _PASSES, _ROUNDS = 1 << 17, 16, 1 << 18
"""The most that a key may cost: KiB of memory and passes over it (Argon2), rounds (PBKDF2)."""
_VECTOR, _BLOCK, _CHECKED, _STEP = 12, 16, 1024, 1 << 16
_FAILURES = (ValueError, LookupError, InvalidTag, UnsupportedAlgorithm, zlib.error, MemoryError)


class Passwords:
    """Tries passwords on the members of one document; the one that has opened one goes first."""

    def __init__(self, words: tuple[str, ...]) -> None:
        """Begin with no time spent."""
        self._words = list(words)
        self._end = time.process_time() + _SECONDS

    def opened(self, data: bytes, lock: Lock) -> Iterator[bytes] | None:
        """Return the member as it was; None: no password opens it."""
        for word in list(self._words):
            if time.process_time() > self._end:
                break
            try:
                plain = _plain(data, lock, word)
            except _FAILURES:
                continue
            self._words.remove(word)
            self._words.insert(0, word)
            return _inflated(plain)
        return None


def _plain(data: bytes, lock: Lock, password: str) -> bytes:
    """Return what was encrypted, still compressed. Raises one of _FAILURES where the password is wrong."""
    key = _key(lock, password)
    name, vector = lock["algorithm-name"], _bytes(lock, "initialisation-vector")
    if name.endswith("-gcm"):
        return AESGCM(key).decrypt(vector, data[_VECTOR:], None)
    if name.endswith("-cbc"):
        machine = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
        plain = machine.update(data) + machine.finalize()
        plain = plain[: -plain[-1]] if 0 < plain[-1] <= _BLOCK else plain
    else:
        machine = Cipher(Blowfish(key), modes.CFB(vector)).decryptor()
        plain = machine.update(data) + machine.finalize()
    _check(plain, lock)
    return plain


def _check(plain: bytes, lock: Lock) -> None:
    kind = lock["checksum-type"].lower()
    start = plain[:_CHECKED] if kind.endswith("1k") else plain
    sum_ = hashlib.sha256(start) if "sha256" in kind else hashlib.sha1(start, usedforsecurity=False)
    if sum_.digest() != _bytes(lock, "checksum"):
        raise ValueError


def _key(lock: Lock, password: str) -> bytes:
    word = password.encode("utf-8", "surrogateescape")
    strong = lock.get("start-key-generation-name", "").endswith("sha256")
    start = hashlib.sha256(word) if strong else hashlib.sha1(word, usedforsecurity=False)
    salt, size = _bytes(lock, "salt"), _number(lock, "key-derivation key-size", 64)
    if lock["key-derivation-name"].endswith("argon2id"):
        memory, passes, lanes = (
            _number(lock, f"argon2-{name}", most)
            for name, most in (("memory", _MEMORY), ("iterations", _PASSES), ("lanes", _PASSES))
        )
        machine = Argon2id(salt=salt, length=size, iterations=passes, lanes=lanes, memory_cost=memory)
        return machine.derive(start.digest())
    return hashlib.pbkdf2_hmac("sha1", start.digest(), salt, _number(lock, "iteration-count", _ROUNDS), size)


def _number(lock: Lock, name: str, most: int) -> int:
    value = int(lock.get(name) or 16)
    if value > most:
        raise ValueError
    return value


def _bytes(lock: Lock, name: str) -> bytes:
    return binascii.a2b_base64(lock[name])


def _inflated(data: bytes) -> Iterator[bytes]:
    machine = Zlib(-zlib.MAX_WBITS)
    for start in range(0, len(data), _STEP):
        yield machine.feed(data[start : start + _STEP])
        while machine.pending:
            yield machine.feed(b"")
    if not machine.finished:
        raise EOFError
