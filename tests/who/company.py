"""A company's certificate authority, and the certificates it gives to people."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Issued:
    """A certificate with its key and what it was signed by, leaf first."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...]

    @classmethod
    def authority(
        cls, name: str = "Company", by: Issued | None = None, *, may_sign: bool | None = True
    ) -> Issued:
        """``may_sign``: what its key usage says of that. None: it has none."""
        return cls._make(name, by, ca=True, may_sign=may_sign)

    def person(
        self,
        name: str,
        *names: x509.GeneralName,
        usage: Sequence[ObjectIdentifier] = (CLIENT,),
        days: tuple[int, int] = (-1, 30),
    ) -> Issued:
        return self._make(name, self, names=names, usage=usage, days=days)

    @classmethod
    def _make(
        cls,
        name: str,
        by: Issued | None,
        *,
        ca: bool = False,
        may_sign: bool | None = None,
        names: Sequence[x509.GeneralName] = (),
        usage: Sequence[ObjectIdentifier] = (),
        days: tuple[int, int] = (-1, 30),
    ) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
        now = dt.datetime.now(dt.UTC)
        signer = by.key if by else key
        builder = (
            x509.CertificateBuilder(by.chain[0].subject if by else subject, subject, key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + dt.timedelta(days=days[0]))
            .not_valid_after(now + dt.timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
        )
        if may_sign is not None:
            builder = builder.add_extension(_key_usage(may_sign=may_sign), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not name)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        return cls(key, (builder.sign(signer, hashes.SHA256()), *(by.chain if by else ())))

    def write(self, file: Path) -> Path:
        """Write what a client needs: key, certificate, and the authorities between."""
        secret = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(secret + b"".join(map(_pem, self.chain)))
        return file

    def publish(self, file: Path) -> Path:
        """Write the certificate alone."""
        file.write_bytes(_pem(self.chain[0]))
        return file


def _key_usage(*, may_sign: bool) -> x509.KeyUsage:
    others = "content_commitment key_encipherment data_encipherment key_agreement encipher_only decipher_only"
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=may_sign,
        crl_sign=may_sign,
        **dict.fromkeys(others.split(), False),
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
