"""Writes encrypted archives, with libraries that do not read them here."""

from __future__ import annotations

import io
import struct
import zlib

import py7zr
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from tests.content.test_zips import entry, listed

_SALT = b"salt of 16 bytes"


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _traditional(data: bytes, password: bytes, check: int) -> bytes:
    """Encrypt as PKZIP 2 did (APPNOTE.TXT, section 6.1)."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def mix(byte: int) -> None:
        keys[0] = zlib.crc32(bytes([byte]), keys[0] ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = zlib.crc32(bytes([keys[1] >> 24]), keys[2] ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    for byte in password:
        mix(byte)
    out = bytearray()
    for byte in bytes(11) + bytes([check]) + data:
        word = keys[2] & 0xFFFF | 2
        out.append(byte ^ (word * (word ^ 1) >> 8 & 0xFF))
        mix(byte)
    return bytes(out)


def zipcrypto(name: bytes, data: bytes, password: str, *, followed: bool = False) -> bytes:
    """Return a zip file of one entry. `followed`: sizes stand behind the data, as Info-ZIP writes them."""
    method, crc = 8, zlib.crc32(data)
    packed = _traditional(_deflated(data), password.encode(), 0 if followed else crc >> 24)
    flags = 9 if followed else 1
    local = entry(name, data, method, packed, flags)
    body = listed(local)
    if not followed:
        return body
    descriptor = struct.pack("<4s3L", b"PK\x07\x08", crc, len(packed), len(data))
    cut = body.find(b"PK\x01\x02")
    blank = body[:14] + bytes(12) + body[26:cut]
    end = bytearray(body[cut:])
    struct.pack_into("<L", end, len(end) - 6, cut + len(descriptor))
    return blank + descriptor + bytes(end)


def winzip(name: bytes, data: bytes, password: str) -> bytes:
    """Return a zip file of one entry in AES-256 (AE-2, of winzip.com/en/support/aes-encryption)."""
    keys = PBKDF2HMAC(hashes.SHA1(), 66, _SALT, 1000).derive(password.encode())
    plain = _deflated(data)
    counters = b"".join(number.to_bytes(16, "little") for number in range(1, len(plain) // 16 + 2))
    stream = Cipher(AES(keys[:32]), ECB()).encryptor().update(counters)
    secret = bytes(a ^ b for a, b in zip(plain, stream, strict=False))
    seal = hmac.HMAC(keys[32:64], hashes.SHA1())
    seal.update(secret)
    packed = _SALT + keys[64:] + secret + seal.finalize()[:10]
    extra = struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", 3, 8)
    local = bytearray(entry(name, data, 99, packed, 1, extra))
    local[14:18] = bytes(4)  # no sum
    return listed(bytes(local))


def sevenzip(files: dict[str, bytes], password: str, *, names: bool = False) -> bytes:
    """Return a 7z file. `names`: they are encrypted too."""
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", password=password, header_encryption=names) as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return out.getvalue()
