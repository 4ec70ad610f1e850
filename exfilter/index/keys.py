"""The index key: 32 random bytes that the index is worthless without.

Everything keyed is keyed by a sub-key for one purpose: HKDF-SHA256 (RFC 5869) with the purpose as
``info``. Who holds the key can enumerate all phone numbers against the index; who does not learns
nothing from it but its size.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from typing import TYPE_CHECKING, NoReturn

import pyrage  # type: ignore[import-untyped, unused-ignore]
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exfilter.model import Kind

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
ENVIRONMENT = "EXFILTER_INDEX_KEY"
"""Environment variable that takes the place of the key file. Base64."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO

TAGS = {kind: f"tag {kind.name.lower()}" for kind in Kind}
"""Purposes of the tags: a domain for each kind, so that tags of two kinds never meet."""
NAME_TOKEN = "name token"  # noqa: S105 - a purpose, not a secret
CUSTOMER_TAG = "customer tag"
CUSTOMER_IDS = "customer ids"
SHAPES = "shapes"
CANARIES = "canaries"
MANIFEST = "manifest mac"
CHECKED = "checked mac"
KEY_CHECK = "key check"
UPLOAD_PIECES = "upload pieces"
UPLOAD_NAMES = "upload names"
EXPOSURES = "exposures"
CONTENT = "content of a file"


class IndexKey:
    """The key. Shows itself nowhere, and cannot be pickled or copied."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        """Take 32 bytes. Raises ValueError for any other length."""
        if len(secret) != KEY_BYTES:
            msg = f"an index key has {KEY_BYTES} bytes, not {len(secret)}"
            raise ValueError(msg)
        self._secret = bytes(secret)

    def subkey(self, purpose: str, length: int = 16) -> bytes:
        """Return the key for one purpose, ``length`` bytes."""
        info = f"exfilter/1/{purpose}".encode()
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(self._secret)

    def __repr__(self) -> str:
        return "IndexKey(secret)"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        msg = "an index key is not pickled: load it where it is needed"
        raise TypeError(msg)


def load(path: Path) -> IndexKey:
    """Return the key from ``EXFILTER_INDEX_KEY``, else from the file.

    Raises ValueError for a key that is not 32 bytes in base64, PermissionError for a file that
    others can read.
    """
    text = os.environ.get(ENVIRONMENT, "")
    if text:
        return _decode(text, f"the environment variable {ENVIRONMENT}")
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & OTHERS:
                msg = f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}): run `chmod 600 {path}`"
                raise PermissionError(msg)
            content = file.read(4 * KEY_BYTES)
    except FileNotFoundError:
        msg = f"there is no index key in {path}: run `exfilter init DIR` first, or set {ENVIRONMENT}"
        raise FileNotFoundError(msg) from None
    return _decode(content.decode("ascii", "replace"), str(path))


def seal(key: IndexKey, recipient: pyrage.x25519.Recipient) -> bytes:
    """Return the key, encrypted to another process of ours: no other can read it on the way."""
    return bytes(pyrage.encrypt(key._secret, [recipient]))  # noqa: SLF001 - the one way out, and sealed


def unseal(data: bytes, identity: pyrage.x25519.Identity) -> IndexKey:
    """Return the key that was sealed to this process. Raises ValueError for anything else."""
    try:
        return IndexKey(pyrage.decrypt(data, [identity]))
    except pyrage.DecryptError:
        msg = "the index key was sealed to another process"
        raise ValueError(msg) from None


def _decode(text: str, source: str) -> IndexKey:
    try:
        return IndexKey(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError):
        pass
    # Outside the handler: the cause would carry what was read.
    msg = (
        f"{source} holds no index key ({KEY_BYTES} bytes in base64): restore it from a backup, or start over"
    )
    raise ValueError(msg)


def generate(path: Path) -> IndexKey:
    """Make a key and write it to a new file, mode 0600. Raises FileExistsError."""
    secret = secrets.token_bytes(KEY_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secret) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return IndexKey(secret)
