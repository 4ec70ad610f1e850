"""The folder of the proxy's own certificate authority: whole, or empty. mitmproxy fills an empty one.

Where the key is gone and the certificate is not, mitmproxy would make a new authority without a word, and
every client that trusts the old one would fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

if TYPE_CHECKING:
    from pathlib import Path

KEY = "mitmproxy-ca.pem"
"""The key, and the certificate with it."""
CERTIFICATE = "mitmproxy-ca-cert.pem"
"""The certificate alone, for clients to trust."""


def check(folder: Path) -> None:
    """Raise ValueError, with the next step, where a part is missing or two do not belong together."""
    key, certificate = folder / KEY, folder / CERTIFICATE
    if not key.exists() and any(folder.glob("mitmproxy-ca-cert.*")):
        msg = (
            f"{key} is missing, the key of the certificate authority that clients trust: restore it from its "
            f"backup; or remove {folder}/mitmproxy-ca* for a new one, which every client has to trust anew"
        )
        raise ValueError(msg)
    if not key.exists():
        return
    write = f"openssl x509 -in {key} -out {certificate}"
    if not certificate.exists():
        msg = f"{certificate} is missing, which clients are to trust: restore it, or run `{write}`"
        raise ValueError(msg)
    held = key.read_bytes()
    if b"PRIVATE KEY-----" not in held:
        msg = f"{key} holds no private key: restore it from its backup"
        raise ValueError(msg)
    if _first(key, held) != _first(certificate, certificate.read_bytes()):
        msg = f"{certificate} is not that of the key in {key}: restore the right one, or run `{write}`"
        raise ValueError(msg)


def _first(file: Path, text: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(text)[0]
    except ValueError:
        msg = f"{file} holds no certificate in PEM: restore it from its backup"
        raise ValueError(msg) from None
