"""What is encrypted, by its first bytes."""

from __future__ import annotations

import re

from exfilter.content import packets

_BITLOCKER = b"-FVE-FS-"
_MAGICS = (
    ("age", b"age-encryption.org/v1\n", 0),
    ("luks", b"LUKS\xba\xbe", 0),
    ("luks", b"SKUL\xba\xbe", 0),
    ("bitlocker", _BITLOCKER, 3),
    ("keepass", b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", 0),
    ("keepass", b"\x03\xd9\xa2\x9a\x65\xfb\x4b\xb5", 0),
    ("git-crypt", b"\x00GITCRYPT\x00", 0),
    ("rclone", b"RCLONE\x00\x00", 0),
    ("aescrypt", b"AES\x01\x00", 0),
    ("aescrypt", b"AES\x02\x00", 0),
    ("aescrypt", b"AES\x03\x00", 0),
    ("axcrypt", b"\xc0\xb9\x07\x2e\x4f\x93\xf1\x46\xa0\x15\x79\x2c\xa1\xd9\xe8\x21", 0),
    ("disk image", b"encrcdsa\x00", 0),
    ("ansible-vault", b"$ANSIBLE_VAULT;", 0),
)
_FIRSTS = frozenset(magic[:1] for _, magic, _ in _MAGICS)
_SALTED = re.compile(rb"Salted__(?=.{8}.{16})(?=[ -~]{0,31}[^ -~])", re.DOTALL)
"""What ``openssl enc`` writes: eight bytes of salt, and blocks of at least 16 bytes."""
_TOKEN = re.compile(rb"eyJ[\w-]{10,2000}\.[\w-]{0,4000}\.[\w-]{8,64}\.[\w-]{16,}(?:\.[\w-]{10,100}\s*)?\Z")
"""JSON Web Encryption in its compact form (RFC 7516, section 7.1): five pieces, the fourth is the text."""
_ENVELOPES = tuple(
    bytes([6, len(oid)]) + oid
    for oid in (
        bytes.fromhex("2a864886f70d010703"),  # enveloped-data (RFC 5652, section 6)
        bytes.fromhex("2a864886f70d010706"),  # encrypted-data; PKCS #12 holds it
        bytes.fromhex("2a864886f70d0109100117"),  # authenticated-enveloped-data (RFC 5083)
    )
)
SIGNED = bytes.fromhex("06092a864886f70d010702")
"""The object identifier of signed-data, as it stands in DER."""
_OUTER = 64
ENCRYPTED = frozenset({*(name for name, _, _ in _MAGICS), "openssl", "jwe", "cms enveloped"})
"""Names of formats that are always encrypted."""
_HEAD = 1 << 16
_LEAST = 64
"""Bytes of the shortest message in OpenPGP that hides anything."""


def kind(head: bytes) -> str:
    """Return the name of an encrypted format, or of one that may hold encrypted data; or nothing."""
    first = head[:1]
    if first in _FIRSTS or head.startswith(_BITLOCKER, 3):
        name = next((name for name, magic, offset in _MAGICS if head.startswith(magic, offset)), "")
        if name:
            return name
    if first == b"\x30":
        return _cms(head[:_OUTER])
    if first == b"S" and _SALTED.match(head):
        return "openssl"
    if first == b"e" and _TOKEN.match(head):
        return "jwe"
    if first >= b"\x80" and len(head) >= _LEAST and packets.begins(head, len(head) < _HEAD):
        return "pgp"
    return ""


def _cms(start: bytes) -> str:
    """Return what a message in the syntax of CMS is, by the first object identifiers in it."""
    if any(oid in start for oid in _ENVELOPES):
        return "cms enveloped"
    return "cms signed" if SIGNED in start[:24] else ""
