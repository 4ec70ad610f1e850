"""Open documents with a password: opened with one that is known, else reported."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
import zlib

import pytest
from argon2.low_level import Type, hash_secret_raw
from Cryptodome.Cipher import AES, Blowfish

from exfilter.limits import Limits
from exfilter.model import Reason
from tests.content import packages
from tests.content.packages import found, marker, packed, unpacked
from tests.content.reading import parts, reasons

WORD = "Größe 7"
SALT, VECTOR = bytes(range(16)), bytes(range(50, 66))
NAMES = {
    "cbc": "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
    "gcm": "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "blowfish": "Blowfish CFB",
}


def _deflated(data: bytes) -> bytes:
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return machine.compress(data) + machine.flush()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _locked(name: str, data: bytes, kind: str) -> tuple[bytes, str]:
    """Return an encrypted member and its entry in the manifest, as the standard describes them."""
    plain = _deflated(data)
    start = (
        hashlib.sha1(WORD.encode()).digest() if kind == "blowfish" else hashlib.sha256(WORD.encode()).digest()
    )
    generation = "SHA1" if kind == "blowfish" else "http://www.w3.org/2000/09/xmldsig#sha256"
    derivation = f'm:key-derivation-name="PBKDF2" m:iteration-count="1024" m:salt="{_text(SALT)}"'
    checksum = f'm:checksum-type="SHA1/1K" m:checksum="{_text(hashlib.sha1(plain[:1024]).digest())}"'
    vector = VECTOR
    if kind == "cbc":
        key = hashlib.pbkdf2_hmac("sha1", start, SALT, 1024, 32)
        pad = 16 - len(plain) % 16
        sealed = AES.new(key, AES.MODE_CBC, vector).encrypt(plain + bytes(pad - 1) + bytes([pad]))
        checksum = (
            f'm:checksum-type="urn:x#sha256-1k" m:checksum="{_text(hashlib.sha256(plain[:1024]).digest())}"'
        )
    elif kind == "blowfish":
        vector = VECTOR[:8]
        key = hashlib.pbkdf2_hmac("sha1", start, SALT, 1024, 16)
        sealed = Blowfish.new(key, Blowfish.MODE_CFB, vector, segment_size=64).encrypt(plain)
    else:
        vector, checksum = VECTOR[:12], ""
        key = hash_secret_raw(start, SALT, 3, 1024, 4, 32, Type.ID)
        derivation = (
            'm:key-derivation-name="urn:x:argon2id" l:argon2-iterations="3" '
            f'l:argon2-memory="1024" l:argon2-lanes="4" m:salt="{_text(SALT)}"'
        )
        machine = AES.new(key, AES.MODE_GCM, vector)
        sealed, tag = machine.encrypt_and_digest(plain)
        sealed = vector + sealed + tag
    size = 16 if kind == "blowfish" else 32
    entry = (
        f'<m:file-entry m:full-path="{name}"><m:encryption-data {checksum}>'
        f'<m:algorithm m:algorithm-name="{NAMES[kind]}" m:initialisation-vector="{_text(vector)}"/>'
        f'<m:start-key-generation m:start-key-generation-name="{generation}" m:key-size="20"/>'
        f'<m:key-derivation {derivation} m:key-size="{size}"/></m:encryption-data></m:file-entry>'
    )
    return sealed, entry


def document(kind: str) -> bytes:
    """Return an encrypted document."""
    plain = packages.open_document()
    files = (
        {"encrypted-package": plain}
        if kind == "gcm"
        else {
            name: data
            for name, data in unpacked(plain).items()
            if name.endswith(".xml") and "META" not in name
        }
    )
    made = {name: _locked(name, data, kind) for name, data in files.items()}
    manifest = (
        "<m:manifest xmlns:m='urn:m' xmlns:l='urn:l'>"
        f"{''.join(entry for _, entry in made.values())}</m:manifest>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        for name, (sealed, _) in made.items():
            archive.writestr(name, sealed)
        archive.writestr("META-INF/manifest.xml", manifest)
    return out.getvalue()


@pytest.mark.parametrize("kind", NAMES)
def test_a_document_is_opened_with_a_password_that_is_configured(kind: str) -> None:
    limits = Limits(passwords=("wrong", WORD))
    text = "\n".join(part.text for part in parts(document(kind), limits=limits))
    assert all(marker(place) in text for place in packages.OPEN_PLACES)
    assert not reasons(document(kind), limits=limits)


@pytest.mark.parametrize("kind", NAMES)
def test_a_document_is_opened_with_a_password_beside_it(kind: str) -> None:
    body = packed({"a.odt": document(kind), "readme.txt": f"the password is: {WORD!r}"})
    assert marker("body") in found(body)


@pytest.mark.parametrize("kind", NAMES)
def test_a_document_without_password_is_reported(kind: str) -> None:
    assert set(reasons(document(kind))) == {Reason.ENCRYPTED}


def test_a_manifest_that_asks_for_too_much_is_left() -> None:
    body = unpacked(document("cbc"))
    body["META-INF/manifest.xml"] = body["META-INF/manifest.xml"].replace(b'"1024"', b'"999999999999"')
    assert Reason.ENCRYPTED in reasons(packed(body), limits=Limits(passwords=(WORD,)))


def test_a_damaged_member_is_left() -> None:
    body = unpacked(document("gcm"))
    body["encrypted-package"] = body["encrypted-package"][:-100]
    assert Reason.ENCRYPTED in reasons(packed(body), limits=Limits(passwords=(WORD,)))
