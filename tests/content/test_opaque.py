"""What is encrypted or means nothing to anybody: it is reported with its size, whatever is around it."""

from __future__ import annotations

import base64
import bz2
import datetime as dt
import json
import random
import struct
import textwrap
import zlib
from collections.abc import Callable

import pyrage
import pytest
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import NameOID

from exfilter.content import sealed
from exfilter.model import Reason, Unscanned
from tests.content.reading import items, texts

CHANCE = random.Random(11)
NOISE = CHANCE.randbytes(20_000)
TABLE = "".join(f"Ann Smith{number},ann{number}@example.com\n" for number in range(40))
ENCRYPTED, OPAQUE = Reason.ENCRYPTED, Reason.OPAQUE


def unread(body: bytes) -> list[tuple[Reason, int]]:
    return [(item.reason, item.bytes) for item in items(body) if isinstance(item, Unscanned)]


def sized(body: bytes) -> bytes:
    size = len(body)
    if size < 192:
        return bytes([size]) + body
    if size < 8384:
        return struct.pack(">H", size - 192 + 0xC000) + body
    return b"\xff" + struct.pack(">I", size) + body


def packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag]) + sized(body)


def old_packet(tag: int, body: bytes, *, endless: bool = False) -> bytes:
    first = 0x80 | tag << 2
    return bytes([first | 3]) + body if endless else bytes([first | 1]) + struct.pack(">H", len(body)) + body


def in_pieces(tag: int, body: bytes) -> bytes:
    pieces = [body[at : at + 512] for at in range(0, len(body) // 512 * 512, 512)]
    last = body[len(pieces) * 512 :]
    return bytes([0xC0 | tag]) + b"".join(b"\xe9" + piece for piece in pieces) + sized(last)


def armour(data: bytes, kind: str = "MESSAGE") -> bytes:
    lines = "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 64))
    return f"-----BEGIN PGP {kind}-----\nComment: none\n\n{lines}\n=olY7\n-----END PGP {kind}-----\n".encode()


TO_KEY = packet(1, b"\x03" + NOISE[:8] + b"\x01\x08\x00" + NOISE[:256])
TO_PASSWORD = packet(3, b"\x04\x09\x03\x08" + NOISE[:8] + b"\x60")
SEALED = packet(18, b"\x01" + NOISE[:3000])
SIGNED = packet(2, b"\x04\x00\x01\x08" + b"\x00\x06" + NOISE[:300])
LITERAL = packet(11, b"b\x08list.csv\x60\x00\x00\x00" + TABLE.encode())
KEY = b"".join(
    [
        packet(6, b"\x04\x60\x00\x00\x00\x01\x08\x00" + NOISE[:260]),
        packet(13, "Zoë Ann <zoe@example.com>".encode()),
        packet(2, b"\x04\x13\x01\x08\x00\x06" + NOISE[:280]),
        packet(14, b"\x04\x60\x00\x00\x00\x01\x08\x00" + NOISE[:260]),
        packet(2, b"\x04\x18\x01\x08\x00\x06" + NOISE[:280]),
    ]
)
MESSAGES = {
    "key": TO_KEY + SEALED,
    "keys": TO_KEY * 3 + SEALED,
    "password": TO_PASSWORD + SEALED,
    "old": old_packet(1, TO_KEY[3:]) + old_packet(9, NOISE[:500]),
    "in pieces": TO_KEY + in_pieces(18, b"\x01" + NOISE[:3000]),
    "aead": TO_KEY + packet(20, b"\x01\x09\x02\x10" + NOISE[:500]),
    "version 2": TO_KEY + packet(18, b"\x02\x09\x02\x06" + NOISE[:500]),
    "without a key": SEALED,
    "long": TO_KEY + packet(18, b"\x01" + NOISE * 10),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_encrypted_messages_are_encrypted(name: str) -> None:
    body = MESSAGES[name]
    assert unread(body) == [(ENCRYPTED, len(body))]


@pytest.mark.parametrize("name", MESSAGES)
def test_armoured_messages_are_encrypted_with_the_bytes_that_are(name: str) -> None:
    body = b"Dear Bo,\nsee below.\n\n" + armour(MESSAGES[name]) + b"\nAnn\n"
    assert unread(body) == [(ENCRYPTED, len(MESSAGES[name]))]


def test_a_small_secret_in_json_is_encrypted() -> None:
    small = TO_KEY + packet(18, b"\x01" + NOISE[:90])
    assert unread(json.dumps({"note": armour(small).decode()}).encode()) == [(ENCRYPTED, len(small))]


PLAIN = {
    "literal": LITERAL,
    "signed": packet(4, b"\x03\x00\x08\x01" + NOISE[:8] + b"\x01") + LITERAL + SIGNED,
    "zip": packet(8, b"\x01" + zlib.compress(LITERAL, wbits=-15)),
    "zlib": packet(8, b"\x02" + zlib.compress(LITERAL)),
    "bzip2": packet(8, b"\x03" + bz2.compress(LITERAL)),
    "old zip": old_packet(8, b"\x01" + zlib.compress(LITERAL, wbits=-15), endless=True),
    "pieces": in_pieces(11, LITERAL[3:]),
    "twice": packet(8, b"\x02" + zlib.compress(packet(8, b"\x02" + zlib.compress(LITERAL)))),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("armoured", [False, True])
def test_messages_that_are_not_encrypted_are_read(name: str, armoured: bool) -> None:  # noqa: FBT001
    body = armour(PLAIN[name]) if armoured else PLAIN[name]
    assert any(text == TABLE for text in texts(body).values())
    assert unread(body) == []


@pytest.mark.parametrize(
    "body", [KEY, armour(KEY, "PUBLIC KEY BLOCK"), b"Hi\n" + armour(SIGNED, "SIGNATURE")]
)
def test_keys_and_signatures_hide_nothing(body: bytes) -> None:
    assert unread(body) == []
    assert body[:1] == b"H" or any("Zoë Ann <zoe@example.com>" in text for text in texts(body).values())


def test_a_key_ring_that_is_far_too_big_is_opaque() -> None:
    body = KEY + packet(2, b"\x04\x18\x01\x08\x00\x06" + NOISE * 5)
    ((reason, size),) = unread(body)
    assert reason is OPAQUE
    assert size > len(NOISE) * 5


@pytest.mark.parametrize("cut", [1, 5, 100, 260, 300, 1000])
def test_messages_that_are_cut_are_still_reported(cut: int) -> None:
    assert unread((TO_KEY + SEALED)[:-cut]) != []


def identity() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ann")])
    day = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = made.serial_number(7).not_valid_before(day).not_valid_after(day + dt.timedelta(9999))
    return key, dated.sign(key, hashes.SHA256())


SECRET, CERTIFICATE = identity()


def test_enveloped_mail_is_encrypted() -> None:
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(TABLE.encode()).add_recipient(CERTIFICATE)
    body = builder.encrypt(serialization.Encoding.DER, [])
    assert unread(body) == [(ENCRYPTED, len(body))]
    mail = builder.encrypt(serialization.Encoding.SMIME, [])
    assert {reason for reason, _ in unread(b"From: a@example.com\nTo: b@example.com\n" + mail)} == {ENCRYPTED}
    pem = builder.encrypt(serialization.Encoding.PEM, [])
    assert unread(pem) == [(ENCRYPTED, len(body))]


@pytest.mark.parametrize("detached", [False, True])
def test_signed_data_is_read(detached: bool) -> None:  # noqa: FBT001
    head = b"Content-Transfer-Encoding: base64\r\nMIME-Version: 1.0\r\n\r\n"
    inner = head + base64.encodebytes(TABLE.encode())
    builder = pkcs7.PKCS7SignatureBuilder().set_data(inner).add_signer(CERTIFICATE, SECRET, hashes.SHA256())
    options = [pkcs7.PKCS7Options.DetachedSignature] * detached + [pkcs7.PKCS7Options.Binary]
    body = builder.sign(serialization.Encoding.DER, options)
    assert unread(body) == []
    assert detached != any("ann7@example.com" in text for text in texts(body).values())


def test_signed_data_in_pieces_is_read() -> None:
    pieces = b"".join(b"\x04\x20" + TABLE.encode()[at : at + 32] for at in range(0, 1280, 32))
    body = (
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80"
        b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80" + pieces + bytes(12)
    )
    assert texts(body)["customers.dat > signed data"] == TABLE[:1280]


def test_a_key_store_is_encrypted() -> None:
    locked = serialization.BestAvailableEncryption(b"secret")
    body = pkcs12.serialize_key_and_certificates(b"a", SECRET, CERTIFICATE, None, locked)
    assert unread(body) == [(ENCRYPTED, len(body))]


def test_an_encrypted_private_key_is_text() -> None:
    locked = serialization.BestAvailableEncryption(b"secret")
    pem = SECRET.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    assert unread(pem) == []


AGE = pyrage.passphrase.encrypt(TABLE.encode(), "secret")
FILES = {
    "age": AGE,
    "luks": b"LUKS\xba\xbe\x00\x02" + NOISE,
    "keepass": b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5\x01\x00\x04\x00" + NOISE,
    "git-crypt": b"\x00GITCRYPT\x00" + NOISE[:12] + NOISE[:40],
    "openssl": b"Salted__" + NOISE[:8] + NOISE[:1600],
    "short openssl": b"Salted__" + NOISE[:8] + NOISE[100:116],
    "rclone": b"RCLONE\x00\x00" + NOISE,
    "aescrypt": b"AES\x02\x00" + NOISE,
    "bitlocker": b"\xeb\x58\x90-FVE-FS-\x00\x02" + NOISE,
    "ansible-vault": b"$ANSIBLE_VAULT;1.1;AES256\n" + NOISE[:900].hex().encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_always_encrypted_say_so(name: str) -> None:
    assert unread(FILES[name]) == [(ENCRYPTED, len(FILES[name]))]


@pytest.mark.parametrize("name", ["age", "openssl", "short openssl"])
def test_encrypted_files_in_letters_say_so(name: str) -> None:
    body = b"key: value\nsecret:\n" + base64.encodebytes(FILES[name]) + b"\nother: value\n"
    assert unread(body) == [(ENCRYPTED, len(FILES[name]))]


def test_an_encrypted_token_as_a_body_is_encrypted() -> None:
    def letters(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    head = letters(b'{"alg":"RSA-OAEP-256","enc":"A256GCM"}')
    token = b".".join([head, *(letters(NOISE[:size]) for size in (256, 12, 900, 16))])
    assert unread(token) == [(ENCRYPTED, len(token))]


def test_random_bytes_are_opaque_with_their_size() -> None:
    assert unread(NOISE) == [(OPAQUE, len(NOISE))]


WRAPS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "lines of base64": base64.encodebytes,
    "url-safe": base64.urlsafe_b64encode,
    "hex": lambda data: data.hex().encode(),
    "json": lambda data: json.dumps({"data": base64.b64encode(data).decode()}).encode(),
    "data url": lambda data: b'<img src="data:image/png;base64,' + base64.b64encode(data) + b'">',
    "form": lambda data: b"a=1&data=" + base64.urlsafe_b64encode(data) + b"&b=2",
}


@pytest.mark.parametrize("name", WRAPS)
def test_random_bytes_in_letters_are_opaque(name: str) -> None:
    assert unread(WRAPS[name](NOISE)) == [(OPAQUE, len(NOISE))]


@pytest.mark.parametrize(
    "body",
    [
        b"Salted__ peanuts and almonds are what customers buy\n",
        b"AES\x01 is no file\n",
        b"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJlc2lnbmF0dXJl",
        Fernet.generate_key(),
        "\n".join(NOISE[at : at + 20].hex() for at in range(0, 4000, 20)).encode(),
    ],
    ids=["words", "word", "signed token", "key", "digests"],
)
def test_look_alikes_are_text(body: bytes) -> None:
    assert unread(body) == []


def test_random_tokens_are_never_taken_for_something() -> None:
    chance = random.Random(5)
    assert not [
        kind for _ in range(200_000) if (kind := sealed.kind(chance.randbytes(chance.randrange(12, 64))))
    ]


def test_mutations_of_packets_never_raise() -> None:
    chance = random.Random(6)
    for whole in [*MESSAGES.values(), *PLAIN.values(), KEY]:
        for _ in range(15):
            body = bytearray(whole[:4000])
            for _ in range(chance.randrange(1, 6)):
                body[chance.randrange(len(body))] = chance.randrange(256)
            assert items(bytes(body[: chance.randrange(1, len(body))]))
